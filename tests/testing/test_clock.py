"""Time that tests turn."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orion_gateway.testing import Clock, StuckError, VirtualLoop
from orion_gateway.testing import clock as clocks

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    """A loop on a clock."""
    loop = VirtualLoop(Clock(now=0.0))
    yield loop
    loop.close()


def test_waiting_takes_the_time_of_the_clock_and_none_of_the_test(loop: VirtualLoop) -> None:
    """A test of an hour would take an hour."""

    async def wait() -> list[str]:
        order: list[str] = []

        async def say(what: str, after: float) -> None:
            await asyncio.sleep(after)
            order.append(f"{what} at {loop.time():g}")

        await asyncio.gather(say("day", 86400 * 3), say("second", 1), say("hour", 3600))
        return order

    assert loop.run_until_complete(wait()) == ["second at 1", "hour at 3600", "day at 259200"]


def test_a_timeout_passes_exactly(loop: VirtualLoop) -> None:
    """Whether a timeout passed would depend on how busy the machine is."""

    async def wait() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.sleep(6)
        async with asyncio.timeout(5):
            await asyncio.sleep(4.999)
        return loop.time()

    assert loop.run_until_complete(wait()) == pytest.approx(9.999)


def test_threads_are_waited_for(loop: VirtualLoop) -> None:
    """Work of a plug-in in a thread would count as nothing to come."""
    assert loop.run_until_complete(loop.run_in_executor(None, lambda: 7)) == 7
    loop.run_until_complete(loop.shutdown_default_executor())


def test_waiting_for_what_nobody_brings_is_an_error(loop: VirtualLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test would hang for ever."""
    monkeypatch.setattr(clocks, "PATIENCE", 0.0)

    async def wait() -> None:
        await asyncio.get_running_loop().create_future()

    waiting = wait()
    with pytest.raises(StuckError, match="nobody will bring"):
        loop.run_until_complete(waiting)
    for task in asyncio.all_tasks(loop):
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(asyncio.gather(*asyncio.all_tasks(loop)))
