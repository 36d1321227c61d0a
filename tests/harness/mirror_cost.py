"""What a mirror costs in process, without sockets: `python -m tests.harness.mirror_cost`. A measurement, not a test."""

from __future__ import annotations

import asyncio
import time
from random import Random

import uvloop

from orion_gateway.filters.comparison import CompareRules
from orion_gateway.filters.mirror import MirrorRules
from orion_gateway.proxy.downstream import Downstream
from orion_gateway.proxy.plane import DataPlane, PlaneSettings
from orion_gateway.proxy.upstream import UpstreamConnection
from orion_gateway.routing.table import RouteTable
from orion_gateway.telemetry.access_log import AccessLogSettings, open_access_log
from orion_gateway.values import Endpoint, FilterUse, Route, RouteMatch, Service, ToService
from tests.harness.cost import REPEATS, REQUEST, RESPONSE, ROUNDS, Door, Nowhere

CASES = {
    "no mirror": None,
    "not in the share": MirrorRules("next", share=1e-9),
    "skipped": MirrorRules("next", max_in_flight=0),
    "copied": MirrorRules("next"),
    "copied and compared": MirrorRules("next", compare=CompareRules()),
}


class Line:
    """A client, an endpoint and a shadow, whose bytes come and go in memory."""

    def __init__(self, rules: MirrorRules | None) -> None:
        rng = Random(1)
        services = [
            Service(name, (Endpoint("http://127.0.0.1:1", "127.0.0.1:1", "127.0.0.1", 1),)) for name in ("app", "next")
        ]
        filters = () if rules is None else (FilterUse("mirror", rules, "mirror"),)
        route = Route("all", RouteMatch(), ToService("app"), filters=filters)
        log = open_access_log(AccessLogSettings(path="/dev/null"), rng)
        plane = DataPlane(RouteTable([route]), services, PlaneSettings(), log, rng, lambda news: None)
        self.client = Downstream(Door("http", 8080, plane))
        self.client.connection_made(Nowhere({"peername": ("127.0.0.1", 1)}))
        self.primary, self.shadow = (self._connect(plane, service) for service in services)
        self._is_copied = rules is not None and rules.share == 1.0 and rules.max_in_flight > 0

    async def exchange(self) -> None:
        """Pass a request and its answer, and let the copy end."""
        self.client.data_received(REQUEST)
        self.primary.data_received(RESPONSE)
        if self._is_copied:
            while self.shadow.attempt is None:  # noqa: ASYNC110 (it is all in this loop)
                await asyncio.sleep(0)
            self.shadow.data_received(RESPONSE)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    def _connect(self, plane: DataPlane, service: Service) -> UpstreamConnection:
        pool = plane.pools[service.name]
        connection = UpstreamConnection(pool, service.endpoints[0], plane.head_limits)
        connection.connection_made(Nowhere())
        pool.take_back(connection, time.monotonic(), is_clean=True)
        return connection


async def main() -> None:
    """Print the CPU of one request, copy included."""
    lines = {name: Line(rules) for name, rules in CASES.items()}
    best = dict.fromkeys(CASES, float("inf"))
    for _ in range(ROUNDS):
        for name, line in lines.items():
            started = time.process_time()
            for _ in range(REPEATS):
                await line.exchange()
            best[name] = min(best[name], (time.process_time() - started) / REPEATS * 1e6)
    for name, cost in best.items():
        print(f"{name:<28} {cost:6.2f} µs (best of {ROUNDS})")


if __name__ == "__main__":
    uvloop.run(main())
