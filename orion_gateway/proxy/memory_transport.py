"""A connection that never leaves the process: two transports, each end's writes the other end's `data_received`.

It behaves as a connected pair of sockets would under asyncio, with these rules:

Rule 1: nothing is delivered from within a call of the other end. Data, the end of it and the loss of the connection
come by callbacks of the loop, so no protocol is ever entered twice, and what is written in one turn arrives as one.
Rule 2: what is written and not yet taken is the write buffer of its writer. Above the high mark the writer is paused,
at the low mark resumed; a reader that pauses takes nothing. So either side holds the other.
Rule 3: one delivery is at most `PORTION` bytes, and there is one a turn: a stream does not keep others waiting.
Rule 4: `close` lets what was written arrive, then the end; what had come and was not read is dropped. `abort` drops
both, and the other end is told of a reset. Each end hears `connection_lost` once, and nothing after it.

What is written to an end that reads no more is dropped, as it is by the network.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Bytes = bytes | bytearray | memoryview

PORTION = 256 * 1024
"""Bytes of one delivery: what a read from a socket may bring, too."""

HIGH, LOW = 256 * 1024, 64 * 1024
"""The marks of the write buffer, in bytes, unless somebody sets others."""

_FAILED = object()


class MemoryTransport(asyncio.Transport):
    """One end; made in pairs by `connect`."""

    __slots__ = (
        "_has_ended",
        "_high",
        "_inbox",
        "_is_closing",
        "_is_due",
        "_is_held",
        "_is_losing",
        "_is_reading",
        "_loop",
        "_low",
        "_other",
        "_protocol",
        "_unread",
        "_was_told_end",
        "_writes_end",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: asyncio.Protocol,
        extra: Mapping[str, object],
    ) -> None:
        """`extra` is what `get_extra_info` knows."""
        super().__init__(dict(extra))
        self._loop = loop
        self._protocol: asyncio.Protocol | None = protocol
        self._other: MemoryTransport | None = None
        self._inbox: deque[bytes | memoryview] = deque()
        self._unread = 0  # bytes in the inbox: the write buffer of the other end
        self._high, self._low = HIGH, LOW
        self._is_reading = True
        self._is_due = False  # a delivery is
        self._has_ended = False  # nothing comes behind what is in the inbox
        self._was_told_end = False
        self._writes_end = False  # `write_eof` was called
        self._is_held = False  # the protocol was told to write no more
        self._is_closing = False
        self._is_losing = False  # `connection_lost` is due, or has been called

    # -- reading ----------------------------------------------------------------------------------------------------

    def is_reading(self) -> bool:
        """Say whether what comes is delivered."""
        return self._is_reading and not self._is_closing

    def pause_reading(self) -> None:
        """Deliver nothing more until `resume_reading`; the other end may then be held."""
        self._is_reading = False

    def resume_reading(self) -> None:
        """Deliver what has come, and what comes."""
        if not self._is_reading:
            self._is_reading = True
            self._plan_delivery()

    # -- writing ----------------------------------------------------------------------------------------------------

    def write(self, data: Bytes) -> None:
        """Let data arrive at the other end; raises RuntimeError after `write_eof`."""
        other = self._writable()
        if other is not None and len(data):
            other._put(data)
            self._hold()

    def writelines(self, list_of_data: Iterable[Bytes]) -> None:
        """Let each arrive, in order; raises RuntimeError after `write_eof`."""
        other = self._writable()
        if other is not None:
            for data in list_of_data:
                if len(data):
                    other._put(data)
            self._hold()

    def can_write_eof(self) -> bool:
        """It can."""
        return True

    def write_eof(self) -> None:
        """Write nothing more: the other end hears of it when it has taken everything."""
        if not self._writes_end:
            self._writes_end = True
            if self._other is not None:
                self._other._end()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes were written and not taken."""
        return 0 if self._other is None else self._other._unread

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the low and the high mark."""
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the marks as asyncio does: `low` is a quarter of `high` unless given, `high` four times `low`."""
        if high is None:
            high = HIGH if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._high, self._low = high, low
        self._hold()

    # -- ending -----------------------------------------------------------------------------------------------------

    def is_closing(self) -> bool:
        """Say whether it is closed, or about to be."""
        return self._is_closing

    def close(self) -> None:
        """Close when everything written was taken; nothing more is delivered."""
        if self._is_closing:
            return
        self._is_closing = True
        self._drop_inbox()
        other = self._other
        if other is not None:
            other._end()
        if other is None or other._is_closing or not other._unread:
            self._lose(None)

    def abort(self) -> None:
        """Close at once; the other end is told of a reset."""
        self._cut(None)

    # -- protocols --------------------------------------------------------------------------------------------------

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Deliver to another protocol from now on."""
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol; None when the connection is lost, as everywhere in asyncio."""
        return self._protocol  # type: ignore[return-value]

    # -- inside -----------------------------------------------------------------------------------------------------

    def _writable(self) -> MemoryTransport | None:
        """Return the other end while it takes what is written."""
        if self._writes_end:
            raise RuntimeError("write() after write_eof()")
        other = self._other
        return None if self._is_closing or other is None or other._is_closing else other

    def _put(self, data: Bytes) -> None:
        # A copy of what may be changed: its writer is told that all of it was taken.
        piece = data if isinstance(data, bytes) else bytes(data)
        self._inbox.append(piece)
        self._unread += len(piece)
        if not self._is_due:
            self._plan_delivery()

    def _plan_delivery(self) -> None:
        is_wanted = self._inbox or (self._has_ended and not self._was_told_end)
        if is_wanted and self._is_reading and not self._is_closing and not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        self._is_due = False
        if self._is_closing or not self._is_reading:
            return
        assert self._protocol is not None
        if self._inbox:
            if self._call(self._protocol.data_received, self._take()) is _FAILED:
                return
            if self._other is not None:
                self._other._release()
            self._plan_delivery()
        elif self._has_ended and not self._was_told_end:
            self._was_told_end = True
            keeps_open = self._call(self._protocol.eof_received)
            if not keeps_open:
                self.close()

    def _take(self) -> bytes:
        """Return the next portion."""
        inbox = self._inbox
        first = inbox.popleft()
        if len(first) > PORTION:
            view = memoryview(first)
            inbox.appendleft(view[PORTION:])
            first = view[:PORTION]
        size = len(first)
        if not inbox or size + len(inbox[0]) > PORTION:
            self._unread -= size
            return first if isinstance(first, bytes) else bytes(first)
        pieces = [first]
        while inbox and size + len(inbox[0]) <= PORTION:
            size += len(inbox[0])
            pieces.append(inbox.popleft())
        self._unread -= size
        return b"".join(pieces)

    def _hold(self) -> None:
        """Hold the protocol when too much waits."""
        if not self._is_held and self.get_write_buffer_size() > self._high and not self._is_closing:
            self._is_held = True
            assert self._protocol is not None
            self._call(self._protocol.pause_writing)

    def _release(self) -> None:
        """The other end has taken something: let the protocol go on, or the connection end."""
        size = self.get_write_buffer_size()
        if self._is_losing:
            return
        if self._is_closing:
            if not size:
                self._lose(None)
        elif self._is_held and size <= self._low:
            self._is_held = False
            assert self._protocol is not None
            self._call(self._protocol.resume_writing)

    def _drop_inbox(self) -> None:
        if self._inbox:
            self._inbox.clear()
            self._unread = 0
            if self._other is not None:
                self._loop.call_soon(self._other._release)

    def _end(self) -> None:
        """Nothing comes any more behind what has come."""
        self._has_ended = True
        self._plan_delivery()

    def _cut(self, error: Exception | None) -> None:
        other = self._other
        self._is_closing = True
        self._inbox.clear()
        self._unread = 0
        self._lose(error)
        if other is not None:
            other._reset()

    def _reset(self) -> None:
        self._is_closing = True
        self._inbox.clear()
        self._unread = 0
        self._lose(ConnectionResetError("the other end of the connection in memory was aborted"))

    def _lose(self, error: Exception | None) -> None:
        if not self._is_losing:
            self._is_losing = True
            self._loop.call_soon(self._call_lost, error)

    def _call_lost(self, error: Exception | None) -> None:
        protocol, self._protocol = self._protocol, None
        other, self._other = self._other, None
        if other is not None:
            other._other = None  # they would hold each other
        assert protocol is not None
        protocol.connection_lost(error)

    def _call(self, call: Callable[..., object], *arguments: Any) -> object:
        """Return what the protocol says, or `_FAILED`: one that raises loses the connection."""
        try:
            return call(*arguments)
        except Exception as error:
            context = {"message": "a protocol of a connection in memory failed", "exception": error, "transport": self}
            self._loop.call_exception_handler(context)
            self._cut(error)
            return _FAILED


def connect(
    loop: asyncio.AbstractEventLoop,
    one: asyncio.Protocol,
    other: asyncio.Protocol,
    extra: Mapping[str, object] | None = None,
) -> None:
    """Connect two protocols; each hears `connection_made` before this returns. `extra` is what both ends know."""
    first, second = MemoryTransport(loop, one, extra or {}), MemoryTransport(loop, other, extra or {})
    first._other, second._other = second, first
    one.connection_made(first)
    other.connection_made(second)
