"""Judge whether the parts of a table fit each other: names that refer, names that are equal, keys that contradict.

The checks read the nodes and not the model, so that they also run over a table whose values are partly wrong and
everything is reported in one pass. What is not of the expected type is left out here: the model has reported it.
Whether routes can ever win is judged by `routing.lint`, on compiled routes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.config.addresses import Bind, read_bind
from orion_gateway.config.filter_checks import check_filters
from orion_gateway.config.http_words import REPLACEMENT_GROUP, groups_of
from orion_gateway.config.lookup import find_equal, is_true, items_at, mapping_at, node_at, read_as, text_of, written_in
from orion_gateway.config.mirror import check_mirror
from orion_gateway.config.nodes import MappingNode, Node, begin_of
from orion_gateway.config.paths import covers_prefix, params_of, read_path_pattern, read_prefix, split_pattern
from orion_gateway.config.retry_checks import check_retries
from orion_gateway.config.service_checks import check_fallbacks, check_service
from orion_gateway.config.shared_checks import check_equal_fields, check_reference, check_respond
from orion_gateway.config.split_checks import check_split
from orion_gateway.config.suggest import closest
from orion_gateway.config.template_checks import check_templates

if TYPE_CHECKING:
    from orion_gateway.config.nodes import Report
    from orion_gateway.config.source import Span

ANSWERERS = ("service", "split", "respond", "redirect", "app", "admin")
FORWARDING_KEYS = ("rewrite", "websocket", "timeouts", "mirror", "retries")
"""What has an effect only with a service; of these an application has all but the last."""
PATH_REWRITES = ("strip_prefix", "path", "regex")
WILDCARD_HOSTS = {"0.0.0.0": ".", "::": ":"}  # noqa: S104 (compared, not bound)
"""Addresses that stand for all of their family, and the sign that an address of that family has."""


def check_table(root: MappingNode, report: Report, *, are_services_known: bool) -> None:
    """Report everything that does not fit. Services that are referred to are looked up when all of them were read."""
    services = mapping_at(root, "services")
    if services is None:
        are_services_known &= not any(closest(key, ["services"]) for key in root.entries)
    elif services.is_partial:
        are_services_known = False
    listeners = items_at(root, "listeners")
    routes = items_at(root, "routes")
    listener_names = _check_names(listeners, "listener", report)
    _check_names(routes, "route", report)
    _check_binds(root, listeners, report)
    _check_tokens(root, report)
    for name, service in services.entries.items() if services else ():
        check_service(name, service, report)
    if services and are_services_known:
        check_fallbacks(services, report)
    check_retries(root, report)
    check_filters(root, report)
    for route in routes:
        _check_answerer(route, report)
        _check_match(route, report)
        _check_rewrite(route, report)
        check_respond(route, report)
        check_mirror(route, (list(services.entries) if services else []) if are_services_known else None, report)
        if are_services_known:
            check_reference(node_at(route, "service"), "service", list(services.entries) if services else [], report)
        check_split(route, services, report, are_services_known=are_services_known)
        for listener in items_at(node_at(route, "match"), "listeners"):
            check_reference(listener, "listener", listener_names, report)
    check_templates(root, report)


def _where(span: Span) -> str:
    return str(span.place)


def _check_names(entries: list[Node], what: str, report: Report) -> list[str]:
    """Report equal names; return all names."""
    names = [node_at(entry, "name") for entry in entries]
    for node, first in find_equal(names):
        report(
            node.span,
            "E0302",
            f'two {what}s are named "{written_in(node)}"',
            help=f"the other is at {_where(first.span)}",
        )
    return [text for name in names if (text := text_of(name)) is not None]


def _check_tokens(root: MappingNode, report: Report) -> None:
    tokens = [node_at(token, "token") for token in items_at(root, "gateway", "admin", "tokens")]
    for node, first in find_equal(tokens):
        report(node.span, "E0302", "two tokens are equal", help=f"the other is at {_where(first.span)}")


def _check_binds(root: MappingNode, listeners: list[Node], report: Report) -> None:
    taken: list[tuple[Bind, Node]] = []
    for node in (*(node_at(listener, "bind") for listener in listeners), node_at(root, "gateway", "admin", "bind")):
        bind = read_as(node, read_bind)
        if node is None or bind is None:
            continue
        for other, first in taken:
            if _do_collide(bind, other):
                hint = f"it is at {_where(first.span)}"
                report(node.span, "E0303", "another listener has this address already", help=hint)
                break
        taken.append((bind, node))


def _do_collide(one: Bind, other: Bind) -> bool:
    if one.path or other.path:
        return one.path == other.path
    if one.port != other.port or not one.port:
        return False
    if one.host == other.host:
        return True
    return any(
        sign in other_host
        for host, other_host in ((one.host, other.host), (other.host, one.host))
        if (sign := WILDCARD_HOSTS.get(host))
    )


def _check_answerer(route: Node, report: Report) -> None:
    if not isinstance(route, MappingNode):
        return
    written = [key for key in route.entries if key in ANSWERERS]
    if not written:
        # A mistyped key may be the answerer; the unknown key says enough.
        if not any(closest(key, ANSWERERS) for key in route.entries if key not in FORWARDING_KEYS):
            message = "nothing says what answers this route"
            report(begin_of(route), "E0304", message, help=f"write one of {', '.join(ANSWERERS)}")
        return
    for key in written[1:]:
        message = f'"{written[0]}" and "{key}" both say what answers this route'
        report(route.keys[key], "E0304", message, help=f"keep one of {', '.join(ANSWERERS)}")
    if "service" not in written and "split" not in written:
        for key in FORWARDING_KEYS[-1:] if "app" in written else FORWARDING_KEYS:
            if key in route.entries:
                hint = f'"{written[0]}" forwards nothing' if "app" not in written else "an application is asked once"
                report(route.keys[key], "W0302", f'"{key}" has no effect without a service', help=hint)


def _check_match(route: Node, report: Report) -> None:
    match = mapping_at(route, "match")
    if match is None or not isinstance(route, MappingNode):
        return
    if "path" in match.entries and "path_regex" in match.entries:
        report(match.keys["path_regex"], "E0305", '"path" and "path_regex" exclude each other', help="keep one of them")
    for group in ("headers", "query"):
        conditions = mapping_at(match, group)
        for name, condition in conditions.entries.items() if conditions else ():
            if isinstance(condition, MappingNode) and len(condition.entries) != 1:
                assert conditions is not None
                hint = "write one of exact, regex, present"
                report(conditions.keys[name], "E0305", f'"{name}" must be said in exactly one way', help=hint)
    check_equal_fields(match, "headers", report)
    node = node_at(match, "path")
    path = read_as(node, read_path_pattern)
    if node is None or path is None:
        return
    if "//" in path and not is_true(node_at(route, "allow_empty_segments")):
        hint = 'set "allow_empty_segments: true", or write one "/"'
        report(node.span, "E0305", "an empty segment is refused before this can match", path.replace("//", "/"), hint)
    if "%2f" in path.lower() and not is_true(node_at(route, "allow_encoded_slash")):
        hint = 'set "allow_encoded_slash: true"'
        report(node.span, "E0305", "%2F is refused before this can match", help=hint)


def _check_rewrite(route: Node, report: Report) -> None:
    rewrite = mapping_at(route, "rewrite")
    if rewrite is None:
        return
    written = [key for key in rewrite.entries if key in PATH_REWRITES]
    for key in written[1:]:
        message = f'"{written[0]}" and "{key}" both rewrite the path'
        report(rewrite.keys[key], "E0305", message, help=f"keep one of {', '.join(PATH_REWRITES)}")
    _check_new_path(route, node_at(rewrite, "path"), report)
    _check_groups(node_at(rewrite, "regex", "pattern"), node_at(rewrite, "regex", "to"), report)
    node = node_at(rewrite, "strip_prefix")
    prefix, path = read_as(node, read_prefix), read_as(node_at(route, "match", "path"), read_path_pattern)
    if node is None or prefix is None or path is None:
        return
    covered = covers_prefix(path, prefix)
    if covered is False:
        hint = f'the route takes "{_written_path(route)}"'
        report(node.span, "E0305", "no request of this route has this prefix", help=hint)
    elif covered is None:
        hint = f'the route takes "{_written_path(route)}"; the others are sent on unchanged'
        report(node.span, "W0303", "only some requests of this route have this prefix", help=hint)


def _written_path(route: Node) -> str:
    node = node_at(route, "match", "path")
    return written_in(node) if node else ""


def _check_new_path(route: Node, node: Node | None, report: Report) -> None:
    """Report what a rewritten path refers to and the path of the route does not have."""
    new, match = read_as(node, read_path_pattern), node_at(route, "match", "path")
    path = read_as(match, read_path_pattern)
    if node is None or new is None or (match is not None and path is None):
        return
    # A route without a path takes every one, as `/**` does; one with path_regex has no parameters.
    if path is None:
        path = "/" if node_at(route, "match", "path_regex") else "/**"
    known = params_of(path)
    for name in params_of(new):
        if name not in known:
            listed = f"parameters here: {', '.join(known)}" if known else "it has none"
            report(node.span, "E0305", f"the path of this route has no {{{name}}}", closest(name, known), listed)
    if split_pattern(new)[1] and not split_pattern(path)[1]:
        report(node.span, "E0305", "the path of this route has no /** to take over")


def _check_groups(pattern: Node | None, to: Node | None, report: Report) -> None:
    text, found = text_of(to), read_as(pattern, lambda value: groups_of(str(value)))
    if to is None or text is None or found is None:
        return
    count, names = found
    for match in REPLACEMENT_GROUP.finditer(text):
        if match["number"] and int(match["number"]) > count:
            has = {0: "no groups", 1: "one group"}.get(count, f"{count} groups")
            report(to.span, "E0206", f"there is no {match[0]}: the pattern has {has}")
        elif match["name"] and match["name"] not in names:
            report(to.span, "E0206", f"the pattern has no group {match['name']}", closest(match["name"], names))
