"""Why a route wins and the near ones lose."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from orion_gateway.routing.explain import Explanation, explain
from orion_gateway.routing.found import Matched, MethodNotAllowed, NotFound, PathNotAllowed
from orion_gateway.routing.path import judge_path
from orion_gateway.routing.table import RouteTable
from orion_gateway.values import Condition, Route
from tests.routing.requests import Request, ask, requests, route, tables


def explain_it(routes: list[Route], request: Request, limit: int = 20) -> Explanation:
    path = judge_path(request.path)
    return explain(RouteTable(routes), request.method, request.host, path, request, request.listener, limit)


def reasons(routes: list[Route], request: Request) -> list[tuple[str, str]]:
    return [(loss.route.name, loss.why) for loss in explain_it(routes, request).losses]


@pytest.mark.parametrize(
    ("loser", "why"),
    [
        (route("/a", methods=("POST", "PUT")), "methods: GET is not in POST, PUT"),
        (route("/a", listeners=("tls",)), "listeners: 'http' is not in tls"),
        (route("/a", headers=(Condition("X-A", "exact", "2"),)), "header x-a: '1', '3' is not '2'"),
        (route("/a", headers=(Condition("x-a", "regex", "2+"),)), "header x-a: '1', '3' does not match 2+"),
        (route("/a", headers=(Condition("x-b", "present", "true"),)), "header x-b: it is missing"),
        (route("/a", headers=(Condition("x-b", "exact", "1"),)), "header x-b: nothing is not '1'"),
        (
            route("/a", headers=(Condition("x-a", "present", "false"),)),
            "header x-a: it must not be there, but is '1', '3'",
        ),
        (route("/a", query=(Condition("q", "exact", "2"),)), "query q: '1' is not '2'"),
        (route(path_regex="/[b-z]"), "path_regex: /a does not match /[b-z]"),
        (route("/a", hosts=("x.org", "*.y.org")), "hosts: example.org is not in x.org, *.y.org"),
        (route("/a"), "conditions: winner has more, 0 < 1"),
        (route("/{x}"), "path: winner is more specific, 'a' comes before {x}"),
        (route("/**"), "path: winner is more specific, 'a' comes before **"),
        (route("/a/**"), "path: winner is more specific, an end comes before **"),
        (route(path_regex="/a?"), "path: winner is more specific, 'a' comes before path_regex with the prefix '' here"),
        (route("/a", methods=("GET",), priority=-1), "tie: priority -1 < 0"),
        (route("/a", methods=("GET",)), "tie: winner comes earlier in the file"),
        (route("/a/b"), "path: the request's ends before 'b'"),
        (route("/a/{x}"), "path: the request's ends before {x}"),
    ],
)
def test_the_first_thing_that_failed_is_named(loser: Route, why: str) -> None:
    """Somebody who looks for their route would not learn what to change."""
    fields = ((b"x-a", b"1"), (b"x-a", b"3"))
    routes = [route("/a", name="winner", methods=("GET",)), loser]
    explanation = explain_it(routes, Request(path=b"/a", query=b"q=1", fields=fields))
    assert isinstance(explanation.found, Matched)
    assert explanation.found.route.name == "winner"
    assert [(loss.index, loss.why) for loss in explanation.losses] == [(1, why)]


def test_a_more_specific_host_is_named() -> None:
    """The better path of the other route would look like a bug of the gateway."""
    routes = [route("/a", name="path"), route("/**", name="host", hosts=("example.org",))]
    assert reasons(routes, Request(path=b"/a")) == [("path", "hosts: host has the more specific host")]


def test_an_expression_of_another_host_is_near_only_when_it_matches() -> None:
    """Every expression of every host would be listed for every request."""
    routes = [route(path_regex="/(a|b)", name="regex", hosts=("x.org",))]
    assert reasons(routes, Request(path=b"/a")) == [("regex", "hosts: example.org is not in x.org")]
    assert reasons(routes, Request(path=b"/c")) == []


def test_the_nearest_paths_are_shown_when_nothing_matches() -> None:
    """A 404 would leave one to compare every route by hand."""
    routes = [route("/api/users/{id}"), route("/api/users/me/x"), route("/api/orders"), route("/other")]
    assert reasons(routes, Request(path=b"/api/users/")) == [
        ("/api/users/me/x", "path: segment 3 is '', not 'me'"),
        ("/api/users/{id}", "path: segment 3 is '', not {id}"),
    ]
    assert reasons([route("/a"), route("/b")], Request(path=b"/a/x")) == [
        ("/a", "path: the route's ends before segment 2, 'x'")
    ]
    assert explain_it([route("/b")], Request(path=b"/a")) == Explanation(NotFound(), (), 0)


def test_why_a_request_is_refused() -> None:
    """A 400 or 405 would not say which route it is about."""
    routes = [route("/a/{x}", methods=("POST",))]
    refused = explain_it(routes, Request(path=b"/a/b"))
    assert refused.found == MethodNotAllowed(b"OPTIONS, POST")
    assert [loss.why for loss in refused.losses] == ["methods: GET is not in POST"]
    refused = explain_it(routes, Request(b"POST", path=b"/a/b%2Fc"))
    assert isinstance(refused.found, PathNotAllowed)
    assert [loss.why for loss in refused.losses] == [
        "the path contains an encoded slash, which this route does not allow"
    ]


def test_the_number_of_candidates_left_out_is_told() -> None:
    """A list that was cut would pass for all there is."""
    explanation = explain_it([route("/a", name=str(number)) for number in range(5)], Request(path=b"/a"), limit=3)
    assert ([loss.index for loss in explanation.losses], explanation.left_out) == ([1, 2, 3], 1)


@given(tables(), requests())
@settings(max_examples=200, deadline=None)
def test_explain_never_disagrees_with_find(routes: list[Route], request: Request) -> None:
    """One would debug another gateway than the one that runs."""
    explanation = explain_it(routes, request)
    found = ask(RouteTable(routes), request)
    assert explanation.found == found
    losers = [loss.index for loss in explanation.losses]
    assert len(losers) == len(set(losers))
    assert not isinstance(found, Matched) or found.index not in losers
    # Without its winner, a request is taken by the best of those that were said to have only come too late.
    if isinstance(found, Matched):
        late = [
            loss.index
            for loss in explanation.losses
            if " has " in loss.why or "comes " in loss.why or "tie" in loss.why
        ]
        rest = ask(RouteTable([each for each in routes if each is not found.route]), request)
        if isinstance(rest, Matched):
            assert rest.route is routes[late[0]]
        elif not isinstance(rest, PathNotAllowed):  # which is also the answer when nothing takes `%2F` or `//`
            assert not late
