"""Routes that can never win."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orion_gateway.routing.example import taker
from orion_gateway.routing.found import Matched
from orion_gateway.routing.lint import Unreachable, find_unreachable
from orion_gateway.routing.path import PathRefused
from orion_gateway.routing.precedence import Kind, path_steps
from orion_gateway.routing.table import RouteTable
from orion_gateway.values import Condition, Respond, Route
from tests.routing.requests import EXPRESSIONS, SENT_HOSTS, Request, ask, matches, requests, route, tables

PRESENT = Condition("X", "present", "true")
ABSENT = Condition("x", "present", "false")
EXACT = Condition("x", "exact", "1")


@pytest.mark.parametrize(
    ("routes", "example"),
    [
        ([route("/a"), route("/a")], "GET /a"),
        ([route("/{x}/**"), route("/{y}/**")], "GET /x/x"),
        ([route(), route("/**")], "GET /x"),
        ([route("/%61"), route("/a")], "GET /a"),
        ([route("/a", methods=("GET", "POST")), route("/a", methods=("POST",))], "POST /a"),
        ([route("/a", methods=("GET",)), route("/a", methods=("HEAD",))], "HEAD /a"),
        ([route("/a", hosts=("a.org", "*.b.org")), route("/a", hosts=("*.b.org",))], "GET http://a.b.org/a"),
        ([route("/a", headers=(PRESENT,)), route("/a", headers=(EXACT,))], "GET /a -H 'x: 1'"),
        ([route("/a", query=(EXACT,)), route("/a", query=(EXACT,))], "GET '/a?x=1'"),
        ([route("/a", listeners=("a", "b")), route("/a", listeners=("b",))], "GET /a --listener b"),
        ([route(path_regex="/a.*"), route(path_regex="/a.*")], "GET /a"),
        ([route("/a b"), route("/a b")], "GET /a%20b"),
    ],
)
def test_a_route_that_is_hidden_is_found_with_an_example(routes: list[Route], example: str) -> None:
    """Two teams would claim one path, and nothing would warn the one that gets no requests."""
    assert shown(find_unreachable(routes)) == [(1, (0,), [(example, 0)])]


def shown(found: list[Unreachable]) -> list[tuple[int, tuple[int, ...], list[tuple[str, int]]]]:
    return [(each.loser, each.winners, [(str(example), by) for example, by in each.examples]) for each in found]


@pytest.mark.parametrize(
    ("routes", "example"),
    [
        ([route("/users/{id}"), route(path_regex="/users/[0-9]+")], "GET /users/0"),
        ([route("/users/{id}"), route(path_regex="/users/u[^/]+")], "GET /users/ua"),
        ([route("/users/{id}"), route(path_regex=r"/users/[\w.-]+")], "GET /users/a"),
        ([route("/users/me"), route(path_regex="/users/me")], "GET /users/me"),
        ([route("/a/{x}/**"), route(path_regex="/a/v.*")], "GET /a/v"),
        ([route(path_regex="/.*"), route(path_regex=".*")], "GET /x"),
        ([route(path_regex="/.*"), route("/**")], "GET /x"),
        ([route(path_regex="/a/.*"), route(path_regex="/a/(b|c)")], "GET /a/b"),
        ([route("/a", headers=(Condition("X", "regex", "[12]"),)), route("/a", headers=(EXACT,))], "GET /a -H 'x: 1'"),
    ],
)
def test_a_wider_path_that_comes_first_hides_a_narrower_one(routes: list[Route], example: str) -> None:
    """Somebody would take an expression for more specific than a param, and wait for its requests."""
    assert shown(find_unreachable(routes)) == [(1, (0,), [(example, 0)])]


@pytest.mark.parametrize(
    ("routes", "winners"),
    [
        (
            [
                route("/a", methods=("GET",)),
                route("/a", methods=("POST",)),
                route("/a", methods=("GET", "POST"), priority=-1),
            ],
            {0: "GET /a", 1: "POST /a"},
        ),
        (
            [route("/a", headers=(PRESENT,)), route("/a", headers=(ABSENT,)), route("/a")],
            {0: "GET /a -H 'x: x'", 1: "GET /a"},
        ),
        (
            [route("/a", listeners=("http",)), route("/a", listeners=("tls",)), route("/a")],
            {0: "GET /a", 1: "GET /a --listener tls"},
        ),
        (
            [
                route("/a", hosts=("a.org",)),
                route("/a", hosts=("*.b.org",)),
                route("/a", hosts=("a.org", "*.b.org"), priority=-1),
            ],
            {0: "GET http://a.org/a", 1: "GET http://a.b.org/a"},
        ),
        (
            [route("/a/{x}/**"), route("/a"), route("/a/"), route("/a/**")],
            {0: "GET /a/x", 1: "GET /a", 2: "GET /a/"},
        ),
    ],
    ids=["methods", "fields", "listeners", "hosts", "paths"],
)
def test_routes_that_only_together_hide_one_are_found(routes: list[Route], winners: dict[int, str]) -> None:
    """A route that was split in two, and left in the table, would be changed for years without effect."""
    (found,) = find_unreachable(routes, ("http", "tls"))
    assert (found.loser, found.winners) == (len(routes) - 1, tuple(winners))
    assert {by: str(example) for example, by in found.examples} == winners


@pytest.mark.parametrize(
    "routes",
    [
        [route("/a/**"), route("/a/{x}")],
        [route("/a"), route("/a", methods=("GET",))],
        [route("/a", methods=("GET",)), route("/a")],
        [route("/a", methods=("POST",)), route("/a", methods=("GET",))],
        [route("/a", hosts=("a.org",)), route("/a")],
        [route("/a"), route("/a", hosts=("a.org",))],
        [route("/a", hosts=("a.org",)), route("/a", hosts=("a.org", "b.org"))],
        [route("/a", headers=(EXACT,)), route("/a", headers=(PRESENT,))],
        [route("/a", headers=(ABSENT,)), route("/a", headers=(EXACT,))],
        [route("/a", headers=(PRESENT,)), route("/a", headers=(ABSENT,))],
        [route("/a", headers=(EXACT,)), route("/a", query=(EXACT,))],
        [route("/a", listeners=("a",)), route("/a", listeners=("b",))],
        [route(path_regex="/a.+"), route(path_regex="/a.*")],
        [route("/users/{id}"), route(path_regex="/users/[.-9]+")],
        [route("/users/{id}"), route(path_regex="/users/[^0-9]+")],
        [route("/users/{id}"), route(path_regex="/users/[0-9]*")],
        [route(path_regex="/a/.*"), route("/a/**")],
        [route("/a/{x}/**"), route("/a"), route("/a/**")],
        [route("/a/{x}/**"), route("/a"), route("/a/"), route("/a/**", allow_empty_segments=True)],
        [route("/a", methods=("GET",)), route("/a", methods=("POST",)), route("/a")],
        [route("/a", headers=(PRESENT,)), route("/a", query=(ABSENT,)), route("/a")],
        [route("/a", hosts=("a.org",)), route("/a", hosts=("a.org", "b.org"), priority=-1)],
        [route("/a", hosts=("x.b.org",)), route("/a", hosts=("*.b.org",))],
    ],
)
def test_routes_that_can_win_are_left_alone(routes: list[Route]) -> None:
    """Warnings that are wrong would teach people to ignore warnings."""
    assert find_unreachable(routes) == []


PATTERNS = st.sampled_from(
    ["/a/[a-z]+", "/a/[^/]+", "/.*", "/a/.*", "/a/b.*", "/a/b", "/a[0-9b]", r"/[\w%-]+", "/a/a?", ".*", "/a/(a|b)"]
)
SHORT_PATHS = st.sampled_from(
    ["/", "/a", "/a/", "/a/{x}", "/{x}", "/{x}/", "/a/**", "/{x}/**", "/**", "/a/{x}/**", "/a/b", "/a/b/**", "/a/{x}/"]
)
PATHS = st.lists(st.sampled_from([b"a", b"b", b"0", b"a%2Fb", b"", b"~", b"a.b"]), min_size=1, max_size=4)


@st.composite
def crowded(draw: st.DrawFn) -> list[Route]:
    """Return a table of few paths and conditions, in which routes hide each other, alone and together."""
    built = []
    for match in draw(st.lists(matches(), min_size=2, max_size=10)):
        is_regex = draw(st.integers(0, 3)) == 0
        small = replace(
            match,
            path=None if is_regex else draw(SHORT_PATHS),
            path_regex=draw(PATTERNS) if is_regex else None,
            hosts=match.hosts if draw(st.integers(0, 3)) == 0 else (),
            headers=match.headers if draw(st.booleans()) else (),
            query=match.query if draw(st.integers(0, 3)) == 0 else (),
        )
        found = Route("r", small, Respond(), priority=draw(st.integers(-1, 1)))
        built.append(replace(found, allow_encoded_slash=draw(st.booleans()), allow_empty_segments=draw(st.booleans())))
    return built


_WORDS = ["", "a", "b", "0", "ab", "abb", "a%2Fb", "~", "zz"]
_ALL_PATHS = ["".join(f"/{word}" for word in words) for n in (1, 2, 3) for words in product(_WORDS, repeat=n)]
_TEXTS = {
    expression: [path for path in _ALL_PATHS if re.fullmatch(expression, path)]
    for expression in [*PATTERNS.elements, *EXPRESSIONS.elements]  # type: ignore[attr-defined]
}
"""Decoded paths that each expression matches, found by trying them."""


@st.composite
def requests_of(draw: st.DrawFn, loser: Route) -> Request:
    """Return a request that the route itself takes: of its own hosts, path, methods and conditions."""
    match = loser.match
    segments: list[bytes] = []
    steps = path_steps(match)
    if match.path_regex is not None:
        decoded = draw(st.sampled_from(_TEXTS[match.path_regex]))
        segments = [quote(segment, safe="~.").replace("%252F", "%2F").encode() for segment in decoded[1:].split("/")]
    else:
        word = st.sampled_from([b"a", b"b", b"0", b"zz", b"a%2Fb"])
        segments = [step.text if step.kind is Kind.LITERAL else draw(word) for step in steps[:-1]]
        if steps[-1].kind is Kind.REST:
            segments += draw(st.lists(word | st.just(b""), min_size=not segments, max_size=3))
    fields: list[tuple[bytes, bytes]] = []
    query: list[tuple[bytes, bytes]] = []
    for conditions, pairs in ((match.headers, fields), (match.query, query)):
        for condition in conditions:
            if condition.kind == "present" and condition.value == "false":
                continue
            value = {"exact": condition.value, "regex": "1", "present": "9"}[condition.kind]
            pairs.append((condition.name.lower().encode(), value.encode()))
        named = {condition.name.lower().encode() for condition in conditions}
        if draw(st.booleans()):
            pairs += [pair for pair in [(b"x", b"1"), (b"y", b"2")] if pair[0] not in named]
    host = draw(st.sampled_from(match.hosts)).encode().replace(b"*", b"q") if match.hosts else draw(SENT_HOSTS)
    return Request(
        method=draw(st.sampled_from(match.methods or ("GET", "POST", "DELETE"))).encode(),
        path=b"/" + b"/".join(segments),
        host=host,
        query=b"&".join(b"=".join(pair) for pair in query),
        fields=tuple(fields),
        listener=draw(st.sampled_from(match.listeners or ("http", "tls"))),
    )


@given(st.data(), crowded() | tables(max_size=12), st.sampled_from([(), ("http", "tls")]))
@settings(max_examples=300, deadline=None)
def test_no_request_of_its_own_reaches_a_route_that_was_reported(
    data: st.DataObject, routes: list[Route], listeners: tuple[str, ...]
) -> None:
    """A route that works would be reported, and removed by somebody who believed it."""
    table = RouteTable(routes)
    first = listeners[0] if listeners else ""
    for found in find_unreachable(routes, listeners):
        for _ in range(5):
            request = data.draw(requests_of(routes[found.loser]))
            try:
                answer = ask(table, request)
            except PathRefused:
                continue
            assert not isinstance(answer, Matched) or answer.index != found.loser
        for example, winner in found.examples:
            assert taker(table, example, first) == winner
            assert winner in found.winners
            assert taker(RouteTable([routes[found.loser]]), example, first) == 0, "the loser would not take it either"


@given(tables(max_size=12), st.lists(requests(), min_size=10, max_size=30))
@settings(max_examples=100, deadline=None)
def test_no_request_reaches_a_route_that_was_reported(routes: list[Route], sent: list[Request]) -> None:
    """A route that works would be reported, and removed by somebody who believed it."""
    losers = {found.loser for found in find_unreachable(routes)}
    table = RouteTable(routes)
    for request in sent:
        found = ask(table, request)
        assert not isinstance(found, Matched) or found.index not in losers


@given(tables(), requests())
@settings(max_examples=100, deadline=None)
def test_a_second_copy_of_a_route_is_always_reported(routes: list[Route], request: Request) -> None:
    """The commonest mistake, a route that was pasted twice, would go unseen."""
    copies = [*routes, *routes]
    losers = {found.loser for found in find_unreachable(copies)}
    assert losers >= set(range(len(routes), 2 * len(routes)))
    found = ask(RouteTable(copies), request)
    assert not isinstance(found, Matched) or found.index < len(routes)
