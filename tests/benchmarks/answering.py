"""Servers of known behaviour, on which the load generators are tried."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Answer = Callable[[asyncio.AbstractEventLoop, asyncio.Transport], object]

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Server(asyncio.Protocol):
    """Hand every request to a function, with the loop it came on and the connection to answer on."""

    transport: asyncio.Transport

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.answer(asyncio.get_running_loop(), self.transport)


def answer_at_once(loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
    """The behaviour of a healthy server."""
    transport.write(ANSWER)


@contextmanager
def answering(answer: Answer) -> Iterator[int]:
    """Serve on a thread of its own while the block runs; the block gets the port."""
    loop = asyncio.new_event_loop()
    transports: list[asyncio.Transport] = []

    def remember_and_answer(at: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        if transport not in transports:
            transports.append(transport)
        answer(at, transport)

    server = loop.run_until_complete(loop.create_server(lambda: Server(remember_and_answer), "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for transport in transports:
            transport.abort()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
