"""The bytes of one exchange on their way between a client and an endpoint, with back-pressure both ways.

What becomes of the request is decided by `forward`, carried out by `exchange`; here content is framed, held while
nobody takes it, and passed on. Content that filters want goes through `filtering` first, and comes back to
`send_request` and `emit`. A tunnel is a relay like any other whose two bodies are open-ended.

`now` is monotonic seconds, read once by the callback of the connection on which something happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.http1.body import Payload, UntilCloseBody, encode_chunk, encode_last_chunk
from orion_gateway.http1.parsed import Framing, RequestHead, ResponseHead
from orion_gateway.proxy.attempt import Attempt
from orion_gateway.proxy.deadline import Phase
from orion_gateway.proxy.tunnel import completes_handshake
from orion_gateway.values import Reason

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from orion_gateway.proxy.client import Client
    from orion_gateway.proxy.filtering import Filtering
    from orion_gateway.proxy.persistence import Persistence
    from orion_gateway.proxy.upstream import UpstreamConnection

_JOINED = 16 * 1024
_SMALL = 512
"""Up to `_JOINED` bytes, or with pieces below `_SMALL`, copying them into one is cheaper than a vectored write."""

_HIGH_WATER = 64 * 1024
"""Bytes above which a transport of asyncio asks to pause writing."""

# Members of enumerations are found once: compiled, a look-up costs as much as what surrounds it.
_NO_BODY, _CHUNKED = Framing.NONE, Framing.CHUNKED
_QUEUED, _WAITING, _ANSWERED = Phase.QUEUED, Phase.WAITING, Phase.ANSWERED


class Relay(Attempt):
    """What has come, what has gone, and what waits, of one request and its response."""

    __slots__ = (
        "_has_begun",
        "_held",
        "_is_chunked_down",
        "_is_chunked_up",
        "_outgoing",
        "_trailers",
        "awaits_continue",
        "downstream",
        "expects_upgrade",
        "filtering",
        "is_tunnel",
        "owes_request",
        "persistence",
        "phase",
        "request_done",
        "request_limit",
        "request_progress",
        "since",
        "started",
        "tunnel_idle",
        "unread_since",
        "unread_total",
        "upstream",
    )

    def _begin(self, downstream: Client, head: RequestHead, now: float) -> None:
        """Fill a new relay."""
        self.method = head.method
        self.downstream = downstream
        self.head = head
        self.persistence: Persistence | None = None
        self.filtering: Filtering | None = None
        """What filters do with the content; None while none wants any and none waits."""
        self.upstream: UpstreamConnection | None = None
        self.started = self.since = self.request_progress = now
        self.phase = _QUEUED
        self.request_done = head.framing is _NO_BODY
        self.request_bytes = 0
        self.request_limit: int | None = None
        self.unread_since = 0.0
        self.unread_total = 0.0
        self.awaits_continue = head.expects_continue
        self.tunnel_idle: float | None = None
        self.expects_upgrade = False
        self.is_tunnel = False
        self.bytes_out = 0
        self._is_chunked_up = head.framing is _CHUNKED
        self._is_chunked_down = False
        self._held: list[Payload] = []  # content that waits for a connection
        self._outgoing: list[Payload] = []  # what goes to the client with the next flush
        self._has_begun = False  # something of the response has been written
        self.owes_request = False
        """Filters have not let all of the request's content through yet."""
        self._trailers = b""

    def fail(self, reason: Reason, now: float) -> None:
        """Give up on the exchange."""
        raise NotImplementedError

    @property
    def client_blocked_since(self) -> float:
        """Since when the client has taken nothing although bytes wait for it; 0 while it takes them."""
        return self.downstream.blocked_since

    # -- the request's content --------------------------------------------------------------------------------------

    @property
    def wants_request(self) -> bool:
        """Whether bytes of the request can be taken now; otherwise the client is not read from."""
        return self.unread_since == 0.0

    def take_request(self, pieces: Sequence[Payload], now: float) -> None:
        """Take content of the request: past its limit it is refused."""
        for piece in pieces:
            self.request_bytes += len(piece)
        self.request_progress = now
        self.awaits_continue = False
        if self.phase is _ANSWERED:
            return  # read away, so that the connection can be kept
        if self.request_limit is not None and self.request_bytes > self.request_limit and not self.is_tunnel:
            self.fail(Reason.REQUEST_TOO_LARGE, now)
        elif self.owes_request:
            assert self.filtering is not None
            self.filtering.take_request(pieces, now)
        else:
            self.send_request(pieces, now)

    def send_request(self, pieces: Sequence[Payload], now: float) -> None:
        """Relay content of the request, or hold it until a connection stands."""
        if self.upstream is not None:
            if self.persistence is not None:
                self.persistence.keep(pieces)
            self._send(self.upstream, encode_chunk(pieces) if self._is_chunked_up else pieces)
        else:
            self._held += pieces
            if self.has_started():  # else `start` is still to come
                self.block_request(now)

    def has_content(self) -> bool:
        """Whether the request has content, come already or still to come."""
        return not self.request_done or bool(self._held)

    def has_started(self) -> bool:
        """Whether it is known what becomes of the request's content."""
        raise NotImplementedError

    def end_request(self, now: float, trailers: bytes = b"") -> None:
        """Take the end of the request's content."""
        self.request_done = True
        if self.phase is _ANSWERED:
            self.downstream.end_exchange(now, keep=True)
            return
        self._trailers = trailers
        self.unblock_request(now)  # nothing more will be held, and only who reads sees a client leave
        if self.owes_request:
            assert self.filtering is not None
            self.filtering.end_request(now)
        else:
            self.complete_request(now)

    def complete_request(self, now: float) -> None:
        """All content has gone out or is held: end the message towards the endpoint."""
        if self.upstream is not None:
            if self.phase is _WAITING:
                self.since = now
            if self._is_chunked_up:
                self._send(self.upstream, [self._last_chunk()])

    def block_request(self, now: float) -> None:
        """Read nothing more from the client until the endpoint takes it."""
        if not self.unread_since and not self.request_done:
            self.unread_since = now
            self.downstream.adjust_reading()

    def unblock_request(self, now: float) -> None:
        """Read from the client again; the time in between is not held against it."""
        if self.unread_since and not (self.filtering is not None and self.filtering.holds_request):
            self.unread_total += now - self.unread_since
            self.unread_since = 0.0
            self.request_progress = now
            self.downstream.adjust_reading()

    def resume_request(self, now: float) -> None:
        """Filters take more again: read from the client, unless somebody behind them takes none."""
        connection = self.upstream
        # While more is unwritten its transport has said so, and will say when it is written.
        if connection is not None and connection.transport.get_write_buffer_size() > _HIGH_WATER:
            return
        if connection is not None or not self.has_started():
            self.unblock_request(now)

    def take_held(self) -> list[Payload]:
        """Return the content that waits, which nobody else will send then."""
        held, self._held = self._held, []
        return held

    def reframe_request(self, length: int) -> None:
        """Filters change the content: it has so many bytes, or -1: that is not known yet."""
        head = self.head
        head.content_length = length
        head.framing = _CHUNKED if length < 0 else Framing.LENGTH
        self._is_chunked_up = length < 0

    # -- the response's content -------------------------------------------------------------------------------------

    def block_response(self) -> None:
        """The client takes no more now: stop reading from the endpoint."""
        if self.upstream is not None and not self.upstream.transport.is_closing():
            self.upstream.transport.pause_reading()

    def unblock_response(self, now: float) -> None:
        """The client takes more again."""
        self.since = now
        if self.filtering is not None and self.filtering.is_busy:
            return
        if self.upstream is not None and not self.upstream.transport.is_closing():
            self.upstream.transport.resume_reading()

    def take_response(self, pieces: Sequence[Payload]) -> None:
        """Collect content for the next `flush_response`; nothing is held longer than the callback in which it came."""
        if self.filtering is not None and self.filtering.has_response:
            self.filtering.take_response(pieces)
        else:
            self.emit(pieces)

    def emit(self, pieces: Sequence[Payload]) -> None:
        """Put content behind what goes to the client with the next flush."""
        for piece in pieces:
            self.bytes_out += len(piece)
        self._outgoing += encode_chunk(pieces) if self._is_chunked_down else pieces

    def flush_response(self, now: float) -> None:
        """Write what has come, the head and its first content in one."""
        self.since = now
        self._flush()

    # -- tunnels ----------------------------------------------------------------------------------------------------

    def _begin_tunnel(self, head: ResponseHead) -> bool:
        """Judge a 101; a good one makes both bodies open-ended."""
        if not self.expects_upgrade or not completes_handshake(self.head, head):
            return False
        assert self.upstream is not None
        head.add(b"Connection", b"Upgrade")
        head.add(b"Upgrade", b"websocket")
        self.is_tunnel = True
        self.request_done = False
        self.upstream.body = UntilCloseBody()
        return True

    def _open_tunnel(self) -> None:
        """Pass on what the client sent behind its handshake without waiting for the answer."""
        assert self.upstream is not None
        early = self.downstream.open_tunnel()
        if early:
            self.request_bytes += len(early)
            self._send(self.upstream, [early])

    # -- inside -----------------------------------------------------------------------------------------------------

    def _last_chunk(self) -> bytes:
        return encode_last_chunk(self._trailers if self.head.trailers else b"")

    def _send(self, connection: UpstreamConnection, pieces: Sequence[Payload]) -> None:
        # When it is closing, connection_lost is on its way and will tell.
        if pieces and not connection.transport.is_closing():
            write_pieces(connection.transport, pieces)

    def _flush(self) -> None:
        outgoing = self._outgoing
        if not outgoing:
            return
        self._outgoing = []
        self._has_begun = True
        if not self.downstream.is_closed:
            write_pieces(self.downstream.transport, outgoing)

    def _take_back_content(self) -> None:
        """Hold the content that was sent once more."""
        if self.persistence is not None:
            self._held = [*self.persistence.take_kept(), *self._held]


def write_pieces(transport: asyncio.WriteTransport, pieces: Sequence[Payload]) -> None:
    """Write in one call: uvloop writes at once, so that every call is a system call and a packet of its own."""
    if len(pieces) == 1:
        transport.write(pieces[0])
        return
    size = 0
    for piece in pieces:
        size += len(piece)
    if size <= _JOINED or size < _SMALL * len(pieces):
        transport.write(b"".join(pieces))
    else:
        transport.writelines(pieces)
