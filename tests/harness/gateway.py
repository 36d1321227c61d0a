"""A real data plane in the test's own event loop: real sockets, real pools, time passed by the test."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, cast

from orion_gateway.proxy.downstream import Downstream
from orion_gateway.proxy.keeper import Keeper
from orion_gateway.proxy.plane import DataPlane, PlaneSettings
from orion_gateway.routing.table import RouteTable
from orion_gateway.telemetry.access_line import FORMATS
from orion_gateway.telemetry.access_log import AccessLog, AccessLogSettings
from orion_gateway.values import (
    ApplicationUse,
    Balancing,
    BudgetRules,
    CircuitRules,
    ConnectionLimits,
    Endpoint,
    FilterUse,
    OutlierRules,
    Reason,
    RetryRules,
    Route,
    RouteMatch,
    Service,
    ToApplication,
    ToService,
    UpstreamTimeouts,
    Websocket,
)
from tests.harness.wire import Wire, connect, until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orion_gateway.proxy.pools import News
    from orion_gateway.proxy.upstream import ServicePool
    from orion_gateway.telemetry.finished import Finished
    from orion_gateway.values import Action, Rewrite

EXAMPLE = "www.example.org"
"""The Host that tests ask for."""


@dataclass(frozen=True)
class Record:
    """What the access log was told about one exchange."""

    status: int
    reason: Reason | None
    route: str
    service: str
    attempts: int
    bytes_out: int
    line: dict[str, object]


class RecordedLog(AccessLog):
    """An access log that keeps its records. Each is rendered as JSON and read back, so a broken line fails the test."""

    def __init__(self) -> None:
        super().__init__(AccessLogSettings(path="off"), None, Random(1))
        self.is_on = True
        self.records: list[Record] = []

    def write(self, finished: Finished, route: str, service: str, duration: float, reason: Reason | None) -> None:
        """Keep a record."""
        line = json.loads(FORMATS["json"](finished, route, service, duration, reason, time.time()))
        self.records.append(
            Record(finished.status, reason, route, service, finished.attempts, finished.bytes_out, line)
        )


class Gateway(Keeper):
    """One listener of one worker."""

    def __init__(
        self,
        routes: Sequence[Route],
        services: Sequence[Service],
        settings: PlaneSettings,
        log: RecordedLog | None = None,
    ) -> None:
        self.log = log or RecordedLog()
        self.news: list[News] = []
        """What the supervisor would have been told."""
        plane = DataPlane(RouteTable(routes), services, settings, self.log, Random(1), self.news.append)
        super().__init__("http", 0, plane)
        self.connections: set[Downstream] = set()
        self._ahead = 0.0
        self._server: asyncio.Server | None = None
        self._clients: list[Wire] = []

    @property
    def records(self) -> list[Record]:
        """What the access log says so far."""
        return self.log.records

    @property
    def services(self) -> list[Service]:
        """The services in the order they were given."""
        return [pool.service for pool in self.plane.pools.values()]

    @property
    def endpoints(self) -> list[Endpoint]:
        """Every endpoint of every service."""
        return [endpoint for service in self.services for endpoint in service.endpoints]

    def pool(self, service: str = "users") -> ServicePool:
        """Return a service's pool."""
        return self.plane.pools[service]

    def counts(self, service: str = "users") -> dict[str, int]:
        """Return the state of a service's connections."""
        return self.pool(service).counts

    @property
    def connection(self) -> Downstream:
        """The only client connection."""
        (connection,) = self.connections
        return connection

    async def start(self, listening: socket.socket | None = None) -> None:
        """Listen on a port that the system chooses, or on a socket that is bound already."""
        for application in self.plane.applications.values():
            await application.start()
        loop = asyncio.get_running_loop()
        if listening is None:
            listening = socket.socket()
            listening.bind(("127.0.0.1", 0))
        if listening.family == socket.AF_UNIX:
            self._server = await loop.create_unix_server(self._begin, sock=listening)
        else:
            self._server = await loop.create_server(self._begin, sock=listening, backlog=4096)
            self.port = listening.getsockname()[1]

    async def stop(self) -> None:
        """Close everything, and make sure that nothing is left in flight or open."""
        assert self._server is not None
        self._server.close()
        for client in self._clients:
            client.close()
        await until(lambda: not any(connection.exchange for connection in self.connections))
        for pool in self.plane.pools.values():
            pool.close()
        self.plane.close_filters()
        for connection in list(self.connections):
            connection.abort()
        for application in self.plane.applications.values():
            await application.stop()
        await until(lambda: not self.connections)
        await until(lambda: not any(sum(pool.counts.values()) for pool in self.plane.pools.values()))
        assert [endpoint.in_flight for endpoint in self.endpoints] == [0] * len(self.endpoints)

    async def connect(self, receive_buffer: int = 0) -> Wire:
        """Connect as a client."""
        client = await connect(self.port, receive_buffer)
        self._clients.append(client)
        return client

    async def ask(self, request: bytes) -> Wire:
        """Connect and send."""
        client = await self.connect()
        await client.send(request)
        return client

    def pass_time(self, seconds: float) -> None:
        """Sweep as the worker would when so much time has passed."""
        self._ahead += seconds
        now = time.monotonic() + self._ahead
        for connection in list(self.connections):
            connection.check(now)
        for pool in self.plane.pools.values():
            pool.sweep(now)

    # -- Keeper -----------------------------------------------------------------------------------------------------

    def _begin(self) -> asyncio.Protocol:
        return cast("asyncio.Protocol", Downstream(self))

    def remember(self, connection: Downstream) -> None:
        """A connection has begun."""
        self.connections.add(connection)

    def forget(self, connection: Downstream) -> None:
        """A connection is gone."""
        self.connections.discard(connection)


