"""The worker's mirror of a circuit: whether an exchange may go to the service, and what the supervisor must hear of it.

Pure decisions: the view comes from the supervisor, the time from the caller, news leave through `tell`.

Who forwards reads `is_clean` first: as long as it is set everything is admitted, and a success costs one increment.
A failure is told at once, with the successes before it. While the supervisor counts failures, the next success is told
at once too; the rest goes up once a second (`take_counts`).
"""

from __future__ import annotations

import math
from enum import Enum
from typing import TYPE_CHECKING

from orion_gateway.breaker.news import GateNews, TrialAsked, TrialEnded, Verdicts
from orion_gateway.values import CircuitState, CircuitView, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from orion_gateway.values import CircuitRules

LEAST_SHARE = 0.1
"""Of the requests, at the beginning of slow start (Envoy's minimum)."""


class Entry(Enum):
    """What becomes of an exchange that wants to go to the service."""

    ADMITTED = "admitted"
    REFUSED = "refused"
    ASKED = "asked"
    """It may become a trial: it waits for the supervisor's answer."""


# Looked up once: what a module holds is found faster than what a class holds.
_SUCCEEDED = Verdict.SUCCEEDED
_FAILED = Verdict.FAILED
_CLOSED = CircuitState.CLOSED
_HALF_OPEN = CircuitState.HALF_OPEN
_ADMITTED = Entry.ADMITTED
_REFUSED = Entry.REFUSED
_ASKED = Entry.ASKED


class Gate:
    """The mirror of one service's circuit in one worker.

    The caller keeps `epoch` as it was when an exchange was admitted (or asked), and gives it back with the verdict.
    `refused` counts since the worker started.
    """

    __slots__ = (
        "_ask_epoch",
        "_credit",
        "_is_asking",
        "_is_ramping",
        "_owes",
        "_refused_told",
        "_rules",
        "_service",
        "_slow_start",
        "_successes",
        "_tell",
        "epoch",
        "is_clean",
        "refused",
        "view",
    )

    def __init__(
        self, service: str, rules: CircuitRules, slow_start: float | None, tell: Callable[[GateNews], None]
    ) -> None:
        self.is_clean = True
        """Closed, no success is waited for, not in slow start: everything passes, and only failures need telling."""
        self.view = CircuitView()
        self.epoch = 0
        self.refused = 0
        self._service = service
        self._rules = rules
        self._slow_start = slow_start or 0.0
        self._tell = tell
        self._successes = 0  # of this epoch, not told yet
        self._refused_told = 0
        self._owes = False  # the supervisor counts failures and has not heard of a success of ours since
        self._is_ramping = False
        self._credit = 0.0
        self._is_asking = False
        self._ask_epoch = 0

    def enter(self, now: float) -> Entry:
        """Decide on an exchange that wants to go to the service.

        ASKED: it waits until the supervisor's answer has been given to `take_answer`, which says whether it may go.
        """
        if self.is_clean:
            return _ADMITTED
        state = self.view.state
        if state is _CLOSED:
            if self._is_ramping and not self._has_share(now):
                self.refused += 1
                return _REFUSED
            return _ADMITTED
        if state is _HALF_OPEN and self.view.has_permits and not self._is_asking:
            self._is_asking = True
            self._ask_epoch = self.epoch
            self._tell(TrialAsked(self._service, self.epoch))
            return _ASKED
        self.refused += 1
        return _REFUSED

    def record(self, verdict: Verdict, epoch: int, permit: int, now: float) -> None:  # noqa: ARG002 (the contract's)
        """Take the end of an exchange that was admitted under `epoch`; `permit` is that of a trial, else 0.

        An exchange that is not made after all (its client left while it waited for the answer) ends as ABANDONED.
        """
        if permit:
            self._tell(TrialEnded(self._service, permit, verdict))
        elif epoch != self.epoch:
            return  # the circuit has turned since: late results say nothing
        elif verdict is _SUCCEEDED:
            self._successes += 1
            if self._owes:
                self._owes = False
                self._judge()
                self._tell_verdicts(0)
        elif verdict is _FAILED:
            self._owes = True
            self._judge()
            self._tell_verdicts(1)

    def take_view(self, view: CircuitView) -> None:
        """Take what the supervisor says of the circuit."""
        before = self.view
        self.view = view
        is_new = view.epoch != self.epoch
        if is_new:
            self.epoch = view.epoch
            self._successes = 0
        if not view.is_counting:
            self._owes = False
        elif is_new or view.tally != before.tally:
            self._owes = True
        if view.back_since != before.back_since:
            self._is_ramping = view.back_since > 0 and self._slow_start > 0
            self._credit = 0.0
        self._judge()

    def take_answer(self, permit: int) -> bool:
        """Take the answer to the exchange that asked; return whether it may go, with this permit.

        It may not when there is no permit, or when the circuit has turned since: then the permit is dead.
        """
        self._is_asking = False
        if permit and self._ask_epoch == self.epoch:
            return True
        self.refused += 1
        return False

    def take_counts(self) -> GateNews | None:
        """Return what was counted and not told yet, None when nothing was; called once a second."""
        refused = self.refused - self._refused_told
        if not self._successes and not refused:
            return None
        successes = self._successes
        self._successes = 0
        self._refused_told = self.refused
        return Verdicts(self._service, self.epoch, successes, 0, refused)

    def retry_after(self, now: float) -> int:
        """Return in how many whole seconds (at least 1) a refused client should come back."""
        if self.view.state is not CircuitState.OPEN:
            return 1
        # Nobody knows when a forced circuit is given back: as good a guess as any.
        left = self._rules.open_for if self.view.is_forced else self.view.retry_at - now
        return max(1, math.ceil(left))

    def _has_share(self, now: float) -> bool:
        """Say whether an exchange is in the share of slow start, which grows with time.

        Traefik's recovery ramp, but counted and not drawn: each exchange adds the share to a credit, and one is
        admitted for each whole credit.
        """
        elapsed = now - self.view.back_since
        if elapsed >= self._slow_start:
            self._is_ramping = False
            self._judge()
            return True
        self._credit += max(LEAST_SHARE, elapsed / self._slow_start)
        if self._credit < 1.0:
            return False
        self._credit -= 1.0
        return True

    def _judge(self) -> None:
        self.is_clean = self.view.state is _CLOSED and not self._owes and not self._is_ramping

    def _tell_verdicts(self, failures: int) -> None:
        successes = self._successes
        refused = self.refused - self._refused_told
        self._successes = 0
        self._refused_told = self.refused
        self._tell(Verdicts(self._service, self.epoch, successes, failures, refused))
