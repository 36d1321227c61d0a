"""What goes on: hop-by-hop fields out, the gateway's own in, and no way for a client to have it otherwise."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from orion_gateway.http1.fields import ForwardedRules, Peer
from orion_gateway.http1.head import HeadLimits, Identifiers, render_request, render_response
from tests.http1.feeding import LIMITS, Fields, accept, accept_response, list_fields

IDS = Identifiers(b"the-id", b"7" * 32, b"00-new")
KEPT_IDS = Identifiers(b"the-id", b"7" * 32, None)
OFF = ForwardedRules(via=False, x_forwarded=False, request_id=False, traceparent=False)
ALL = ForwardedRules(forwarded=True)

SWITCHES = ("via", "x_forwarded", "forwarded", "request_id", "traceparent")


def change(rules: ForwardedRules, **values: Any) -> ForwardedRules:
    """Return these rules with other values; whom they trust is not taken over."""
    return ForwardedRules(**{name: getattr(rules, name) for name in SWITCHES} | values)


def peer(
    rules: ForwardedRules = OFF, *, trusted: bool = False, address: str | None = "192.0.2.1", port: int = 8080
) -> Peer:
    """Return a client with these rules."""
    if trusted:
        switches = {
            name: getattr(rules, name) for name in ("via", "x_forwarded", "forwarded", "request_id", "traceparent")
        }
        rules = ForwardedRules(**switches, trusted=(ip_network("192.0.2.0/24"),))
    return Peer(None if address is None else ip_address(address), port, b"http", rules)


def send_on(
    *lines: bytes,
    client: Peer | None = None,
    ids: Identifiers = KEPT_IDS,
    start: bytes = b"GET / HTTP/1.1",
    host: bytes | None = b"a",
    limits: HeadLimits = LIMITS,
) -> Fields:
    """Return the fields as sent upstream of a request with these field lines; Host is checked and left out."""
    hosts = [] if host is None else [b"Host: " + host]
    head = accept(b"".join(line + b"\r\n" for line in [start, *hosts, *lines, b""]), limits)
    rendered = render_request(head, head.target, host or b"endpoint", client or peer(), ids)
    assert rendered == render_request(head, head.target, host or b"endpoint", client or peer(), ids)
    opening, section = rendered.split(b"\r\n", 1)
    assert opening == b"%b %b HTTP/1.1" % (head.method, head.target)
    assert section.endswith(b"\r\n\r\n") or section == b"\r\n"
    first, *fields = list_fields(section)
    assert first == (b"host", host or b"endpoint")
    assert b"host" not in dict(fields)
    return fields


# -- hop-by-hop ------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        b"Connection",
        b"HTTP2-Settings",
        b"Keep-Alive",
        b"Proxy-Authenticate",
        b"Proxy-Authentication-Info",
        b"Proxy-Authorization",
        b"Proxy-Connection",
        b"TE",
        b"Trailer",
        b"Upgrade",
    ],
)
def test_hop_by_hop_fields_stay_here_in_both_directions(name: bytes) -> None:
    """Without it, credentials for this proxy and promises about this connection would reach the other side."""
    assert send_on(name + b": x", b"Kept: 1", name.upper() + b":x") == [(b"kept", b"1")]
    head = accept_response(b"HTTP/1.1 204 No Content\r\n%b: x\r\nKept: 1\r\n%b:x\r\n\r\n" % (name, name.lower()))
    assert render_response(head, b"", b"") == b"HTTP/1.1 204 No Content\r\nKept: 1\r\n\r\n"


def test_what_connection_names_stays_here_whatever_its_case() -> None:
    """Without it, a field meant for one hop would travel on (RFC 9110, section 7.6.1)."""
    fields = send_on(
        b"X-One: 1", b"Connection: X-ONE ,close", b"x-two: 2", b"Connection:\tx-two", b"X-Three: 3", b"X-ONE: 4"
    )
    assert fields == [(b"x-three", b"3")]
    head = accept_response(b"HTTP/1.1 200 OK\r\nConnection: x-one\r\nX-One: 1\r\nX-Two: 2\r\nContent-Length: 3\r\n\r\n")
    assert (
        render_response(head, b"", b"Own: 1\r\n")
        == b"HTTP/1.1 200 OK\r\nX-Two: 2\r\nContent-Length: 3\r\nOwn: 1\r\n\r\n"
    )


@pytest.mark.parametrize("case", [bytes.lower, bytes.title, bytes.upper])
def test_connection_cannot_take_away_what_the_gateway_says_or_judged(case: object) -> None:
    """Without it, a client could hide its address or undo its framing (CVE-2024-45410, CVE-2026-29054)."""
    assert callable(case)
    named = b"x-forwarded-for, x-forwarded-proto, x-forwarded-host, x-forwarded-port, forwarded, via, x-request-id,"
    named += b" traceparent, host, content-length, expect, x-orion-subject, connection"
    lines = (
        b"Connection: " + case(named),
        b"Content-Length: 5",
        b"Expect: 100-continue",
        b"X-Request-Id: mine",
        b"Via: 1.1 lb",
    )
    fields = send_on(*lines, client=peer(ALL), ids=IDS)
    assert fields == [
        (b"expect", b"100-continue"),
        (b"via", b"1.1 lb"),
        (b"via", b"1.1 orion"),
        (b"x-forwarded-for", b"192.0.2.1"),
        (b"x-forwarded-proto", b"http"),
        (b"x-forwarded-host", b"a"),
        (b"x-forwarded-port", b"8080"),
        (b"forwarded", b'for=192.0.2.1;proto=http;host="a"'),
        (b"x-request-id", b"the-id"),
        (b"traceparent", b"00-new"),
        (b"content-length", b"5"),
    ]
    behind_proxy = (
        b"X-Forwarded-For: 198.51.100.7",
        b"X-Forwarded-Proto: https",
        b"Forwarded: for=x",
        b"traceparent: 00-old",
    )
    fields = send_on(*lines, *behind_proxy, client=peer(ALL, trusted=True))
    assert dict(fields)[b"x-forwarded-for"] == b"198.51.100.7, 192.0.2.1"
    assert dict(fields)[b"x-forwarded-proto"] == b"https"
    assert dict(fields)[b"forwarded"].startswith(b"for=x, for=192.0.2.1")
    assert dict(fields)[b"traceparent"] == b"00-old"


def test_trailers_are_asked_for_when_the_client_can_take_them() -> None:
    """Without it, gRPC's status would never come."""
    assert send_on(b"TE: trailers, deflate;q=0.5") == [(b"te", b"trailers"), (b"connection", b"TE")]
    assert send_on(b"TE: deflate") == []


