"""Know how long the exchanges of a route take at present, for the delay of its hedges."""

from __future__ import annotations

from collections import deque

_SAMPLES = 256
"""How many of the latest exchanges count: at 100 requests/s it follows a change within seconds."""

_ENOUGH = 20
"""Before so many nothing is said: the 95th percentile of fewer is their maximum."""

_REFRESH = 16
"""After so many new samples the percentile is worked out again."""


class LatencyWindow:
    """The 95th percentile of the latest durations, in seconds."""

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=_SAMPLES)
        self._fresh = 0
        self._p95: float | None = None

    @property
    def p95(self) -> float | None:
        """The percentile as of a few exchanges ago; None while there are too few."""
        return self._p95

    def observe(self, duration: float) -> None:
        """Take one duration."""
        self._samples.append(duration)
        self._fresh += 1
        if len(self._samples) >= _ENOUGH and (self._p95 is None or self._fresh >= _REFRESH):
            self._fresh = 0
            ordered = sorted(self._samples)
            self._p95 = ordered[len(ordered) * 95 // 100]
