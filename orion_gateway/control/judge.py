"""Judge the services: what checks, attempts and exchanges say goes in, what every worker must know comes out.

Pure: events and the time are arguments. It joins what judges one thing each (`HealthRecord` and `Outliers` endpoints,
`Circuit` a service) and keeps what the workers were told last, so that only changes are told. `care` gives it to the
supervisor with time, checks and channels; the simulator walks it on virtual time.

Endpoints are named by their place in the service. Times are monotonic seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orion_gateway.balancer.eligible import judge_panic
from orion_gateway.breaker.circuit import Circuit
from orion_gateway.breaker.news import TrialAsked, TrialEnded, Verdicts
from orion_gateway.control.messages import CircuitChanged, StandingsChanged, TrialAnswer
from orion_gateway.discovery.health import HealthRecord
from orion_gateway.discovery.news import AttemptTold
from orion_gateway.discovery.outliers import Outliers
from orion_gateway.values import CircuitState, Health, Standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orion_gateway.breaker.news import GateNews
    from orion_gateway.values import CircuitView, Service

    Change = StandingsChanged | CircuitChanged

_COMMON = {
    standing: standing
    for health in Health
    for is_ejected in (False, True)
    for is_suspect in (False, True)
    for standing in [Standing(health, is_ejected, is_suspect)]
}
"""Most endpoints stand in one of these ways. They share one value: a pickle of ten thousand is then quick and small."""


@dataclass(frozen=True, slots=True)
class EndpointTurned:
    """An endpoint stands otherwise than before: `back` is the end of an ejection."""

    service: str
    endpoint: int
    to: Literal["up", "down", "ejected", "back"]
    why: str


@dataclass(frozen=True, slots=True)
class CircuitTurned:
    """A circuit has made a transition."""

    service: str
    before: CircuitState
    after: CircuitState
    why: str


@dataclass(frozen=True, slots=True)
class PanicTurned:
    """So few endpoints are left that ejection is ignored from now on, or enough again."""

    service: str
    is_panic: bool


Event = EndpointTurned | CircuitTurned | PanicTurned
"""What people want to read about."""


def is_well(standing: Standing) -> bool:
    """Say whether an endpoint is up and not ejected; in a panic others get requests too."""
    return standing.health is Health.UP and not standing.is_ejected


def _is_lost(standing: Standing) -> bool:
    return standing.health is Health.DOWN or standing.is_ejected


class JudgedService:
    """One service: how its endpoints and its circuit stand, and why."""

    def __init__(self, service: Service, now: float) -> None:
        check, count = service.health_check, len(service.endpoints)
        self.service = service
        self.records = tuple(HealthRecord(check.rise, check.fall) for _ in range(count)) if check is not None else ()
        """One for each endpoint, none without active checks."""
        self.outliers = Outliers(service.outliers, count) if service.outliers is not None else None
        self.circuit = Circuit(service.name, service.circuit, now) if service.circuit is not None else None
        self.standings = [_COMMON[Standing(Health.UP if check is None else Health.UNKNOWN)]] * count
        self.is_panic = False
        # Counted and not looked up: ten thousand first answers come one by one.
        self._candidates = sum(endpoint.weight > 0 for endpoint in service.endpoints)
        self._lost = 0
        self.told_standings: tuple[Standing, ...] | None = None
        self.told_view: CircuitView | None = None
        self._epoch = 0 if self.circuit is None else self.circuit.view.epoch

    @property
    def is_watched(self) -> bool:
        """Whether its endpoints can stand otherwise than at the start."""
        return bool(self.records) or self.outliers is not None

    @property
    def next_due(self) -> float:
        """When `advance` has something to do."""
        circuit = math.inf if self.circuit is None else self.circuit.next_due
        return circuit if self.outliers is None else min(circuit, self.outliers.next_due)

    def advance(self, now: float, events: list[Event]) -> None:
        """Let end what is over."""
        if self.outliers is not None and self.outliers.next_due <= now and self.outliers.advance(now):
            self._stand(range(len(self.standings)), now, events)
        if self.circuit is not None and self.circuit.next_due <= now:
            self.circuit.advance(now)
            self.note_circuit(events)

    def take_check(self, endpoint: int, ok: bool, why: str, now: float, events: list[Event]) -> bool:
        """Take the answer of an active check; return whether anything changed."""
        if not self.records[endpoint].observe(ok, now, why):
            return False
        is_let_in = ok and self.outliers is not None and self.outliers.end_ejection(endpoint, now)
        # The room that it leaves among the ejected is another's: then all are looked at.
        self._stand(range(len(self.standings)) if is_let_in else (endpoint,), now, events)
        return True

    def take_attempt(self, endpoint: int, succeeded: bool, now: float, events: list[Event]) -> bool:
        """Take how an attempt ended; return whether anything changed."""
        if self.outliers is None or not self.outliers.take_attempt(endpoint, succeeded, now):
            return False
        if succeeded:
            # Whoever told it takes the suspicion for ended: it must hear of a failure that came in the same message.
            self.told_standings = None
        self._stand((endpoint,), now, events)
        return True

    def _stand(self, endpoints: Iterable[int], now: float, events: list[Event]) -> None:
        """Note how these endpoints stand now."""
        is_other = False
        for endpoint in endpoints:
            before = self.standings[endpoint]
            health = self.records[endpoint].health if self.records else Health.UP
            is_ejected = self.outliers is not None and self.outliers.is_ejected(endpoint)
            is_suspect = self.outliers is not None and self.outliers.is_suspect(endpoint)
            if health is before.health and is_ejected is before.is_ejected and is_suspect is before.is_suspect:
                continue
            was_away = before.health is Health.DOWN or before.is_ejected
            is_back = was_away and health is Health.UP and not is_ejected
            after = Standing(health, is_ejected, is_suspect, now if is_back else before.back_since)
            self.standings[endpoint] = _COMMON.get(after, after)
            if health is not before.health or is_ejected is not before.is_ejected:
                is_other = True
                if self.service.endpoints[endpoint].weight > 0:
                    self._lost += _is_lost(after) - _is_lost(before)
                self._tell_turns(endpoint, before, after, now, events)
        if is_other:
            self._judge_panic(events)

    def _tell_turns(self, endpoint: int, before: Standing, after: Standing, now: float, events: list[Event]) -> None:
        name, is_checked_up = self.service.name, False
        if after.health is not before.health:
            last = self.records[endpoint].last
            why = "" if last is None else last.why
            is_checked_up = after.health is Health.UP
            # That an endpoint is up at the first check is what everybody expects.
            if before.health is not Health.UNKNOWN or not is_checked_up:
                events.append(EndpointTurned(name, endpoint, "up" if is_checked_up else "down", why))
        if (
            after.is_ejected
            and not before.is_ejected
            and self.outliers is not None
            and self.service.outliers is not None
        ):
            seconds = self.outliers.ejected_until(endpoint) - now
            why = f"{self.service.outliers.consecutive_failures} failures in a row; out for {seconds:g} s"
            events.append(EndpointTurned(name, endpoint, "ejected", why))
        elif before.is_ejected and not after.is_ejected:
            why = "active checks call it up again" if is_checked_up else "the time of its ejection is over"
            events.append(EndpointTurned(name, endpoint, "back", why))

    def _judge_panic(self, events: list[Event]) -> None:
        """Note whether ejection is ignored now."""
        is_panic = judge_panic(self._candidates, self._lost)
        if is_panic is not self.is_panic:
            self.is_panic = is_panic
            events.append(PanicTurned(self.service.name, is_panic))

    def note_circuit(self, events: list[Event]) -> None:
        """Tell the transitions since the last call."""
        assert self.circuit is not None
        made = self.circuit.view.epoch - self._epoch
        self._epoch = self.circuit.view.epoch
        new = list(self.circuit.transitions)[-made:] if made else []
        events += [CircuitTurned(self.service.name, turned.before, turned.after, turned.why) for turned in new]

    def take_changes(self) -> list[Change]:
        """Return what the workers have not been told yet."""
        changes: list[Change] = []
        standings = tuple(self.standings)
        if self.is_watched and standings != self.told_standings:
            self.told_standings = standings
            changes.append(StandingsChanged(self.service.name, standings))
        if self.circuit is not None and self.circuit.view != self.told_view:
            self.told_view = self.circuit.view
            changes.append(CircuitChanged(self.service.name, self.circuit.view))
        return changes


class Judge:
    """Every service of a generation."""

    def __init__(self, services: Sequence[Service], now: float) -> None:
        self.services = {service.name: JudgedService(service, now) for service in services}
        self.circuits = {name: judged.circuit for name, judged in self.services.items() if judged.circuit is not None}
        self.records = {name: judged.records for name, judged in self.services.items() if judged.records}
        self.outliers = {name: judged.outliers for name, judged in self.services.items() if judged.outliers is not None}
        self.next_due = math.inf
        """When `advance` must be called next; infinite when there is nothing to wait for."""
        self._dues = dict.fromkeys(self.services, math.inf)
        self._begun = now
        self._touched: dict[str, None] = {}
        self._events: list[Event] = []
        # Whoever starts is told everything; only what changes after that is a change.
        for judged in self.services.values():
            judged.take_changes()

    def advance(self, now: float) -> None:
        """Let end what is over by now: ejections, the time of open circuits, trials that nobody has heard of."""
        if now < self.next_due:
            return
        for name in [name for name, due in self._dues.items() if due <= now]:
            self.services[name].advance(now, self._events)
            self._touch(self.services[name])

    def take_news(self, worker: int, news: Sequence[GateNews | AttemptTold], now: float) -> list[TrialAnswer]:
        """Take what a worker tells, in its order; return the answers for that worker.

        What is told of a service that is not judged any more is passed over.
        """
        # A timer that is late must not decide: who asks for a trial at the moment it may gets it.
        self.advance(now)
        answers = []
        for item in news:
            judged = self.services.get(item.service)
            if judged is None:
                continue
            if isinstance(item, AttemptTold):
                if item.endpoint < len(judged.standings) and judged.take_attempt(
                    item.endpoint, item.succeeded, now, self._events
                ):
                    self._touch(judged)
            elif judged.circuit is not None:
                answers += self._take_gate_news(worker, judged, judged.circuit, item, now)
        return answers

    def take_check(self, service: str, endpoint: int, ok: bool, why: str, now: float) -> None:
        """Take the answer of an active check of one endpoint, and what it was."""
        self.advance(now)
        judged = self.services[service]
        if judged.take_check(endpoint, ok, why, now, self._events):
            self._touch(judged)

    def lose_worker(self, worker: int, now: float) -> None:
        """A worker is gone: the permits it had are free again."""
        self.advance(now)
        for name, circuit in self.circuits.items():
            circuit.lose_worker(worker, now)
            self._note_circuit(self.services[name])

    def force_circuit(self, service: str, state: CircuitState | None, now: float) -> None:
        """Hold the circuit of a service in a state; None: let it judge by itself again."""
        self.advance(now)
        self.circuits[service].force(state, now)
        self._note_circuit(self.services[service])

    def reset_circuit(self, service: str, now: float) -> None:
        """Close the circuit of a service and forget what was counted."""
        self.advance(now)
        self.circuits[service].reset(now)
        self._note_circuit(self.services[service])

    def take_changes(self) -> list[Change]:
        """Return what has changed since the last call, for every worker."""
        touched, self._touched = self._touched, {}
        return [change for name in touched for change in self.services[name].take_changes()]

    def everything(self) -> list[Change]:
        """Return what a worker that has just started must be told."""
        everything: list[Change] = []
        for name, judged in self.services.items():
            if judged.is_watched:
                everything.append(StandingsChanged(name, tuple(judged.standings)))
            if judged.circuit is not None:
                everything.append(CircuitChanged(name, judged.circuit.view))
        return everything

    def take_events(self) -> list[Event]:
        """Return what has happened since the last call, for people."""
        events, self._events = self._events, []
        return events

    def find_unchecked(self, now: float) -> list[str]:
        """Return the checked services without a first verdict: none of their endpoints is up, and not all are judged.

        Endpoints of weight 0 do not count. Nobody waits longer than a check may take.
        """
        unchecked = []
        for name, judged in self.services.items():
            check, endpoints = judged.service.health_check, judged.service.endpoints
            if check is not None and now - self._begun < check.timeout:
                found = {r.health for r, endpoint in zip(judged.records, endpoints, strict=True) if endpoint.weight}
                if Health.UNKNOWN in found and Health.UP not in found:
                    unchecked.append(name)
        return unchecked

    def _take_gate_news(
        self, worker: int, judged: JudgedService, circuit: Circuit, item: GateNews, now: float
    ) -> list[TrialAnswer]:
        answers = []
        match item:
            case Verdicts(epoch=epoch, successes=successes, failures=failures, refused=refused):
                circuit.take_verdicts(epoch, successes, failures, now, refused)
            case TrialAsked(epoch=epoch):
                answers.append(TrialAnswer(item.service, circuit.ask_trial(worker, epoch, now)))
            case TrialEnded(permit=permit, verdict=verdict):
                circuit.end_trial(permit, verdict, now)
        self._note_circuit(judged)
        return answers

    def _note_circuit(self, judged: JudgedService) -> None:
        judged.note_circuit(self._events)
        self._touch(judged)

    def _touch(self, judged: JudgedService) -> None:
        name, due = judged.service.name, judged.next_due
        self._touched[name] = None
        before, self._dues[name] = self._dues[name], due
        if due <= self.next_due:
            self.next_due = due
        elif before == self.next_due:  # it was the earliest: only then all are looked at
            self.next_due = min(self._dues.values())
