"""The control process: keeps the workers alive, adds up what they count, drains when told to stop.

Workers are started by exec, with the listening sockets and one end of a socket pair. Everything that must outlive a
worker is here: sockets, totals, the configuration's generation, and how the services stand (`care`).

Stopping: readiness fails at once; after `drain.delay` the sockets are closed here and emptied by the workers, which
then leave as their exchanges end; at `drain.timeout` what is left is cut. A second signal goes straight to the cut. A
worker that does not leave even then is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import structlog

from orion_gateway.control.channel import Channel
from orion_gateway.control.file_watch import FileWatch
from orion_gateway.control.messages import (
    Ask,
    Drain,
    Drained,
    Explain,
    Explained,
    ListenerPlace,
    Message,
    News,
    Report,
    Serving,
    Snapshot,
)
from orion_gateway.control.messages import (
    FilterReports as ReportsTold,
)
from orion_gateway.control.reports import FilterReports
from orion_gateway.telemetry.totals import Totals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orion_gateway.control.care import Care
    from orion_gateway.control.file_watch import WatchedFile
    from orion_gateway.control.listeners import Listener

STOPPED = 0
COULD_NOT_START = 2
STOPPED_WITH_CUTS = 3

_COLLECT_LIMIT = 0.1
"""Seconds that a scrape or an explanation waits for the workers: a hung one must not make it fail."""

_ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "2097152", "MALLOC_TRIM_THRESHOLD_": "8388608"}
"""What workers tell glibc (mallopt(3)): a read of 256 KiB takes memory that is at hand, not fresh pages to fault in.

Whoever sets these variables for the gateway is obeyed."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DrainSettings:
    """How to stop, in seconds: go on for `delay`, let exchanges end for `timeout`, close the idle over `spread`."""

    delay: float = 0.0
    timeout: float = 30.0
    spread: float = 5.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the supervisor waits for its workers, in seconds."""

    heartbeat: float = 5.0
    """Without a report for so long a worker is not ready; it reports every second."""
    serve: float = 30.0
    """A worker that does not serve by then is killed and started again."""
    backoff: tuple[float, float] = (0.1, 5.0)
    """Before a worker is started again: the first time, and at most; doubled each time."""
    stable: float = 10.0
    """After this time of life the backoff begins anew."""
    leave: float = 5.0
    """A worker that has not left so long after it was told to cut is killed."""
    starts: int = 5
    """So often a worker may die before the gateway gives up, when none has ever served."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the supervisor needs of the configuration."""

    workers: int
    drain: DrainSettings
    make_snapshot: Callable[[tuple[ListenerPlace, ...]], Snapshot]
    make_care: Callable[[Callable[[Message], None], Totals], Care]
    """Makes what looks after the services, out of a way to reach every worker and the place for its metrics."""
    files: Sequence[WatchedFile] = ()
    """What filters are made with beside the table."""
    # Not -m alone: it would put the working directory, and whatever modules lie there, first on the path.
    command: Sequence[str] = (sys.executable, "-P", "-m", "orion_gateway", "worker")
    """Starts a worker; its descriptor and its number are added."""
    patience: Patience = Patience()


class WorkerSlot:
    """One worker and its successors."""

    def __init__(self, number: int, heartbeat: float) -> None:
        self.number = number
        self.process: asyncio.subprocess.Process | None = None
        self.channel: Channel | None = None
        self.generation = 0
        """The generation it serves; 0 before it serves."""
        self.last_answer = 0
        self.has_drained = False
        self._heartbeat = heartbeat
        self._last_report = 0.0

    @property
    def is_ready(self) -> bool:
        """Whether it accepts connections and its loop beats."""
        return self.generation > 0 and time.monotonic() - self._last_report < self._heartbeat

    def beat(self) -> None:
        """Note that it has said something."""
        self._last_report = time.monotonic()

    def send(self, message: Message) -> None:
        """Tell it something, if it can be reached."""
        if self.channel is not None:
            self.channel.send(message)


class _Question:
    """What the workers were asked: whose answer is awaited, and what has come."""

    def __init__(self, workers: Sequence[int]) -> None:
        self.answers: dict[int, Explained] = {}
        self.is_answered = asyncio.Event()
        self._awaited = set(workers)

    def take(self, worker: int, answer: Explained) -> None:
        """Take the answer of a worker."""
        self.answers[worker] = answer
        if self._awaited <= self.answers.keys():
            self.is_answered.set()


