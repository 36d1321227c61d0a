"""The virtual clock: what is to happen, in the order of its time."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """Holds what is to happen and makes it happen. Times are seconds since the beginning of the simulation."""

    __slots__ = ("_count", "_due", "now")

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0

    def after(self, delay: float, action: Callable[..., None], *arguments: Any) -> None:
        """Let `action` happen `delay` seconds from now."""
        self.at(self.now + delay, action, *arguments)

    def at(self, time: float, action: Callable[..., None], *arguments: Any) -> None:
        """Let `action` happen at `time`, or now when that is past. What has the same time happens in the order said."""
        # The count keeps that order, and keeps the heap from comparing actions.
        self._count += 1
        heappush(self._due, (max(time, self.now), self._count, action, arguments))

    def run(self, until: float) -> None:
        """Let everything happen that is due up to and including `until`."""
        due = self._due
        while due and due[0][0] <= until:
            self.now, _, action, arguments = heappop(due)
            action(*arguments)
        self.now = until
