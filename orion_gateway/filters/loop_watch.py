"""Name what holds the event loop up while it does: a thread looks at what the loop has been doing, and since when.

A step of a plug-in costs two stores into a `LoopWatch` where it begins and one where it ends; everything else is the
thread's, which looks only while somebody on this loop asked for it. Whoever holds the interpreter as well (a regular
expression that backtracks) keeps the thread from looking: what the step's own clock says is reported at its end.
"""

from __future__ import annotations

import sys
import threading
import traceback
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from types import FrameType

MOST_FRAMES = 12
"""Frames of a stack that are shown, the innermost ones."""

LOOKS_PER_BOUND = 2
"""How often a step is looked at before it counts as blocking: it is found at most half its bound late."""


class Watched(Protocol):
    """What a step belongs to."""

    blocked: float
    """Seconds after which a step of it blocks the loop."""
    boundary: str
    """The file whose frames are not its own: a stack is shown from there inwards."""

    def tell_blocked(self, found: Blocked) -> None:
        """Say so, in the watching thread."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """A step that has been running for `seconds`, and where it was then, the innermost frame last."""

    seconds: float
    stack: tuple[str, ...]


class LoopWatch:
    """What one loop is doing.

    `began` is written before `what`, so that a reader never blames a step for another's time.
    Times are those of `time.perf_counter`.
    """

    _of_threads: ClassVar[dict[int, LoopWatch]] = {}

    def __init__(self, thread: int) -> None:
        self.what: Watched | None = None
        """What runs a step now."""
        self.began = 0.0
        self._thread = thread
        self._told = float("nan")  # equal to no beginning
        self._members: list[Watched] = []
        self._looking: threading.Thread | None = None
        self._over = threading.Event()

    @classmethod
    def join(cls, member: Watched) -> LoopWatch:
        """Return the watch of the calling thread's loop, which looks at steps of `member` too from now on."""
        thread = threading.get_ident()
        watch = cls._of_threads.get(thread)
        if watch is None:
            watch = cls._of_threads[thread] = cls(thread)
        watch._members.append(member)
        if watch._looking is None:
            watch._looking = threading.Thread(target=watch._keep_looking, name="loop watch", daemon=True)
            watch._looking.start()
        return watch

    def leave(self, member: Watched) -> None:
        """Stop looking at steps of `member`; without members nobody looks."""
        if member in self._members:
            self._members.remove(member)
        if not self._members and self._looking is not None:
            self._over.set()
            self._looking.join()
            self._looking = None
            del self._of_threads[self._thread]

    def look(self, now: float) -> None:
        """Look once: tell whoever runs a step that has been running too long, once for each step."""
        what, began = self.what, self.began
        if what is None or began == self._told or now - began < what.blocked:
            return
        stack = describe_stack(sys._current_frames().get(self._thread), what.boundary)
        if self.what is what and self.began == began:  # else the step ended meanwhile, and the stack is another's
            self._told = began
            what.tell_blocked(Blocked(now - began, stack))

    def was_told(self, began: float) -> bool:
        """Say whether the step that began then was reported."""
        return self._told == began

    def _keep_looking(self) -> None:
        while not self._over.wait(min((member.blocked for member in self._members), default=1.0) / LOOKS_PER_BOUND):
            self.look(perf_counter())


def describe_stack(frame: FrameType | None, boundary: str) -> tuple[str, ...]:
    """Return the innermost frames of a stack, the innermost last, as `file:line in function: source line`.

    Frames of the file `boundary` and what called them are left out.
    """
    found: list[tuple[FrameType, int]] = []
    while frame is not None and frame.f_code.co_filename != boundary and len(found) < MOST_FRAMES:
        found.append((frame, frame.f_lineno))
        frame = frame.f_back
    seen = traceback.StackSummary.extract(iter(found))
    return tuple(f"{one.filename}:{one.lineno} in {one.name}: {one.line}" for one in reversed(seen))
