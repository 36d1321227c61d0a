"""A client's connection: heads found in its bytes, one exchange at a time, answers in order, all of it bounded.

Pipelined requests wait their turn as bytes; when too many wait, reading stops. A connection is closed in one of three
ways: at once when nothing is owed, after the client had time to read an answer that it did not wait for (`_linger`), or
visibly broken when an answer was cut (`cut`). What becomes of a request is decided by `forward` and done by `exchange`.
"""

from __future__ import annotations

import array
import asyncio
import fcntl
import socket
import struct
import termios
import traceback
from ipaddress import ip_address
from time import monotonic
from typing import TYPE_CHECKING, cast

import structlog

from orion_gateway.http1.body import Body, BodyRefused, ChunkedBody, NoBody, UntilCloseBody
from orion_gateway.http1.fields import Address, Peer
from orion_gateway.http1.parsed import Refusal, RequestHead
from orion_gateway.http1.request import parse_request
from orion_gateway.proxy.client import Client
from orion_gateway.proxy.exchange import Exchange
from orion_gateway.proxy.forward import begin
from orion_gateway.values import Reason

if TYPE_CHECKING:
    from orion_gateway.proxy.keeper import Keeper
    from orion_gateway.proxy.plane import DataPlane

_MAX_WAITING = 64 * 1024
"""Bytes of pipelined requests kept while one is in flight."""

_MAX_IN_A_ROW = 32
"""Requests of one connection answered before others get their turn."""

LINGER = 2.0
"""Seconds in which a client may still read an answer that ended its connection early (RFC 9112, section 9.6)."""

LINGER_BYTES = 16 * 1024 * 1024
"""Bytes that such a client may still send: one that uploads without looking must not be reset before it looks."""

_MAX_PEERS = 1024
"""Clients whose ready-made fields are kept: those of a client that comes back are not made anew."""

_NOTHING = NoBody()
_RESET = struct.pack("ii", 1, 0)

log = structlog.get_logger()


