"""Time that a test turns: a clock, and an event loop on it that jumps to its next timer instead of waiting for it.

`await asyncio.sleep(3600)` takes no time, `asyncio.timeout(5)` passes exactly when it should, and nothing depends on
how busy the machine is.
"""

from __future__ import annotations

import asyncio
import selectors
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

PATIENCE = 5.0
"""Real seconds after which a loop without timers, whose tasks all wait, counts as stuck."""


class StuckError(RuntimeError):
    """Everything waits for something that nobody will bring."""


@dataclass(slots=True)
class Clock:
    """Seconds since the test began."""

    now: float = 1000.0

    def advance(self, seconds: float) -> None:
        """Let time pass. Called inside a hook, it is time that the hook took on the event loop."""
        self.now += seconds


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on a clock. What other threads do takes no time on it."""

    def __init__(self, clock: Clock) -> None:
        self._virtual = clock
        super().__init__(_Jumping(clock))

    def time(self) -> float:
        """Return the time of the clock."""
        return self._virtual.now


class _Jumping(selectors.BaseSelector):
    """A selector that turns the clock instead of waiting."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._real = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; when nothing is, go to when the next timer is due."""
        found = self._real.select(0)
        if found or timeout == 0:
            return found
        if timeout is not None:
            self._clock.advance(max(timeout, 0.0))
            return found
        found = self._real.select(PATIENCE)
        if not found:
            raise StuckError("a hook waits for something that nobody will bring: a future, an event, a socket")
        return found

    def register(self, fileobj: FileDescriptorLike, events: int, data: object = None) -> selectors.SelectorKey:
        """Register with the real one."""
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        """Unregister from the real one."""
        return self._real.unregister(fileobj)

    def modify(self, fileobj: FileDescriptorLike, events: int, data: object = None) -> selectors.SelectorKey:
        """Change in the real one."""
        return self._real.modify(fileobj, events, data)

    def get_map(self):  # type: ignore[no-untyped-def]  # typeshed's own type of it differs by version
        """Return the real one's map."""
        return self._real.get_map()

    def close(self) -> None:
        """Close the real one."""
        self._real.close()
        super().close()