# -- framing and Host -------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        (b"content-LENGTH:005", (b"content-length", b"5")),
        (b"Content-Length: 0", (b"content-length", b"0")),
        (b"transfer-encoding: Chunked", (b"transfer-encoding", b"chunked")),
    ],
)
def test_framing_is_written_from_what_was_judged(line: bytes, sent: tuple[bytes, bytes]) -> None:
    """Without it, the endpoint would read the client's spelling of a length, and perhaps read it otherwise."""
    assert send_on(line) == [sent]


def test_other_spellings_of_framing_fields_stay_here() -> None:
    """Without it, a server that maps `_` and `.` to `-` would see two lengths."""
    lines = [b"Content_Length: 9", b"content.length: 9", b"Transfer_Encoding: chunked", b"transfer.encoding: chunked"]
    assert send_on(*lines, b"Content-Length: 5", limits=HeadLimits(underscores="allow")) == [(b"content-length", b"5")]


def test_host_is_what_the_route_says_and_comes_first() -> None:
    """Without it, the endpoint could see the client's Host beside the rewritten one."""
    head = accept(b"GET / HTTP/1.1\r\nA: 1\r\nHost: public:8080\r\n\r\n")
    assert (
        render_request(head, b"/base/", b"internal", peer(), KEPT_IDS)
        == b"GET /base/ HTTP/1.1\r\nHost: internal\r\nA: 1\r\n\r\n"
    )
    assert send_on(start=b"GET / HTTP/1.0", host=None) == []


def test_response_framing() -> None:
    """Without it, a client would wait for a body that never comes, or read one that is none."""
    ok = b"HTTP/1.1 200 OK\r\n"
    chunked = b"Transfer-Encoding: chunked\r\n"
    for received, method, framing, sent in (
        (ok + b"content-length:05\r\n\r\n", b"GET", b"", ok + b"Content-Length: 5\r\n\r\n"),
        (ok + b"content-length:05\r\n\r\n", b"HEAD", b"", ok + b"Content-Length: 5\r\n\r\n"),
        (ok + b"transfer-encoding: chunked\r\n\r\n", b"GET", chunked, ok + chunked + b"\r\n"),
        (ok + b"\r\n", b"GET", chunked, ok + chunked + b"\r\n"),
        (b"HTTP/1.0 200 OK\r\n\r\n", b"GET", b"", ok + b"\r\n"),
        (b"HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", b"GET", b"", b"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n"),
        (b"HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n", b"GET", b"", b"HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n"),
        (b"HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n", b"GET", b"", b"HTTP/1.1 204 X\r\n\r\n"),
        (b"HTTP/1.1 103 X\r\nContent-Length: 0\r\nLink: y\r\n\r\n", b"GET", b"", b"HTTP/1.1 103 X\r\nLink: y\r\n\r\n"),
    ):
        assert render_response(accept_response(received, method), framing, b"") == sent


