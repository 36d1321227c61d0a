"""Write heads out again: what was received between the cuts, then the gateway's own lines, which no field can remove.

Host and framing are always written from what was judged, never copied (RFC 9112, section 6). Rendering changes no head:
a request that is repeated is rendered again.
"""

from collections.abc import Iterable
from operator import attrgetter

from orion_gateway.http1.fields import Peer
from orion_gateway.http1.identifiers import Identifiers
from orion_gateway.http1.parsed import Framing, Head, RequestHead, ResponseHead
from orion_gateway.http1.scan import Line

_CHUNKED = Framing.CHUNKED
_start_of = attrgetter("start")
# What a trusted peer may say once and the gateway says when it did not.
_SAID_ONCE = (b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port")


def render_request(head: RequestHead, target: bytes, host: bytes, peer: Peer, ids: Identifiers) -> bytes:
    """Render the head for the endpoint, `target` and `host` as sent upstream, the gateway's own fields last."""
    rules = peer.rules
    replaced: list[Line] = []
    if not head.claims:
        own = [peer.describe(head.host)]
    elif peer.is_trusted:
        own = _continue_claims(head, peer, replaced)
    else:
        for lines in head.claims.values():
            replaced += lines
        own = [peer.describe(head.host)]
    if rules.request_id:
        if head.request_id is not None:
            replaced += head.lines(b"x-request-id")
        own += (b"X-Request-Id: ", ids.request_id, b"\r\n")
    if ids.new_traceparent is not None:
        if head.traceparent is not None or head.has_tracestate:
            replaced += head.lines(b"traceparent") + head.lines(b"tracestate")
        own += (b"traceparent: ", ids.new_traceparent, b"\r\n")
    if head.max_forwards > 0 and head.method in (b"OPTIONS", b"TRACE"):  # RFC 9110, section 7.6.2
        replaced += head.lines(b"max-forwards")
        own.append(b"Max-Forwards: %d\r\n" % (head.max_forwards - 1))
    if head.framing is _CHUNKED:
        own.append(b"Transfer-Encoding: chunked\r\n")
    elif head.content_length >= 0:
        own.append(_length_line(head.content_length))
    own.append(b"TE: trailers\r\nConnection: TE\r\n\r\n" if head.trailers else b"\r\n")
    pieces = [head.method, b" ", target, b" HTTP/1.1\r\nHost: ", host, b"\r\n"]
    _add_fields(pieces, head, head.cuts + replaced if replaced else head.cuts)
    pieces += own
    return b"".join(pieces)


def render_response(head: ResponseHead, framing: bytes, own: bytes) -> bytes:
    """Render the head for the client. `framing` is its framing line unless Content-Length, `own` other lines."""
    pieces = [f"HTTP/1.1 {head.status} ".encode("ascii"), head.reason, b"\r\n"]
    _add_fields(pieces, head, head.cuts)
    pieces += (framing if head.content_length < 0 else _length_line(head.content_length), own, b"\r\n")
    return b"".join(pieces)


def _length_line(length: int) -> bytes:
    return f"Content-Length: {length}\r\n".encode("ascii")


def _add_fields(pieces: list[bytes], head: Head, cuts: list[Line]) -> None:
    """Add the received field lines to send on, those between the cuts, and the ones that edits added."""
    raw, position = head.raw, head.fields_start
    for line in _put_in_order(cuts):
        if line.start > position:
            pieces.append(raw[position : line.start])
        if line.end > position:
            position = line.end
    end = len(head.raw) - 2
    if end > position:
        pieces.append(raw[position:end])
    pieces += head.added


def _put_in_order(cuts: list[Line]) -> list[Line]:
    """Return the cuts by place. Parsing finds them so; edits and Connection may have added earlier or equal ones."""
    position = 0
    for line in cuts:
        if line.start < position:
            return sorted(cuts, key=_start_of)
        position = line.start
    return cuts


def _continue_claims(head: RequestHead, peer: Peer, replaced: list[Line]) -> list[bytes]:
    """Combine what a trusted peer said in X-Forwarded-* and Forwarded with what this hop adds."""
    rules, claims = peer.rules, head.claims
    lines = [peer.via]
    for name in _SAID_ONCE:
        # The peer itself wrote the last one; those before it are somebody else's.
        replaced += claims.get(name, ())[:-1]
    if rules.x_forwarded:
        said = claims.get(b"x-forwarded-for", ())
        replaced += said
        lines.append(b"X-Forwarded-For: %b\r\n" % b", ".join([*_list_values(head, said), peer.text]))
        lines += [line for name, line in peer.describe_once(head.host) if name not in claims]
    if rules.forwarded:
        said = claims.get(b"forwarded", ())
        replaced += said
        lines.append(b"Forwarded: %b\r\n" % b", ".join([*_list_values(head, said), peer.forwarded_element(head.host)]))
    return lines


def _list_values(head: Head, said: Iterable[Line]) -> list[bytes]:
    values = [head.value_at(line) for line in said]
    return [value for value in values if value]
