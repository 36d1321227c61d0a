"""The circuit of one service for the whole gateway, as the supervisor holds it.

A pure state machine: it takes finished verdicts, questions and the time. Only exchanges count, after their retries;
5xx answers, timeouts and connection errors are failures, 4xx answers successes, a client that left and an answer of the
gateway's own are no verdict (the caller maps them to `Verdict`).

pybreaker's CircuitBreaker holds state, counters and listeners, and decides how trials end. What it lacks stands here
(docs/decisions/0008-circuits.md): trip rules over a rolling window, trial permits, epochs, deadlines, the forced state.
It is never called while it is open, because there, and only there, it would decide by the wall clock.
"""

from __future__ import annotations

import math
import sys
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pybreaker import (
    STATE_CLOSED,
    STATE_HALF_OPEN,
    STATE_OPEN,
    CircuitBreaker,
    CircuitBreakerListener,
    CircuitBreakerState,
)

from orion_gateway.breaker import TRIPS
from orion_gateway.breaker.trips import Counts
from orion_gateway.breaker.window import RollingWindow
from orion_gateway.values import CircuitState, CircuitView, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orion_gateway.values import CircuitRules

STATES = {
    STATE_CLOSED: CircuitState.CLOSED,
    STATE_OPEN: CircuitState.OPEN,
    STATE_HALF_OPEN: CircuitState.HALF_OPEN,
}
"""pybreaker's names of the states, and ours."""

KEPT = 20
"""How many transitions are remembered."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of state. Forcing and resetting are transitions too, also into the same state."""

    at: float
    before: CircuitState
    after: CircuitState
    why: str


@dataclass(frozen=True, slots=True)
class Trial:
    """A permit that is out: which worker has it, and until when it must be heard of."""

    permit: int
    worker: int
    deadline: float


@dataclass(frozen=True, slots=True)
class CircuitStatistics:
    """A circuit for people and metrics. Times are monotonic seconds; totals are since the gateway started."""

    name: str
    state: CircuitState
    since: float
    is_forced: bool
    epoch: int
    retry_at: float
    """Open: when trials begin; 0 when it is forced."""
    counts: Counts
    """Closed: what counts against the service now."""
    trials_succeeded: int
    """Half open: how many of `success_threshold`."""
    trials: tuple[Trial, ...]
    """Permits that are out."""
    successes: int
    failures: int
    rejected: int
    """Exchanges that workers refused, as far as they have told."""
    entered: Mapping[CircuitState, int]
    """How often each state was entered by a transition."""
    transitions: tuple[Transition, ...]
    """The last ones, oldest first."""


