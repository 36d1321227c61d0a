"""One end of a TCP connection, byte by byte, and a listening address whose connections a test takes one by one."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 10.0
"""Seconds after which a test that waits for something gives up. No test waits that long unless it fails."""

HEAD_END = b"\r\n\r\n"
_PORTION = 256 * 1024


class Wire:
    """One end of a connection. Reading raises EOFError where the connection ended first, OSError where it was reset."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.socket = sock
        self._unread = b""

    async def send(self, data: bytes) -> None:
        """Send all of it; waits while the other side does not read."""
        async with asyncio.timeout(PATIENCE):
            await asyncio.get_running_loop().sock_sendall(self.socket, data)

    def send_at_once(self, data: bytes) -> int:
        """Send what fits without waiting; return how much that was."""
        try:
            return self.socket.send(data)
        except BlockingIOError:
            return 0

    async def read(self, size: int) -> bytes:
        """Read exactly so many bytes."""
        while len(self._unread) < size:
            await self._more()
        taken, self._unread = self._unread[:size], self._unread[size:]
        return taken

    async def read_until(self, mark: bytes) -> bytes:
        """Read up to and with a mark."""
        while mark not in self._unread:
            await self._more()
        return await self.read(self._unread.index(mark) + len(mark))

    async def read_head(self) -> bytes:
        """Read up to and with the next empty line."""
        return await self.read_until(HEAD_END)

    async def read_some(self) -> bytes:
        """Read what comes next; empty at the end of the connection."""
        if self._unread:
            taken, self._unread = self._unread, b""
            return taken
        async with asyncio.timeout(PATIENCE):
            return await asyncio.get_running_loop().sock_recv(self.socket, _PORTION)

    async def read_to_end(self) -> bytes:
        """Read everything until the other side ends the connection in order."""
        taken = b""
        while data := await self.read_some():
            taken += data
        return taken

    def peek(self) -> bytes:
        """Return what has arrived and was not read, without waiting; empty also when the connection is over."""
        if self._unread or self.socket.fileno() < 0:
            return self._unread
        try:
            return self.socket.recv(_PORTION, socket.MSG_PEEK)
        except OSError:
            return b""

    async def ends(self) -> str:
        """Wait for the end, which must be the next thing to come; say how: `closed` or `reset`."""
        try:
            data = await self.read_some()
        except ConnectionResetError:
            return "reset"
        assert data == b"", f"more came instead of the end: {data[:200]!r}"
        return "closed"

    def end(self) -> None:
        """Close the sending side only."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close so that the other side sees a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        """Close."""
        self.socket.close()

    async def _more(self) -> None:
        async with asyncio.timeout(PATIENCE):
            data = await asyncio.get_running_loop().sock_recv(self.socket, _PORTION)
        if not data:
            raise EOFError(f"the connection ended after {self._unread!r}")
        self._unread += data


async def connect(port: int, receive_buffer: int = 0) -> Wire:
    """Connect to a port of this machine; a small receive buffer makes a client that is full soon."""
    sock = socket.socket()
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    wire = Wire(sock)
    async with asyncio.timeout(PATIENCE):
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    return wire


class Endpoint:
    """A listening address. The test takes its connections with `accept` and answers on them itself."""

    def __init__(self, receive_buffer: int = 0) -> None:
        self._listener = socket.socket()
        if receive_buffer:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(1024)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self.wires: list[Wire] = []
        """Every connection taken so far."""

    async def accept(self) -> Wire:
        """Take the next connection."""
        async with asyncio.timeout(PATIENCE):
            accepted, _ = await asyncio.get_running_loop().sock_accept(self._listener)
        wire = Wire(accepted)
        self.wires.append(wire)
        return wire

    def has_visitor(self) -> bool:
        """Say whether somebody has connected whom `accept` has not taken yet."""
        try:
            accepted, _ = self._listener.accept()
        except BlockingIOError:
            return False
        self.wires.append(Wire(accepted))
        return True

    def close(self) -> None:
        """Stop listening and close every connection taken."""
        self._listener.close()
        for wire in self.wires:
            wire.close()


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until something is true."""
    # Whatever makes it true happens in this loop, one turn or many from now; there is no event for "any of that".
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def settle(turns: int = 20) -> None:
    """Let the loop run until everything that is under way on this machine has arrived."""
    for _ in range(turns):
        await asyncio.sleep(0)


def refusing_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
