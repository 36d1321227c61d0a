"""Which route takes a request: every row of the truth table, the order of routes, the naive reading of the rules."""

from __future__ import annotations

import pickle
import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from orion_gateway.build import is_compiled
from orion_gateway.routing.found import Found, Matched, MethodNotAllowed, NotFound, Options, PathNotAllowed
from orion_gateway.routing.path import judge_path
from orion_gateway.routing.table import RouteTable
from orion_gateway.routing.tree import walk
from orion_gateway.values import Condition, Respond, Rewrite, Route, RouteMatch
from tests.routing.reference import find_naively
from tests.routing.requests import Request, ask, requests, route, tables, winner

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


@pytest.mark.parametrize(
    ("request_path", "route_path", "is_taken"),
    [
        (b"/a", "/a/**", True),
        (b"/a/", "/a/**", True),
        (b"/a/b", "/a/**", True),
        (b"/ab", "/a/**", False),
        (b"/a/", "/a", False),
        (b"/users/7", "/users/{id}", True),
        (b"/users/", "/users/{id}", False),
        (b"/users/7/x", "/users/{id}", False),
        (b"/%61", "/a", True),
        (b"/a", "/%61", True),
        (b"/", "/", True),
        (b"/a", "/", False),
        (b"/", "/**", True),
        (b"/a/b", None, True),
        (b"/caf%C3%A9", "/café", True),
        (b"/%252e%252e", "/{x}", True),
        (b"/A", "/a", False),
        (b"/a/", "/a/", True),
        (b"/a", "/a/", False),
    ],
)
def test_paths(request_path: bytes, route_path: str | None, is_taken: bool) -> None:
    """A row of the truth table would not hold."""
    assert (winner([route(route_path)], Request(path=request_path)) is not None) is is_taken


@pytest.mark.parametrize(
    ("host", "route_host", "is_taken"),
    [
        (b"x.example.org", "*.example.org", True),
        (b"a.b.example.org", "*.example.org", False),
        (b"example.org", "*.example.org", False),
        (b".example.org", "*.example.org", False),
        (b"X.Example.ORG:80", "*.example.org", True),
        (b"API.example.com:8080", "api.example.com", True),
        (b"api.example.com.", "api.example.com", True),
        (b"api.example.com.:443", "api.example.com", True),
        (b"api.example.com..", "api.example.com", False),
        (b"example.com", "api.example.com", False),
        (b"[::1]:8080", "[::1]", True),
        (b"[::1]", "::1", True),
        (b"[2001:DB8::1]:80", "[2001:db8::1]", True),
        (b"[::2]", "[::1]", False),
        (b"", "api.example.com", False),
    ],
)
def test_hosts(host: bytes, route_host: str, is_taken: bool) -> None:
    """A row of the truth table would not hold, or a port or an IPv6 address would hide a route."""
    assert (winner([route(hosts=(route_host,))], Request(host=host)) is not None) is is_taken


@pytest.mark.parametrize(
    ("method", "methods", "expected"),
    [
        (b"HEAD", ("GET",), "taken"),
        (b"GET", ("HEAD",), MethodNotAllowed(b"HEAD, OPTIONS")),
        (b"GET", ("GET", "POST"), "taken"),
        (b"DELETE", ("POST", "GET"), MethodNotAllowed(b"GET, HEAD, OPTIONS, POST")),
        (b"OPTIONS", ("GET",), Options(b"GET, HEAD, OPTIONS")),
        (b"OPTIONS", ("POST", "OPTIONS"), "taken"),
        (b"OPTIONS", (), "taken"),
        (b"BREW", (), "taken"),
        (b"get", ("GET",), MethodNotAllowed(b"GET, HEAD, OPTIONS")),
    ],
)
def test_methods(method: bytes, methods: tuple[str, ...], expected: Found | str) -> None:
    """HEAD or OPTIONS would fail where the truth table says that they work, or Allow would name the wrong methods."""
    found = ask(RouteTable([route("/a", methods=methods)]), Request(method, b"/a"))
    assert ("taken" if isinstance(found, Matched) else found) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"//a", PathNotAllowed("the path contains an empty segment")),
        (b"/a//b", PathNotAllowed("the path contains an empty segment")),
        (b"/empty//b", "/empty/**"),
        (b"/a/x%2Fy", PathNotAllowed("the path contains an encoded slash")),
        (b"/encoded/x%2fy", "/encoded/{name}"),
        (b"/encoded//x%2fy", PathNotAllowed("the path contains an encoded slash")),
    ],
)
def test_encoded_slashes_and_empty_segments_need_a_route_that_allows_them(path: bytes, expected: Found | str) -> None:
    """An application that does not expect them would get them, or one that does would not."""
    table = RouteTable(
        [
            route("/a/**"),
            route("/empty/**", allow_empty_segments=True),
            route("/encoded/{name}", allow_encoded_slash=True),
        ]
    )
    found = ask(table, Request(path=path))
    assert (found.route.name if isinstance(found, Matched) else found) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/admin;x", None),
        (b"/admin;x/y", None),
        (b"/%61dmin%3Bx", None),
        (b"/;/admin", None),
        (b"/;x/;y/admin/z", None),
        (b"/admin/x;y", "/admin/**"),
        (b"/x;y", "/**"),
        (b"/x;/admin", "/**"),
        (b"/cars;red", "/**"),  # without it, /cars takes only POST, and the request would be this route's as well
        (b"/v;1", "/v;1"),
        (b"/v;1/7", "/v;1/{x}"),
    ],
)
def test_parameters_do_not_lead_around_a_route(path: bytes, expected: str | None) -> None:
    """An endpoint that drops what stands behind `;` would serve to everybody what another route guards."""
    table = RouteTable(
        [
            route("/admin/**", allow_encoded_slash=True),
            route("/cars", methods=("POST",)),
            route("/v;1"),
            route("/v;1/{x}", hosts=("example.org",)),
            route("/**"),
        ]
    )
    found = ask(table, Request(path=path))
    if expected is None:
        assert found == PathNotAllowed("without the parameters behind ';' the path belongs to another route")
    else:
        assert isinstance(found, Matched)
        assert found.route.name == expected


