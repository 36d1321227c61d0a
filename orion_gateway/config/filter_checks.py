"""Judge whether the lists of filters fit the table: names that refer, one filter to an entry, names that mean another.

Like all checks these read the nodes, and leave out what is not of the expected type: the model has reported it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.config.content_filter_checks import check_compress, check_order, check_transform
from orion_gateway.config.filters import FilterConfig
from orion_gateway.config.ip_access_checks import check_ip_access
from orion_gateway.config.lookup import items_at, mapping_at, node_at, text_of
from orion_gateway.config.nodes import MappingNode, ScalarNode, begin_of
from orion_gateway.config.shaping_checks import check_cors, check_fault, check_own_fields
from orion_gateway.config.shared_checks import check_equal_fields, check_reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orion_gateway.config.nodes import Node, Report
    from orion_gateway.config.places import Location

BUILT_IN = tuple(FilterConfig.model_fields)
DEFAULTS = "defaults"
"""What stands for the filters of all routes in the list of one."""

SECURITY_HEADERS = "security_headers"
"""A filter that is no entry of a list."""
RESERVED = (DEFAULTS, SECURITY_HEADERS, "none", "mirror")
"""Other names that a filter cannot have: words of lists, and filters that are keys of a route."""

HEADER_EDITS = ("request_headers", "response_headers")


def check_filters(root: MappingNode, report: Report) -> None:
    """Report everything about filters that does not fit."""
    named = mapping_at(root, "filters")
    names = list(named.entries) if named else []
    for name, node in named.entries.items() if named else ():
        assert named is not None
        if name in BUILT_IN or name in RESERVED:
            hint = "give it another name: routes could not say which one they mean"
            report(named.keys[name], "E0302", f'"{name}" is what a filter of the gateway is called', help=hint)
        check_filter(node, report)
    check_own_fields(root, report)
    for place, node in _each_listed(root):
        if isinstance(node, ScalarNode):
            if text_of(node) == DEFAULTS and place == DEFAULTS:
                report(node.span, "E0305", "the filters of all routes cannot hold themselves")
            elif text_of(node) in BUILT_IN and text_of(node) not in names:
                hint = f"write {{{text_of(node)}: {{…}}}} with its keys"
                report(node.span, "E0301", f'"{text_of(node)}" is a kind of filter, and has keys', help=hint)
            elif text_of(node) != DEFAULTS:
                check_reference(node, "filter", [*names, DEFAULTS] if place != DEFAULTS else names, report)
        else:
            check_filter(node, report)
    _check_repeats(root, report)
    for entries in _each_list(root):
        check_order([(entry, _mean(entry, named)) for entry in entries], report)


def check_filter(node: Node, report: Report) -> None:
    """Report what does not fit within one filter."""
    if not isinstance(node, MappingNode):
        return
    kinds = [key for key in node.entries if key in BUILT_IN]
    if len(kinds) > 1:
        hint = "write each as an entry of its own, in the order in which they are to run"
        report(node.keys[kinds[1]], "E0305", f'"{kinds[0]}" and "{kinds[1]}" are two filters', help=hint)
    if not node.entries:
        report(begin_of(node), "E0104", "nothing says which filter this is", help=f"one of {', '.join(BUILT_IN)}")
    check_cors(node, report)
    check_fault(node, report)
    if table := mapping_at(node, "ip_access"):
        check_ip_access(table, report)
    for kind in HEADER_EDITS:
        for group in ("set", "add"):
            if edits := mapping_at(node, kind):
                check_equal_fields(edits, group, report)
    if compress := mapping_at(node, "compress"):
        check_compress(compress, report)
    if transform := mapping_at(node, "transform"):
        check_transform(transform, report)


def is_filled_in_filter(path: Location) -> bool:
    """Say whether templates of the request are filled in at this place of the table."""
    return len(path) > 3 and path[-3] in HEADER_EDITS and path[-2] in {"set", "add"}


def _check_repeats(root: MappingNode, report: Report) -> None:
    """Report named filters that would run twice for one request: what they keep of it, they keep once."""
    defaults = items_at(root, DEFAULTS, "filters")
    for listed in (defaults, *(items_at(route, "filters") for route in items_at(root, "routes"))):
        seen: set[str | None] = set()
        for node in listed:
            is_defaults = text_of(node) == DEFAULTS and listed is not defaults
            for entry in defaults if is_defaults else [node]:
                name = text_of(entry)
                if name is not None and name in seen:
                    hint = "a named filter is the same one wherever it stands; write a second one out, or name it too"
                    report(node.span, "E0305", f'the filter "{name}" runs here already', help=hint)
                seen.add(name)


def _each_listed(root: MappingNode) -> Iterator[tuple[str, Node]]:
    """Yield each entry of every list of filters, with `defaults` or `routes` as where it stands."""
    for node in items_at(root, DEFAULTS, "filters"):
        yield DEFAULTS, node
    for route in items_at(root, "routes"):
        for node in items_at(node_at(route, "filters")):
            yield "routes", node


def _each_list(root: MappingNode) -> Iterator[list[Node]]:
    """Yield the entries of every list of filters, with those of `defaults` where a route takes them in."""
    defaults = items_at(root, DEFAULTS, "filters")
    yield defaults
    for route in items_at(root, "routes"):
        listed: list[Node] = []
        for node in items_at(route, "filters"):
            listed += defaults if text_of(node) == DEFAULTS else [node]
        yield listed


def _mean(entry: Node, named: MappingNode | None) -> MappingNode | None:
    """Return the filter that an entry of a list means."""
    if isinstance(entry, MappingNode):
        return entry
    name = text_of(entry)
    return mapping_at(named, name) if name is not None else None
