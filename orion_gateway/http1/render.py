"""Write heads out again: what was received between the cuts, then the gateway's own lines, which no field can remove.

Host and framing are always written from what was judged, never copied (RFC 9112, section 6). Rendering changes no head:
a request that is repeated is rendered again.
"""

from collections.abc import Sequence
from operator import attrgetter

from orion_gateway.http1.fields import Peer
from orion_gateway.http1.identifiers import Identifiers
from orion_gateway.http1.parsed import Framing, Head, RequestHead, ResponseHead
from orion_gateway.http1.scan import Line

_start_of = attrgetter("start")
# What a trusted peer may say once and the gateway says when it did not.
_SAID_ONCE = (b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port")


def render_request(head: RequestHead, target: bytes, host: bytes, peer: Peer, ids: Identifiers) -> bytes:
    """Render the head for the endpoint, `target` and `host` as sent upstream, the gateway's own fields last."""
    rules = peer.rules
    replaced: list[Line] = []
    if not head.claims:
        own = peer.describe(head.host)
    elif peer.is_trusted:
        own = _continue_claims(head, peer, replaced)
    else:
        for spans in head.claims.values():
            replaced += spans
        own = peer.describe(head.host)
    if rules.request_id:
        if head.request_id is not None:
            replaced += head.lines(b"x-request-id")
        own += b"X-Request-Id: %b\r\n" % ids.request_id
    if ids.new_traceparent is not None:
        if head.traceparent is not None or head.has_tracestate:
            replaced += head.lines(b"traceparent") + head.lines(b"tracestate")
        own += b"traceparent: %b\r\n" % ids.new_traceparent
    if head.max_forwards > 0 and head.method in (b"OPTIONS", b"TRACE"):  # RFC 9110, section 7.6.2
        replaced += head.lines(b"max-forwards")
        own += b"Max-Forwards: %d\r\n" % (head.max_forwards - 1)
    if head.framing is Framing.CHUNKED:
        own += b"Transfer-Encoding: chunked\r\n"
    elif head.content_length >= 0:
        own += b"Content-Length: %d\r\n" % head.content_length
    if head.trailers:
        own += b"TE: trailers\r\nConnection: TE\r\n"
    return b"%b %b HTTP/1.1\r\nHost: %b\r\n%b%b\r\n" % (head.method, target, host, _render_fields(head, replaced), own)


def render_response(head: ResponseHead, framing: bytes, own: bytes) -> bytes:
    """Render the head for the client. `framing` is its framing line unless Content-Length, `own` other lines."""
    if head.content_length >= 0:
        framing = b"Content-Length: %d\r\n" % head.content_length
    return b"HTTP/1.1 %d %b\r\n%b%b%b\r\n" % (head.status, head.reason, _render_fields(head), framing, own)


def _render_fields(head: Head, replaced: Sequence[Line] = ()) -> bytes:
    """Return the received field lines to send on, without `replaced` ones, and the added ones."""
    raw, position = head.raw, head.fields_start
    pieces = []
    # Parsing finds cuts in order; edits and Connection may have added earlier or equal ones.
    for line in sorted([*head.cuts, *replaced], key=_start_of):
        if line.start > position:
            pieces.append(raw[position : line.start])
        if line.end > position:
            position = line.end
    pieces.append(raw[position:-2])
    pieces += head.added
    return b"".join(pieces)


def _continue_claims(head: RequestHead, peer: Peer, replaced: list[Line]) -> bytes:
    """Combine what a trusted peer said in X-Forwarded-* and Forwarded with what this hop adds."""
    rules, claims = peer.rules, head.claims
    lines = [peer.via]
    for name in _SAID_ONCE:
        # The peer itself wrote the last one; those before it are somebody else's.
        replaced += claims.get(name, ())[:-1]
    if rules.x_forwarded:
        said = claims.get(b"x-forwarded-for", ())
        replaced += said
        chain = [value for value in map(head.value_at, said) if value]
        lines.append(b"X-Forwarded-For: %b\r\n" % b", ".join([*chain, peer.text]))
        lines += [line for name, line in peer.describe_once(head.host) if name not in claims]
    if rules.forwarded:
        said = claims.get(b"forwarded", ())
        replaced += said
        elements = [value for value in map(head.value_at, said) if value]
        lines.append(b"Forwarded: %b\r\n" % b", ".join([*elements, peer.forwarded_element(head.host)]))
    return b"".join(lines)