# -- the gateway's own fields -----------------------------------------------


@pytest.mark.parametrize(
    "claim", [b"X-Forwarded-For", b"x-forwarded-PROTO", b"X-Forwarded-User", b"X-Forwarded-Prefix", b"Forwarded"]
)
@pytest.mark.parametrize("rules", [OFF, ALL])
def test_claims_of_a_stranger_are_dropped_even_where_nothing_replaces_them(claim: bytes, rules: ForwardedRules) -> None:
    """Without it, anybody could choose the address by which limits and logs know them."""
    honest = send_on(b"A: 1", client=peer(rules))
    assert send_on(claim + b": 10.0.0.1", b"A: 1", claim + b": x", client=peer(rules)) == honest


def test_own_fields_are_switched_one_by_one() -> None:
    """Without it, `forwarded: {via: false}` would switch off more or less than it says."""
    x_forwarded = [b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port"]
    for rules, fields in (
        (change(OFF, via=True), [b"via"]),
        (change(OFF, x_forwarded=True), x_forwarded),
        (change(OFF, forwarded=True), [b"forwarded"]),
        (change(OFF, request_id=True), [b"x-request-id"]),
        (OFF, []),
    ):
        assert [field for field, _ in send_on(client=peer(rules))] == fields


def test_a_trusted_proxy_is_believed_and_continued() -> None:
    """Without it, the client's address would be lost behind a load balancer."""
    lines = (
        b"X-Forwarded-For: 198.51.100.7",
        b"x-forwarded-for: , 203.0.113.9",
        b"X-Forwarded-For:",
        b"X-Forwarded-Proto: https",
        b"X-Forwarded-User: u",
        b"Forwarded: for=198.51.100.7",
        b"Forwarded:",
        b"Forwarded: for=unknown",
        b"Via: 1.1 lb",
    )
    assert send_on(*lines, client=peer(ALL, trusted=True)) == [
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-user", b"u"),
        (b"via", b"1.1 lb"),
        (b"via", b"1.1 orion"),
        (b"x-forwarded-for", b"198.51.100.7, , 203.0.113.9, 192.0.2.1"),
        (b"x-forwarded-host", b"a"),
        (b"x-forwarded-port", b"8080"),
        (b"forwarded", b'for=198.51.100.7, for=unknown, for=192.0.2.1;proto=http;host="a"'),
        (b"x-request-id", b"the-id"),
    ]
    switched_off = send_on(*lines, client=peer(OFF, trusted=True))
    assert switched_off == [(line.partition(b":")[0].lower(), line.partition(b":")[2].strip()) for line in lines]


def test_of_what_a_trusted_proxy_says_twice_the_last_counts() -> None:
    """Without it, a proxy that only appends would pass on what a client wrote before it."""
    lines = (
        b"X-Forwarded-Proto: https",
        b"X-Forwarded-Host: evil",
        b"X-Forwarded-Proto: http",
        b"X-Forwarded-Host: good",
    )
    for rules in (ALL, OFF):
        fields = send_on(*lines, client=peer(rules, trusted=True))
        assert [f for f in fields if f[0] in (b"x-forwarded-proto", b"x-forwarded-host")] == [
            (b"x-forwarded-proto", b"http"),
            (b"x-forwarded-host", b"good"),
        ]


ALIASES = [
    name.replace(b"-", separator, count)
    for name in (
        b"x-forwarded-for",
        b"x-orion-subject",
        b"x-orion-roles",
        b"x-request-id",
        b"max-forwards",
        b"proxy-authorization",
        b"content-length",
    )
    for separator in (b"_", b".")
    for count in (1, 9)
]


@pytest.mark.parametrize("alias", ALIASES)
def test_no_other_spelling_of_a_managed_field_passes(alias: bytes) -> None:
    """Without it, a client could be whoever it likes for servers that map `_` and `.` to `-` (CVE-2026-88011)."""
    for limits in (LIMITS, HeadLimits(underscores="allow")):
        for client in (peer(), peer(trusted=True)):
            assert send_on(alias + b": 1", alias.upper() + b": 2", client=client, limits=limits) == []


def test_identity_fields_are_never_taken_from_outside() -> None:
    """Without it, anybody could be any user for the backends."""
    assert send_on(b"X-Orion-Subject: root", b"x-orion-anything: x", client=peer(trusted=True)) == []


def test_names_that_only_look_alike_pass() -> None:
    """Without it, a field that is nobody's business would vanish."""
    lines = [b"X-Orion: 1", b"X-Forwarded: 1", b"XX-Forwarded-For: 1", b"Accept.Language: de", b"Hosts: 1", b"Via-X: 1"]
    assert [name for name, _ in send_on(*lines)] == [line.partition(b":")[0].lower() for line in lines]


@pytest.mark.parametrize(
    ("address", "port", "expected"),
    [
        ("2001:db8::1", 80, [b"2001:db8::1", b"http", b"a", b"80", b'for="[2001:db8::1]";proto=http;host="a"']),
        (None, 0, [b"http", b"a", b'for=unknown;proto=http;host="a"']),
    ],
)
def test_every_kind_of_peer_is_described(address: str | None, port: int, expected: list[bytes]) -> None:
    """Without it, an IPv6 client or one on a Unix socket would make a field nobody can read (RFC 7239, section 6)."""
    rules = ForwardedRules(via=False, forwarded=True, request_id=False)
    assert [value for _, value in send_on(client=peer(rules, address=address, port=port))] == expected


def test_no_host_is_no_claim() -> None:
    """Without it, an HTTP/1.0 request would carry an empty X-Forwarded-Host."""
    rules = ForwardedRules(via=False, forwarded=True, request_id=False)
    fields = send_on(start=b"GET / HTTP/1.0", host=None, client=peer(rules))
    assert b"x-forwarded-host" not in dict(fields)
    assert dict(fields)[b"forwarded"] == b"for=192.0.2.1;proto=http"


def test_a_peer_that_asks_for_another_host_is_described_anew() -> None:
    """Without it, requests of one connection would carry the host of an earlier one."""
    client = peer(ForwardedRules(via=False, request_id=False))
    for host in (b"a", b"b", b"a"):
        assert dict(send_on(host=host, client=client))[b"x-forwarded-host"] == host


def test_ids_replace_what_came() -> None:
    """Without it, an endpoint would see two ids and log either."""
    rules = ForwardedRules(via=False, x_forwarded=False)
    lines = (b"X-Request-Id: mine", b"traceparent: bad", b"tracestate: a=b", b"x-request-id: other", b"Tracestate: c=d")
    assert send_on(*lines, client=peer(rules), ids=IDS) == [(b"x-request-id", b"the-id"), (b"traceparent", b"00-new")]
    assert send_on(b"tracestate: a=b", client=peer(rules), ids=IDS) == [
        (b"x-request-id", b"the-id"),
        (b"traceparent", b"00-new"),
    ]
    assert send_on(*lines, client=peer(OFF), ids=KEPT_IDS) == [
        (b"x-request-id", b"mine"),
        (b"traceparent", b"bad"),
        (b"tracestate", b"a=b"),
        (b"x-request-id", b"other"),
        (b"tracestate", b"c=d"),
    ]


@pytest.mark.parametrize(
    ("method", "received", "sent"),
    [
        (b"TRACE", [b"Max-Forwards: 3"], [(b"max-forwards", b"2")]),
        (b"OPTIONS", [b"max-forwards: 1", b"Max-Forwards: 9"], [(b"max-forwards", b"0")]),
        (b"OPTIONS", [b"Max-Forwards: x"], [(b"max-forwards", b"x")]),
        (b"GET", [b"Max-Forwards: 3"], [(b"max-forwards", b"3")]),
    ],
)
def test_max_forwards_counts_down(method: bytes, received: list[bytes], sent: Fields) -> None:
    """Without it, a TRACE in a loop would never end (RFC 9110, section 7.6.2)."""
    assert send_on(*received, start=method + b" / HTTP/1.1") == sent


def test_expect_is_passed_on_only_where_it_means_something() -> None:
    """Without it, an endpoint would be asked for an interim answer that the client does not wait for."""
    assert send_on(b"Expect: 100-continue") == []
    assert send_on(b"Expect: 100-continue", b"Content-Length: 1") == [
        (b"expect", b"100-continue"),
        (b"content-length", b"1"),
    ]
    assert send_on(b"Expect: 100-continue", b"Content-Length: 1", start=b"POST / HTTP/1.0") == [
        (b"content-length", b"1")
    ]


def test_edits_are_sent_and_cannot_break_the_framing() -> None:
    """Without it, a filter's field would be lost, or its removal of Content-Length would make a body a request."""
    head = accept(b"POST / HTTP/1.1\r\nHost: a\r\nA: 1\r\nContent-Length: 5\r\n\r\n")
    head.set(b"a", b"2")
    head.add(b"B", b"3")
    head.remove(b"content-length")
    head.remove(b"host")
    sent = render_request(head, b"/", b"a", peer(), KEPT_IDS)
    assert sent == b"POST / HTTP/1.1\r\nHost: a\r\na: 2\r\nB: 3\r\nContent-Length: 5\r\n\r\n"