def test_a_method_is_told_only_for_routes_that_accept_the_path() -> None:
    """Allow would name a method that is then answered 400, or a 400 would hide that another method works."""
    lax = route("/lax/{x}", methods=("PUT",), allow_encoded_slash=True)
    table = RouteTable([lax, route("/{x}/{y}", methods=("POST",))])
    assert ask(table, Request(path=b"/lax/1%2F2")) == MethodNotAllowed(b"OPTIONS, PUT")
    assert isinstance(ask(table, Request(path=b"/strict/1%2F2")), PathNotAllowed)


def test_the_route_that_wins_decides_what_its_path_may_hold() -> None:
    """A lax route for everything would let through what the strict route before it refuses."""
    table = RouteTable([route("/a/**"), route("/**", allow_encoded_slash=True)])
    assert isinstance(ask(table, Request(path=b"/a/x%2Fy")), PathNotAllowed)
    assert isinstance(ask(table, Request(path=b"/b/x%2Fy")), Matched)


@pytest.mark.parametrize(
    ("better", "worse", "request_"),
    [
        ("exact host", "path", Request(path=b"/a", host=b"x.org")),
        ("exact host", "wildcard", Request(host=b"x.org")),
        ("wildcard", "any", Request(host=b"y.x.org")),
        ("literal", "param", Request(path=b"/a/b")),
        ("param", "regex", Request(path=b"/a/b")),
        ("regex", "rest", Request(path=b"/a/b")),
        ("longer regex", "regex", Request(path=b"/a/b")),
        ("literal then rest", "param then literal", Request(path=b"/p/q")),
        ("end", "rest at end", Request(path=b"/a")),
        ("two conditions", "one condition", Request(path=b"/a", fields=((b"x", b"1"), (b"y", b"2")))),
        ("one condition", "path", Request(path=b"/a", fields=((b"x", b"1"),))),
        ("method", "path", Request(path=b"/a")),
        ("high priority", "path", Request(path=b"/a")),
        ("literal", "rest with priority", Request(path=b"/a/b")),
    ],
)
@pytest.mark.parametrize("is_reversed", [False, True])
def test_the_more_specific_route_wins_whatever_the_order_of_the_file(
    better: str, worse: str, request_: Request, is_reversed: bool
) -> None:
    """Moving a route in the file would change who answers."""
    x, y = Condition("X", "exact", "1"), Condition("y", "present", "true")
    routes = {
        "exact host": route(hosts=("x.org",)),
        "wildcard": route(hosts=("*.x.org", "*.org")),
        "any": route(),
        "path": route("/a"),
        "literal": route("/a/b"),
        "param": route("/a/{x}"),
        "regex": route(path_regex="/a/.+"),
        "longer regex": route(path_regex="/a/b.*"),
        "rest": route("/a/**"),
        "rest with priority": route("/a/**", priority=9),
        "rest at end": route("/a/**"),
        "end": route("/a"),
        "literal then rest": route("/p/**"),
        "param then literal": route("/{p}/q"),
        "one condition": route("/a", headers=(x,)),
        "two conditions": route("/a", headers=(x, y)),
        "method": route("/a", methods=("GET",)),
        "high priority": route("/a", priority=1),
    }
    pair = [Route(name, routes[name].match, Respond(), priority=routes[name].priority) for name in (better, worse)]
    assert winner(pair[::-1] if is_reversed else pair, request_) == better


