"""Pass bytes between a client and the upstream, one connection for one, without looking at them.

Run as `python relay.py PORT UPSTREAM_PORT`; SIGTERM ends it at once, as it keeps nothing.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop


class Side(asyncio.Protocol):
    """One end of a pair: what is read here is written there, and a full buffer here stops the reading there."""

    transport: asyncio.Transport

    def __init__(self, other: Side | None = None) -> None:
        self.other = other

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Write what was read to the other side."""
        if self.other is not None and not self.other.transport.is_closing():
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        """Stop reading what could not be written here."""
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """Read on."""
        if self.other is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio names it
        """End the other side with this one."""
        if self.other is not None:
            self.other.transport.close()


class Client(Side):
    """The end that was accepted; what it sends before the upstream is connected waits for it."""

    def __init__(self, upstream_port: int, tasks: asyncio.TaskGroup) -> None:
        super().__init__()
        self._upstream_port = upstream_port
        self._tasks = tasks
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connect to the upstream."""
        super().connection_made(transport)
        self._tasks.create_task(self._connect())

    def data_received(self, data: bytes) -> None:
        """Keep what came too early, and read no more until it can go on."""
        # uvloop starts to read after connection_made even if that paused the transport, so pausing there is not enough.
        if self.other is None:
            self._early.append(data)
            self.transport.pause_reading()
        else:
            super().data_received(data)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, upstream = await loop.create_connection(lambda: Side(self), "127.0.0.1", self._upstream_port)
        except OSError:
            self.transport.abort()
            return
        if self.transport.is_closing():
            upstream.transport.close()
            return
        self.other = upstream
        if self._early:
            upstream.transport.writelines(self._early)
            self._early.clear()
            self.transport.resume_reading()


async def serve(port: int, upstream_port: int) -> None:
    """Relay until the process ends."""
    async with asyncio.TaskGroup() as tasks:
        server = await asyncio.get_running_loop().create_server(
            lambda: Client(upstream_port, tasks), "127.0.0.1", port, backlog=4096
        )
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(port=int(sys.argv[1]), upstream_port=int(sys.argv[2])))
