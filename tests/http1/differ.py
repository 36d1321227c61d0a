"""Compare our reading of a message with those of llhttp and h11, and have both read what we would send on.

What ours accepts, both must accept with the same meaning: method, target, version, fields, body, and where the next
message begins. What ours refuses may be read by others as they like: nobody behind the gateway will see it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network

from orion_gateway.http1.body import encode_chunk, encode_last_chunk
from orion_gateway.http1.fields import HOP_BY_HOP, ForwardedRules, Peer
from orion_gateway.http1.head import (
    Framing,
    RequestHead,
    ResponseHead,
    choose_identifiers,
    render_request,
    render_response,
)
from tests.http1.builds import PURE, RUNNING, Codec
from tests.http1.feeding import Fields, describe
from tests.http1.peers import Message, read_requests, read_responses, read_with_h11, read_with_llhttp


@dataclass(frozen=True)
class Exemption:
    """A difference that is right: where the peer is stricter or looser than the clause, and ours follows it."""

    name: str
    peer: str
    aspect: str
    clause: str
    applies: Callable[[Message], bool]


_LLHTTP_METHODS = frozenset(
    b"GET HEAD POST PUT DELETE OPTIONS TRACE PATCH PURGE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND"
    b" REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE MKCALENDAR LINK UNLINK"
    b" SOURCE QUERY".split()
)

EXEMPTIONS = (
    Exemption(
        "llhttp knows no such method",
        "llhttp",
        "message",
        "RFC 9110, section 9.1: a method is any token",
        lambda message: message.method not in _LLHTTP_METHODS,
    ),
    Exemption(
        "llhttp lets keep-alive win in HTTP/1.0",
        "llhttp",
        "persistence",
        "RFC 9112, section 9.3: with `close` the connection does not persist, whatever else is there",
        lambda message: message.version == "1.0" and {b"close", b"keep-alive"} <= set(_connection_options(message)),
    ),
    Exemption(
        "h11 refuses an empty line first",
        "h11",
        "message",
        "RFC 9112, section 2.2: at least one empty line before a request line is ignored",
        lambda message: message.is_behind_empty_line,
    ),
    Exemption(
        "h11 closes after HTTP/1.0",
        "h11",
        "persistence",
        "RFC 9112, section 9.3: HTTP/1.0 with `keep-alive` persists",
        lambda message: message.version == "1.0" and b"keep-alive" in _connection_options(message),
    ),
)


def _connection_options(message: Message) -> list[bytes]:
    assert message.head is not None
    return message.head.connection_tokens


@dataclass(frozen=True)
class Disagreement:
    """A peer that reads otherwise than ours what ours accepts."""

    peer: str
    aspect: str
    ours: Message
    theirs: Message | None

    def __str__(self) -> str:
        return f"{self.peer} reads another {self.aspect}:\n  ours   {self.ours}\n  theirs {self.theirs}"


def check_requests(data: bytes) -> list[Disagreement]:
    """Have all read a client's bytes; return the disagreements, without the exempted ones."""
    return list(compare_requests(read_requests(data), read_with_llhttp(data), read_with_h11(data)))


def check_responses(data: bytes, method: bytes) -> list[Disagreement]:
    """Have all read an endpoint's bytes; return the disagreements, without the exempted ones."""
    llhttp, h11 = read_with_llhttp(data, is_response=True), read_with_h11(data, method=method)
    return list(compare_responses(method, read_responses(data, method), llhttp, h11))


def compare_requests(ours: list[Message], llhttp: list[Message], h11: list[Message]) -> Iterator[Disagreement]:
    """Yield the disagreements about a client's bytes, without the exempted ones."""
    for found in find_disagreements(ours, llhttp, h11):
        if not _is_exempt(found):
            yield found


def find_disagreements(ours: list[Message], llhttp: list[Message], h11: list[Message]) -> Iterator[Disagreement]:
    """Yield the disagreements about a client's bytes, exempted ones too."""
    yield from _compare("llhttp", ours, llhttp)
    yield from _compare("h11", ours, h11)
    for message in ours:
        if message.is_complete:
            yield from _check_request_sent_on(message)


