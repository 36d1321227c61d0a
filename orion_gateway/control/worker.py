"""One data-plane process: forwards under the snapshot it was sent, reports every second, drains when told.

It owns its client connections and pools and nothing else; what it knows of the world, how endpoints and circuits stand,
comes down the channel. What its attempts and exchanges say about them goes up. When the supervisor is gone it drains
and leaves by itself.
"""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING, cast

import structlog

from orion_gateway.control.acceptor import Acceptor
from orion_gateway.control.admission import Admission
from orion_gateway.control.channel import Channel
from orion_gateway.control.explaining import explain_pool
from orion_gateway.control.limits import share_connections
from orion_gateway.control.messages import (
    Ask,
    CircuitChanged,
    Drain,
    Drained,
    Explain,
    FileChanged,
    FilterReports,
    ListenerPlace,
    Message,
    News,
    Report,
    Serving,
    Snapshot,
    StandingsChanged,
    TrialAnswer,
)
from orion_gateway.filters.filter import Counting
from orion_gateway.proxy.deadline import Phase
from orion_gateway.proxy.downstream import Downstream
from orion_gateway.proxy.keeper import Keeper
from orion_gateway.proxy.plane import ADMIN_SERVICE, is_of_table
from orion_gateway.telemetry.access_log import AccessLog, open_access_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from random import Random

    from orion_gateway.breaker.news import GateNews
    from orion_gateway.discovery.news import AttemptTold
    from orion_gateway.filters.filter import Report as FilterReport
    from orion_gateway.proxy.plane import DataPlane
    from orion_gateway.telemetry.metrics import Delta, Key
    from orion_gateway.values import Endpoint

    Tell = Callable[[GateNews | AttemptTold], None]
    PlaneBuilder = Callable[[Snapshot, AccessLog, Random, Tell], DataPlane]

_TICK = 0.1
"""Seconds between two sweeps: how exact timeouts are."""

_TICKS_PER_SECOND = 10

log = structlog.get_logger()


class ListenerKeeper(Keeper):
    """The connections of one listener: the `Door` of its acceptor, and what `Downstream` knows of its worker."""

    def __init__(self, worker: Worker, place: ListenerPlace) -> None:
        super().__init__(place.name, place.port, worker.plane)
        self._worker = worker
        self.connections: set[Downstream] = set()
        # The descriptor was inherited for this worker alone; the supervisor keeps its own.
        self.acceptor = Acceptor(socket.socket(fileno=place.descriptor), self)

    def admit(self, client: str) -> bool:
        """Count a connection against the limits."""
        return self._worker.take(client)

    def begin(self, client: str) -> asyncio.Protocol:
        """Return the protocol of an admitted connection."""
        return cast("asyncio.Protocol", Downstream(self, client))

    def give_up(self, client: str) -> None:
        """An admitted connection was gone before it began."""
        self._worker.give_back(client)

    def remember(self, connection: Downstream) -> None:
        """A connection has begun."""
        self.connections.add(connection)
        if self._worker.has_cut:
            connection.abort()

    def forget(self, connection: Downstream) -> None:
        """A connection is gone."""
        self.connections.discard(connection)
        self._worker.give_back(connection.peer_name)


def count_reports(reports: Sequence[tuple[str, str, FilterReport]], delta: Delta) -> None:
    """Add what filters count for metrics."""
    for route, _, report in reports:
        if isinstance(report, Counting):
            for metric, labels, count in report.counted():
                key = (metric, (route, *labels))
                delta.counters[key] = delta.counters.get(key, 0) + count


