"""Exchanges whose content a filter changes, and a worker with threads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from tests.filters.exchanges import Passing, Worker, read_request, read_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from orion_gateway.http1.parsed import ResponseHead

T = TypeVar("T")


class Talk(Passing):
    """One exchange: `ask` and `answer` are the field lines of its two heads."""

    def __init__(self, ask: str = "", answer: str = "", *, method: str = "GET", status: int = 200) -> None:
        request = read_request("/", *ask.splitlines(), method=method)
        super().__init__(request, read_response(*answer.splitlines(), status=status))

    @property
    def answer(self) -> ResponseHead:
        """The head of the response, which is always there."""
        assert self.response is not None
        return self.response

    def fields(self, name: str) -> list[str]:
        """Return what the response says in a field."""
        return [value.decode() for value in self.answer.values(name.encode())]


class ThreadedWorker(Worker):
    """What a filter is offered; counts what was sent to threads."""

    def __init__(self) -> None:
        super().__init__()
        self.runs = 0

    def run(self, work: Callable[[], T]) -> Awaitable[T]:
        """Run work in a thread."""
        self.runs += 1
        return asyncio.to_thread(work)


async def settled(result: Any) -> Any:
    """Return what a hook says, waited for or not."""
    return await result if hasattr(result, "__await__") else result
