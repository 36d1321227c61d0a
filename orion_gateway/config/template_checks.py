"""Judge the templates of a table: whether each exists, and stands where something fills it in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orion_gateway.config.filter_checks import is_filled_in_filter
from orion_gateway.config.http_words import TOKEN
from orion_gateway.config.lookup import items_at, node_at, read_as
from orion_gateway.config.nodes import ScalarNode, walk
from orion_gateway.config.paths import params_of, read_path_pattern
from orion_gateway.config.suggest import closest

if TYPE_CHECKING:
    from orion_gateway.config.nodes import MappingNode, Report
    from orion_gateway.config.places import Location

TEMPLATE = re.compile(r"(?<!\$)\$\{request\.(?P<name>[^}]*)(?P<end>\}?)")
TEMPLATE_NAMES = ("client", "host", "id", "method", "path", "query", "scheme", "target")
TEMPLATE_GROUPS = ("cookie", "header", "param", "query")
"""Names that are followed by a dot and the name of one of many."""

FILLED_IN_WORDS = (
    "redirect.location, respond.body, and the values of respond.headers, request_headers and response_headers"
)
LISTED = ", ".join(
    [f"${{request.{name}}}" for name in TEMPLATE_NAMES] + [f"${{request.{group}.NAME}}" for group in TEMPLATE_GROUPS]
)


def check_templates(root: MappingNode, report: Report) -> None:
    """Report templates that do not exist, and those in values where nothing would fill them in."""
    for path, node in walk(root):
        if not isinstance(node, ScalarNode) or "${request." not in node.raw:
            continue
        for match in TEMPLATE.finditer(node.raw):
            if not _is_filled_in(path):
                hint = f"they are in {FILLED_IN_WORDS}; write $${{ for a literal ${{"
                report(node.span, "E0306", "templates of the request are not filled in here", help=hint)
                break
            _check_name(match["name"], bool(match["end"]), node, report)
            _check_param(match["name"], path, root, node, report)


def _is_filled_in(path: Location) -> bool:
    """Say whether templates are filled in at a place: in answers of the table, and in edits of filters."""
    below = path[2:]
    if path[0] == "services":
        below = path[4:] if path[2:4] == ("circuit_breaker", "fallback") else ()
    elif path[0] != "routes":
        below = ()
    if below in {("redirect", "location"), ("respond", "body")} or (
        len(below) == 3 and below[:2] == ("respond", "headers")
    ):
        return True
    return is_filled_in_filter(path)


def _check_name(name: str, is_closed: bool, node: ScalarNode, report: Report) -> None:
    group, dot, rest = name.partition(".")
    if is_closed and not dot and name in TEMPLATE_NAMES:
        return
    if is_closed and rest and group in TEMPLATE_GROUPS and (group in {"param", "query"} or TOKEN.fullmatch(rest)):
        return
    meant = ""
    if is_closed and rest and (near := closest(group, TEMPLATE_GROUPS)) and near != group:
        meant = f"{near}.{rest}"
    elif is_closed and not dot:
        meant = closest(name, TEMPLATE_NAMES)
    message = "this template does not exist"
    if group in TEMPLATE_GROUPS and dot:
        message = f"behind {group}. stands a name" if not rest else f"this is no name of a {group}"
    report(node.span, "E0306", message, f"${{request.{meant}}}" if meant else "", f"templates here: {LISTED}")


def _check_param(name: str, path: Location, root: MappingNode, node: ScalarNode, report: Report) -> None:
    """Report a parameter that the path of the route does not have. Of a filter with a name the route is not known."""
    if path[0] != "routes" or not name.startswith("param."):
        return
    assert isinstance(path[1], int)
    route = items_at(root, "routes")[path[1]]
    match = node_at(route, "match", "path")
    pattern = read_as(match, read_path_pattern)
    if match is not None and pattern is None:
        return
    known = params_of(pattern) if pattern is not None else []
    wanted = name.removeprefix("param.")
    if wanted not in known:
        listed = f"parameters here: {', '.join(known)}" if known else "it has none"
        near = closest(wanted, known)
        suggestion = f"${{request.param.{near}}}" if near else ""
        report(node.span, "E0306", f"the path of this route has no {{{wanted}}}", suggestion, listed)