class Worker:
    """The state of the process. `run` ends when it has drained."""

    def __init__(
        self, number: int, build_plane: PlaneBuilder, rng: Random, settle: Callable[[], None] = lambda: None
    ) -> None:
        """`number` tells this worker from others in metrics; `build_plane` makes the plane of a snapshot.

        What its gates and pools have to tell comes to `tell`. `settle` is called when everything that lasts was made.
        """
        self._number = number
        self._build_plane = build_plane
        self._rng = rng
        self._settle = settle
        self._starting: asyncio.Task[None] | None = None
        self._channel = Channel(self._receive, self._lose_supervisor)
        self._plane: DataPlane | None = None
        self._keepers: list[ListenerKeeper] = []
        self._admission = Admission(limit=0, per_client=None)
        self._is_full = False
        self._orphan_drain = Drain(timeout=0.0, spread=0.0)
        self._idle_until = 0.0
        self._lag = 0.0
        self._tick = 0
        self._cut = 0
        self._files: dict[str, FileChanged] = {}
        """What the files of filters hold, by their paths."""
        self._reported: dict[Key, float] = {}
        self._endpoints: list[tuple[Key, Endpoint]] = []
        """Every endpoint of the table, and the gauge of its attempts in flight."""
        self._news: list[GateNews | AttemptTold] = []
        self._has_failed = False
        self._left = asyncio.Event()
        self._channel_closed = asyncio.Event()
        self.is_draining = False
        self.has_cut = False
        """Whether the time to drain is over: every connection is closed at once."""

    @property
    def plane(self) -> DataPlane:
        """The plane in force; there is one before the first connection."""
        assert self._plane is not None
        return self._plane

    async def run(self, descriptor: int) -> int:
        """Serve what comes down the channel until drained; return the exit code."""
        await self._channel.open(socket.socket(fileno=descriptor))
        loop = asyncio.get_running_loop()
        loop.call_later(_TICK, self._sweep, loop.time() + _TICK)
        await self._left.wait()
        if self._plane is not None:
            for pool in self._plane.pools.values():
                pool.close()
            self._plane.close_filters()
            await self._stop_applications(self._plane)
            self._plane.access_log.close()
            self._report(0)
        if not self._has_failed:
            self._channel.send(Drained(self._cut))
        self._channel.close()
        await self._channel_closed.wait()
        return 1 if self._has_failed else 0

    def take(self, client: str) -> bool:
        """Count a connection of a client when it may have one more; stop accepting at the limit."""
        if not self._admission.take(client):
            return False
        if self._admission.is_full and not self._is_full:
            self._is_full = True
            for keeper in self._keepers:
                keeper.acceptor.pause()
        return True

    def give_back(self, client: str) -> None:
        """Count a connection less; accept again when there is room."""
        self._admission.give_back(client)
        if self.is_draining:
            self._leave_when_empty()
        elif self._is_full and self._admission.has_room_again:
            self._is_full = False
            for keeper in self._keepers:
                keeper.acceptor.resume()

    def tell(self, item: GateNews | AttemptTold) -> None:
        """Tell the supervisor, together with everything else of this turn of the loop."""
        if not self._news:
            asyncio.get_running_loop().call_soon(self._send_news)
        self._news.append(item)

    def _send_news(self) -> None:
        if self._news:
            items, self._news = tuple(self._news), []
            self._channel.send(News(items))

    def _connections(self) -> Iterator[Downstream]:
        """Yield every connection; they may end on the way."""
        for keeper in self._keepers:
            yield from list(keeper.connections)

    def _receive(self, message: Message) -> None:
        match message:
            case Snapshot():
                try:
                    self._serve(message)
                except Exception:
                    # Whoever cannot serve must not look as if it did: the supervisor starts another one.
                    log.exception("a snapshot cannot be served", generation=message.generation)
                    self._has_failed = True
                    self._left.set()
            case FileChanged(path, content):
                self._files[path] = message
                if self._plane is not None:
                    self._plane.take_file(path, content)
            case Drain(timeout, spread):
                self._drain(timeout, spread)
            case Ask(number):
                self._report(number)
            case StandingsChanged() | CircuitChanged() | TrialAnswer() | Explain():
                if self._plane is not None:
                    self._take_state(message, self._plane)
            case _:
                raise AssertionError(f"the supervisor does not send {type(message).__name__}")

    def _take_state(self, message: StandingsChanged | CircuitChanged | TrialAnswer | Explain, plane: DataPlane) -> None:
        """Take how a service stands, or say how it looks from here."""
        match message:
            case StandingsChanged(service, standings):
                plane.take_standings(service, standings)
            case CircuitChanged(service, view):
                plane.take_circuit(service, view)
            case TrialAnswer(service, permit):
                plane.take_trial_answer(service, permit)
            case Explain(service=service):
                self._channel.send(explain_pool(plane.pools[service], message, time.monotonic()))

    def _serve(self, snapshot: Snapshot) -> None:
        access_log = open_access_log(snapshot.access_log, self._rng)
        self._plane = self._build_plane(snapshot, access_log, self._rng, self.tell)
        for file in self._files.values():
            self._plane.take_file(file.path, file.content)
        self._endpoints = [
            (("orion_endpoint_in_flight", (service.name, endpoint.url)), endpoint)
            for service in snapshot.services
            if service.name != ADMIN_SERVICE
            for endpoint in service.endpoints
        ]
        limit = share_connections(snapshot.max_connections, snapshot.descriptors, snapshot.workers, self._number)
        self._admission = Admission(limit, snapshot.max_per_client)
        self._is_full = self._admission.is_full
        self._orphan_drain = snapshot.orphan_drain
        self._keepers = [ListenerKeeper(self, place) for place in snapshot.listeners]
        if self._plane.applications:
            start = self._start_applications(self._plane, snapshot.generation)
            self._starting = asyncio.get_running_loop().create_task(start)
        else:
            self._begin(snapshot.generation)

    def _begin(self, generation: int) -> None:
        """Accept connections."""
        self._settle()
        if not self._is_full:
            for keeper in self._keepers:
                keeper.acceptor.resume()
        self._channel.send(Serving(generation))

    async def _start_applications(self, plane: DataPlane, generation: int) -> None:
        """Start what answers in this process; what cannot be started is told with its place, and nothing is served."""
        for application in plane.applications.values():
            try:
                await application.start()
            except Exception as error:
                use = application.use
                log.exception(f"{use.place}: an application cannot be started: {error}", application=use.use)
                self._has_failed = True
                self._left.set()
                return
        if not self.is_draining:
            self._begin(generation)

    async def _stop_applications(self, plane: DataPlane) -> None:
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        for application in plane.applications.values():
            await application.stop()

    def _sweep(self, due: float) -> None:
        """Judge timeouts; flush the log; report once a second."""
        loop = asyncio.get_running_loop()
        self._lag = max(self._lag, loop.time() - due)
        self._tick += 1
        try:
            self._sweep_once(is_second=self._tick % _TICKS_PER_SECOND == 0)
        finally:
            # Whatever failed is logged by the loop: without sweeps no timeout would ever pass again.
            if not self._left.is_set():
                loop.call_later(_TICK, self._sweep, loop.time() + _TICK)

    def _sweep_once(self, *, is_second: bool) -> None:
        now = time.monotonic()
        for connection in self._connections():
            if connection.exchange is not None or is_second:
                self._check(connection, now)
        if self._plane is None:
            return
        self._plane.access_log.flush()
        if is_second:
            for pool in self._plane.pools.values():
                pool.sweep(now)
            self._report(0)
            self._lag = 0.0

    def _check(self, connection: Downstream, now: float) -> None:
        try:
            if connection.exchange is not None:
                connection.exchange.check(now)
                return
            connection.check(now)
            if self.is_draining and now > self._idle_until:
                # It was new or busy when the idle ones were closed.
                connection.close_idle()
        except Exception:
            # One connection must not keep the timeouts of all others from being judged.
            log.exception("a connection could not be checked and is cut")
            connection.transport.abort()

    def _report(self, answers: int) -> None:
        if self._plane is None:
            return
        for pool in self._plane.pools.values():
            if pool.gate is not None and (counts := pool.gate.take_counts()) is not None:
                self.tell(counts)
        self._send_news()
        delta = self._plane.take()
        self._gauge(delta, self._plane)
        reports = self._plane.take_reports()
        if reports:
            count_reports(reports, delta)
            self._channel.send(FilterReports(tuple(reports)))
        dropped = self._plane.access_log.take_dropped()
        if dropped:
            delta.counters["orion_access_log_dropped_total", (str(self._number),)] = dropped
        self._channel.send(Report(delta, answers))

    def _gauge(self, delta: Delta, plane: DataPlane) -> None:
        """Add how the worker stands, and leave out what the supervisor knows already."""
        gauges = delta.gauges
        for keeper in self._keepers:
            active = sum(connection.exchange is not None for connection in keeper.connections)
            gauges["orion_http_requests_in_flight", (keeper.listener,)] = active
            gauges["orion_connections", (keeper.listener, "active")] = active
            gauges["orion_connections", (keeper.listener, "idle")] = len(keeper.connections) - active
        for key, endpoint in self._endpoints:
            # The same address may stand twice in a service.
            gauges[key] = gauges.get(key, 0) + endpoint.in_flight
        now = time.monotonic()
        for name, pool in plane.pools.items():
            if is_of_table(name):
                gauges["orion_upstream_retry_budget", (name,)] = round(pool.budget.left(now), 2)
        gauges["orion_event_loop_lag_seconds", (str(self._number),)] = round(self._lag, 6)
        delta.gauges = {key: value for key, value in gauges.items() if self._reported.get(key) != value}
        self._reported = gauges

    def _drain(self, timeout: float, spread: float) -> None:
        loop = asyncio.get_running_loop()
        if not self.is_draining:
            self.is_draining = True
            for keeper in self._keepers:
                keeper.is_draining = True
                keeper.acceptor.close()
            spread = min(spread, timeout)
            self._idle_until = time.monotonic() + spread
            for connection in self._connections():
                # Spread out, so that not all clients come back to the other gateways at the same moment.
                loop.call_later(self._rng.uniform(0, spread), connection.close_idle)
        loop.call_later(timeout, self._cut_all)
        self._leave_when_empty()

    def _cut_all(self) -> None:
        self.has_cut = True
        for connection in self._connections():
            exchange = connection.exchange
            self._cut += exchange is not None and exchange.phase is not Phase.ANSWERED
            connection.abort()

    def _leave_when_empty(self) -> None:
        if not self._admission.total:
            self._left.set()

    def _lose_supervisor(self) -> None:
        self._channel_closed.set()
        if not self._left.is_set():
            log.error("the supervisor is gone, draining")
            self._drain(self._orphan_drain.timeout, self._orphan_drain.spread)
