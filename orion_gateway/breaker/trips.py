"""When failures are enough to open a circuit: the contract of trip rules, and its members.

Pure decisions over what was counted; who counts is `circuit`. A rule is asked after failures only: a success never
opens a circuit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Counts:
    """What a closed circuit has counted.

    `in_a_row` are the failures since the last success, however old; `successes` and `failures` are those of the
    rolling window.
    """

    in_a_row: int = 0
    successes: int = 0
    failures: int = 0

    @property
    def requests(self) -> int:
        """How many exchanges with a verdict the window holds."""
        return self.successes + self.failures


class Trip(Protocol):
    """A rule that says when a circuit opens."""

    def must_open(self, counts: Counts) -> bool:
        """Return whether the circuit opens now that the last failure is counted."""

    def is_counting(self, counts: Counts) -> bool:
        """Return whether a success matters at once, because failures count against the service."""

    def explain(self, counts: Counts) -> str:
        """Say for people why the circuit opened."""


@dataclass(frozen=True, slots=True)
class Consecutive:
    """So many failures in a row, and at least `minimum` requests in the window.

    With 5 and 10: 5 failures among 7 requests do not open it; the tenth failing in a row does.
    """

    failures: int
    minimum: int

    def must_open(self, counts: Counts) -> bool:
        """Return whether the run of failures is long enough and not the accident of a service that nobody uses."""
        return counts.in_a_row >= self.failures and counts.requests >= self.minimum

    def is_counting(self, counts: Counts) -> bool:
        """Return whether a success would end a run of failures."""
        return counts.in_a_row > 0

    def explain(self, counts: Counts) -> str:
        """Name the run."""
        return f"{counts.in_a_row} failures in a row among {counts.requests} requests"


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """At least this share of the requests in the window failed, and there were at least `minimum` of them."""

    share: float
    minimum: int

    def must_open(self, counts: Counts) -> bool:
        """Return whether the share is reached."""
        # Divided and not multiplied: 0.55 * 20 is a little more than 11.
        return counts.requests >= self.minimum and counts.failures / counts.requests >= self.share

    def is_counting(self, counts: Counts) -> bool:
        """Return whether the window holds failures that a success would dilute."""
        return counts.failures > 0

    def explain(self, counts: Counts) -> str:
        """Name the share."""
        return f"{counts.failures} of {counts.requests} requests failed"
