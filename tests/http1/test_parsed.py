"""How fields of a head are read and edited."""

import pickle

import pytest

from orion_gateway.http1.fields import ForwardedRules
from orion_gateway.http1.head import Head, HeadLimits, render_response
from tests.http1.feeding import LIMITS, accept, accept_response, list_fields

REQUEST = (
    b"GET /x:y?accept: HTTP/1.1\r\nHost: a\r\nConnection: x-named, keep-alive\r\nAccept:  text/html \t\r\nACCEPT:\r\n"
    b"X-Accept: no\r\nX-Named: secret\r\nX-Orion-Roles: admin\r\nx.orion.roles: admin\r\nA_B: 1\r\nUpgrade: h2c\r\n"
    b"Content-Length: 0\r\nTE: trailers\r\nLast: accept: no\r\n\r\n"
)


def test_values_are_found_without_case_and_without_the_space_around_them() -> None:
    """Without it, a route or filter would miss a field that the endpoint sees."""
    head = accept(REQUEST)
    assert head.values(b"accept") == head.field_values(b"accept") == [b"text/html", b""]
    assert head.first(b"accept") == b"text/html"
    assert head.first(b"last") == b"accept: no"
    assert head.values(b"ccept") == []
    assert head.first(b"no") is None


def test_what_is_not_sent_on_is_not_seen() -> None:
    """Without it, a client could choose a route or pass a filter by a field that the endpoint never gets."""
    head = accept(REQUEST)
    for name in (b"x-orion-roles", b"x.orion.roles", b"x-named", b"a_b"):
        assert head.values(name) == []
    assert accept(REQUEST, HeadLimits(underscores="allow")).values(b"a_b") == [b"1"]


def test_what_is_written_anew_is_seen_as_it_came() -> None:
    """Without it, no route could match on Host or Upgrade."""
    head = accept(REQUEST)
    for name, value in (
        (b"host", b"a"),
        (b"upgrade", b"h2c"),
        (b"connection", b"x-named, keep-alive"),
        (b"content-length", b"0"),
        (b"te", b"trailers"),
    ):
        assert head.values(name) == [value]


def render(head: Head) -> list[tuple[bytes, bytes]]:
    """Return the fields that go on."""
    rendered = render_response(head, b"", b"")  # type: ignore[arg-type]
    return list_fields(rendered.split(b"\r\n", 1)[1])


def test_all_fields_are_those_that_their_names_find() -> None:
    """Who goes over all fields, to sign or to copy them, would see others than who asks for each by its name."""
    head = accept(REQUEST)
    head.remove(b"last")
    head.add(b"X-Added", b"1")
    head.set(b"accept", b"*/*")
    names = [name for name, _ in head.fields()]
    assert names == [b"Host", b"Connection", b"X-Accept", b"Upgrade", b"Content-Length", b"TE", b"X-Added", b"accept"]
    for name in {name.lower() for name in names}:
        assert [value for found, value in head.fields() if found.lower() == name] == head.values(name)
    received = accept(b"GET / HTTP/1.1\r\nHost: a\r\nA:  1 \t\r\na:\r\n\r\n")
    assert received.fields() == [(b"Host", b"a"), (b"A", b"1"), (b"a", b"")]


def test_edits_are_seen_and_sent() -> None:
    """Without it, a filter would undo or double what another one did."""
    head = accept_response(b"HTTP/1.1 204 No Content\r\nA: 1\r\nB: 2\r\nb: 3\r\nC: 4\r\n\r\n")
    head.add(b"B", b"5")
    assert head.values(b"b") == [b"2", b"3", b"5"]
    assert head.first(b"b") == b"2"
    head.set(b"b", b"6")
    assert head.values(b"b") == [b"6"]
    assert head.first(b"b") == b"6"
    head.remove(b"a")
    assert head.first(b"a") is None
    head.set(b"D", b"7")
    head.set(b"d", b"8")
    assert head.first(b"d") == b"8"
    head.remove(b"nothing")
    assert render(head) == [(b"c", b"4"), (b"b", b"6"), (b"d", b"8")]
    head.remove(b"d")
    head.remove(b"c")
    head.remove(b"c")
    assert render(head) == [(b"b", b"6")]


@pytest.mark.parametrize("name", [b"a", b"b", b"c"])
def test_removing_one_field_leaves_the_others_whole(name: bytes) -> None:
    """Without it, a removed field would take half of its neighbour along."""
    fields = [(b"a", b"1"), (b"b", b"2"), (b"c", b"3")]
    head = accept_response(b"HTTP/1.1 204 No Content\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n")
    head.remove(name)
    assert render(head) == [field for field in fields if field[0] != name]


def test_upgrade_asks_for_a_websocket_among_others() -> None:
    """Without it, a client that offers two protocols would get no WebSocket."""
    fields = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: %b\r\n\r\n"
    protocols = (b"websocket", b"h2c, WebSocket", b"h2c", b"websockets")
    assert [accept(fields % protocol).is_websocket() for protocol in protocols] == [True, True, False, False]
    assert not accept(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").is_websocket()


def test_the_limits_are_those_of_the_table() -> None:
    """Without it, a table without `limits` would not mean what its documentation says."""
    assert (LIMITS.request_line, LIMITS.section, LIMITS.fields, LIMITS.underscores) == (8192, 32768, 128, "drop")


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (HeadLimits(fields=3, underscores="allow"), HeadLimits(fields=3)),
        (ForwardedRules(forwarded=True, pseudonym=b"a"), ForwardedRules(forwarded=True, pseudonym=b"b")),
    ],
)
def test_limits_and_rules_travel_to_the_workers_as_they_are(
    value: HeadLimits | ForwardedRules, other: HeadLimits | ForwardedRules
) -> None:
    """They are compared by value, too: a reload that changes nothing must look like one."""
    there = pickle.loads(pickle.dumps(value))
    assert there == value
    assert hash(there) == hash(value)
    assert value != other
    assert value != (3,)
