"""Judge what of the filters that shape fits together: credentials of `cors`, what a `fault` does, edits of own fields.

Like all checks these read the nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.config.lookup import is_true, items_at, mapping_at, node_at, text_of
from orion_gateway.config.nodes import ListNode, MappingNode, ScalarNode, walk
from orion_gateway.config.shared_checks import WITHOUT_CONTENT

if TYPE_CHECKING:
    from orion_gateway.config.nodes import Node, Report
    from orion_gateway.config.places import Location
    from orion_gateway.config.source import Span


def check_cors(holder: Node, report: Report) -> None:
    """Report what does not fit in a `cors` filter."""
    cors = mapping_at(holder, "cors")
    if cors is None:
        return
    for origin in items_at(cors, "origins"):
        if isinstance(origin, MappingNode) and len(origin.entries) > 1:
            report(origin.keys[list(origin.entries)[1]], "E0305", "an origin must be said in exactly one way")
    if not is_true(node_at(cors, "credentials")):
        return
    if star := _star_in(cors, "origins"):
        hint = "name the origins: every page that a user visits could act in his name"
        report(star.span, "W0307", "every origin may use the credentials of your users", help=hint)
    if star := _star_in(cors, "expose"):
        hint = "name the fields: with credentials a browser takes * for the name of a field"
        report(star.span, "W0302", "* exposes nothing where credentials are allowed", help=hint)


def _star_in(cors: MappingNode, name: str) -> Node | None:
    """Return what says `*` for a list of a filter, if anything does."""
    node = node_at(cors, name)
    for entry in node.items if isinstance(node, ListNode) else [node]:
        if text_of(entry) == "*" or text_of(node_at(entry, "exact")) == "*":
            return entry
    return None


def check_fault(holder: Node, report: Report) -> None:
    """Report what does not fit in a `fault` filter."""
    fault = mapping_at(holder, "fault")
    if fault is None:
        return
    if "delay" not in fault.entries and "abort" not in fault.entries:
        assert isinstance(holder, MappingNode)
        report(holder.keys["fault"], "E0104", "nothing says what this fault does", help="write delay, abort, or both")
    status, body = node_at(fault, "abort", "status"), node_at(fault, "abort", "body")
    if isinstance(status, ScalarNode) and status.value in WITHOUT_CONTENT and body is not None and text_of(body):
        hint = "leave the body out (RFC 9110, section 15)"
        report(body.span, "E0305", f"a response with status {status.value} has no content", help=hint)


SAID_BY_GATEWAY = {
    "request_headers": {
        "forwarded": "forwarded",
        "traceparent": "traceparent",
        "tracestate": "traceparent",
        "x-forwarded-for": "x_forwarded",
        "x-forwarded-host": "x_forwarded",
        "x-forwarded-port": "x_forwarded",
        "x-forwarded-proto": "x_forwarded",
        "x-request-id": "request_id",
    },
    "response_headers": {"x-request-id": "request_id"},
}
"""Fields that the gateway writes behind all filters, with the key of `gateway.forwarded` that switches each off."""


def check_own_fields(root: MappingNode, report: Report) -> None:
    """Report edits of fields that the gateway writes itself: there would be two of them, or nothing gone."""
    switches = mapping_at(root, "gateway", "forwarded")
    for path, node in walk(root):
        if len(path) < 3 or not isinstance(node, ScalarNode):
            continue
        filter_kind, edit, last = path[-3:]
        name = text_of(node) if edit == "remove" else str(last)
        switch = SAID_BY_GATEWAY.get(str(filter_kind), {}).get((name or "").lower())
        if switch is None or edit not in {"set", "add", "remove"} or not _is_on(switches, switch):
            continue
        hint = f"leave it out, or write gateway: {{forwarded: {{{switch}: false}}}}"
        if edit == "remove":
            report(node.span, "W0302", "the gateway writes this field itself, behind all filters", help=hint)
        else:
            message = "the gateway writes this field itself, behind all filters: there would be two"
            report(_key_of(root, path), "E0305", message, help=hint)


def _is_on(switches: MappingNode | None, switch: str) -> bool:
    written = node_at(switches, switch)
    if written is None:
        return switch != "forwarded"
    return is_true(written)


def _key_of(root: MappingNode, path: Location) -> Span:
    """Return where the last key of a path stands."""
    node: Node = root
    for step in path[:-1]:
        if isinstance(node, MappingNode):
            node = node.entries[str(step)]
        elif isinstance(node, ListNode) and isinstance(step, int):
            node = node.items[step]
    assert isinstance(node, MappingNode)
    return node.keys[str(path[-1])]