class Supervisor:
    """The state of the control process. `run` ends when every worker has left."""

    def __init__(self, plan: Plan, listeners: Sequence[Listener]) -> None:
        """`listeners` are open; the supervisor closes them when accepting ends."""
        self._plan = plan
        self._listeners = listeners
        self._slots = [WorkerSlot(number, plan.patience.heartbeat) for number in range(1, plan.workers + 1)]
        self._snapshot = plan.make_snapshot(
            tuple(ListenerPlace(listener.name, listener.socket.fileno(), listener.port) for listener in listeners)
        )
        self._addresses = [(listener.name, listener.address) for listener in listeners]
        self._asked = 0
        self._answered = asyncio.Event()
        self._numbers = count(1)
        self._questions: dict[int, _Question] = {}
        self._cut = 0
        self._has_served = False
        self._has_failed = False
        self._stopping = asyncio.Event()
        self._leaving = asyncio.Event()
        self._hurry = asyncio.Event()
        self.totals = Totals()
        self.reports = FilterReports()
        self.totals.set("orion_config_generation", self._snapshot.generation)
        for slot in self._slots:
            self.totals.count("orion_worker_restarts_total", (str(slot.number),), 0)
        self.care = plan.make_care(self._send, self.totals)
        self._files = FileWatch(plan.files, self._send, self.totals)

    @property
    def workers(self) -> Sequence[WorkerSlot]:
        """The slots, for the admin API."""
        return self._slots

    @property
    def snapshot(self) -> Snapshot:
        """What the workers were sent."""
        return self._snapshot

    @property
    def addresses(self) -> Sequence[tuple[str, str]]:
        """Name and address of every listener."""
        return self._addresses

    @property
    def is_draining(self) -> bool:
        """Whether the gateway is stopping."""
        return self._stopping.is_set()

    def handle_signals(self) -> None:
        """From now on SIGTERM and SIGINT drain, and a second one cuts."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop_by_signal, number)
        loop.add_signal_handler(
            signal.SIGHUP, log.warning, "SIGHUP is ignored: restart the gateway to change its table"
        )

    async def run(self) -> int:
        """Serve until stopped; return the exit code."""
        try:
            async with asyncio.TaskGroup() as group:
                drain = group.create_task(self._drain())
                care = group.create_task(self.care.run())
                files = group.create_task(self._files.run())
                async with asyncio.TaskGroup() as keepers:
                    for slot in self._slots:
                        keepers.create_task(self._keep_worker(slot))
                drain.cancel()
                care.cancel()
                files.cancel()
        finally:
            self._close_listeners()
        log.info("stopped", cut=self._cut)
        if self._has_failed:
            return COULD_NOT_START
        return STOPPED_WITH_CUTS if self._cut else STOPPED

    def begin_drain(self) -> None:
        """Stop: let end what is in flight. Said again, nothing changes."""
        if not self.is_draining:
            log.info("draining", timeout=self._plan.drain.timeout)
            self._stopping.set()

    def cut(self) -> None:
        """Stop without waiting for what is in flight."""
        log.warning("cutting what is left")
        self._stopping.set()
        self._hurry.set()

    async def collect(self) -> None:
        """Bring the totals up to date with what the workers have counted by now, as far as they answer in time."""
        self._asked += 1
        self._answered.clear()
        self._send(Ask(self._asked))
        if self._waits_for_answers():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._answered.wait(), _COLLECT_LIMIT)

    async def explain(self, service: str, key: bytes, token: bytes) -> dict[int, Explained]:
        """Ask every ready worker how it would balance a request now; return what came in time, by worker."""
        ready = [slot for slot in self._slots if slot.is_ready]
        if not ready:
            return {}
        message = Explain(next(self._numbers), service, key, token)
        question = self._questions[message.number] = _Question([slot.number for slot in ready])
        for slot in ready:
            slot.send(message)
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(question.is_answered.wait(), _COLLECT_LIMIT)
        finally:
            del self._questions[message.number]
        return question.answers

    def _waits_for_answers(self) -> bool:
        return any(slot.is_ready and slot.last_answer < self._asked for slot in self._slots)

    def _send(self, message: Message) -> None:
        for slot in self._slots:
            slot.send(message)

    def _stop_by_signal(self, number: signal.Signals) -> None:
        log.info("signal", name=signal.Signals(number).name)
        if self.is_draining:
            self.cut()
        else:
            self.begin_drain()

    async def _drain(self) -> None:
        """Wait for the demand to stop, then take the steps; cancelled when all workers have left."""
        await self._stopping.wait()
        drain, leave = self._plan.drain, self._plan.patience.leave
        # Readiness fails from now on; whoever balances in front has this long to notice.
        await self._wait_unless_hurried(drain.delay)
        self._leaving.set()
        # From here on nothing new may queue: the workers take what waits, and then nobody would.
        self._close_listeners()
        self._send(Drain(drain.timeout, drain.spread))
        await self._wait_unless_hurried(drain.timeout)
        self._send(Drain(0.0, 0.0))
        await asyncio.sleep(leave)
        for slot in self._slots:
            if slot.process is not None and slot.process.returncode is None:
                log.error("a worker did not leave and is killed", worker=slot.number)
                slot.process.kill()

    async def _wait_unless_hurried(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), seconds)

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()

    async def _keep_worker(self, slot: WorkerSlot) -> None:
        patience = self._plan.patience
        first, most = patience.backoff
        backoff, deaths = first, 0
        while not self._leaving.is_set():
            started = time.monotonic()
            code = await self._run_worker(slot)
            self.totals.forget(slot.number)
            if self._leaving.is_set():
                self._cut += not slot.has_drained
                return
            deaths += 1
            if deaths >= patience.starts and not self._has_served:
                log.error("the workers do not come up", worker=slot.number, code=code)
                self._has_failed = True
                self.begin_drain()
                return
            if time.monotonic() - started > patience.stable:
                backoff = first
            log.error("a worker died and is started again", worker=slot.number, code=code, backoff=backoff)
            self.totals.count("orion_worker_restarts_total", (str(slot.number),))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), backoff)
            backoff = min(backoff * 2, most)

    async def _run_worker(self, slot: WorkerSlot) -> int:
        """Start a worker and wait for its end; return its exit code, -1 when it could not be started."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            inherited = [theirs.fileno(), *(place.descriptor for place in self._snapshot.listeners)]
            command = [*self._plan.command, str(theirs.fileno()), str(slot.number)]
            try:
                process = await asyncio.create_subprocess_exec(
                    *command, pass_fds=inherited, env={**_ALLOCATOR, **os.environ}
                )
            except OSError:
                log.exception("a worker could not be started", worker=slot.number)
                ours.close()
                return -1
        is_lost = asyncio.Event()
        channel = Channel(lambda message: self._receive(slot, message), is_lost.set)
        await channel.open(ours)
        # The demand to stop may have come while it started.
        if self._leaving.is_set():
            channel.send(Drain(0.0, 0.0))
        else:
            # Ahead of the snapshot: no request may be judged without them.
            for file in self._files.everything():
                channel.send(file)
            channel.send(self._snapshot)
            for change in self.care.everything():
                channel.send(change)
        slot.process, slot.channel = process, channel
        watch = loop.call_later(self._plan.patience.serve, self._kill_unless_serving, slot)
        try:
            code = await process.wait()
            # Its last words may still be on the way: whether it was cut, and what it counted.
            await is_lost.wait()
        finally:
            watch.cancel()
            channel.close()
            slot.process, slot.channel, slot.generation = None, None, 0
            self.care.lose_worker(slot.number)
        return code

    def _kill_unless_serving(self, slot: WorkerSlot) -> None:
        if slot.generation == 0 and slot.process is not None:
            log.error("a worker does not serve and is killed", worker=slot.number)
            slot.process.kill()

    def _receive(self, slot: WorkerSlot, message: Message) -> None:
        slot.beat()
        match message:
            case Serving(generation):
                slot.generation = generation
                self._has_served = True
                log.info("worker serves", worker=slot.number, generation=generation)
            case Report(delta, answers):
                self.totals.add(slot.number, delta)
                slot.last_answer = max(slot.last_answer, answers)
                if not self._waits_for_answers():
                    self._answered.set()
            case ReportsTold(items):
                self.reports.take(items)
            case News(items):
                # The answers first: what follows for everybody may be about the permits that they grant.
                for answer in self.care.take_news(slot.number, items):
                    slot.send(answer)
                self.care.pass_on()
            case Explained(number) if number in self._questions:
                self._questions[number].take(slot.number, message)
            case Explained():
                log.info("an explanation came too late", worker=slot.number)
            case Drained(cut):
                slot.has_drained = True
                self._cut += cut
            case _:
                raise AssertionError(f"a worker does not send {type(message).__name__}")
