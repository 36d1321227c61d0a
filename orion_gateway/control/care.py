"""Look after the services: give the judge time, active checks and the workers' news, and pass on what it decides.

It sends the workers what has changed, wakes the judge when something is due, counts what Prometheus should see and logs
what people should read.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING

import structlog

from orion_gateway.breaker.news import Verdicts
from orion_gateway.control.judge import CircuitTurned, EndpointTurned, Judge, PanicTurned, is_well
from orion_gateway.control.messages import StandingsChanged
from orion_gateway.discovery.health_checks import HealthChecks
from orion_gateway.values import CircuitState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from orion_gateway.breaker.news import GateNews
    from orion_gateway.control.judge import Change, Event
    from orion_gateway.control.messages import Message, TrialAnswer
    from orion_gateway.discovery.news import AttemptTold
    from orion_gateway.telemetry.totals import Totals
    from orion_gateway.values import Service, Standing

_TOGETHER = 0.05
"""Seconds in which verdicts of active checks are told together: at the start ten thousand endpoints get one each."""

log = structlog.get_logger()


class Care:
    """The judge of a gateway at work. `run` goes on until it is cancelled."""

    def __init__(
        self, services: Sequence[Service], send: Callable[[Message], None], totals: Totals, rng: Random
    ) -> None:
        """`send` reaches every worker that is connected."""
        self.judge = Judge(services, time.monotonic())
        self._services = {service.name: service for service in services}
        self._send = send
        self._totals = totals
        checked = [service for service in services if service.health_check is not None]
        self._checks = HealthChecks(checked, self._take_check, rng) if checked else None
        self._alarm: asyncio.TimerHandle | None = None
        self._due = math.inf
        self._soon: asyncio.TimerHandle | None = None
        self._up = {service.name: [-1] * len(service.endpoints) for service in services}
        """What `orion_endpoint_up` says of every endpoint."""
        for service in services:
            self._count_from_zero(service)
            self._gauge_endpoints(service.name, self.judge.services[service.name].standings)
        for name in self.judge.circuits:
            self._gauge_circuit(name)

    async def run(self) -> None:
        """Make the active checks, and wake the judge in time, until cancelled."""
        try:
            self._set_alarm()
            if self._checks is not None:
                await self._checks.run()
            await asyncio.Event().wait()
        finally:
            for timer in (self._alarm, self._soon):
                if timer is not None:
                    timer.cancel()

    def everything(self) -> list[Change]:
        """Return what a worker that has just started must be told."""
        return self.judge.everything()

    def take_news(self, worker: int, items: Sequence[GateNews | AttemptTold]) -> list[TrialAnswer]:
        """Take what a worker tells; return the answers for it, to be sent before what has changed is passed on."""
        for item in items:
            if isinstance(item, Verdicts) and item.refused:
                self._totals.count("orion_circuit_refused_total", (item.service,), item.refused)
        return self.judge.take_news(worker, items, time.monotonic())

    def lose_worker(self, worker: int) -> None:
        """A worker is gone."""
        self.judge.lose_worker(worker, time.monotonic())
        self.pass_on()

    def force_circuit(self, service: str, state: CircuitState | None) -> None:
        """Hold a circuit in a state; None: let it judge by itself again."""
        self.judge.force_circuit(service, state, time.monotonic())
        self.pass_on()

    def reset_circuit(self, service: str) -> None:
        """Close a circuit and forget what was counted."""
        self.judge.reset_circuit(service, time.monotonic())
        self.pass_on()

    def pass_on(self) -> None:
        """Tell the workers, the metrics and the log what has changed."""
        for change in self.judge.take_changes():
            self._send(change)
            if isinstance(change, StandingsChanged):
                self._gauge_endpoints(change.service, change.standings)
            else:
                self._gauge_circuit(change.service)
        for event in self.judge.take_events():
            self._note(event)
        self._set_alarm()

    def _take_check(self, service: str, endpoint: int, ok: bool, why: str) -> None:
        self.judge.take_check(service, endpoint, ok, why, time.monotonic())
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(_TOGETHER, self._pass_on_together)

    def _pass_on_together(self) -> None:
        self._soon = None
        self.pass_on()

    def _set_alarm(self) -> None:
        """Wake the judge when something is due."""
        due = self.judge.next_due
        if due == self._due:
            return
        self._due = due
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if due < math.inf:
            self._alarm = asyncio.get_running_loop().call_later(max(0.0, due - time.monotonic()), self._wake)

    def _wake(self) -> None:
        self._alarm, self._due = None, math.inf
        self.judge.advance(time.monotonic())
        self.pass_on()

    # -- what people see -----------------------------------------------------------------------------------------------

    def _note(self, event: Event) -> None:
        match event:
            case EndpointTurned(service, endpoint, to, why):
                url = self._services[service].endpoints[endpoint].url
                say = log.info if to in ("up", "back") else log.warning
                say(f"endpoint {to}", service=service, endpoint=url, why=why)
                if to == "ejected":
                    self._totals.count("orion_endpoint_ejections_total", (service, url))
            case CircuitTurned(service, before, after, why):
                say = log.warning if after is CircuitState.OPEN else log.info
                say(f"circuit {after.value}", service=service, before=before.value, why=why)
                self._totals.count("orion_circuit_transitions_total", (service, after.value))
            case PanicTurned(service, is_panic):
                if is_panic:
                    log.warning("panic: fewer than half of the endpoints are well", service=service)
                else:
                    log.info("panic is over", service=service)
                self._totals.set("orion_service_panic", int(is_panic), (service,))

    def _count_from_zero(self, service: Service) -> None:
        """Make the counters known, so that the first event shows as an increase."""
        if service.circuit is not None:
            self._totals.count("orion_circuit_refused_total", (service.name,), 0)
            for state in CircuitState:
                self._totals.count("orion_circuit_transitions_total", (service.name, state.value), 0)
        for endpoint in service.endpoints:
            self._totals.set("orion_endpoint_weight", endpoint.weight, (service.name, endpoint.url))
            if service.outliers is not None:
                self._totals.count("orion_endpoint_ejections_total", (service.name, endpoint.url), 0)
        if self.judge.services[service.name].is_watched:
            self._totals.set("orion_service_panic", 0, (service.name,))

    def _gauge_endpoints(self, name: str, standings: Sequence[Standing]) -> None:
        told = self._up[name]
        for at, standing in enumerate(standings):
            is_up = int(is_well(standing))
            if is_up != told[at]:
                told[at] = is_up
                self._totals.set("orion_endpoint_up", is_up, (name, self._services[name].endpoints[at].url))

    def _gauge_circuit(self, name: str) -> None:
        state = self.judge.circuits[name].view.state
        for each in CircuitState:
            self._totals.set("orion_circuit_state", int(each is state), (name, each.value))
