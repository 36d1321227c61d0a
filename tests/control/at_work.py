"""A worker in the test's own loop: real sockets and a real channel, whose other end is in the test's hand."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from orion_gateway.app import build_plan, build_plane
from orion_gateway.config.load import load_table
from orion_gateway.control.channel import Channel
from orion_gateway.control.listeners import Listener
from orion_gateway.control.messages import Ask, Drain, Drained, ListenerPlace, Message, Report, Serving, Snapshot
from orion_gateway.control.worker import Worker
from orion_gateway.telemetry.totals import Totals
from tests.harness.wire import PATIENCE, Wire, connect, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from orion_gateway.control.worker import PlaneBuilder

TABLE = """\
version: 1
gateway:
  access_log: {{path: "off"}}
  drain: {{timeout: 5s, spread: 0s}}
  limits: {limits}
listeners:
  - {{name: http, bind: "127.0.0.1:0"}}
services:
  slow: {{endpoints: [{{url: "http://127.0.0.1:{endpoint}"}}]}}
routes:
  - {{name: slow, match: {{path: "/slow"}}, service: slow}}
  - {{name: hello, match: {{path: "/hello"}}, respond: {{status: 200, body: "hello"}}}}
"""

HELLO = b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"


async def eventually(condition: Callable[[], object]) -> None:
    """Wait for what takes processes, timers or other threads."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 (nobody of these could set an event of ours)
            await asyncio.sleep(0.01)


class AtWork:
    """A running worker and what it has said."""

    def __init__(self, worker: Worker, listener: Listener, snapshot: Snapshot) -> None:
        self.worker = worker
        self.listener = listener
        self.snapshot = snapshot
        self.said: list[Message] = []
        self.totals = Totals()
        self.is_gone = False
        self.channel = Channel(self._hear, self._lose)
        self.run: asyncio.Task[int]
        self._asked = 0
        self._answered = 0

    async def connect(self) -> Wire:
        """Connect as a client."""
        return await connect(self.listener.port)

    async def get(self, wire: Wire, request: bytes = HELLO) -> bytes:
        """Send a request; return the head and the content of the answer."""
        await wire.send(request)
        return await self.answer(wire)

    async def answer(self, wire: Wire) -> bytes:
        """Return the head and the content of an answer."""
        head = await wire.read_head()
        lengths = [line for line in head.lower().splitlines() if line.startswith(b"content-length:")]
        return head + await wire.read(int(lengths[0].split(b":")[1]))

    async def gauges(self) -> dict[str, dict[tuple[str, ...], float]]:
        """Ask for a report; return the gauges."""
        self._asked += 1
        self.channel.send(Ask(self._asked))
        await until(lambda: self._answered == self._asked)
        return self.totals.gauges()

    async def until_connections(self, number: int) -> None:
        """Wait until it has so many connections."""
        async with asyncio.timeout(PATIENCE):
            while sum((await self.gauges()).get("orion_connections", {}).values()) != number:
                pass

    async def drain(self, within: float = 5.0, spread: float = 0.0) -> None:
        """Tell it to drain, and wait until it accepts no more."""
        self.channel.send(Drain(within, spread))
        await until(lambda: self.worker.is_draining)

    async def leave(self) -> tuple[int, int]:
        """Wait for its end; return the exit code and how many exchanges it says it has cut."""
        code = await asyncio.wait_for(asyncio.shield(self.run), 10)
        await until(lambda: self.is_gone)
        cuts = [message.cut for message in self.said if isinstance(message, Drained)]
        assert len(cuts) <= 1
        return code, cuts[0] if cuts else -1

    def _hear(self, message: Message) -> None:
        self.said.append(message)
        if isinstance(message, Report):
            self._answered = max(self._answered, message.answers)
            self.totals.add(1, message.delta)

    def _lose(self) -> None:
        self.is_gone = True


def make_snapshot(
    directory: Path, limits: str = "{}", endpoint: int = 1, workers: int = 1
) -> tuple[Snapshot, Listener]:
    """Return what a supervisor sends for `TABLE`, and its listener. The snapshot has a descriptor of its own."""
    path = directory / "routes.yaml"
    path.write_text(TABLE.format(limits=limits, endpoint=endpoint))
    loaded = load_table(path, {})
    listener = Listener("http", "127.0.0.1:0")
    place = ListenerPlace("http", os.dup(listener.socket.fileno()), listener.port)
    return build_plan(loaded, directory, workers, 10_000).make_snapshot((place,)), listener


@asynccontextmanager
async def working(
    directory: Path,
    *,
    limits: str = "{}",
    endpoint: int = 1,
    workers: int = 1,
    build: PlaneBuilder = build_plane,
    **changes: object,
) -> AsyncIterator[AtWork]:
    """Run a worker until the block ends; it serves when the block begins. `changes` are made to its snapshot."""
    snapshot, listener = make_snapshot(directory, limits, endpoint, workers)
    snapshot = replace(snapshot, **changes)  # type: ignore[arg-type]
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    at_work = AtWork(Worker(1, build, Random(1)), listener, snapshot)
    await at_work.channel.open(ours)
    at_work.run = asyncio.get_running_loop().create_task(at_work.worker.run(theirs.detach()))
    at_work.channel.send(snapshot)
    await until(lambda: at_work.run.done() or Serving(1) in at_work.said)
    try:
        yield at_work
    finally:
        listener.close()
        at_work.channel.send(Drain(0.0, 0.0))
        await asyncio.wait_for(at_work.run, 10)
        at_work.channel.close()
        await until(lambda: at_work.is_gone)