def compare_responses(
    method: bytes, ours: list[Message], llhttp: list[Message], h11: list[Message]
) -> Iterator[Disagreement]:
    """Yield the disagreements about an endpoint's bytes, without the exempted ones."""
    readings = {"h11": h11}
    if method != b"HEAD":  # httptools cannot be told that a response answers HEAD
        readings["llhttp"] = llhttp
    for peer, theirs in readings.items():
        for found in _compare(peer, ours, theirs):
            if not _is_exempt(found):
                yield found
    for message in ours:
        if message.is_complete:
            yield from _check_response_sent_on(message, method)


def compare_builds(ours: list[Message], pure: list[Message]) -> Iterator[str]:
    """Yield where the build that runs and the pure one read otherwise, or render otherwise what they read."""
    if len(ours) != len(pure):
        yield f"{RUNNING.name} reads {len(ours)} messages, {PURE.name} {len(pure)}"
    for one, other in zip(ours, pure, strict=False):
        assert one.head is not None
        assert other.head is not None
        if describe(one.head) != describe(other.head):
            yield f"the builds judge otherwise:\n  {describe(one.head)}\n  {describe(other.head)}"
        elif replace(one, head=None) != replace(other, head=None):
            yield f"the builds read otherwise:\n  {one}\n  {other}"
        elif _render(one.head, RUNNING) != _render(other.head, PURE):
            yield f"the builds render otherwise:\n  {_render(one.head, RUNNING)!r}\n  {_render(other.head, PURE)!r}"


def _render(head: RequestHead | ResponseHead, codec: Codec) -> list[bytes]:
    """Return how one build sends a head on: a response, or a request of a stranger and of somebody who is trusted."""
    if not isinstance(head, codec.head.RequestHead):
        return [codec.head.render_response(head, b"", b"")]
    rendered = []
    for peer in _PEERS[codec.name]:
        ids = codec.head.choose_identifiers(head, peer.rules, _RANDOM, peer.is_trusted)
        rendered.append(codec.head.render_request(head, head.target, head.host, peer, ids))
    return rendered


def _compare(peer: str, ours: list[Message], theirs: list[Message]) -> Iterator[Disagreement]:
    for index, our in enumerate(ours):
        their = theirs[index] if index < len(theirs) else None
        aspects = ["message"] if their is None else list(_differing_aspects(our, their))
        for aspect in aspects:
            yield Disagreement(peer, aspect, our, their)
        if aspects:
            return  # behind a difference every other one follows


def _is_exempt(found: Disagreement) -> bool:
    return any((e.peer, e.aspect) == (found.peer, found.aspect) and e.applies(found.ours) for e in EXEMPTIONS)


def _differing_aspects(our: Message, their: Message) -> Iterator[str]:
    for aspect in ("method", "target", "status", "version"):
        if getattr(our, aspect) != getattr(their, aspect):
            yield aspect
    if _fold_codings(our.fields) != _fold_codings(their.fields):
        yield "fields"
    if not our.is_complete:
        if not our.body.startswith(their.body) and not their.body.startswith(our.body):
            yield "body"
        if their.is_complete and not our.is_refused:
            yield "end"
        return
    if our.body != their.body:
        yield "body"
    if not their.is_complete:
        yield "end"
    elif our.keeps_alive != their.keeps_alive and not 100 <= our.status < 200:
        yield "persistence"
    elif not set(our.trailers) <= set(their.trailers):
        yield "trailers"


def _fold_codings(fields: Fields) -> Fields:
    """Return fields with Transfer-Encoding in lower case, as h11 gives it (RFC 9112, section 7)."""
    return [
        (bytes(name), bytes(value).lower() if name == b"transfer-encoding" else bytes(value)) for name, value in fields
    ]


# -- what is sent on ---------------------------------------------------------------------------------------------------

_PEER = Peer(ip_address("192.0.2.1"), 8080, b"http", ForwardedRules(forwarded=True))
_OWN = frozenset(
    b"host via forwarded x-request-id traceparent content-length transfer-encoding te connection max-forwards".split()
)
_PEERS = {
    codec.name: [
        codec.fields.Peer(address, 80, b"http", codec.fields.ForwardedRules(forwarded=True, trusted=trusted))
        for address in [ip_address("192.0.2.1")]
        for trusted in ((), (ip_network("192.0.2.0/24"),))
    ]
    for codec in (RUNNING, PURE)
}
_RANDOM = bytes(15) + b"\1" + bytes(8)
_NEXT_REQUEST = b"GET /next HTTP/1.1\r\nHost: next\r\n\r\n"
_NEXT_RESPONSE = b"HTTP/1.1 299 Next\r\nContent-Length: 0\r\n\r\n"


