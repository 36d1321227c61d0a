"""Bound the retries and hedges of a service: one that fails is not to be asked for everything again and again.

A share of the requests of the last ten seconds may be repeated (Finagle's retry budget), or `minimum` per second where
that is more: at 20 % an endpoint set that fails altogether sees at most 1.2 times what clients ask for.

Over ten seconds, that is: what went well in them would pay for a wave of retries when all begins to fail. So a retry
that fails too costs as much as `FUTILE` others: what ten seconds have saved is then a fifth of the requests of two.
Retries that help are not held back: one of two endpoints may fail with all that it had in flight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orion_gateway.values import BudgetRules

WINDOW = 10
"""Seconds that are looked back on (Finagle's)."""

FUTILE = 5
"""What a retry costs that fails too. With ten, no second would see more than a fifth above what is offered, but where
two of eight endpoints fail, too few requests would be tried a second time."""


class RetryBudget:
    """What one worker may spend on the retries of one service."""

    __slots__ = ("_floor", "_futile", "_recent", "_requests", "_retries", "_second", "_share", "_spent", "_wasted")

    def __init__(self, rules: BudgetRules, workers: int = 1) -> None:
        """`workers` share the minimum; the share needs no splitting."""
        self._share = rules.share
        self._floor = rules.minimum * WINDOW / workers
        # Requests, retries and those of them that failed: one count per second of the window, and their sums.
        self._recent = [0] * WINDOW
        self._spent = [0] * WINDOW
        self._wasted = [0] * WINDOW
        self._requests = 0
        self._retries = 0
        self._futile = 0
        self._second = 0

    def deposit(self, now: float) -> None:
        """Count one request."""
        if int(now) != self._second:
            self._turn(int(now))
        self._recent[self._second % WINDOW] += 1
        self._requests += 1

    def withdraw(self, now: float) -> bool:
        """Count one retry if there may be one; return whether."""
        if self.left(now) < 1:
            return False
        self._spent[self._second % WINDOW] += 1
        self._retries += 1
        return True

    def charge(self, now: float) -> None:
        """Count a retry that has failed like the attempt before it."""
        if int(now) != self._second:
            self._turn(int(now))
        self._wasted[self._second % WINDOW] += 1
        self._futile += 1

    def left(self, now: float) -> float:
        """Return how many retries there may be now."""
        if int(now) != self._second:
            self._turn(int(now))
        earned = self._share * self._requests - (FUTILE - 1) * self._futile
        return max(0.0, max(earned, self._floor) - self._retries)

    def _turn(self, second: int) -> None:
        """Forget what lies further back than the window."""
        # Time never runs backwards; a callback may still bring a moment that is a little older than the last one.
        passed = max(0, second - self._second)
        for offset in range(1, min(passed, WINDOW) + 1):
            at = (self._second + offset) % WINDOW
            self._requests -= self._recent[at]
            self._retries -= self._spent[at]
            self._futile -= self._wasted[at]
            self._recent[at] = self._spent[at] = self._wasted[at] = 0
        self._second = max(self._second, second)