def test_of_equal_routes_the_first_of_the_file_wins() -> None:
    """Who answers would depend on chance."""
    assert winner([route("/{a}", name="one"), route("/{b}", name="two")], Request(path=b"/x")) == "one"


@pytest.mark.parametrize("refusing", [{"methods": ("POST",)}, {"headers": (Condition("x", "present", "true"),)}])
def test_the_next_best_host_is_tried(refusing: dict[str, tuple[str, ...]]) -> None:
    """A host with one route of its own would lose all routes that it shares with others."""
    routes = [
        route("/a", name="exact", hosts=("y.x.org",), **refusing),  # type: ignore[arg-type]
        route("/a", name="wildcard", hosts=("*.x.org",), **refusing),  # type: ignore[arg-type]
        route("/**", name="any"),
    ]
    assert winner(routes, Request(path=b"/a", host=b"y.x.org")) == "any"


def test_allow_gathers_the_methods_of_all_routes_that_would_take_the_request() -> None:
    """A client would be told that a method is not allowed which is."""
    table = RouteTable(
        [
            route("/a", name="1", methods=("PUT",), hosts=("x.org",)),
            route("/{p}", name="2", methods=("GET",)),
            route("/a", name="3", methods=("PATCH",), headers=(Condition("x", "present", "true"),)),
            route("/a", name="4", methods=("DELETE",), hosts=("y.org",)),
        ]
    )
    request = Request(b"POST", b"/a", b"x.org")
    assert ask(table, request) == MethodNotAllowed(b"GET, HEAD, OPTIONS, PUT")
    assert ask(table, Request(b"POST", b"/a/b", b"x.org")) == NotFound()


@pytest.mark.parametrize(
    ("condition", "query", "is_taken"),
    [
        (Condition("v", "exact", "1"), b"v=1", True),
        (Condition("v", "exact", "1"), b"a=1&v=2&v=1", True),
        (Condition("v", "exact", "a b"), b"v=a+b", True),
        (Condition("v", "exact", "a b"), b"%76=a%20b", True),
        (Condition("v", "exact", "1"), b"v=11", False),
        (Condition("v", "exact", ""), b"v", True),
        (Condition("v", "regex", "1+"), b"v=11", True),
        (Condition("v", "regex", "1+"), b"v=112", False),
        (Condition("v", "present", "true"), b"v", True),
        (Condition("v", "present", "true"), b"w=v", False),
        (Condition("v", "present", "false"), b"w=v", True),
        (Condition("v", "present", "false"), b"v=", False),
    ],
)
def test_query_conditions(condition: Condition, query: bytes, is_taken: bool) -> None:
    """A request would go to the route of another version, or be answered 404."""
    assert (winner([route(query=(condition,))], Request(query=query)) is not None) is is_taken


@pytest.mark.parametrize(
    ("condition", "fields", "is_taken"),
    [
        (Condition("X-Version", "exact", "2"), ((b"x-version", b"1"), (b"x-version", b"2")), True),
        (Condition("X-Version", "exact", "2"), ((b"x-version", b"1, 2"),), False),
        (Condition("x-version", "regex", "(?i)beta.*"), ((b"x-version", b"Beta\xff"),), True),
        (Condition("x-version", "present", "false"), (), True),
        (Condition("x-version", "present", "true"), (), False),
    ],
)
def test_header_conditions(condition: Condition, fields: tuple[tuple[bytes, bytes], ...], is_taken: bool) -> None:
    """A canary or a version would get the wrong requests."""
    assert (winner([route(headers=(condition,))], Request(fields=fields)) is not None) is is_taken


def test_a_route_belongs_to_its_listeners() -> None:
    """An internal route would answer on the public listener."""
    routes = [route("/a", listeners=("internal",))]
    assert winner(routes, Request(path=b"/a", listener="internal")) == "/a"
    assert winner(routes, Request(path=b"/a", listener="public")) is None


@pytest.mark.parametrize("path", [b"/admin/x", b"/admin/%FF", b"/admin/%0A", b"/%61dmin/x"])
def test_no_byte_evades_an_expression(path: bytes) -> None:
    """A byte that `.` does not match would lead past the route that guards a part of the site."""
    assert (
        winner([route("/**", name="open"), route(path_regex="/admin/.*", name="guard")], Request(path=path)) == "guard"
    )


def test_params_are_what_the_client_sent() -> None:
    """A rewritten path would carry other bytes than the received one."""
    table = RouteTable([route("/{a}/x/{b}", allow_encoded_slash=True), route("/plain/**")])
    found = ask(table, Request(path=b"/%61%20/x/1%2f2"))
    assert isinstance(found, Matched)
    assert (found.params, found.index) == ({"a": b"%61%20", "b": b"1%2f2"}, 0)
    plain = ask(table, Request(path=b"/plain/x"))
    assert isinstance(plain, Matched)
    assert plain.params == {}


