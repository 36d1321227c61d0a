"""Synthetic endpoints: how one behaves is a `Behaviour`, which the scenario's timeline changes.

An endpoint works on `capacity` requests at a time and lets others wait, in the order in which they came; it goes on
working for clients that have given up, as servers do that do not watch their connections. That is what makes overload
slow, and retries make it worse.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from math import exp, inf, log
from typing import TYPE_CHECKING, Protocol

from orion_gateway.values import Reason

if TYPE_CHECKING:
    from random import Random

    from orion_gateway.simulator.clock import Clock
    from orion_gateway.simulator.scenario import Turn

NETWORK = 0.0005
"""Seconds until a refusal or a reset is seen: there and back on a network of one site."""

NORMAL_P99 = 2.3263478740408408
"""The 99th percentile of the standard normal distribution, in standard deviations."""


class Call(Protocol):
    """Somebody who waits for an answer: an attempt, or a health check."""

    is_check: bool

    def take_answer(self, reason: Reason | None, status: int, is_sent: bool) -> None:
        """Take the status, or the reason why there is none; `is_sent`: the endpoint has seen the request."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What an endpoint does with requests. `kind` is one of `scenario.DOES` but for `flap`, which is two in turn."""

    kind: str = "answer"
    share: float = 1.0
    status: int = 500
    factor: float = 1.0
    latency: float | None = None
    since: float = 0.0
    over: float = 0.0
    """`recover`: seconds from `since` after which nothing fails any more."""
    checks_pass: bool = False

    def fails_at(self, now: float, rng: Random) -> bool:
        """Whether the next request is answered with `status`."""
        match self.kind:
            case "fail":
                return self.share >= 1.0 or rng.random() < self.share
            case "recover":
                return rng.random() > (now - self.since) / self.over if self.over else False
        return False


WELL = Behaviour()


def plan_turns(timeline: tuple[Turn, ...], until: float) -> list[tuple[float, Behaviour]]:
    """Return when an endpoint changes what it does, and to what; flapping is written out up to `until`."""
    planned: list[tuple[float, Behaviour]] = []
    for index, turn in enumerate(timeline):
        end = timeline[index + 1].at if index + 1 < len(timeline) else until
        if turn.does != "flap":
            planned.append((turn.at, _behave(turn, turn.does)))
            continue
        at = turn.at
        good, bad = replace(_behave(turn, "answer"), since=at), _behave(turn, turn.to)
        while at < end:
            planned += [(at, good), (at + turn.period / 2, bad)]
            at += turn.period
        planned = [change for change in planned if change[0] < end]
    return planned


def _behave(turn: Turn, kind: str) -> Behaviour:
    return Behaviour(
        kind=kind,
        share=turn.share,
        status=turn.status,
        factor=float(turn.factor) if kind == "slow" and turn.latency is None else 1.0,
        latency=turn.latency if kind == "slow" else None,
        since=turn.at,
        over=turn.over,
        checks_pass=turn.checks_pass,
    )


class SimulatedEndpoint:
    """One endpoint, that all gateways share. `latency` is the median in seconds, `p99` None for no spread."""

    __slots__ = (
        "_backlog",
        "_behaviour",
        "_busy",
        "_capacity",
        "_clock",
        "_held",
        "_life",
        "_median",
        "_rng",
        "_sigma",
        "_waiting",
        "most_waiting",
    )

    def __init__(
        self,
        clock: Clock,
        rng: Random,
        latency: float,
        p99: float | None = None,
        capacity: int = 0,
        backlog: int = 1024,
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._median = latency
        self._sigma = log(p99 / latency) / NORMAL_P99 if p99 is not None and p99 > latency > 0 else 0.0
        self._capacity = capacity
        self._backlog = backlog
        self._behaviour = WELL
        self._busy = 0
        self._waiting: deque[Call] = deque()
        self._held: list[tuple[Call, int]] = []
        # One more when the process dies: what it was working on is answered by nobody.
        self._life = 0
        self.most_waiting = 0

    def turn(self, behaviour: Behaviour) -> None:
        """Behave like this from now on."""
        self._behaviour = behaviour
        if behaviour.kind == "refuse":
            self._life += 1
            self._busy = 0
            lost = [*self._waiting, *(call for call, _ in self._held)]
            self._waiting.clear()
            self._held.clear()
            for call in lost:
                call.take_answer(Reason.CONNECTION_TERMINATED, 0, True)
        elif behaviour.kind != "hang":
            held, self._held = self._held, []
            for call, status in held:
                if status:
                    self._clock.at(self._clock.now, self._finish, call, status, self._life)
                else:
                    self.take(call)

    def take(self, call: Call) -> float:
        """Take a request; return after how many seconds it will be answered, infinity when that is not known."""
        behaviour, clock = self._behaviour, self._clock
        kind = "answer" if call.is_check and behaviour.checks_pass else behaviour.kind
        if kind == "refuse":
            clock.after(NETWORK, call.take_answer, Reason.CONNECTION_REFUSED, 0, False)
            return NETWORK
        if kind == "hang":
            self._held.append((call, 0))
            return inf
        if kind == "reset" and (behaviour.share >= 1.0 or self._rng.random() < behaviour.share):
            clock.after(NETWORK, call.take_answer, Reason.CONNECTION_TERMINATED, 0, True)
            return NETWORK
        if self._capacity and self._busy >= self._capacity:
            if len(self._waiting) >= self._backlog:
                clock.after(NETWORK, call.take_answer, Reason.CONNECTION_REFUSED, 0, False)
                return NETWORK
            self._waiting.append(call)
            self.most_waiting = max(self.most_waiting, len(self._waiting))
            return inf
        return self._serve(call)

    def _serve(self, call: Call) -> float:
        behaviour, clock = self._behaviour, self._clock
        self._busy += 1
        if call.is_check and behaviour.checks_pass:
            behaviour = WELL
        duration = self._median if behaviour.latency is None else behaviour.latency
        if self._sigma:
            duration *= exp(self._rng.gauss(0.0, self._sigma))
        status = behaviour.status if behaviour.fails_at(clock.now, self._rng) else 200
        duration *= behaviour.factor
        clock.after(duration, self._finish, call, status, self._life)
        return duration

    def _finish(self, call: Call, status: int, life: int) -> None:
        if life != self._life:
            call.take_answer(Reason.CONNECTION_TERMINATED, 0, True)
            return
        if self._behaviour.kind == "hang" and not (call.is_check and self._behaviour.checks_pass):
            self._held.append((call, status))
            return
        self._busy -= 1
        # Whoever has waited goes before what the answer may bring about.
        if self._waiting:
            self._serve(self._waiting.popleft())
        call.take_answer(None, status, True)
