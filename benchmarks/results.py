"""Turn the rounds of a run into figures: medians with their spread, and ratios to nginx. Pure arithmetic."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

REFERENCE = "nginx"


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of one peer gave. All times in seconds; `cpu` is None where no proxy stands between."""

    requests: int
    duration: float
    p50: float
    p99: float
    errors: int
    cpu: float | None


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured quantity over the rounds: its median and its extremes."""

    median: float
    low: float
    high: float

    @property
    def spread(self) -> float:
        """Half the distance of the extremes as a share of the median; 0 when the median is 0."""
        return (self.high - self.low) / 2 / self.median if self.median else 0.0


def summarize(values: Iterable[float]) -> Figure:
    """Return median and extremes of at least one value; raise ValueError when there is none."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no rounds to summarize")
    return Figure(median=statistics.median(ordered), low=ordered[0], high=ordered[-1])


@dataclass(frozen=True, slots=True)
class PeerResult:
    """The rounds of one peer in one scenario, at least one, and what they come to."""

    rounds: tuple[Round, ...]

    @property
    def rate(self) -> Figure:
        """Answered requests per second."""
        return summarize(one.requests / one.duration for one in self.rounds)

    @property
    def p50(self) -> Figure:
        """Median latency of each round, in seconds."""
        return summarize(one.p50 for one in self.rounds)

    @property
    def p99(self) -> Figure:
        """99th percentile of the latency of each round, in seconds."""
        return summarize(one.p99 for one in self.rounds)

    @property
    def cpu_per_request(self) -> Figure | None:
        """CPU seconds of all the peer's processes for one answered request."""
        values = [one.cpu / one.requests for one in self.rounds if one.cpu is not None]
        return summarize(values) if values else None

    @property
    def cores(self) -> Figure | None:
        """How much of a core the peer used: 1.0 is a core that never rested."""
        values = [one.cpu / one.duration for one in self.rounds if one.cpu is not None]
        return summarize(values) if values else None

    @property
    def errors(self) -> int:
        """Failed connections, reads, writes, timeouts and answers of status 400 and more, over all rounds."""
        return sum(one.errors for one in self.rounds)


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """What came of one scenario: the peers that were measured, and why the others are missing or failed."""

    scenario: str
    peers: dict[str, PeerResult] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def compare_cpu(self, peer: str) -> float | None:
        """Return the peer's median CPU per request divided by nginx's; None when one of the two is unknown."""
        if peer not in self.peers or REFERENCE not in self.peers:
            return None
        own, reference = self.peers[peer].cpu_per_request, self.peers[REFERENCE].cpu_per_request
        if own is None or reference is None or reference.median == 0:
            return None
        return own.median / reference.median
