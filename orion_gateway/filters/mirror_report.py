"""What a mirror has to tell: how many answers were equal, what differed where and how often, and the latest examples.

Pure and bounded: causes are words of closed lists, places beyond a number are counted together, examples push out older
ones, and what they show was shortened by `comparison`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orion_gateway.filters.comparison import Comparison, Difference
    from orion_gateway.filters.filter import Report

MOST_PLACES = 100
"""Places of differences that are told apart."""

MOST_EXAMPLES = 10

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Upper bounds of the buckets in seconds: those of the metrics."""

METRIC = "orion_mirror_requests_total"

_OTHERS = ("other", "")


class Latency:
    """How long answers took, in buckets; the last one is everything above the bounds."""

    __slots__ = ("buckets",)

    def __init__(self, buckets: Iterable[int] = ()) -> None:
        self.buckets = [*buckets] or [0] * (len(BOUNDS) + 1)

    def observe(self, seconds: float) -> None:
        """Count one answer."""
        self.buckets[sum(seconds > bound for bound in BOUNDS)] += 1

    def merge(self, other: Latency) -> Latency:
        """Return both in one."""
        return Latency(ours + theirs for ours, theirs in zip(self.buckets, other.buckets, strict=True))

    def document(self) -> Mapping[str, object]:
        """Return count, percentiles (the bound below which they lie, null above all bounds), and buckets."""
        count = sum(self.buckets)
        ends = [*accumulate(self.buckets)]
        percentiles = {
            f"p{percent}": next(
                (bound for bound, end in zip(BOUNDS, ends, strict=False) if 100 * end >= percent * count), None
            )
            for percent in (50, 95, 99)
        }
        buckets = {str(bound): count for bound, count in zip((*BOUNDS, "+Inf"), self.buckets, strict=True) if count}
        return {"count": count, **(percentiles if count else {}), "buckets": buckets}


@dataclass(frozen=True, slots=True)
class Example:
    """A request whose answers differed. `at` is Unix time, `path` without query."""

    at: float
    request_id: str
    method: str
    path: str
    differences: tuple[Difference, ...]
    has_more: bool = False

    def document(self) -> Mapping[str, object]:
        """Return it as the admin API shows it."""
        seen = datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds")
        return {
            "at": seen.replace("+00:00", "Z"),
            "id": self.request_id,
            "method": self.method,
            "path": self.path,
            "differences": [
                {"kind": one.kind, "path": one.path, "primary": one.primary, "mirror": one.mirror}
                for one in self.differences
            ],
            "more": self.has_more,
        }


@dataclass(slots=True)
class MirrorReport:
    """What became of the copies of one route."""

    outcomes: Counter[str] = field(default_factory=Counter)
    """`equal`, `different`, `answered` (nothing was to be compared), `alone` (only the mirror answered), `failed`,
    `skipped`."""
    skipped: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    """Comparisons without the content, by why."""
    places: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Requests that differed, by kind and place."""
    primary: Latency = field(default_factory=Latency)
    mirror: Latency = field(default_factory=Latency)
    examples: tuple[Example, ...] = ()

    def skip(self, why: str) -> None:
        """Count a request that was not copied."""
        self.outcomes["skipped"] += 1
        self.skipped[why] += 1

    def fail(self, reason: str) -> None:
        """Count a copy without an answer."""
        self.outcomes["failed"] += 1
        self.failed[reason] += 1

    def compare(self, found: Comparison) -> None:
        """Count a comparison."""
        self.outcomes["equal" if found.is_equal else "different"] += 1
        if found.unread:
            self.unread[found.unread] += 1
        for place in {(one.kind, one.place) for one in found.differences}:
            self._count_place(place, 1)

    def show(self, example: Example) -> None:
        """Keep an example."""
        self.examples = (*self.examples, example)[-MOST_EXAMPLES:]

    def merge(self, newer: Report) -> MirrorReport:
        """Return both in one."""
        assert isinstance(newer, MirrorReport)
        merged = MirrorReport(
            self.outcomes + newer.outcomes,
            self.skipped + newer.skipped,
            self.failed + newer.failed,
            self.unread + newer.unread,
            Counter(self.places),
            self.primary.merge(newer.primary),
            self.mirror.merge(newer.mirror),
            tuple(sorted((*self.examples, *newer.examples), key=lambda example: example.at)[-MOST_EXAMPLES:]),
        )
        for place, count in newer.places.items():
            merged._count_place(place, count)
        return merged

    def counted(self) -> Iterable[tuple[str, tuple[str, ...], float]]:
        """Yield what goes into the metrics."""
        return [(METRIC, (outcome,), count) for outcome, count in self.outcomes.items()]

    def document(self) -> Mapping[str, object]:
        """Return it as the admin API shows it."""
        outcomes = self.outcomes
        compared = outcomes["equal"] + outcomes["different"]
        return {
            "compared": compared,
            "equal": outcomes["equal"],
            "different": outcomes["different"],
            "equal_share": round(outcomes["equal"] / compared, 4) if compared else None,
            "answered": outcomes["answered"],
            "alone": outcomes["alone"],
            "failed": dict(self.failed.most_common()),
            "skipped": dict(self.skipped.most_common()),
            "content_not_compared": dict(self.unread.most_common()),
            "differences": [
                {"kind": kind, "path": path, "requests": count} for (kind, path), count in self.places.most_common()
            ],
            "latency": {"primary": self.primary.document(), "mirror": self.mirror.document()},
            "examples": [example.document() for example in reversed(self.examples)],
        }

    def _count_place(self, place: tuple[str, str], count: int) -> None:
        if place not in self.places and len(self.places) >= MOST_PLACES:
            place = _OTHERS
        self.places[place] += count
