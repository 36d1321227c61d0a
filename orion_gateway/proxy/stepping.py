"""Run what a hook returned to wait for: at once as far as it goes, and only then as a task.

A coroutine that never waits costs no turn of the event loop, and one that does goes on as a task that sees itself as
the current one from its first step (`asyncio.timeout` and task groups want that).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator

T = TypeVar("T")

_EAGER = sys.version_info >= (3, 12)


def begin(awaitable: Awaitable[T]) -> asyncio.Future[T]:
    """Return the future of an awaitable; it may be done already."""
    if not iscoroutine(awaitable):
        return asyncio.ensure_future(awaitable)
    loop = asyncio.get_running_loop()
    if _EAGER:
        return asyncio.Task(awaitable, loop=loop, eager_start=True)  # type: ignore[call-arg,unused-ignore]
    if asyncio.current_task() is not None:
        return loop.create_task(awaitable)
    return _step(awaitable, loop)


def _step(coroutine: Coroutine[object, Any, T], loop: asyncio.AbstractEventLoop) -> asyncio.Future[T]:
    """Do what `eager_start` does, where asyncio cannot: make the first step by hand, in the name of the task."""
    rest = _Rest(coroutine)
    task: asyncio.Task[T] = loop.create_task(rest)
    asyncio._enter_task(loop, task)
    try:
        rest.first = coroutine.send(None)
    except StopIteration as stop:
        rest.is_over = True
        return _done(loop, stop.value)
    except asyncio.CancelledError:
        rest.is_over = True
        cancelled: asyncio.Future[T] = loop.create_future()
        cancelled.cancel()
        return cancelled
    except Exception as error:
        rest.is_over = True
        failed: asyncio.Future[T] = loop.create_future()
        failed.set_exception(error)
        return failed
    finally:
        asyncio._leave_task(loop, task)
    return task


def _done(loop: asyncio.AbstractEventLoop, value: T) -> asyncio.Future[T]:
    future: asyncio.Future[T] = loop.create_future()
    future.set_result(value)
    return future


class _Rest(Coroutine[object, Any, T]):
    """What is left of a coroutine behind its first step, for the task that was made for it."""

    def __init__(self, coroutine: Coroutine[object, Any, T]) -> None:
        self._coroutine = coroutine
        self.first: object = None
        """What the first step waits for, until the task knows."""
        self.is_over = False

    def send(self, value: object) -> object:
        """Go on, the first time with what is waited for already."""
        if self.is_over:
            raise StopIteration
        if self.first is not None:
            first, self.first = self.first, None
            return first
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> object:
        """Cancel it, or tell it of an error."""
        if self.is_over:
            raise StopIteration
        first, self.first = self.first, None
        if isinstance(first, asyncio.Future):
            first.cancel()  # as the task would have, had it known already what it waits for
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """End it."""
        self._coroutine.close()

    def __await__(self) -> Generator[object, Any, T]:
        return self  # type: ignore[return-value]