def make_service(
    *ports: int,
    name: str = "users",
    timeouts: UpstreamTimeouts | None = None,
    load_balancer: str = "round_robin",
    base_path: str = "",
    balancing: Balancing | None = None,
    outliers: OutlierRules | None = None,
    circuit: CircuitRules | None = None,
    budget: BudgetRules | None = None,
    **limits: float | None,
) -> Service:
    """Return a service with an endpoint per port of this machine; `limits` are those of `ConnectionLimits`."""
    connections = ConnectionLimits(**limits)  # type: ignore[arg-type]  # the names decide which are counts
    return Service(
        name=name,
        endpoints=tuple(
            Endpoint(
                url=f"http://127.0.0.1:{port}",
                authority=f"127.0.0.1:{port}",
                host="127.0.0.1",
                port=port,
                base_path=base_path,
                max_in_flight=connections.max,
            )
            for port in ports
        ),
        balancing=balancing or Balancing(load_balancer),
        outliers=outliers,
        circuit=circuit,
        budget=budget or BudgetRules(),
        timeouts=timeouts or UpstreamTimeouts(),
        connections=connections,
    )


def make_application_service(use: str, folder: str, **limits: float | None) -> Service:
    """Return the service behind routes to the application `use`."""
    connections = ConnectionLimits(**limits)  # type: ignore[arg-type]  # the names decide which are counts
    return Service(
        name=ToApplication(use).service,
        endpoints=(Endpoint(url=f"app:{use}", authority="localhost", max_in_flight=connections.max),),
        connections=connections,
        application=ApplicationUse(use, folder),
    )


def make_route(
    path: str = "/**",
    action: Action | None = None,
    *,
    name: str = "all",
    methods: tuple[str, ...] = (),
    rewrite: Rewrite | None = None,
    websocket: Websocket | None = None,
    body_limit: int | None = 10 * 1024 * 1024,
    timeouts: UpstreamTimeouts | None = None,
    retries: RetryRules | None = None,
    filters: Sequence[FilterUse] = (),
) -> Route:
    """Return a route to the service `users`, or one that does something else."""
    return Route(
        name=name,
        match=RouteMatch(path=path, methods=methods),
        action=action or ToService("users"),
        rewrite=rewrite,
        websocket=websocket,
        body_limit=body_limit,
        timeouts=timeouts or UpstreamTimeouts(),
        retries=retries,
        filters=tuple(filters),
    )