@pytest.mark.parametrize(("path", "rest"), [(b"/a/7", b""), (b"/a/7/", b"/"), (b"/a/7/x/%79", b"/x/%79")])
def test_the_rest_is_captured_for_a_rewrite_that_wants_it(path: bytes, rest: bytes) -> None:
    """`path: /b/**` would lose what comes after the matched part."""
    rewritten = Route("r", RouteMatch(path="/a/{id}/**"), Respond(), rewrite=Rewrite(path="/b/**"))
    found = ask(RouteTable([rewritten]), Request(path=path))
    assert isinstance(found, Matched)
    assert found.params == {"id": b"7", "**": rest}


@pytest.mark.parametrize(
    "match",
    [
        RouteMatch(path="a"),
        RouteMatch(path="/a/{id}x"),
        RouteMatch(path="/a/**/b"),
        RouteMatch(path="/a/../b"),
        RouteMatch(path="/%zz"),
        RouteMatch(path="/a?b"),
        RouteMatch(path_regex="/a/("),
        RouteMatch(headers=(Condition("x", "regex", "(?<=a)b"),)),
    ],
)
def test_a_route_that_cannot_be_compiled_is_named(match: RouteMatch) -> None:
    """A mistake that the loader missed would only show as routes that never match."""
    with pytest.raises(ValueError, match=r"^route 'bad': "):
        RouteTable([Route("bad", match, Respond())])


@given(tables(), requests())
@settings(max_examples=400, deadline=None)
def test_the_table_answers_as_the_naive_reading_of_the_rules(routes: list[Route], request_: Request) -> None:
    """The tree would take a short cut that the rules do not allow."""
    found, expected = ask(RouteTable(routes), request_), find_naively(routes, request_)
    assert type(found) is type(expected)
    match found, expected:
        case Matched(), Matched():
            assert (found.route, found.index) == (expected.route, expected.index)
        case ((MethodNotAllowed() | Options()), (MethodNotAllowed() | Options())):
            assert found == expected


@given(tables(), requests())
@settings(max_examples=50, deadline=None)
def test_a_pickled_table_answers_alike(routes: list[Route], request_: Request) -> None:
    """Workers would route otherwise than the supervisor that compiled their table."""
    table = RouteTable(routes)
    assert ask(pickle.loads(pickle.dumps(table)), request_) == ask(table, request_)


def test_routes_are_listed_by_precedence() -> None:
    """`orion routes` would show an order in which they are not tried."""
    routes = [
        route("/**", name="rest"),
        route("/a", name="end"),
        route("/{x}", name="param"),
        route(path_regex="/b.*", name="regex"),
        route("/a", name="conditions", methods=("GET",)),
        route("/a", name="priority", priority=1),
        route("/**", name="wildcard", hosts=("*.x.org",)),
        route("/**", name="longer wildcard", hosts=("*.y.x.org",)),
        route("/**", name="exact", hosts=("*.x.org", "x.org")),
    ]
    ordered = [entry.route.name for entry in RouteTable(routes).in_order()]
    assert ordered == [
        *("exact", "longer wildcard", "wildcard"),
        *("conditions", "priority", "end", "param", "regex", "rest"),
    ]


def test_ten_thousand_routes_cost_as_many_steps_as_a_hundred() -> None:
    """Every request would get slower with every route that somebody adds."""
    few, many = table_of(100), table_of(10_000)
    for path in (b"/api/v1/s7/x/y", b"/api/v1/s8/7", b"/api/v1/none", b"/no"):
        steps = count_calls(partial(ask_plainly, few, path))
        assert steps > 5 or is_compiled(), "calls inside of compiled code cannot be counted; its source is the same"
        assert steps == count_calls(partial(ask_plainly, many, path))
        assert list_candidates(few, path) == list_candidates(many, path)


def table_of(size: int) -> RouteTable:
    kinds = ["/api/v1/s{}/**", "/api/v1/s{}/{{id}}", "/api/v1/s{}/x/y"]
    return RouteTable([route(kinds[number % 3].format(number // 3)) for number in range(size)])


def ask_plainly(table: RouteTable, path: bytes) -> Found:
    return table.find(b"GET", b"example.org", judge_path(path), Request(), "http")


def list_candidates(table: RouteTable, path: bytes) -> list[str]:
    """Return the names of the routes that a request for a path is compared with."""
    (tree,) = table.trees_for(b"example.org")
    return [entry.route.name for entry in walk(tree, judge_path(path).segments)]


def count_calls(action: Callable[[], object]) -> int:
    """Return how many calls an action makes, of Python functions and of built-in ones such as `dict.get`."""
    events: list[str] = []

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event in ("call", "c_call"):
            events.append(event)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(before)
    return len(events)
