"""Routes that can never win."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orion_gateway.routing.found import Matched
from orion_gateway.routing.lint import Unreachable, find_unreachable
from orion_gateway.routing.table import RouteTable
from orion_gateway.values import Condition, Route
from tests.routing.requests import Request, ask, requests, route, tables

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
        ([route("/a", query=(EXACT,)), route("/a", query=(EXACT,))], "GET /a?x=1"),
        ([route("/a", listeners=("a", "b")), route("/a", listeners=("b",))], "GET /a --listener b"),
        ([route(path_regex="/a.*"), route(path_regex="/a.*")], "GET /<matching /a.*>"),
        ([route("/a b"), route("/a b")], "GET /a%20b"),
    ],
)
def test_a_route_that_is_hidden_is_found_with_an_example(routes: list[Route], example: str) -> None:
    """Two teams would claim one path, and nothing would warn the one that gets no requests."""
    assert find_unreachable(routes) == [Unreachable(1, 0, example)]


def test_priority_turns_it_round() -> None:
    """The wrong one of the two would be called unreachable."""
    assert find_unreachable([route("/a"), route("/a", priority=1)]) == [Unreachable(0, 1, "GET /a")]


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
        [route(path_regex="/a.*"), route(path_regex="/a.+")],
    ],
)
def test_routes_that_can_win_are_left_alone(routes: list[Route]) -> None:
    """Warnings that are wrong would teach people to ignore warnings."""
    assert find_unreachable(routes) == []


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
