"""One simulated gateway: workers, their supervisor's judge, the channel between them, and the active checks.

The judge is the one that the supervisor runs, and so is the schedule of the checks. The channel takes `delay` seconds
in each direction.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from orion_gateway.control.judge import Judge, PanicTurned
from orion_gateway.control.messages import CircuitChanged, StandingsChanged
from orion_gateway.discovery.schedule import Limits, Schedule
from orion_gateway.simulator.record import Change, Lane, Look
from orion_gateway.simulator.worker import Worker
from orion_gateway.values import CircuitState, Health, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from orion_gateway.discovery.schedule import Turn
    from orion_gateway.simulator.clock import Clock
    from orion_gateway.simulator.record import Record
    from orion_gateway.simulator.worker import News, Served
    from orion_gateway.values import CircuitView, HealthCheck, Standing

COUNTS = 1.0
"""Seconds between two messages of a worker's counts."""

TICK = 0.005
"""Seconds between two looks at the schedule of checks, at least."""

TOGETHER = 0.05
"""Seconds for which what checks have found is gathered before the workers are told, as the supervisor does."""


class Gateway:
    """A gateway: `workers` take requests, the judge hears of them, and everybody hears of the judge."""

    __slots__ = (
        "_check_due",
        "_checked",
        "_clock",
        "_delay",
        "_due",
        "_is_gathering",
        "_judge",
        "_lanes",
        "_looks",
        "_number",
        "_record",
        "_rng",
        "_schedule",
        "_served",
        "_told",
        "workers",
    )

    def __init__(
        self,
        number: int,
        served: Sequence[Served],
        clock: Clock,
        record: Record,
        rng: Random,
        workers: int,
        delay: float,
    ) -> None:
        self._number = number
        self._served = {one.service.name: one for one in served}
        self._clock = clock
        self._record = record
        self._rng = rng
        self._delay = delay
        self._due = inf
        self._is_gathering = False
        self._told: dict[str, Sequence[Standing]] = {}
        self._looks: dict[tuple[str, int], Look] = {}
        self._lanes: dict[str, Lane] = {}
        self._checked = [one for one in served if one.service.health_check is not None]
        intervals = [
            (len(one.upstreams), one.service.health_check.interval) for one in self._checked if one.service.health_check
        ]
        self._schedule = Schedule(intervals, Limits(), clock.now)
        self._check_due = inf
        self._judge = Judge([one.service for one in served], clock.now)
        self.workers = [
            Worker(self._served, clock, record, rng, workers, self._make_tell(index)) for index in range(workers)
        ]

    def start(self) -> None:
        """Tell the workers how everything stands, check every endpoint, and begin to count."""
        for change in self._judge.everything():
            self._note(change)
            for worker in self.workers:
                _take(worker, change)
        self._check()
        self._clock.after(self._rng.random() * COUNTS, self._count)
        self._flush()

    def _make_tell(self, worker: int) -> Callable[[News], None]:
        def tell(news: News) -> None:
            self._clock.after(self._delay, self._take_news, worker, news)

        return tell

    def _take_news(self, worker: int, news: News) -> None:
        for answer in self._judge.take_news(worker, (news,), self._clock.now):
            self._clock.after(self._delay, self.workers[worker].take_permit, answer.service, answer.permit)
        self._flush()

    def _advance(self) -> None:
        self._due = inf
        self._judge.advance(self._clock.now)
        self._flush()

    def _flush(self) -> None:
        """Send what the judge has changed to every worker, and come back when it is due."""
        for event in self._judge.take_events():
            if isinstance(event, PanicTurned):
                number = self._served[event.service].number
                self._record.panics.append(Change(self._clock.now, self._number, number, 0, event.is_panic))
        for change in self._judge.take_changes():
            self._note(change)
            for worker in self.workers:
                self._clock.after(self._delay, _take, worker, change)
        due = self._judge.next_due
        if due < self._due:
            self._due = due
            self._clock.at(due, self._advance)

    def _count(self) -> None:
        for worker in self.workers:
            worker.tell_counts()
        self._clock.after(COUNTS, self._count)

    def _check(self) -> None:
        """Begin the checks that are due, and come back for the next ones."""
        clock, schedule = self._clock, self._schedule
        self._check_due = inf
        while (turn := schedule.begin_next(clock.now, self._rng)) is not None:
            self._begin_check(turn)
        self._plan_checks()

    def _plan_checks(self) -> None:
        due = max(self._schedule.next_due, self._clock.now + TICK)
        if due < self._check_due:
            self._check_due = due
            self._clock.at(due, self._check_at, due)

    def _check_at(self, due: float) -> None:
        # What was planned for later was overtaken when an earlier time turned up.
        if due == self._check_due:
            self._check()

    def _begin_check(self, turn: Turn) -> None:
        clock, record, served = self._clock, self._record, self._checked[turn.service]
        check = served.service.health_check
        assert check is not None
        record.checked_at.append(clock.now)
        record.checked_service.append(served.number)
        record.checked_endpoint.append(served.positions[turn.endpoint])
        probe = Probe(self, turn, check)
        if served.upstreams[turn.endpoint].take(probe) > check.timeout:
            clock.after(check.timeout, probe.take_answer, Reason.HTTP_RESPONSE_TIMEOUT, 0, True)

    def end_check(self, turn: Turn, why: str, *, has_timed_out: bool) -> None:
        """Take what a check found; `why` is empty when the endpoint is well."""
        now = self._clock.now
        self._schedule.end(turn, has_timed_out, now, self._rng)
        name = self._checked[turn.service].service.name
        self._judge.take_check(name, turn.endpoint, not why, why, now)
        if not self._is_gathering:
            self._is_gathering = True
            self._clock.after(TOGETHER, self._flush_together)
        self._plan_checks()

    def _flush_together(self) -> None:
        self._is_gathering = False
        self._flush()

    def _note(self, change: StandingsChanged | CircuitChanged) -> None:
        served = self._served[change.service]
        if isinstance(change, CircuitChanged):
            self._note_circuit(served, change.view)
            return
        told = self._told.get(change.service)
        self._told[change.service] = change.standings
        for number, standing in enumerate(change.standings):
            # Most have not changed, and are then the very same value.
            if told is None or standing is not told[number]:
                self._note_standing(served, number, standing)

    def _note_standing(self, served: Served, number: int, standing: Standing) -> None:
        window = served.service.balancing.slow_start
        look = Look.UP
        if standing.health is Health.DOWN:
            look = Look.DOWN
        elif standing.is_ejected:
            look = Look.EJECTED
        elif standing.health is Health.UNKNOWN:
            look = Look.UNKNOWN
        elif window is not None and standing.back_since and self._clock.now < standing.back_since + window:
            look = Look.WARMING
            self._clock.at(standing.back_since + window, self._note_warm, served, number)
        self._set_look(served, number, look)

    def _note_warm(self, served: Served, number: int) -> None:
        if self._looks[served.service.name, number] is Look.WARMING:
            self._set_look(served, number, Look.UP)

    def _set_look(self, served: Served, number: int, look: Look) -> None:
        name = served.service.name
        if self._looks.get((name, number)) is not look:
            self._looks[name, number] = look
            position = served.positions[number]
            self._record.standings.append(Change(self._clock.now, self._number, served.number, position, look))

    def _note_circuit(self, served: Served, view: CircuitView) -> None:
        window = served.service.balancing.slow_start
        lane = {CircuitState.OPEN: Lane.OPEN, CircuitState.HALF_OPEN: Lane.HALF_OPEN}.get(view.state, Lane.CLOSED)
        if (
            lane is Lane.CLOSED
            and window is not None
            and view.back_since
            and self._clock.now < view.back_since + window
        ):
            lane = Lane.RAMP
            self._clock.at(view.back_since + window, self._note_full, served)
        self._set_lane(served, lane)

    def _note_full(self, served: Served) -> None:
        if self._lanes[served.service.name] is Lane.RAMP:
            self._set_lane(served, Lane.CLOSED)

    def _set_lane(self, served: Served, lane: Lane) -> None:
        name = served.service.name
        if self._lanes.get(name) is not lane:
            self._lanes[name] = lane
            self._record.circuits.append(Change(self._clock.now, self._number, served.number, 0, lane))


class Probe:
    """One health check, until it is answered or given up."""

    __slots__ = ("_check", "_gateway", "_turn")

    is_check = True

    def __init__(self, gateway: Gateway, turn: Turn, check: HealthCheck) -> None:
        self._gateway: Gateway | None = gateway
        self._turn = turn
        self._check = check

    def take_answer(self, reason: Reason | None, status: int, is_sent: bool) -> None:  # noqa: ARG002 (the contract's)
        """Take the answer, or the reason why there is none; only the first one counts."""
        gateway, self._gateway = self._gateway, None
        if gateway is None:
            return
        why = str(reason) if reason is not None else ""
        if not why and not any(low <= status <= high for low, high in self._check.statuses):
            why = f"status {status}"
        gateway.end_check(self._turn, why, has_timed_out=reason is Reason.HTTP_RESPONSE_TIMEOUT)


def _take(worker: Worker, change: StandingsChanged | CircuitChanged) -> None:
    if isinstance(change, StandingsChanged):
        worker.take_standings(change.service, change.standings)
    else:
        worker.take_view(change.service, change.view)
