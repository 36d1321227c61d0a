"""Count in the worker what has happened since it last told the supervisor.

A worker keeps plain numbers, found once per route and service and not per request, and ships them as a `Delta`; the
supervisor adds them up (`totals`). Label values come from the configuration or from closed lists, never from a request.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orion_gateway.values import Verdict

if TYPE_CHECKING:
    from orion_gateway.values import Outcome, Reason

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Upper bounds of the histogram buckets in seconds."""

_bounds = BOUNDS
_LAST = len(BOUNDS)
"""The bucket of what is above every bound."""

_EMPTY = [0] * (_LAST + 1)
_METHODS = frozenset([b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT"])
Labels = tuple[str, ...]
Key = tuple[str, Labels]


class Histogram:
    """Counts per bucket (not cumulative, the last one is everything above), and their sum in seconds."""

    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.buckets = _EMPTY.copy()
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        at = 0
        # Most durations end the search early, so that halving would not be quicker.
        while at < _LAST and seconds > _bounds[at]:
            at += 1
        self.buckets[at] += 1
        self.total += seconds

    def merge(self, other: Histogram) -> None:
        """Add another histogram to this one."""
        for at in range(_LAST + 1):
            self.buckets[at] += other.buckets[at]
        self.total += other.total

    def copy(self) -> Histogram:
        """Return a histogram that goes on counting apart from this one."""
        return _restore(list(self.buckets), self.total)

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (self.buckets, self.total)


def _restore(buckets: list[int], total: float) -> Histogram:
    histogram = Histogram()
    histogram.buckets, histogram.total = buckets, total
    return histogram


@dataclass(slots=True)
class Delta:
    """What one worker counted since its last delta, and what has changed of how it stands (`gauges`)."""

    counters: dict[Key, float] = field(default_factory=dict)
    histograms: dict[Key, Histogram] = field(default_factory=dict)
    gauges: dict[Key, float] = field(default_factory=dict)


class RouteMetrics:
    """The counters of one route in one worker."""

    __slots__ = (
        "_is_local",
        "_method",
        "_requests",
        "_row",
        "_status",
        "bytes_in",
        "bytes_out",
        "duration",
        "overhead",
    )

    def __init__(self) -> None:
        self._requests: dict[tuple[bytes, int, bool], int] = {}
        self.duration = Histogram()
        self.overhead = Histogram()
        self.bytes_in = 0
        self.bytes_out = 0
        # Most requests are like the one before: they are counted in a row, and looked up when the row ends.
        self._method = b"_OTHER"
        self._status = 0
        self._is_local = False
        self._row = 0

    def record(
        self,
        method: bytes,
        status: int,
        duration: float,
        overhead: float,
        bytes_in: int,
        bytes_out: int,
        is_local: bool,
    ) -> None:
        """Count one finished exchange."""
        if status != self._status or is_local != self._is_local or method != self._method:
            self._end_row()
            self._method = method if method in _METHODS else b"_OTHER"
            self._status = status
            self._is_local = is_local
        self._row += 1
        self.duration.observe(duration)
        self.overhead.observe(overhead)
        self.bytes_in += bytes_in
        self.bytes_out += bytes_out

    def take(self, route: str, delta: Delta) -> None:
        """Move what was counted into a delta."""
        self._end_row()
        if not self._requests:
            return
        for (method, status, is_local), count in self._requests.items():
            labels = (route, method.decode("ascii"), str(status), "gateway" if is_local else "upstream")
            delta.counters["orion_http_requests_total", labels] = count
        delta.counters["orion_http_request_bytes_total", (route,)] = self.bytes_in
        delta.counters["orion_http_response_bytes_total", (route,)] = self.bytes_out
        delta.histograms["orion_http_request_duration_seconds", (route,)] = self.duration
        delta.histograms["orion_gateway_overhead_seconds", (route,)] = self.overhead
        self.__init__()  # type: ignore[misc]  # everything back to zero

    def _end_row(self) -> None:
        if self._row:
            key = (self._method, self._status, self._is_local)
            self._requests[key] = self._requests.get(key, 0) + self._row
            self._row = 0


class ServiceMetrics:
    """The counters of one service in one worker."""

    __slots__ = ("_attempts", "_reason", "_row", "_verdict", "duration", "hedges", "refused_retries", "retries")

    def __init__(self) -> None:
        self._attempts: dict[tuple[str, str], int] = {}
        self.retries: dict[str, int] = {}
        self.refused_retries: dict[str, int] = {}
        self.hedges: dict[str, int] = {}
        self.duration = Histogram()
        # As with the requests of a route.
        self._verdict = Verdict.SUCCEEDED
        self._reason: Reason | None = None
        self._row = 0

    def record(self, outcome: Outcome) -> None:
        """Count one attempt."""
        if outcome.verdict is not self._verdict or outcome.reason is not self._reason:
            self._end_row()
            self._verdict, self._reason = outcome.verdict, outcome.reason
        self._row += 1
        self.duration.observe(outcome.duration)

    def record_retry(self, reason: str) -> None:
        """Count one repeated attempt."""
        self.retries[reason] = self.retries.get(reason, 0) + 1

    def record_refused_retry(self, why: str) -> None:
        """Count one attempt that was not repeated although the table speaks of it; `why` is a word of `proxy.retry`."""
        self.refused_retries[why] = self.refused_retries.get(why, 0) + 1

    def record_hedge(self, outcome: str) -> None:
        """Count one hedge: it `won`, it `lost`, or it `failed`."""
        self.hedges[outcome] = self.hedges.get(outcome, 0) + 1

    def take(self, service: str, delta: Delta) -> None:
        """Move what was counted into a delta."""
        self._end_row()
        if not (self._attempts or self.retries or self.refused_retries or self.hedges):
            return
        for (outcome, reason), count in self._attempts.items():
            delta.counters["orion_upstream_attempts_total", (service, outcome, reason)] = count
        for reason, count in self.retries.items():
            delta.counters["orion_upstream_retries_total", (service, reason)] = count
        for why, count in self.refused_retries.items():
            delta.counters["orion_upstream_retries_refused_total", (service, why)] = count
        for outcome, count in self.hedges.items():
            delta.counters["orion_upstream_hedges_total", (service, outcome)] = count
        delta.histograms["orion_upstream_attempt_duration_seconds", (service,)] = self.duration
        self.__init__()  # type: ignore[misc]  # everything back to zero

    def _end_row(self) -> None:
        if self._row:
            key = (self._verdict.value, self._reason.value if self._reason else "")
            self._attempts[key] = self._attempts.get(key, 0) + self._row
            self._row = 0
