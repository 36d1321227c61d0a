"""Turn the answers of active checks into up and down, with hysteresis (HAProxy's rise and fall).

Rule 1: a verdict changes only after `rise` or `fall` equal answers in a row.
Rule 2: an endpoint is unknown until its first answer, and that one decides at once: a gateway that has just started
must not wait for `rise` intervals before it serves.

An endpoint that answers well or badly at random, half and half, changes its verdict with rise 2 and fall 3 every ten
answers on average (it takes 6 to rise and 14 to fall), and never sooner than after two.
"""

from __future__ import annotations

from dataclasses import dataclass

from orion_gateway.values import Health


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one check."""

    is_good: bool
    why: str
    """For people: "status 503", "connection refused"."""
    at: float
    """Monotonic seconds."""


@dataclass(slots=True)
class HealthRecord:
    """What active checks say of one endpoint, and what they said last."""

    rise: int
    fall: int
    health: Health = Health.UNKNOWN
    streak: int = 0
    """Answers in a row that disagree with `health`."""
    since: float = 0.0
    """When `health` began, in monotonic seconds; 0 while it is unknown."""
    last: Answer | None = None
    good: int = 0
    bad: int = 0
    """Answers of either kind since the start."""
    changes: int = 0
    """Verdicts that were changed; the first one changes none."""

    def observe(self, answered_well: bool, now: float, why: str = "") -> bool:
        """Take one answer; return whether the verdict changed."""
        self.last = Answer(answered_well, why, now)
        if answered_well:
            self.good += 1
        else:
            self.bad += 1
        match self.health, answered_well:
            case Health.UNKNOWN, _:
                return self._turn(answered_well, now)
            case (Health.UP, True) | (Health.DOWN, False):
                self.streak = 0
                return False
        self.streak += 1
        if self.streak < (self.rise if answered_well else self.fall):
            return False
        self.changes += 1
        return self._turn(answered_well, now)

    def _turn(self, answered_well: bool, now: float) -> bool:
        self.health = Health.UP if answered_well else Health.DOWN
        self.streak, self.since = 0, now
        return True
