"""Framed messages over the socket pair between the supervisor and one worker.

A frame is four bytes of length (big endian) and a pickled message. Pickle is safe here and only here: both ends are one
program, the pair is private, and what clients sent is in a message only as text inside values that were made here.
"""

from __future__ import annotations

import asyncio
import pickle
import struct
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from orion_gateway.control.messages import Message

_LENGTH = struct.Struct(">I")


class Channel(asyncio.Protocol):
    """One end of the pair. `receive` is called with each message, `lose` once when the other end is gone."""

    def __init__(self, receive: Callable[[Message], None], lose: Callable[[], None]) -> None:
        self._receive = receive
        self._lose = lose
        self._buffer = bytearray()
        self._transport = cast("asyncio.Transport", None)

    async def open(self, pair_end: socket.socket) -> None:
        """Speak over one end of a socket pair. The first message may come before this returns."""
        await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=pair_end)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Collect frames and hand their messages on."""
        buffer = self._buffer
        buffer += data
        while len(buffer) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(buffer)
            end = _LENGTH.size + size
            if len(buffer) < end:
                return
            message = pickle.loads(memoryview(buffer)[_LENGTH.size : end].tobytes())  # noqa: S301 (see the module)
            del buffer[:end]
            self._receive(message)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (any end is the end)
        """Tell that the other end is gone."""
        self._lose()

    def send(self, message: Message) -> None:
        """Send a message; nothing happens when the other end is gone, which `lose` tells."""
        if not self._transport.is_closing():
            content = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
            self._transport.write(_LENGTH.pack(len(content)) + content)

    def close(self) -> None:
        """Close this end after what was sent has gone."""
        self._transport.close()
