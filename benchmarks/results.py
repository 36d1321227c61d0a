"""Turn the rounds of a run into figures: medians with their spread, and ratios to nginx. Pure arithmetic."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from benchmarks.loads.load import Answers

REFERENCE = "nginx"
BASELINE = "direct"


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of one peer gave.

    `cpu` in seconds and `memory` in bytes are of all its processes, None where no proxy stands between. `held` is the
    memory per idle connection in bytes, None where none are held.
    """

    answers: Answers
    cpu: float | None = None
    memory: int | None = None
    held: float | None = None


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
    """The rounds of one peer under one load, at least one, and what they come to."""

    rounds: tuple[Round, ...]

    @property
    def rate(self) -> Figure:
        """Answered requests per second."""
        return summarize(one.answers.requests / one.answers.duration for one in self.rounds)

    @property
    def p50(self) -> Figure:
        """Median latency of each round, in seconds."""
        return summarize(one.answers.p50 for one in self.rounds)

    @property
    def p90(self) -> Figure:
        """90th percentile of the latency of each round, in seconds."""
        return summarize(one.answers.p90 for one in self.rounds)

    @property
    def p95(self) -> Figure:
        """95th percentile of the latency of each round, in seconds."""
        return summarize(one.answers.p95 for one in self.rounds)

    @property
    def p99(self) -> Figure:
        """99th percentile of the latency of each round, in seconds."""
        return summarize(one.answers.p99 for one in self.rounds)

    @property
    def p999(self) -> Figure:
        """99.9th percentile of the latency of each round, in seconds."""
        return summarize(one.answers.p999 for one in self.rounds)

    @property
    def cpu_per_request(self) -> Figure | None:
        """CPU seconds of all the peer's processes for one answered request."""
        return _summarize_known(one.cpu / one.answers.requests for one in self.rounds if one.cpu is not None)

    @property
    def cores(self) -> Figure | None:
        """How much of a core the peer used: 1.0 is a core that never rested."""
        return _summarize_known(one.cpu / one.answers.duration for one in self.rounds if one.cpu is not None)

    @property
    def memory(self) -> Figure | None:
        """Bytes held by all the peer's processes at the end of a round."""
        return _summarize_known(one.memory for one in self.rounds if one.memory is not None)

    @property
    def held(self) -> Figure | None:
        """Bytes held for one idle connection."""
        return _summarize_known(one.held for one in self.rounds if one.held is not None)

    @property
    def errors(self) -> int:
        """Failed connections, reads, writes, timeouts and answers of status 400 and more, over all rounds."""
        return sum(one.answers.errors for one in self.rounds)

    @property
    def unserved(self) -> float:
        """The share of all offered requests that could not even be sent in their round."""
        unserved = sum(one.answers.unserved for one in self.rounds)
        return unserved / (unserved + self.errors + sum(one.answers.requests for one in self.rounds))


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """What came of one scenario under one load: the peers that were measured, and why the others were not.

    `rate` is what was offered per second, None at saturation; `body_bytes` the content of each answer.
    """

    scenario: str
    load: str
    rate: int | None = None
    body_bytes: int = 0
    peers: dict[str, PeerResult] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    unfit: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def compare_cpu(self, peer: str, reference: str = REFERENCE) -> float | None:
        """Return the peer's median CPU per request divided by the reference's; None when one of the two is unknown."""
        own, other = self._find_cpu(peer), self._find_cpu(reference)
        return own / other if own is not None and other else None

    def add_latency(self, peer: str, percentile: Callable[[PeerResult], Figure]) -> float | None:
        """Return by how many seconds a median percentile exceeds the one without proxy; None when one is unknown."""
        if peer == BASELINE or peer not in self.peers or BASELINE not in self.peers:
            return None
        return percentile(self.peers[peer]).median - percentile(self.peers[BASELINE]).median

    def _find_cpu(self, peer: str) -> float | None:
        figure = self.peers[peer].cpu_per_request if peer in self.peers else None
        return None if figure is None else figure.median


def _summarize_known(values: Iterable[float]) -> Figure | None:
    known = list(values)
    return summarize(known) if known else None
