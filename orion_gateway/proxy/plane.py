"""Everything one worker needs to forward, made from one generation of the configuration and never changed afterwards.

A connection asks its worker for the plane in force whenever a request begins, so a new generation takes over between
two requests and an exchange ends under the one it began with.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from orion_gateway.http1.fields import ForwardedRules
from orion_gateway.http1.head import HeadLimits
from orion_gateway.proxy.deadline import ClientTimeouts
from orion_gateway.routing.rewrite import compile_rewrite
from orion_gateway.telemetry.metrics import Delta, RouteMetrics, ServiceMetrics
from orion_gateway.values import Reason, Route, Service, ToAdmin, ToService, Verdict

if TYPE_CHECKING:
    from random import Random

    from orion_gateway.proxy.exchange import Exchange
    from orion_gateway.proxy.upstream import ServicePool
    from orion_gateway.routing.table import RouteTable
    from orion_gateway.telemetry.access_log import AccessLog

Rewriter = Callable[[bytes, bytes, Mapping[str, bytes]], bytes]

UNMATCHED = "_none"
"""The route label of requests that no route took."""

ADMIN_SERVICE = "_admin"
"""The service behind routes with `admin: health`."""


@dataclass(frozen=True, slots=True)
class PlaneSettings:
    """What concerns all routes of a generation."""

    head_limits: HeadLimits = field(default_factory=HeadLimits)
    client_timeouts: ClientTimeouts = field(default_factory=ClientTimeouts)
    forwarded: ForwardedRules = field(default_factory=ForwardedRules)
    client_eof: Literal["cancel", "answer"] = "cancel"
    is_development: bool = False


class LiveRoute:
    """A route with what it needs at run time, found once."""

    __slots__ = ("metrics", "pool", "rewriter", "route")

    def __init__(self, route: Route, pool: ServicePool | None, metrics: RouteMetrics) -> None:
        self.route = route
        self.pool = pool
        self.metrics = metrics
        self.rewriter: Rewriter | None = compile_rewrite(route.rewrite, route) if route.rewrite else None


class DataPlane:
    """One generation at work in one worker."""

    def __init__(
        self,
        table: RouteTable,
        services: Sequence[Service],
        settings: PlaneSettings,
        pools: Callable[[Service, HeadLimits, ServiceMetrics], ServicePool],
        access_log: AccessLog,
        rng: Random,
    ) -> None:
        """`services` holds one for every name that routes use; `pools` makes a service's pool with its policy."""
        self.table = table
        self.settings = settings
        self.head_limits = settings.head_limits
        self.client_timeouts = settings.client_timeouts
        self.forwarded = settings.forwarded
        self.pseudonym = settings.forwarded.pseudonym
        self.access_log = access_log
        self.random_bits = rng.getrandbits
        self.service_metrics = {service.name: ServiceMetrics() for service in services}
        self.pools = {s.name: pools(s, settings.head_limits, self.service_metrics[s.name]) for s in services}
        self.live = tuple(LiveRoute(route, self._pool_of(route), RouteMetrics()) for route in table.routes)
        self._unmatched = RouteMetrics()

    def record(
        self,
        exchange: Exchange,
        verdict: Verdict,  # noqa: ARG002 (what a circuit judges its service by)
        reason: Reason | None,
        now: float,
    ) -> None:
        """Count and log an exchange that has ended; what its last callback took until here is part of it."""
        duration = max(now, time.monotonic()) - exchange.started
        live = exchange.route
        metrics = self._unmatched if live is None else live.metrics
        metrics.record(
            exchange.method,
            exchange.status,
            duration,
            duration - exchange.upstream_duration,
            len(exchange.head.raw) + exchange.request_bytes,
            exchange.bytes_out,
            is_local=exchange.is_local,
        )
        route = UNMATCHED if live is None else live.route.name
        service = live.pool.service.name if live is not None and live.pool is not None else ""
        self.access_log.write(exchange, route, service, duration, reason)

    def take(self) -> Delta:
        """Return what was counted since the last call, and the state of the pools."""
        delta = Delta()
        self._unmatched.take(UNMATCHED, delta)
        for live in self.live:
            live.metrics.take(live.route.name, delta)
        for name, metrics in self.service_metrics.items():
            metrics.take(name, delta)
        for name, pool in self.pools.items():
            for state, count in pool.counts.items():
                delta.gauges["orion_upstream_pool_connections", (name, state)] = count
        return delta

    def _pool_of(self, route: Route) -> ServicePool | None:
        match route.action:
            case ToService(service):
                return self.pools[service]
            case ToAdmin():
                return self.pools[ADMIN_SERVICE]
        return None
