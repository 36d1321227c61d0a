"""Take the endpoint that is expected to answer first, by how long it took lately and how much it has to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.balancer.draw import Draw
from orion_gateway.balancer.policy import Policy
from orion_gateway.values import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from orion_gateway.values import Endpoint, Outcome

_TAU = 10.0
"""Seconds in which what was seen loses its weight to a share of 1/e (Envoy's default)."""
_START = 0.010
"""Seconds that an endpoint is thought to take before anybody of its service has answered (Envoy's default)."""
_LEAST = 0.0001
"""Seconds below which no average falls: after a long silence what is in flight must still count."""
_MOST = 60.0
"""Seconds above which failures let no average grow."""
_PENALTY = 10.0
"""A failure counts as an answer that took so many times the average: the next trial comes 23 s later (tau ln 10)."""
_FEW = 32
"""Up to so many endpoints are compared with each other, more by two random choices."""
_PATIENCE = 4
"""After so many pairs of full endpoints all are compared."""
_SUCCEEDED = Verdict.SUCCEEDED
_FAILED = Verdict.FAILED


class Gauge:
    """What is known of one endpoint: the `average` of its durations as it was at the time `at`, in seconds.

    `at` is below 0 until the average is read: what an endpoint starts with fades from then on.
    """

    __slots__ = ("at", "average", "endpoint")

    def __init__(self, endpoint: Endpoint, average: float) -> None:
        self.endpoint = endpoint
        self.average = average
        self.at = -1.0

    def read(self, now: float) -> float:
        """Return the average, which fades: an endpoint that was slow and is not asked any more gets another trial."""
        if self.at < 0.0:
            self.at = now
        return max(_LEAST, self.average * _decay(now - self.at))

    def take(self, sample: float, now: float) -> None:
        """Let an average below the sample jump to it; one above only fades."""
        self.average = max(sample, self.read(now))
        self.at = now

    def score(self, now: float) -> float:
        """Return what one more exchange would wait."""
        return self.read(now) * (self.endpoint.in_flight + 1) / self.endpoint.weight


class PeakEwma(Policy):
    """Peak EWMA (Finagle, linkerd, Envoy): the least of average duration x (exchanges in flight + 1) / weight.

    A duration above the average replaces it at once, and the average fades by e^(-t / tau), also while it is only read.
    A failure counts as a long duration, or an endpoint that fails at once would look like the quickest.
    """

    __slots__ = ("_by_endpoint", "_draw", "_gauges", "_start")

    def __init__(self) -> None:
        self._gauges: list[Gauge] = []
        self._by_endpoint: dict[Endpoint, Gauge] = {}
        self._draw = Draw()
        self._start = -1

    def update(self, eligible: Sequence[Endpoint]) -> None:
        """Choose among these endpoints from now on; those of weight 0 are left out.

        One that is new is thought to be as quick as the others, or everybody would rush to it.
        """
        known = self._by_endpoint
        self._draw.update(eligible)
        averages = sorted([gauge.average for gauge in self._gauges])
        start = averages[len(averages) // 2] if averages else _START
        self._by_endpoint = {
            endpoint: known.get(endpoint) or Gauge(endpoint, start) for endpoint in self._draw.endpoints
        }
        self._gauges = list(self._by_endpoint.values())
        if self._start >= len(self._gauges):
            self._start = 0

    def pick(self, key: int, now: float, rng: Random) -> Endpoint | None:  # noqa: ARG002 (the contract's)
        """Return the best endpoint, among many the better one of two; one at its cap only when all are."""
        if self._start < 0 and self._gauges:
            # Drawn, or all gateways that start together would begin with the same endpoint.
            self._start = rng.randrange(len(self._gauges))
        return self._walk(now) if len(self._gauges) <= _FEW else self._draw_two(now, rng)

    def observe(self, endpoint: Endpoint, outcome: Outcome, now: float) -> None:
        """Take a duration into the average; an attempt without a verdict says nothing."""
        gauge = self._by_endpoint.get(endpoint)
        if gauge is None:
            return
        if outcome.verdict is _SUCCEEDED:
            sample = outcome.duration
        elif outcome.verdict is _FAILED:
            sample = max(outcome.duration, min(_MOST, _PENALTY * max(_START, gauge.read(now))))
        else:
            return
        gauge.take(sample, now)

    def score(self, endpoint: Endpoint, now: float) -> float | None:
        """Return the seconds that one more exchange is expected to wait; None for an endpoint that is not eligible."""
        gauge = self._by_endpoint.get(endpoint)
        return None if gauge is None else gauge.score(now)

    def _walk(self, now: float) -> Endpoint | None:
        gauges, at = self._gauges, self._start
        count = len(gauges)
        best = None
        is_best_full = True
        least = 0.0
        # Looking from behind the last choice gives ties to everybody in turn: only a better one takes the place.
        for _ in range(count):
            gauge = gauges[at]
            endpoint = gauge.endpoint
            at = at + 1 if at + 1 < count else 0
            is_full = endpoint.in_flight >= endpoint.cap
            if is_full and best is not None and not is_best_full:
                continue
            score = gauge.score(now)
            if best is None or (is_best_full and not is_full) or score < least:
                best, is_best_full, least = endpoint, is_full, score
                self._start = at
        return best

    def _draw_two(self, now: float, rng: Random) -> Endpoint | None:
        for _ in range(_PATIENCE):
            one = self._draw.draw(rng)
            other = self._draw.draw_another(one, rng)
            if one.in_flight >= one.cap:
                one, other = other, one
            elif other.in_flight < other.cap:
                gauge, rival = self._by_endpoint[one], self._by_endpoint[other]
                return other if rival.score(now) < gauge.score(now) else one
            if one.in_flight < one.cap:
                return one
        return self._walk(now)


def _decay(seconds: float) -> float:
    """Return about e^(-seconds / tau), without a call into the mathematical library (within 2 % over 5 tau).

    It is (1 + x / 1024)^-1024, by squaring ten times.
    """
    if seconds <= 0.0:
        return 1.0
    base = 1.0 + seconds / (_TAU * 1024.0)
    for _ in range(10):
        base *= base
    return 1.0 / base
