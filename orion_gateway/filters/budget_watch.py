"""Decide when a plug-in that fails or takes too long is left out, and when it is tried again.

Pure: calls, their verdicts and the time come in as arguments.

Rule 1: `in_a_row` bad calls one behind the other, or a share of `share` among at least `minimum` calls of one window,
  disable it.
Rule 2: after `disabled_for` seconds one call is let through. A good one enables it, a bad one disables it again.
Rule 3: only calls that began under the present state count: the late end of an earlier one says nothing about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class WatchRules:
    """When it is disabled, and for how many seconds."""

    in_a_row: int = 5
    share: float = 0.5
    minimum: int = 20
    window: float = 10.0
    disabled_for: float = 60.0


class Standing(Enum):
    """ENABLED is called, DISABLED is not, TRIED is called once to see."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    TRIED = "tried"


NOT_NOW = 0
"""The ticket that is none."""


class BudgetWatch:
    """How one plug-in stands. Without rules it is never disabled."""

    def __init__(self, rules: WatchRules | None) -> None:
        self._rules = rules
        self.standing = Standing.ENABLED
        self.until = 0.0
        """Disabled: when it is tried again."""
        self._epoch = 1
        self._is_trial_out = False
        self._bad_in_a_row = 0
        self._window_ends = 0.0
        self._calls = 0
        self._bad = 0

    def admit(self, now: float) -> int:
        """Return the ticket of a call that may be made now, or NOT_NOW."""
        if self.standing is Standing.ENABLED:
            return self._epoch
        if self.standing is Standing.DISABLED and now >= self.until:
            self.standing = Standing.TRIED
            self._epoch += 1
            self._is_trial_out = False
        if self.standing is Standing.DISABLED or self._is_trial_out:
            return NOT_NOW
        self._is_trial_out = True
        return self._epoch

    def observe(self, ticket: int, is_good: bool, now: float) -> bool:
        """Take the verdict about a call; return whether the plug-in was enabled or disabled by it."""
        if ticket != self._epoch or self._rules is None:
            return False
        if self.standing is Standing.TRIED:
            self._turn(Standing.ENABLED if is_good else Standing.DISABLED, now, self._rules)
            return True
        if self.standing is Standing.DISABLED:
            return False
        if now >= self._window_ends:
            self._window_ends = now + self._rules.window
            self._calls = self._bad = 0
        self._calls += 1
        if is_good:
            self._bad_in_a_row = 0
            return False
        self._bad += 1
        self._bad_in_a_row += 1
        is_mostly_bad = self._calls >= self._rules.minimum and self._bad >= self._rules.share * self._calls
        if self._bad_in_a_row < self._rules.in_a_row and not is_mostly_bad:
            return False
        self._turn(Standing.DISABLED, now, self._rules)
        return True

    def give_back(self, ticket: int) -> None:
        """Take back a ticket whose call came to no verdict, because the client left."""
        if ticket == self._epoch and self.standing is Standing.TRIED:
            self._is_trial_out = False

    def _turn(self, standing: Standing, now: float, rules: WatchRules) -> None:
        self.standing = standing
        self.until = now + rules.disabled_for if standing is Standing.DISABLED else 0.0
        self._epoch += 1
        self._bad_in_a_row = self._calls = self._bad = 0
        self._window_ends = 0.0
