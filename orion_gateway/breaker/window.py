"""Count successes and failures of the last so many seconds in bounded memory.

The window is cut into slices, and a slice is forgotten as a whole: what is counted is what happened within the window,
and up to one slice more.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

SLICES = 60
"""Into how many the window is cut: with the default window of a minute, one is a second."""


@dataclass(slots=True)
class Slice:
    """What happened in one slice of time; `number` counts slices since the clock's zero."""

    number: int
    successes: int = 0
    failures: int = 0


class RollingWindow:
    """The counts of the last `length` seconds. Times are monotonic seconds and never go back."""

    __slots__ = ("_slice", "_slices", "failures", "successes")

    def __init__(self, length: float) -> None:
        self._slice = length / SLICES
        self._slices: deque[Slice] = deque()
        self.successes = 0
        self.failures = 0

    def add(self, successes: int, failures: int, now: float) -> None:
        """Count what has just happened."""
        self.forget(now)
        number = int(now / self._slice)
        if not self._slices or self._slices[-1].number != number:
            self._slices.append(Slice(number))
        last = self._slices[-1]
        last.successes += successes
        last.failures += failures
        self.successes += successes
        self.failures += failures

    def forget(self, now: float) -> None:
        """Drop what has left the window; `successes` and `failures` are of `now` afterwards."""
        # One more than SLICES: the oldest slice is still in the window by a part.
        oldest = int(now / self._slice) - SLICES
        while self._slices and self._slices[0].number < oldest:
            gone = self._slices.popleft()
            self.successes -= gone.successes
            self.failures -= gone.failures

    def clear(self) -> None:
        """Forget everything."""
        self._slices.clear()
        self.successes = self.failures = 0
