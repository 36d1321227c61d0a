"""The rules of "Matching" in the route table, written as naively as they read: no tree, no RE2, every route is tried.

It shares nothing with the real matcher but the vocabulary of answers. Expressions are run by `re`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote_to_bytes

from orion_gateway.routing.found import Found, Matched, MethodNotAllowed, NotFound, Options, PathNotAllowed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orion_gateway.values import Condition, Route
    from tests.routing.requests import Request

# The literal prefix of each expression that the random tables use, read off by a person.
PREFIXES = {
    "/a/.*": "/a/",
    "/a.*": "/a",
    "/(a|b)": "/",
    "/[ab]/b?": "/",
    ".*": "",
    "/a|/b": "/",
    "/a/b": "/a/b",
    "(?i)/A/b": "/",
    "/ab+": "/ab",
}


def find_naively(routes: Sequence[Route], request: Request) -> Found:
    segments = [decode(segment) for segment in request.path[1:].split(b"/")]
    found = find_for(routes, request, segments)
    if isinstance(found, Matched) and ";" in "".join(segments) and ";" not in (found.route.match.path or ""):
        bare = [re.sub(";.*?(?=%2F|$)", "", segment, flags=re.DOTALL) for segment in segments]
        bare = [segment for segment in bare[:-1] if segment] + bare[-1:]
        other = find_for([without_objections(route) for route in routes], request, bare)
        if isinstance(other, Matched) and other.index != found.index:
            return PathNotAllowed("")
    return found


def without_objections(route: Route) -> Route:
    return replace(route, allow_encoded_slash=True, allow_empty_segments=True)


def find_for(routes: Sequence[Route], request: Request, segments: list[str]) -> Found:
    has_encoded_slash = b"%2f" in request.path.lower()
    has_empty_segments = b"//" in request.path
    by_rank = sorted(
        (rank, *path_order(route), -conditions(route), -route.priority, index)
        for index, route in enumerate(routes)
        if (rank := host_order(route, request.host)) is not None and path_fits(route, segments)
    )
    fitting = [(routes[key[-1]], key[-1]) for key in by_rank]

    def accepts(route: Route) -> bool:
        return (route.allow_encoded_slash or not has_encoded_slash) and (
            route.allow_empty_segments or not has_empty_segments
        )

    allowed: set[str] = set()
    for route, index in fitting:
        if not conditions_hold(route, request):
            continue
        if method_fits(route, request.method.decode()):
            return Matched(route, index, {}) if accepts(route) else PathNotAllowed("")
        if accepts(route):
            allowed |= set(route.match.methods) | ({"HEAD"} if "GET" in route.match.methods else set())
    if allowed:
        allow = ", ".join(sorted(allowed | {"OPTIONS"})).encode()
        return Options(allow) if request.method == b"OPTIONS" else MethodNotAllowed(allow)
    return PathNotAllowed("") if has_encoded_slash or has_empty_segments else NotFound()


def decode(segment: bytes) -> str:
    return "%2F".join(unquote_to_bytes(piece).decode("latin-1") for piece in re.split(rb"(?i)%2f", segment))


def host_order(route: Route, sent: bytes) -> int | None:
    host = re.sub(r":\d+$", "", sent.decode().lower()).removesuffix(".")
    orders = [2] if not route.match.hosts else []
    for wanted in route.match.hosts:
        if wanted == host:
            orders.append(0)
        if wanted.startswith("*.") and re.fullmatch(r"[^.]+" + re.escape(wanted[1:]), host):
            orders.append(1)
    return min(orders, default=None)


def path_fits(route: Route, segments: list[str]) -> bool:
    if route.match.path_regex is not None:
        return re.fullmatch(route.match.path_regex, "/" + "/".join(segments), re.DOTALL) is not None
    path = "/**" if route.match.path is None else route.match.path
    pattern = ""
    for segment in path[1:].split("/"):
        if segment == "**":
            pattern += "(/.*)?"
        elif segment.startswith("{"):
            pattern += "/[^/]+"
        else:
            pattern += "/" + re.escape(segment)
    return re.fullmatch(pattern, "/" + "/".join(segments), re.DOTALL) is not None


def path_order(route: Route) -> tuple[list[int], int]:
    """Segment by segment: where a path ends 0, a literal 1, a param 2, an expression 3, `**` 4."""
    if (expression := route.match.path_regex) is not None:
        prefix = PREFIXES[expression]
        whole = prefix.count("/") - 1 if prefix else 0
        return [1] * whole + [3], -len(prefix)
    path = "/**" if route.match.path is None else route.match.path
    orders = [4 if segment == "**" else 2 if segment.startswith("{") else 1 for segment in path[1:].split("/")]
    return (orders if orders[-1] == 4 else [*orders, 0]), 0


def conditions(route: Route) -> int:
    match = route.match
    return len(match.headers) + len(match.query) + (1 if match.methods else 0) + (1 if match.listeners else 0)


def conditions_hold(route: Route, request: Request) -> bool:
    fields = [(name.decode(), value.decode()) for name, value in request.fields]
    query = parse_qsl(request.query.decode(), keep_blank_values=True)
    return (
        (not route.match.listeners or request.listener in route.match.listeners)
        and all(condition_holds(header, fields) for header in route.match.headers)
        and all(condition_holds(parameter, query) for parameter in route.match.query)
    )


def condition_holds(condition: Condition, pairs: list[tuple[str, str]]) -> bool:
    values = [value for name, value in pairs if name == condition.name]
    if condition.kind == "present":
        return (condition.value == "true") == bool(values)
    if condition.kind == "exact":
        return condition.value in values
    return any(re.fullmatch(condition.value, value) for value in values)


def method_fits(route: Route, method: str) -> bool:
    methods = route.match.methods
    return not methods or method in methods or (method == "HEAD" and "GET" in methods)
