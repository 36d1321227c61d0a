"""Requests and tables for the tests of routing: short ways to write them, and strategies that make them at random.

The random ones draw from very few hosts, segments and values, so that routes overlap and requests hit them.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from orion_gateway.routing.found import Found, Matched
from orion_gateway.routing.path import judge_path
from orion_gateway.routing.table import RouteTable
from orion_gateway.values import Condition, Respond, Route, RouteMatch


@dataclass(frozen=True)
class Request:
    """A request as routing sees it; field names are lower-case."""

    method: bytes = b"GET"
    path: bytes = b"/"
    host: bytes = b"example.org"
    query: bytes = b""
    fields: tuple[tuple[bytes, bytes], ...] = ()
    listener: str = "http"

    def field_values(self, name: bytes) -> list[bytes]:
        return [value for field, value in self.fields if field == name]


def route(
    path: str | None = None,
    *,
    name: str = "",
    path_regex: str | None = None,
    hosts: tuple[str, ...] = (),
    methods: tuple[str, ...] = (),
    headers: tuple[Condition, ...] = (),
    query: tuple[Condition, ...] = (),
    listeners: tuple[str, ...] = (),
    priority: int = 0,
    allow_encoded_slash: bool = False,
    allow_empty_segments: bool = False,
) -> Route:
    """Return a route that answers itself; its name is its path when none is given."""
    match = RouteMatch(hosts, path, path_regex, methods, headers, query, listeners)
    return Route(
        name or path or path_regex or "everything",
        match,
        Respond(),
        priority=priority,
        allow_encoded_slash=allow_encoded_slash,
        allow_empty_segments=allow_empty_segments,
    )


def ask(table: RouteTable, request: Request) -> Found:
    return table.find(request.method, request.host, judge_path(request.path), request, request.listener)


def winner(routes: list[Route], request: Request) -> str | None:
    """Return the name of the route that takes a request, None when none does."""
    found = ask(RouteTable(routes), request)
    return found.route.name if isinstance(found, Matched) else None


HOSTS = st.sampled_from(["example.org", "a.example.org", "*.example.org", "*.a.example.org"])
SENT_HOSTS = st.sampled_from([b"example.org", b"A.example.org:8080", b"b.a.example.org.", b"a.b.c", b"[::1]:80", b""])
ROUTE_SEGMENTS = st.sampled_from(["a", "b", "ab", "a;x", "{x}", "{y}"])
SEGMENTS = st.sampled_from([b"a", b"b", b"ab", b"%61", b"c", b"a%2Fb", b"", b"a;x", b"ab%3Bx", b"a%2Fb;x", b";x"])
METHODS = st.sampled_from(["GET", "POST", "HEAD", "OPTIONS"])
CONDITIONS = st.builds(
    Condition,
    name=st.sampled_from(["x", "y"]),
    kind=st.just("exact"),
    value=st.sampled_from(["1", "2"]),
) | st.sampled_from(
    [
        Condition("x", "present", "true"),
        Condition("x", "present", "false"),
        Condition("x", "regex", "[12]"),
        Condition("y", "regex", "1|3"),
    ]
)
EXPRESSIONS = st.sampled_from(["/a/.*", "/a.*", "/(a|b)", "/[ab]/b?", ".*", "/a|/b", "/a/b", "(?i)/A/b", "/ab+"])


@st.composite
def route_paths(draw: st.DrawFn) -> str | None:
    if draw(st.integers(0, 9)) == 0:
        return None
    segments = draw(st.lists(ROUTE_SEGMENTS, max_size=3))
    ending = draw(st.sampled_from(["", "/", "/**"]))
    return ("".join(f"/{segment}" for segment in segments) + ending) or "/"


@st.composite
def matches(draw: st.DrawFn) -> RouteMatch:
    is_regex = draw(st.integers(0, 4)) == 0
    return RouteMatch(
        hosts=tuple(draw(st.lists(HOSTS, max_size=2))),
        path=None if is_regex else draw(route_paths()),
        path_regex=draw(EXPRESSIONS) if is_regex else None,
        methods=tuple(draw(st.just([]) | st.lists(METHODS, max_size=2, unique=True))),
        headers=tuple(draw(st.just([]) | st.lists(CONDITIONS, max_size=2))),
        query=tuple(draw(st.just([]) | st.lists(CONDITIONS, max_size=1))),
        listeners=tuple(draw(st.just([]) | st.lists(st.sampled_from(["http", "tls"]), max_size=1))),
    )


@st.composite
def tables(draw: st.DrawFn, max_size: int = 8) -> list[Route]:
    return [
        Route(
            f"r{index}",
            match,
            Respond(),
            priority=draw(st.integers(-1, 1)),
            allow_encoded_slash=draw(st.booleans()),
            allow_empty_segments=draw(st.booleans()),
        )
        for index, match in enumerate(draw(st.lists(matches(), min_size=1, max_size=max_size)))
    ]


@st.composite
def requests(draw: st.DrawFn) -> Request:
    pairs = st.tuples(st.sampled_from([b"x", b"y"]), st.sampled_from([b"1", b"2", b"3"]))
    return Request(
        method=draw(st.sampled_from([b"GET", b"POST", b"HEAD", b"OPTIONS", b"DELETE"])),
        path=b"/" + b"/".join(draw(st.lists(SEGMENTS, max_size=4))),
        host=draw(SENT_HOSTS),
        query=b"&".join(b"=".join(pair) for pair in draw(st.lists(pairs, max_size=2))),
        fields=tuple(draw(st.lists(pairs, max_size=2))),
        listener=draw(st.sampled_from(["http", "tls"])),
    )
