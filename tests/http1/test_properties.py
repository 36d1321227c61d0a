"""What holds for any bytes: nothing raises, no cut changes a verdict, and what is sent on means what was received."""

from ipaddress import ip_address, ip_network
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orion_gateway.http1.body import BodyRefused, ChunkedBody, encode_chunk, encode_last_chunk
from orion_gateway.http1.fields import HOP_BY_HOP, ForwardedRules, Peer, find_client
from orion_gateway.http1.head import (
    HeadLimits,
    Refusal,
    RequestHead,
    ResponseHead,
    choose_identifiers,
    parse_request,
    parse_response,
    render_request,
    render_response,
)
from tests.http1.feeding import LIMITS, cut, describe, feed_body, feed_request, feed_response, list_fields
from tests.http1.messages import make_requests, make_response

SMALL = HeadLimits(request_line=24, section=64, fields=3, underscores="reject")
# The same examples in every run; `fuzz` is for finding new ones.
EXAMPLES = settings(
    max_examples=300, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)

randoms = st.randoms(use_true_random=False)
requests = st.builds(make_requests, randoms) | st.binary(max_size=200)
responses = st.builds(make_response, randoms) | st.binary(max_size=200).map(lambda data: b"HTTP/1.1 200 " + data)
rules = st.builds(ForwardedRules, *[st.booleans()] * 5, st.sampled_from([(), (ip_network("192.0.2.0/24"),)]))


@EXAMPLES
@given(requests, st.sampled_from([LIMITS, SMALL]), randoms)
def test_no_cut_changes_what_a_request_means(data: bytes, limits: HeadLimits, rng: Random) -> None:
    """Without it, the network would decide which requests are served; and no bytes may crash a worker."""
    whole, used = parse_request(data, limits)
    for pieces in ([data[i : i + 1] for i in range(len(data))], cut(data, rng, 5)):
        verdict, rest = feed_request(pieces, limits)
        assert describe(verdict) == describe(whole)
        if isinstance(whole, RequestHead):
            assert data[used:].startswith(rest)


@EXAMPLES
@given(responses, st.sampled_from([LIMITS, SMALL]), st.sampled_from([b"GET", b"HEAD"]), randoms)
def test_no_cut_changes_what_a_response_means(data: bytes, limits: HeadLimits, method: bytes, rng: Random) -> None:
    """Without it, a client would get a 502 or an answer, as the network likes."""
    whole, _ = parse_response(data, limits, method)
    for pieces in ([data[i : i + 1] for i in range(len(data))], cut(data, rng, 5)):
        verdict, _ = feed_response(pieces, method, limits)
        assert describe(verdict) == describe(whole)


@EXAMPLES
@given(requests, st.booleans(), rules)
def test_a_request_sent_on_means_what_was_received(data: bytes, allows: bool, rules: ForwardedRules) -> None:
    """Without it, a byte of a client could become a line of its own on the way, and a request within a request."""
    head, _ = parse_request(data, HeadLimits(underscores="allow" if allows else "drop"))
    if not isinstance(head, RequestHead):
        return
    peer = Peer(ip_address("192.0.2.1"), 80, b"http", rules)
    ids = choose_identifiers(head, rules, bytes(range(24)), peer.is_trusted)
    host = head.host or b"endpoint"
    sent = render_request(head, head.target, host, peer, ids)
    assert sent.count(b"\r\n\r\n") == 1
    assert sent.count(b"\n") == sent.count(b"\r") == sent.count(b"\r\n")
    again, used = parse_request(
        sent, HeadLimits(request_line=1 << 20, section=1 << 20, fields=1000, underscores="allow")
    )
    assert isinstance(again, RequestHead), again
    assert used == len(sent)
    for name in ("method", "target", "path", "query", "framing", "content_length", "expects_continue", "trailers"):
        assert getattr(again, name) == getattr(head, name), name
    assert (again.minor, again.host) == (1, host)
    names = {name for name, _ in list_fields(sent[again.fields_start :])}
    assert not names & (HOP_BY_HOP - {b"te", b"connection", b"transfer-encoding"})
    if peer.is_trusted:
        assert (
            again.values(b"x-forwarded-proto")[:1]
            == (head.values(b"x-forwarded-proto") or [b"http"] * rules.x_forwarded)[-1:]
        )
    else:
        assert again.values(b"x-forwarded-for") == [b"192.0.2.1"] * rules.x_forwarded


@EXAMPLES
@given(responses, st.sampled_from([b"GET", b"HEAD"]))
def test_a_response_sent_on_means_what_was_received(data: bytes, method: bytes) -> None:
    """Without it, an endpoint's byte could split one answer into two."""
    head, _ = parse_response(data, LIMITS, method)
    if not isinstance(head, ResponseHead):
        return
    sent = render_response(head, b"", b"")
    assert sent.count(b"\r\n\r\n") == 1
    assert sent.count(b"\n") == sent.count(b"\r") == sent.count(b"\r\n")
    again, used = parse_response(sent, LIMITS, method)
    assert isinstance(again, ResponseHead), again
    assert used == len(sent)
    assert (again.status, again.content_length) == (head.status, head.content_length)
    names = {name for name, _ in list_fields(sent[again.fields_start :])}
    assert not names & HOP_BY_HOP


@EXAMPLES
@given(st.lists(st.lists(st.binary(max_size=40), max_size=3), max_size=5), randoms)
def test_chunks_survive_any_cut(payloads: list[list[bytes]], rng: Random) -> None:
    """Without it, an upload would arrive changed when the network was busy."""
    data = b"".join(piece for payload in payloads for piece in encode_chunk(payload)) + encode_last_chunk()
    received = feed_body(ChunkedBody(), cut(data + b"next", rng, 12))
    assert received == (b"".join(map(b"".join, payloads)), b"next")


@EXAMPLES
@given(
    st.lists(
        st.sampled_from([b"5", b"0", b"\r\n", b"\n", b"hello", b";a=b", b"A: b", b" ", b"\x00"]) | st.binary(max_size=5)
    ),
    randoms,
)
def test_no_cut_changes_what_chunks_mean(parts: list[bytes], rng: Random) -> None:
    """Without it, a body would be accepted whole and refused in pieces; and no bytes may crash a worker."""
    data = b"".join(parts)
    verdicts = []
    for pieces in ([data], [data[i : i + 1] for i in range(len(data))], cut(data, rng, 5)):
        body = ChunkedBody(20)
        try:
            payload, rest = feed_body(body, pieces)
        except BodyRefused:
            verdicts.append((b"", b"", True))
        else:
            verdicts.append((payload, rest, body.done))
    assert verdicts[0] == verdicts[1] == verdicts[2]


@EXAMPLES
@given(st.binary(max_size=60))
def test_no_address_crashes(text: bytes) -> None:
    """Without it, one X-Forwarded-For could take a connection down."""
    everybody = ForwardedRules(trusted=(ip_network("0.0.0.0/0"), ip_network("::/0")))
    head, _ = parse_request(b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: %b\r\n\r\n" % text, LIMITS)
    if isinstance(head, Refusal):
        return
    assert head is not None
    client = find_client(ip_address("192.0.2.1"), b",".join(head.values(b"x-forwarded-for")), everybody)
    assert client is not None
    assert client in everybody.trusted[client.version == 6]
