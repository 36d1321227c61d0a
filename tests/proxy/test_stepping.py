"""Coroutines of hooks: run at once as far as they go, then as tasks like any other."""

from __future__ import annotations

import asyncio

import pytest

from orion_gateway.proxy.stepping import begin


def outside(call: object) -> asyncio.Future[object]:
    """Return what `begin` returns where no task is current, as in the callback of a transport."""
    loop = asyncio.get_running_loop()
    begun: asyncio.Future[object] = loop.create_future()

    def run() -> None:
        begun.set_result(begin(call()))  # type: ignore[operator]

    loop.call_soon(run)
    return begun


async def at_once() -> int:
    return 5


async def broken() -> None:
    raise ValueError("broken")


async def broken_later() -> None:
    await asyncio.sleep(0)
    raise ValueError("broken")


async def in_time() -> bool:
    async with asyncio.timeout(3600):
        await asyncio.sleep(0)
        return asyncio.current_task() is not None


async def group() -> int:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(at_once())
    return task.result()


async def test_what_never_waits_is_done_at_once() -> None:
    """Every asynchronous filter would cost a turn of the loop."""
    done = await outside(at_once)
    assert isinstance(done, asyncio.Future)
    assert done.done()
    assert done.result() == 5


async def test_an_error_at_once_is_told_at_once() -> None:
    """It would be lost, or end somebody else's callback."""
    failed = await outside(broken)
    assert isinstance(failed, asyncio.Future)
    assert failed.done()
    with pytest.raises(ValueError, match="broken"):
        failed.result()


@pytest.mark.parametrize("call", [in_time, group])
async def test_a_first_step_sees_itself_as_a_task(call: object) -> None:
    """`asyncio.timeout` and task groups would raise in the filters of users."""
    waiting = await outside(call)
    assert isinstance(waiting, asyncio.Future)
    assert await waiting


async def test_an_error_after_waiting_is_told() -> None:
    """It would be lost."""
    waiting = await outside(broken_later)
    with pytest.raises(ValueError, match="broken"):
        await waiting  # type: ignore[misc]


@pytest.mark.parametrize("turns", [0, 1, 3])
async def test_cancelling_reaches_what_is_waited_for(turns: int) -> None:
    """A client that leaves early would leave its filter's work behind."""
    awaited: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    cleaned: list[bool] = []

    async def wait() -> None:
        try:
            await awaited
        finally:
            cleaned.append(True)

    loop = asyncio.get_running_loop()
    over: asyncio.Future[asyncio.Future[None]] = loop.create_future()

    def run() -> None:
        waiting = begin(wait())
        if not turns:
            waiting.cancel()
        over.set_result(waiting)

    loop.call_soon(run)
    waiting = await over
    for _ in range(turns):
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert cleaned == [True]
    assert awaited.cancelled()


async def test_within_a_task_it_is_a_task_of_its_own() -> None:
    """Two tasks would be current at once."""
    assert await begin(at_once()) == 5


async def test_other_awaitables_are_waited_for() -> None:
    """A hook that returns a future would have to wrap it."""
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    assert begin(future) is future
    future.set_result(1)