class Downstream(Client):
    """One connection of a client; an `asyncio.Protocol` by its methods."""

    __slots__ = (
        "_at_end",
        "_buffer",
        "_discarded",
        "_has_served",
        "_is_busy",
        "_is_lingering",
        "_is_named",
        "_is_reading",
        "_keeper",
        "_seen",
        "_unwritten",
        "body",
        "exchange",
        "peer_name",
        "plane",
        "since",
    )

    def __init__(self, keeper: Keeper, client: str | None = None) -> None:
        """`client` is the peer's address as who accepted it knows it, empty for a Unix socket; None: ask for it."""
        self._keeper = keeper
        self.plane = keeper.plane
        self.transport = cast("asyncio.Transport", None)  # set by connection_made, like the peer
        self.peer = cast("Peer", None)
        self.peer_name = client or ""
        """The address of the peer as the system writes it, empty for a Unix socket."""
        self._is_named = client is not None
        self.exchange: Exchange | None = None
        self.body: Body = _NOTHING
        """How the request in progress is read."""
        self.keep_alive = True
        self.is_closed = False
        self.since = monotonic()
        """Since when it waits: for its first byte, for the rest of a head, for its next request, for its end."""
        self.blocked_since = 0.0
        self._unwritten = 0  # what waited for the client when that was last looked at
        self._buffer = b""
        self._seen = 0  # bytes of the buffer that hold no end of a head
        self._has_served = False
        self._is_reading = True
        self._is_lingering = False
        self._is_busy = False  # `_advance` runs, or is due to go on
        self._at_end = False
        self._discarded = 0

    # -- asyncio.Protocol -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Find out who is there."""
        self.transport = cast("asyncio.Transport", transport)
        if not self._is_named:
            name = transport.get_extra_info("peername")
            self.peer_name = name[0] if isinstance(name, tuple) else ""
        self._meet(self.plane)
        self._keeper.remember(self)

    def data_received(self, data: bytes) -> None:
        """Feed the exchange in flight, or look for the next head."""
        now = monotonic()
        exchange, body = self.exchange, self.body
        if exchange is None:
            if self._is_lingering:
                self._discard(len(data))
                return
            if not self._buffer:
                self.since = now
            self._buffer += data
            if self._is_busy:
                self.adjust_reading()
            else:
                self._advance(now)
        elif body.done:
            self._buffer += data
            self.adjust_reading()
        else:
            self._feed(exchange, body, data, now)

    def eof_received(self) -> bool:
        """Take the end of what the client sends: it left, or (`client_eof: answer`) it waits for its answers."""
        self._at_end = True
        is_owed = self.exchange is not None or (self._buffer != b"" and (self._is_busy or self.blocked_since > 0.0))
        if is_owed and self.body.done and self.plane.settings.client_eof == "answer":
            return True
        self._abandon()
        self.is_closed = True
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (a reset and an end mean the same here)
        """Stop whatever was done for this client."""
        self.is_closed = True
        self._abandon()
        self._keeper.forget(self)

    def pause_writing(self) -> None:
        """The client reads slowly: let the endpoint wait."""
        self.blocked_since = monotonic()
        self._unwritten = self.unwritten
        if self.exchange is not None:
            self.exchange.block_response()

    def resume_writing(self) -> None:
        """The client has read: go on."""
        self.blocked_since = 0.0
        if self.exchange is not None:
            self.exchange.unblock_response(monotonic())
        elif self._buffer and not self._is_busy:
            self._advance(monotonic())

    # -- for the exchange -------------------------------------------------------------------------------------------

    @property
    def unwritten(self) -> int:
        """Bytes that the client has not taken from us yet, those in the system's own buffer included.

        Without those a client that reads steadily but slowly could not be told from one that does not read at all: the
        system makes room in portions of megabytes.
        """
        queued = array.array("i", [0])
        fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, queued)
        return self.transport.get_write_buffer_size() + queued[0]

    def connection_field(self) -> bytes:
        """Return the Connection line of the response in progress, or nothing where the version's default is meant."""
        if self._keeper.is_draining or (self._at_end and not self._buffer):
            self.keep_alive = False
        if not self.keep_alive:
            return b"Connection: close\r\n"
        exchange = self.exchange
        return b"Connection: keep-alive\r\n" if exchange is not None and exchange.head.minor == 0 else b""

    def adjust_reading(self) -> None:
        """Read, or stop reading, as the exchange and the bytes that wait ask for."""
        exchange = self.exchange
        if exchange is None:
            # Only what cannot be begun now is bounded here: an unfinished head has its own limits.
            wanted = len(self._buffer) < _MAX_WAITING or not (self._is_busy or self.blocked_since)
        else:
            wanted = exchange.wants_request and len(self._buffer) < _MAX_WAITING
        self._read(wanted=wanted)

    def open_tunnel(self) -> bytes:
        """Read everything that comes as content of the exchange from now on; return what had come behind its head."""
        early, self._buffer = self._buffer, b""
        self.body = UntilCloseBody()
        self.adjust_reading()
        return early

    def note_progress(self, now: float) -> None:
        """Look whether the client has taken something of what waits for it."""
        unwritten = self.unwritten
        if unwritten < self._unwritten:
            self.since = now
            if self.blocked_since:
                self.blocked_since = now
        self._unwritten = unwritten

    def end_exchange(self, now: float, keep: bool) -> None:
        """The exchange has ended; go on with the next request or end the connection."""
        exchange, self.exchange = self.exchange, None
        self.body = _NOTHING
        self.since = now
        if self.is_closed:
            return
        if not keep or not self.keep_alive or (self._keeper.is_draining and not self._buffer):
            # A client may be sending still; closing with its bytes unread would reset the answer away.
            self._linger(now, at_once=exchange is not None and exchange.request_done and not self._buffer)
        elif not self._is_busy and (self._buffer or self._at_end or not self._is_reading):
            self._advance(now)

    def cut(self, now: float, *, is_framed: bool) -> None:
        """End a message that must not look complete. Without framing only a reset says so."""
        self.exchange = None
        self.body = _NOTHING
        if self.is_closing:
            return
        if is_framed:
            self._close(now)
        else:
            self.is_closed = True
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.transport.abort()

    # -- for the worker ---------------------------------------------------------------------------------------------

    def check(self, now: float) -> None:
        """Judge what has waited too long: the exchange in flight, else a head, the next request, or the end."""
        timeouts = self.plane.client_timeouts
        if self.exchange is not None:
            self.exchange.check(now)
        elif self._is_lingering or self.is_closing:
            self.note_progress(now)
            limit = timeouts.write_idle if self._unwritten else LINGER
            if limit is not None and now - self.since > limit:
                self.transport.abort()
        elif self.blocked_since:
            self.note_progress(now)
            if timeouts.write_idle is not None and now - self.blocked_since > timeouts.write_idle:
                self.transport.abort()
        elif self._buffer:
            if timeouts.request_header is not None and now - self.since > timeouts.request_header:
                self._refuse(Reason.REQUEST_TIMEOUT, Refusal(408, "The request head did not arrive in time."), now)
        else:
            # Before its first byte a new connection has as long as a head may take, later as long as it may be idle.
            limit = timeouts.keep_alive if self._has_served else timeouts.request_header
            if limit is not None and now - self.since > limit:
                self.close_idle()

    def close_idle(self) -> None:
        """Close a connection that has nothing in flight."""
        if self.exchange is None and not self._buffer and not self._is_lingering and not self.is_closing:
            self._close(monotonic())

    def abort(self) -> None:
        """Close at once; the exchange in flight is recorded as cut."""
        if self.exchange is not None:
            self.exchange.fail(Reason.DRAIN_CUT, monotonic())
        self.transport.abort()

    # -- inside -----------------------------------------------------------------------------------------------------

    def _meet(self, plane: DataPlane) -> None:
        """Judge the peer by the rules of this generation."""
        self.plane = plane
        port = self._keeper.port
        peer = plane.peers.get((self.peer_name, port))
        if peer is None:
            peer = Peer(_read_address(self.peer_name), port, b"http", plane.forwarded)
            if len(plane.peers) >= _MAX_PEERS:
                plane.peers.clear()
            plane.peers[self.peer_name, port] = peer
        self.peer = peer

    def _advance(self, now: float) -> None:
        """Begin the requests that wait, one after another, until one is in flight or none is complete."""
        self._is_busy = True
        for _ in range(_MAX_IN_A_ROW):
            if not self._may_begin() or not self._begin_next(now):
                break
        else:
            asyncio.get_running_loop().call_soon(self._go_on)
            return
        self._is_busy = False
        if self._at_end and self.exchange is None and not self._buffer and not self.is_closing:
            self._close(now)
        elif self._buffer or not self._is_reading:
            self.adjust_reading()

    def _may_begin(self) -> bool:
        if self.exchange is not None or not self._buffer or self.blocked_since:
            return False
        return not self._is_lingering and not self.is_closed

    def _go_on(self) -> None:
        self._advance(monotonic())

    def _begin_next(self, now: float) -> bool:
        """Begin one request; return False when its head is not complete or not acceptable."""
        plane = self._keeper.plane
        if plane is not self.plane:
            self._meet(plane)
        head, used = parse_request(self._buffer, plane.head_limits, self._seen)
        if head is None:
            self._seen = len(self._buffer)
            if self._at_end:
                self._buffer = b""  # it will never be complete
            return False
        if isinstance(head, Refusal):
            self._refuse(Reason.HTTP_REQUEST_ERROR, head, now)
            return False
        self._begin(head, self._buffer[used:], plane, now)
        return True

    def _begin(self, head: RequestHead, rest: bytes, plane: DataPlane, now: float) -> None:
        """Begin an exchange; `rest` came behind its head."""
        self._seen = 0
        self._has_served = True
        self.keep_alive = head.is_keep_alive
        body = self.body = head.body(plane.max_trailers)
        exchange = self._open_exchange(head, now)
        if body.done:
            self._buffer = rest
        else:
            self._buffer = b""
            if rest:  # content that came with the head leaves with it, in one packet
                self._feed(exchange, body, rest, now)
        if self.exchange is exchange:
            try:
                begin(exchange, plane, self._keeper.listener)
            except Exception:
                log.exception("a request could not be begun", id=exchange.identify().request_id.decode("ascii"))
                message = traceback.format_exc() if plane.settings.is_development else None
                exchange.fail(Reason.PROXY_INTERNAL_ERROR, now, message=message)

    def _open_exchange(self, head: RequestHead, now: float) -> Exchange:
        exchange = self.exchange = Exchange(self, head, now)
        if self.plane.shows_ids:
            exchange.identify()
        return exchange

    def _feed(self, exchange: Exchange, body: Body, data: bytes, now: float) -> None:
        """Give content to the exchange; what lies behind the message is the next one."""
        try:
            pieces, rest = body.feed(data)
        except BodyRefused as refused:
            self.keep_alive = False
            exchange.fail(Reason.HTTP_REQUEST_ERROR, now, message=f"The content is not well framed: {refused}.")
            return
        if pieces:
            exchange.take_request(pieces, now)
        if body.done and self.exchange is exchange:
            self._buffer = rest
            exchange.end_request(now, body.trailers if isinstance(body, ChunkedBody) else b"")
            if rest and self.exchange is exchange:
                self.adjust_reading()

    def _refuse(self, reason: Reason, refusal: Refusal, now: float) -> None:
        """Answer a head that cannot be read, and end the connection: nobody knows where the next message begins."""
        self._buffer = b""
        self.keep_alive = False
        exchange = self._open_exchange(RequestHead(b"", 0, 1, b"-", b""), now)
        exchange.request_done = False
        exchange.fail(reason, now, status=refusal.status, message=refusal.message)

    def _abandon(self) -> None:
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.abandon(monotonic())

    def _linger(self, now: float, *, at_once: bool) -> None:
        """Close after the client has read the answer: end our side, and read its bytes away for a while."""
        if at_once or self._at_end:
            self._close(now)
            return
        self.since = now
        self._unwritten = self.unwritten
        self._is_lingering = True
        self._buffer = b""
        self._read(wanted=True)
        self.transport.write_eof()

    def _close(self, now: float) -> None:
        """Close after what was written has gone; `check` bounds how long that may take."""
        self.since = now
        self.is_closed = True
        if self.transport.get_write_buffer_size():
            self._unwritten = self.unwritten
        self.transport.close()

    def _read(self, *, wanted: bool) -> None:
        if wanted is self._is_reading or self._at_end or self.is_closing:
            return
        self._is_reading = wanted
        if wanted:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > LINGER_BYTES:
            self.transport.abort()


def _read_address(name: str) -> Address | None:
    """Return the address in a peer name: no scope, and IPv4 when it only came over IPv6."""
    if not name:
        return None
    address = ip_address(name.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address
