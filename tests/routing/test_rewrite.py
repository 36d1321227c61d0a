"""The request target that is sent upstream."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orion_gateway.routing.found import Matched
from orion_gateway.routing.path import PathRefused, judge_path
from orion_gateway.routing.rewrite import compile_rewrite, rewrite_target
from orion_gateway.routing.table import RouteTable
from orion_gateway.values import Respond, Rewrite, Route, RouteMatch
from tests.routing.requests import Request, ask


def send(path: str, rewrite: Rewrite, target: bytes) -> bytes:
    """Return what is sent for a target that a route with this path and rewrite takes."""
    matched_path, _, query = target.partition(b"?")
    rewritten = Route(
        "r", RouteMatch(path=path), Respond(), rewrite=rewrite, allow_encoded_slash=True, allow_empty_segments=True
    )
    found = ask(RouteTable([rewritten]), Request(path=matched_path))
    assert isinstance(found, Matched)
    return compile_rewrite(rewrite, rewritten)(matched_path, query, found.params)


@pytest.mark.parametrize(
    ("prefix", "target", "sent"),
    [
        ("/api", b"/api/a/b?x=1", b"/a/b?x=1"),
        ("/api/", b"/api/a", b"/a"),
        ("/api", b"/api", b"/"),
        ("/api", b"/api/", b"/"),
        ("/api/v1", b"/api/v1/%61%2f", b"/%61%2f"),
        ("/api", b"/%61pi/a", b"/a"),
        ("/%61pi", b"/api/a", b"/a"),
        ("/api", b"/apis/a", b"/apis/a"),
        ("/api/v1", b"/api", b"/api"),
        ("/", b"/a/b", b"/a/b"),
        ("/api", b"/api/a//b", b"/a//b"),
    ],
)
def test_strip_prefix_takes_whole_segments(prefix: str, target: bytes, sent: bytes) -> None:
    """An endpoint would be asked for a path that it does not know."""
    assert send("/**", Rewrite(strip_prefix=prefix), target) == sent


@pytest.mark.parametrize(
    ("path", "new", "target", "sent"),
    [
        ("/a/{id}", "/b", b"/a/7?q", b"/b?q"),
        ("/a/{id}", "/b/{id}/c", b"/a/7", b"/b/7/c"),
        ("/a/{id}", "/b-{id}", b"/a/%41%2Fb", b"/b-%41%2Fb"),
        ("/{x}/{y}", "/{y}/{x}", b"/1/2", b"/2/1"),
        ("/a/**", "/b/**", b"/a", b"/b"),
        ("/a/**", "/b/**", b"/a/", b"/b/"),
        ("/a/**", "/b/**", b"/a/x/%79?q=1", b"/b/x/%79?q=1"),
        ("/a/**", "/**", b"/a/x", b"/x"),
        ("/a/**", "/**", b"/a", b"/"),
        ("/{x}/**", "/b/{x}/**", b"/a/y", b"/b/a/y"),
        ("/a/**", "/b", b"/a/x", b"/b"),
        ("/a", "/café au lait", b"/a", b"/caf%C3%A9%20au%20lait"),
        ("/a", "/", b"/a", b"/"),
    ],
)
def test_a_new_path(path: str, new: str, target: bytes, sent: bytes) -> None:
    """An endpoint would get a path in which what the client asked for is lost or decoded."""
    assert send(path, Rewrite(path=new), target) == sent


@pytest.mark.parametrize(
    ("pattern", "to", "target", "sent"),
    [
        ("^/v[0-9]+/(.*)$", r"/\1", b"/v2/a/b?x", b"/a/b?x"),
        ("^/(?P<a>[^/]+)/(?P<b>[^/]+)$", r"/\g<b>/\g<a>", b"/x/y", b"/y/x"),
        ("old", "new", b"/old/old", b"/new/new"),
        ("^/v2", "", b"/a", b"/a"),
        ("%20", "-", b"/a%20b", b"/a-b"),
        ("^.*$", r"/p\0", b"/a", b"/p/a"),
        ("^/(a)|(b)$", r"/\2", b"/a", b"/"),
    ],
)
def test_a_substitution(pattern: str, to: str, target: bytes, sent: bytes) -> None:
    """Paths that only an expression can describe could not be mapped."""
    assert send("/**", Rewrite(regex=(pattern, to)), target) == sent


@pytest.mark.parametrize(
    ("rewrite", "target", "sent"),
    [
        (Rewrite(query_remove=("a",)), b"/x?a=1&b=%20+&a", b"/x?b=%20+"),
        (Rewrite(query_remove=("a b",)), b"/x?%61+b=1", b"/x"),
        (Rewrite(query_set=(("a", "1"),)), b"/x", b"/x?a=1"),
        (Rewrite(query_set=(("a", "1"),)), b"/x?a=2&b=3&a=4", b"/x?b=3&a=1"),
        (Rewrite(query_set=(("a", "&=é"), ("c", ""))), b"/x", b"/x?a=%26%3D%C3%A9&c="),
        (Rewrite(query_remove=("c",)), b"/x?b==&d", b"/x?b==&d"),
        (Rewrite(strip_prefix="/x", query_set=(("a", "1"),)), b"/x/y?b", b"/y?b&a=1"),
        (Rewrite(host_upstream=True), b"/x?&&a", b"/x?&&a"),
    ],
)
def test_the_query_string(rewrite: Rewrite, target: bytes, sent: bytes) -> None:
    """A parameter that must not reach an endpoint would, or others would change on the way."""
    assert send("/**", rewrite, target) == sent


@pytest.mark.parametrize(
    ("rewrite", "target"),
    [
        (Rewrite(strip_prefix="/a"), b"/a//evil.example/x"),
        (Rewrite(regex=("^/a", "")), b"/a"),
        (Rewrite(regex=("^/a", "")), b"/ab"),
        (Rewrite(regex=("b", "")), b"/a/b/c"),
        (Rewrite(regex=("x", "..")), b"/a/x"),
        (Rewrite(regex=("x", "%2e")), b"/a/x"),
        (Rewrite(regex=("25", "")), b"/%255c"),
        (Rewrite(regex=("x", "?y")), b"/x"),
        (Rewrite(path="/.{a}"), b"/;b"),
    ],
)
def test_a_rewrite_never_makes_what_a_client_may_not_send(rewrite: Rewrite, target: bytes) -> None:
    """A clever target would become a dot segment or another authority only after it was judged."""
    with pytest.raises(PathRefused):
        rewrite_target(rewrite, target, b"", {"a": target[1:]})


@pytest.mark.parametrize(
    ("path", "rewrite", "message"),
    [
        ("/a/{id}", Rewrite(path="/b/{name}"), "has no name"),
        ("/a", Rewrite(path="/b/**"), r"has no \*\*"),
        ("/a", Rewrite(path="/b/../c"), "dot segment"),
        ("/a", Rewrite(path="b"), "does not start"),
        ("/a", Rewrite(strip_prefix="a"), "does not start"),
        ("/a", Rewrite(regex=("(", "")), "missing"),
        ("/a", Rewrite(regex=("(a)", r"\2")), r"no group"),
        ("/a", Rewrite(regex=("(a)", r"\g<x>")), r"no group"),
        ("/a", Rewrite(regex=("(a)", "\\n")), r"no group"),
    ],
)
def test_a_rewrite_that_can_never_work_is_refused_when_it_is_compiled(
    path: str, rewrite: Rewrite, message: str
) -> None:
    """Every request of the route would fail instead."""
    with pytest.raises(ValueError, match=message):
        compile_rewrite(rewrite, Route("r", RouteMatch(path=path), Respond(), rewrite=rewrite))


REWRITES = st.sampled_from(
    [
        Rewrite(strip_prefix="/a"),
        Rewrite(strip_prefix="/a/b"),
        Rewrite(path="/x/**"),
        Rewrite(path="/**"),
        Rewrite(regex=("a|b|%61", "")),
        Rewrite(regex=("[/;]", ".")),
        Rewrite(regex=("%2[Ff]", "/")),
    ]
)
PATHS = st.lists(st.sampled_from([b"/", b"a", b"b", b".", b"%2e", b";", b"%2F", b"%61"]), max_size=8).map(b"".join)


@given(REWRITES, PATHS)
@settings(deadline=None)
def test_what_is_sent_is_always_a_path_that_may_be_sent(rewrite: Rewrite, path: bytes) -> None:
    """An endpoint would be asked for a path that no client could ask the gateway for."""
    try:
        judged = judge_path(b"/a" + path)
        sent = send("/{first}/**", rewrite, b"/a" + path)
    except PathRefused:
        return
    result = judge_path(sent)
    assert not sent.startswith(b"//")
    assert judged.has_empty_segments or not result.has_empty_segments