class Circuit:
    """The state machine. Whatever happens at `now`, what time alone has changed until then happens first."""

    def __init__(self, name: str, rules: CircuitRules, now: float) -> None:
        self.name = name
        self.rules = rules
        self.transitions: deque[Transition] = deque(maxlen=KEPT)
        self.view = CircuitView()
        """What workers must know; replaced only when something of it changes."""
        self._trip = TRIPS[rules.trip](rules)
        self._breaker = CircuitBreaker(
            # Out of reach: our rules open it, pybreaker's count of failures in a row alone never does.
            fail_max=sys.maxsize,
            # Never read; if it ever were, no date is that far away and it raises.
            reset_timeout=math.inf,
            success_threshold=rules.success_threshold,
            listeners=[_Listener(self._turn)],
            name=name,
            throw_new_error_on_trip=False,
        )
        self._window = RollingWindow(rules.window)
        self._epoch = 0
        self._tally = 0
        self._since = now
        self._retry_at = 0.0
        self._back_since = 0.0
        self._is_forced = False
        # When and why pybreaker is driven: its listeners are told neither.
        self._cause = (now, "")
        self._trials: dict[int, Trial] = {}
        self._last_permit = 0
        self._successes = 0
        self._failures = 0
        self._rejected = 0
        self._entered = dict.fromkeys(CircuitState, 0)

    @property
    def state(self) -> CircuitState:
        """The state of the circuit."""
        return STATES[self._breaker.current_state]

    @property
    def next_due(self) -> float:
        """When `advance` must be called next; inf when time alone changes nothing."""
        if self.state is CircuitState.OPEN and not self._is_forced:
            return self._retry_at
        return min((trial.deadline for trial in self._trials.values()), default=math.inf)

    def advance(self, now: float) -> None:
        """Let time pass: an open circuit begins trials at `retry_at`, a trial past its deadline has failed."""
        if self.next_due > now:
            return
        if self.state is CircuitState.OPEN:
            self._cause = (now, f"open for {self.rules.open_for:g} s")
            self._breaker.half_open()
        for trial in [trial for trial in self._trials.values() if trial.deadline <= now]:
            self._end_trial(trial.permit, Verdict.FAILED, now, f"a trial took over {self.rules.trial_timeout:g} s")
        self._show()

    def take_verdicts(self, epoch: int, successes: int, failures: int, now: float, refused: int = 0) -> None:
        """Count exchanges that were admitted under `epoch`, the successes first. Those of another epoch are late."""
        self._rejected += refused
        self.advance(now)
        if epoch != self._epoch or self.state is not CircuitState.CLOSED:
            return
        self._successes += successes
        self._failures += failures
        self._window.add(successes, failures, now)
        if successes:
            self._breaker.call(_succeed)
        for _ in range(failures):
            self._feed_failure()
        counts = self._count(now)
        if failures and not self._is_forced and self._trip.must_open(counts):
            self._cause = (now, self._trip.explain(counts))
            self._breaker.open()
        self._show()

    def ask_trial(self, worker: int, epoch: int, now: float) -> int:
        """Return a permit for one trial (above 0), or 0: no trial is needed, or enough are under way."""
        self.advance(now)
        if epoch != self._epoch or not self._has_permits():
            return 0
        self._last_permit += 1
        self._trials[self._last_permit] = Trial(self._last_permit, worker, now + self.rules.trial_timeout)
        self._show()
        return self._last_permit

    def end_trial(self, permit: int, verdict: Verdict, now: float) -> None:
        """Take the end of a trial; one that is no verdict only frees its permit. A permit that has ended is late."""
        self.advance(now)
        self._end_trial(permit, verdict, now, "a trial failed")
        self._show()

    def lose_worker(self, worker: int, now: float) -> None:
        """Free the permits of a worker that has died; nothing that it told may be taken afterwards."""
        self.advance(now)
        for trial in [trial for trial in self._trials.values() if trial.worker == worker]:
            del self._trials[trial.permit]
        self._show()

    def force(self, state: CircuitState | None, now: float) -> None:
        """Hold the circuit in a state whatever happens; None gives it back to its rules.

        Forced open it refuses, forced closed it passes and only counts, forced half open it admits trials without end.
        Given back, it counts afresh; one that was forced open begins with trials at once.
        """
        self.advance(now)
        if state is None:
            if not self._is_forced:
                return
            self._is_forced = False
            self._cause = (now, "given back to its rules")
            state = CircuitState.CLOSED if self.state is CircuitState.CLOSED else CircuitState.HALF_OPEN
        else:
            if self._is_forced and self.state is state:
                return
            self._is_forced = True
            self._cause = (now, "forced")
        self._enter(state)
        self._show()

    def reset(self, now: float) -> None:
        """Close the circuit with empty counts, under its rules; totals stay."""
        self._is_forced = False
        self._cause = (now, "reset")
        self._enter(CircuitState.CLOSED)
        self._show()

    def statistics(self, now: float) -> CircuitStatistics:
        """Describe the circuit as it is at `now`."""
        self.advance(now)
        return CircuitStatistics(
            name=self.name,
            state=self.state,
            since=self._since,
            is_forced=self._is_forced,
            epoch=self._epoch,
            retry_at=self._retry_at,
            counts=self._count(now) if self.state is CircuitState.CLOSED else Counts(),
            trials_succeeded=self._breaker.success_counter,
            trials=tuple(self._trials.values()),
            successes=self._successes,
            failures=self._failures,
            rejected=self._rejected,
            entered=dict(self._entered),
            transitions=tuple(self.transitions),
        )

    def _end_trial(self, permit: int, verdict: Verdict, now: float, why_failed: str) -> None:
        if self._trials.pop(permit, None) is None:
            return
        if verdict is Verdict.SUCCEEDED:
            self._successes += 1
            if not self._is_forced:
                self._cause = (now, f"{self.rules.success_threshold} trials succeeded")
                self._breaker.call(_succeed)
        elif verdict is Verdict.FAILED:
            self._failures += 1
            if not self._is_forced:
                self._cause = (now, why_failed)
                self._feed_failure()

    def _feed_failure(self) -> None:
        with suppress(_FailureError):
            self._breaker.call(_fail)

    def _enter(self, state: CircuitState) -> None:
        match state:
            case CircuitState.CLOSED:
                self._breaker.close()
            case CircuitState.OPEN:
                self._breaker.open()
            case CircuitState.HALF_OPEN:
                self._breaker.half_open()

    def _turn(self, before: CircuitState, after: CircuitState) -> None:
        """Begin a new epoch; the listener calls it, whoever turned pybreaker's state."""
        now, why = self._cause
        self.transitions.append(Transition(now, before, after, why))
        self._entered[after] += 1
        self._epoch += 1
        self._since = now
        self._trials.clear()
        self._window.clear()
        self._retry_at = now + self.rules.open_for if after is CircuitState.OPEN and not self._is_forced else 0.0
        if after is not CircuitState.CLOSED or self._is_forced:
            # Who forces a circuit closed wants everything to pass: no slow start.
            self._back_since = 0.0
        elif before is not CircuitState.CLOSED:
            self._back_since = now

    def _has_permits(self) -> bool:
        if self.state is not CircuitState.HALF_OPEN:
            return False
        out = len(self._trials)
        missing = self.rules.success_threshold - self._breaker.success_counter
        return out < self.rules.half_open_requests and (out < missing or self._is_forced)

    def _count(self, now: float) -> Counts:
        self._window.forget(now)
        return Counts(self._breaker.fail_counter, self._window.successes, self._window.failures)

    def _show(self) -> None:
        """Replace the view if workers must know something new."""
        counts = Counts(self._breaker.fail_counter, self._window.successes, self._window.failures)
        is_counting = self.state is CircuitState.CLOSED and not self._is_forced and self._trip.is_counting(counts)
        if is_counting and not self.view.is_counting:
            self._tally += 1
        view = CircuitView(
            state=self.state,
            epoch=self._epoch,
            is_counting=is_counting,
            tally=self._tally,
            has_permits=self._has_permits(),
            is_forced=self._is_forced,
            retry_at=self._retry_at,
            back_since=self._back_since,
        )
        if view != self.view:
            self.view = view


class _Listener(CircuitBreakerListener):
    """Passes pybreaker's changes of state on."""

    def __init__(self, turned: Callable[[CircuitState, CircuitState], None]) -> None:
        self._turned = turned

    def state_change(
        self,
        cb: CircuitBreaker,  # noqa: ARG002 (its `current_state` is still the old one when listeners are called)
        old_state: CircuitBreakerState | None,
        new_state: CircuitBreakerState,
    ) -> None:
        """Tell who listens, in our words."""
        before = new_state if old_state is None else old_state
        self._turned(STATES[before.name], STATES[new_state.name])


class _FailureError(Exception):
    """How pybreaker is told of a failure."""


def _succeed() -> None:
    pass


def _fail() -> None:
    raise _FailureError
