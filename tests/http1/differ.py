"""Compare our reading of a message with those of llhttp and h11, and have both read what we would send on.

What ours accepts, both must accept with the same meaning: method, target, version, fields, body, and where the next
message begins. What ours refuses may be read by others as they like: nobody behind the gateway will see it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

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
from tests.http1.feeding import Fields
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


def compare_requests(data: bytes) -> Iterator[Disagreement]:
    """Yield the disagreements about a client's bytes, without the exempted ones."""
    for found in find_disagreements(data):
        if not _is_exempt(found):
            yield found


def find_disagreements(data: bytes) -> Iterator[Disagreement]:
    """Yield the disagreements about a client's bytes, exempted ones too."""
    messages = read_requests(data)
    if not messages:
        return
    yield from _compare("llhttp", messages, read_with_llhttp(data))
    yield from _compare("h11", messages, read_with_h11(data))
    for message in messages:
        if message.is_complete:
            yield from _check_request_sent_on(message)


def compare_responses(data: bytes, method: bytes) -> Iterator[Disagreement]:
    """Yield the disagreements about an endpoint's bytes, without the exempted ones."""
    messages = read_responses(data, method)
    if not messages:
        return
    readings = {"h11": read_with_h11(data, method=method)}
    if method != b"HEAD":  # httptools cannot be told that a response answers HEAD
        readings["llhttp"] = read_with_llhttp(data, is_response=True)
    for peer, theirs in readings.items():
        for found in _compare(peer, messages, theirs):
            if not _is_exempt(found):
                yield found
    for message in messages:
        if message.is_complete:
            yield from _check_response_sent_on(message, method)


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
