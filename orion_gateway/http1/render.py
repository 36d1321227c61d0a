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
from orion_gateway.http1.write import Writer, begin_writing

_CHUNKED = Framing.CHUNKED
_ROOM = 256
"""More bytes than what a head is given besides its fields: ids, framing, and a longer target and host if any."""
_start_of = attrgetter("start")
# What a trusted peer may say once and the gateway says when it did not.
_SAID_ONCE = (b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port")


def render_request(
    head: RequestHead, target: bytes, host: bytes, peer: Peer, ids: Identifiers, own: bytes = b""
) -> bytes:
    """Render the head for the endpoint, `target` and `host` as sent upstream, the gateway's own fields last.

    `own` are whole lines that only this attempt has.
    """
    says_request_id = peer.rules.request_id
    replaced: list[Line] = []
    if head.claims is None:
        described = peer.describe(head.host)
    elif peer.is_trusted:
        described = _continue_claims(head, peer, replaced)
    else:
        for lines in head.claims.values():
            replaced += lines
        described = peer.describe(head.host)
    if says_request_id and head.request_id is not None:
        replaced += head.lines(b"x-request-id")
    if ids.new_traceparent is not None and (head.traceparent is not None or head.has_tracestate):
        replaced += head.lines(b"traceparent") + head.lines(b"tracestate")
    spends_hop = head.max_forwards > 0 and head.method in (b"OPTIONS", b"TRACE")  # RFC 9110, section 7.6.2
    if spends_hop:
        replaced += head.lines(b"max-forwards")

    out = begin_writing(len(head.raw) + len(described) + len(own) + _ROOM)
    out.put(head.method)
    out.put(b" ")
    out.put(target)
    out.put(b" HTTP/1.1\r\nHost: ")
    out.put(host)
    out.put(b"\r\n")
    _put_fields(out, head, head.cuts + replaced if replaced else head.cuts)
    out.put(described)
    if says_request_id:
        out.put(b"X-Request-Id: ")
        out.put(ids.request_id)
        out.put(b"\r\n")
    if ids.new_traceparent is not None:
        out.put(b"traceparent: ")
        out.put(ids.new_traceparent)
        out.put(b"\r\n")
    if own:
        out.put(own)
    if spends_hop:
        out.put(b"Max-Forwards: ")
        out.put_number(head.max_forwards - 1)
        out.put(b"\r\n")
    if head.framing is _CHUNKED:
        out.put(b"Transfer-Encoding: chunked\r\n")
    elif head.content_length >= 0:
        _put_length(out, head.content_length)
    out.put(b"TE: trailers\r\nConnection: TE\r\n\r\n" if head.trailers else b"\r\n")
    return out.take()


def render_response(head: ResponseHead, framing: bytes, own: bytes) -> bytes:
    """Render the head for the client. `framing` is its framing line unless Content-Length, `own` other lines."""
    out = begin_writing(len(head.raw) + len(own) + _ROOM)
    out.put(b"HTTP/1.1 ")
    out.put_number(head.status)
    out.put(b" ")
    out.put(head.reason)
    out.put(b"\r\n")
    _put_fields(out, head, head.cuts)
    if head.content_length >= 0:
        _put_length(out, head.content_length)
    else:
        out.put(framing)
    out.put(own)
    out.put(b"\r\n")
    return out.take()


def _put_length(out: Writer, length: int) -> None:
    out.put(b"Content-Length: ")
    out.put_number(length)
    out.put(b"\r\n")


def _put_fields(out: Writer, head: Head, cuts: list[Line]) -> None:
    """Write the received field lines to send on, those between the cuts, and the ones that edits added."""
    position = head.fields_start
    for line in _put_in_order(cuts):
        if line.start > position:
            out.put_part(head.raw, position, line.start)
        if line.end > position:
            position = line.end
    end = len(head.raw) - 2
    if end > position:
        out.put_part(head.raw, position, end)
    for added in head.added:
        out.put(added)


def _put_in_order(cuts: list[Line]) -> list[Line]:
    """Return the cuts by place. Parsing finds them so; edits and Connection may have added earlier or equal ones."""
    position = 0
    for line in cuts:
        if line.start < position:
            return sorted(cuts, key=_start_of)
        position = line.start
    return cuts


def _continue_claims(head: RequestHead, peer: Peer, replaced: list[Line]) -> bytes:
    """Combine what a trusted peer said in X-Forwarded-* and Forwarded with what this hop adds."""
    rules, claims = peer.rules, head.claims or {}
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
    return b"".join(lines)


def _list_values(head: Head, said: Iterable[Line]) -> list[bytes]:
    values = [head.value_at(line) for line in said]
    return [value for value in values if value]
