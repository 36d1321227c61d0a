"""What a worker offers to filters, in a test: its clock, a known source of randomness, and services that it plays."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, TypeVar

from orion_gateway.filters.filter import Fetch, Fetched

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from orion_gateway.filters.filter import Exchange
    from orion_gateway.testing.clock import Clock
    from orion_gateway.testing.messages import Upstream

    Service = Upstream | Callable[[Fetch], Upstream | Fetched]

T = TypeVar("T")


@dataclass(frozen=True)
class Warned:
    """A line of the program's log."""

    event: str
    fields: dict[str, object] = field(default_factory=dict)


class FakeFacilities:
    """Clock, randomness, threads, requests of the gateway's own, and the log."""

    def __init__(self, clock: Clock, services: Mapping[str, Service]) -> None:
        self.rng = Random(1)  # noqa: S311 (a test wants the same numbers each time)
        self.warned: list[Warned] = []
        """What was written to the log."""
        self.fetched: list[Fetch] = []
        """The requests of the gateway's own."""
        self._clock = clock
        self._services = services

    def now(self) -> float:
        """Return the time of the test's clock."""
        return self._clock.now

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Return what is done after so many seconds of the test's clock."""
        return asyncio.sleep(seconds)

    def run(self, work: Callable[[], T]) -> Awaitable[T]:
        """Run work at once, in no thread: what it takes depends on no other."""
        return _run(work)

    def fetch(self, request: Fetch) -> Awaitable[Fetched]:
        """Ask one of the services that the test plays; another one does not exist."""
        return self._fetch(request)

    def outgoing(self, exchange: Exchange) -> None:
        """Return None: there is no endpoint."""

    def warn(self, event: str, **fields: object) -> None:
        """Keep a line of the log."""
        self.warned.append(Warned(event, fields))

    async def _fetch(self, request: Fetch) -> Fetched:
        self.fetched.append(request)
        service = self._services.get(request.service)
        if service is None:
            return Fetched(0, error="destination_not_found")
        answer = service(request) if callable(service) else service
        if isinstance(answer, Fetched):
            return answer
        fields = [(name.lower().encode(), value.encode("utf-8", "surrogateescape")) for name, value in answer.headers]
        is_truncated = len(answer.body) > request.limit
        return Fetched(answer.status, fields, answer.body[: request.limit], is_truncated)


async def _run(work: Callable[[], T]) -> T:
    return work()
