"""What a copy costs a worker in all: `python -m tests.harness.mirror_cost`. A measurement, not a test.

CPU microseconds of an exchange and its copy, without sockets. What a mirror adds to the exchange alone is a row of
`filter_cost`.
"""

from __future__ import annotations

import asyncio
import time

import uvloop

from orion_gateway.build import name_build
from orion_gateway.filters.comparison import CompareRules
from orion_gateway.filters.mirror import MirrorRules
from orion_gateway.proxy.upstream import UpstreamConnection
from orion_gateway.values import Endpoint, FilterUse, Route, RouteMatch, Service, ToService
from tests.harness.inprocess import REQUEST, RESPONSE, InProcess, Nowhere

ROUNDS, REPEATS = 9, 2000

CASES = {
    "no mirror": None,
    "copied": MirrorRules("shadow"),
    "copied and compared": MirrorRules("shadow", compare=CompareRules()),
}


class Mirrored(InProcess):
    """A worker, and the endpoint of a shadow."""

    def __init__(self, rules: MirrorRules | None) -> None:
        filters = () if rules is None else (FilterUse("mirror", rules, "mirror"),)
        service = Service("shadow", (Endpoint("http://127.0.0.1:2", "127.0.0.1:2", "127.0.0.1", 2),))
        super().__init__([Route("all", RouteMatch(), ToService("app"), filters=filters)], [service])
        pool = self.plane.pools["shadow"]
        self.shadow = UpstreamConnection(pool, service.endpoints[0], self.plane.head_limits)
        self.shadow.connection_made(Nowhere())
        pool.take_back(self.shadow, time.monotonic(), is_clean=True)
        self.is_copied = rules is not None

    async def exchange_and_copy(self) -> None:
        """Make an exchange, and let its copy end."""
        await self.exchange_once(REQUEST, RESPONSE)
        if self.is_copied:
            while self.shadow.attempt is None:  # noqa: ASYNC110 (nothing tells of it here)
                await asyncio.sleep(0)
            self.shadow.data_received(RESPONSE)
            await asyncio.sleep(0)
            await asyncio.sleep(0)


async def main() -> None:
    """Print the costs."""
    workers = {name: Mirrored(rules) for name, rules in CASES.items()}
    best = dict.fromkeys(CASES, float("inf"))
    for _ in range(ROUNDS):
        for name, worker in workers.items():
            started = time.process_time()
            for _ in range(REPEATS):
                await worker.exchange_and_copy()
            best[name] = min(best[name], (time.process_time() - started) / REPEATS * 1e6)
    print(f"CPU µs, {name_build()}, best of {ROUNDS} rounds")
    for name, cost in best.items():
        print(f"{name:<20} {cost:6.1f}")
    for worker in workers.values():
        worker.close()


if __name__ == "__main__":
    uvloop.run(main())