def _check_request_sent_on(message: Message) -> Iterator[Disagreement]:
    """Have both peers read a request as it goes upstream, with another one behind it."""
    head = message.head
    assert isinstance(head, RequestHead)
    ids = choose_identifiers(head, _PEER.rules, _RANDOM, False)
    sent = render_request(head, head.target, head.host or b"a", _PEER, ids)
    assert sent == render_request(head, head.target, head.host or b"a", _PEER, ids), "rendering changed the head"
    sent += _reframe(message, is_chunked=head.framing is Framing.CHUNKED)
    expected = Message(head.method, head.target, 0, "1.1", [], message.body)
    for peer, readings in (
        ("llhttp", read_with_llhttp(sent + _NEXT_REQUEST)),
        ("h11", read_with_h11(sent + _NEXT_REQUEST)),
        ("ours", read_requests(sent + _NEXT_REQUEST)),
    ):
        if peer == "llhttp" and head.method not in _LLHTTP_METHODS:
            continue
        if len(readings) != 2 or readings[1].target != b"/next":
            yield Disagreement(peer, "number of requests sent on", message, readings[0] if readings else None)
            continue
        reading = readings[0]
        if any(getattr(reading, a) != getattr(expected, a) for a in ("method", "target", "version", "body")):
            yield Disagreement(peer, "request sent on", message, reading)
        yield from _check_fields_sent_on(peer, message, reading)


def _check_response_sent_on(message: Message, method: bytes) -> Iterator[Disagreement]:
    """Have both peers read a response as it goes downstream, with another one behind it."""
    head = message.head
    assert isinstance(head, ResponseHead)
    if head.status == 101:
        return
    is_chunked = head.framing in (Framing.CHUNKED, Framing.UNTIL_CLOSE)
    sent = render_response(head, b"Transfer-Encoding: chunked\r\n" if is_chunked else b"", b"")
    sent += _reframe(message, is_chunked=is_chunked)
    readings = {"h11": read_with_h11(sent, method=method), "ours": read_responses(sent, method)}
    if method != b"HEAD":
        readings["llhttp"] = read_with_llhttp(sent + _NEXT_RESPONSE, is_response=True)
        if [reading.status for reading in readings["llhttp"]] != [head.status, 299]:
            yield Disagreement("llhttp", "number of responses sent on", message, None)
            return
    for peer, messages in readings.items():
        reading = messages[0] if messages else None
        if reading is None or (reading.status, reading.body, reading.is_complete) != (head.status, message.body, True):
            yield Disagreement(peer, "response sent on", message, reading)
        else:
            yield from _check_fields_sent_on(peer, message, reading)


def _check_fields_sent_on(peer: str, message: Message, reading: Message) -> Iterator[Disagreement]:
    """Expect the received fields in their order without hop-by-hop ones, one framing at most, nothing new but ours."""
    names = [name for name, _ in reading.fields]
    framing = names.count(b"content-length") + names.count(b"transfer-encoding")
    hosts = names.count(b"host")
    rest = iter(message.fields)
    others = [f for f in reading.fields if f[0] not in _OWN and not f[0].startswith(b"x-forwarded-")]
    if (
        framing > 1
        or hosts != (1 if message.method else hosts)
        or not all((bytes(n), bytes(v)) in rest for n, v in others)
    ):
        yield Disagreement(peer, "fields sent on", message, reading)
    if any(name in HOP_BY_HOP - _OWN for name in names):
        yield Disagreement(peer, "hop-by-hop fields sent on", message, reading)


def _reframe(message: Message, *, is_chunked: bool) -> bytes:
    if not is_chunked:
        return message.body
    trailers = b"".join(b"%b: %b\r\n" % field for field in message.trailers)
    return b"".join(encode_chunk([message.body])) + encode_last_chunk(trailers)
