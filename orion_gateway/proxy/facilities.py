"""What a worker offers to its filters: clock, randomness, threads, requests of the gateway's own, and the log."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, TypeVar, cast

import structlog

from orion_gateway.proxy.fetch import Fetcher, describe_outgoing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from random import Random

    from orion_gateway.filters.filter import Exchange as FilteredExchange
    from orion_gateway.filters.filter import Fetch, Fetched, Outgoing
    from orion_gateway.proxy.exchange import Exchange
    from orion_gateway.proxy.upstream import ServicePool

T = TypeVar("T")

log = structlog.get_logger()


class Facilities:
    """The facilities of one generation in one worker."""

    def __init__(self, rng: Random, pools: Mapping[str, ServicePool], via: bytes = b"") -> None:
        """`via` is what the gateway says of itself in Via, empty for nothing."""
        self.rng = rng
        self._fetcher = Fetcher(pools, via)

    def now(self) -> float:
        """Return monotonic seconds."""
        return monotonic()

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Return what is done after so many seconds."""
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(seconds, _wake, woken)
        woken.add_done_callback(lambda _: timer.cancel())
        return woken

    def run(self, work: Callable[[], T]) -> Awaitable[T]:
        """Run work in a thread, off the event loop, and return what it returns."""
        return asyncio.get_running_loop().run_in_executor(None, work)

    def fetch(self, request: Fetch) -> Awaitable[Fetched]:
        """Ask a service of the table."""
        return self._fetcher.fetch(request)

    def outgoing(self, exchange: FilteredExchange) -> Outgoing | None:
        """Return the request of an exchange as an endpoint gets it; None when it is not (yet) forwarded."""
        return describe_outgoing(cast("Exchange", exchange), monotonic())

    def warn(self, event: str, **fields: object) -> None:
        """Write to the program's log."""
        log.warning(event, **fields)


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)
