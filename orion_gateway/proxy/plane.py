"""Everything one worker needs to forward, made from one generation of the configuration and never changed afterwards.

A connection asks its worker for the plane in force whenever a request begins, so a new generation takes over between
two requests and an exchange ends under the one it began with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Literal

from orion_gateway.http1.fields import ForwardedRules, Peer
from orion_gateway.http1.head import HeadLimits
from orion_gateway.proxy.affinity import Binding
from orion_gateway.proxy.deadline import ClientTimeouts
from orion_gateway.proxy.facilities import Facilities
from orion_gateway.proxy.filters import Filters
from orion_gateway.proxy.latency import LatencyWindow
from orion_gateway.proxy.pools import build_pool, join_fallbacks
from orion_gateway.proxy.table_answer import TableAnswer
from orion_gateway.routing.rewrite import compile_rewrite
from orion_gateway.routing.split import Splitter
from orion_gateway.telemetry.metrics import Delta, RouteMetrics, ServiceMetrics
from orion_gateway.values import (
    CircuitView,
    FilterUse,
    Reason,
    Redirect,
    Respond,
    Route,
    RouteMatch,
    Service,
    Split,
    Standing,
    ToAdmin,
    ToApplication,
    ToService,
)

if TYPE_CHECKING:
    from random import Random

    from orion_gateway.filters.filter import Report
    from orion_gateway.http1.parsed import RequestHead
    from orion_gateway.proxy.chain import Chain
    from orion_gateway.proxy.exchange import Exchange
    from orion_gateway.proxy.inprocess import LiveApplication
    from orion_gateway.proxy.pools import News
    from orion_gateway.proxy.upstream import ServicePool
    from orion_gateway.routing.table import RouteTable
    from orion_gateway.telemetry.access_log import AccessLog
    from orion_gateway.values import Target

Rewriter = Callable[[bytes, bytes, Mapping[str, bytes]], bytes]

UNMATCHED = "_none"
"""The route label of requests that no route took."""

ADMIN_SERVICE = "_admin"
"""The service behind routes with `admin: health`."""

_OWN = "_"
"""What names of services that are not the table's begin with; those of the table cannot."""


_RANDOM_BYTES = 24 * 128


@dataclass(frozen=True, slots=True)
class PlaneSettings:
    """What concerns all routes of a generation."""

    head_limits: HeadLimits = field(default_factory=HeadLimits)
    client_timeouts: ClientTimeouts = field(default_factory=ClientTimeouts)
    forwarded: ForwardedRules = field(default_factory=ForwardedRules)
    client_eof: Literal["cancel", "answer"] = "cancel"
    is_development: bool = False
    base_filters: tuple[FilterUse, ...] = ()
    """What answers pass that no route gives."""


class LiveRoute:
    """A route with what every request of it needs, found once.

    One that splits its requests has another such as each of its targets, which takes its place when one was chosen.
    """

    __slots__ = (
        "answer",
        "binding",
        "body_limit",
        "chain",
        "latency",
        "metrics",
        "name",
        "pool",
        "retries",
        "rewriter",
        "route",
        "sends_endpoint_host",
        "service",
        "splitter",
        "targets",
        "timeouts",
    )

    def __init__(
        self,
        route: Route,
        pool: ServicePool | None,
        metrics: RouteMetrics,
        chain: Chain | None = None,
        target: Target | None = None,
    ) -> None:
        """`pool` is None when the gateway answers by itself or has yet to choose a target, `chain` without filters.

        `target` is the one that this is, of a route that splits its requests.
        """
        self.route = route
        self.name = route.name
        self.pool = pool
        self.answer = TableAnswer(route.action) if isinstance(route.action, Respond | Redirect) else None
        """What the table holds in place of a service."""
        self.service = "" if pool is None else pool.service.name
        self.metrics = metrics
        self.chain = chain
        self.body_limit = route.body_limit
        self.splitter: Splitter | None = None
        """What chooses among the `targets`, where the route splits its requests."""
        self.targets: tuple[LiveRoute, ...] = ()
        self.binding: Binding | None = None
        """What keeps clients at this target."""
        if isinstance(route.action, Split) and target is not None and route.action.cookie is not None:
            self.binding = Binding(route.action.cookie, target.service)
        rules = target or route
        self.timeouts = rules.timeouts
        self.retries = rules.retries
        hedge = None if rules.retries is None else rules.retries.hedge
        self.latency = LatencyWindow() if hedge is not None and hedge.delay is None else None
        """How long its exchanges take, where hedges want to know."""
        self.rewriter: Rewriter | None = compile_rewrite(route.rewrite, route) if route.rewrite else None
        self.sends_endpoint_host = route.rewrite is not None and route.rewrite.host_upstream


class DataPlane:
    """One generation at work in one worker."""

    def __init__(
        self,
        table: RouteTable,
        services: Sequence[Service],
        settings: PlaneSettings,
        access_log: AccessLog,
        rng: Random,
        tell: Callable[[News], None],
        workers: int = 1,
    ) -> None:
        """`services` holds one for every name that routes use; the supervisor hears what `tell` is given."""
        self.table = table
        self.settings = settings
        self.head_limits = settings.head_limits
        self.max_trailers = settings.head_limits.section
        self.client_timeouts = settings.client_timeouts
        self.forwarded = settings.forwarded
        self.says_request_id = settings.forwarded.request_id
        self.shows_ids = access_log.is_on or settings.forwarded.request_id or settings.forwarded.traceparent
        """Whether every request's ids are seen by somebody; otherwise only errors have them."""
        self.peers: dict[tuple[str, int], Peer] = {}
        """Clients lately met, by address and the port of the listener."""
        self.pseudonym = settings.forwarded.pseudonym
        self.access_log = access_log
        self._rng = rng
        self._random = b""
        self._random_used = 0
        self.service_metrics = {service.name: ServiceMetrics() for service in services}
        self.applications = {s.name: _make_application(s, settings) for s in services if s.application is not None}
        """What answers in this process, by service; it answers once it was started."""
        self.pools = {s.name: self._build_pool(s, rng, tell, workers) for s in services}
        join_fallbacks(self.pools)
        via = settings.forwarded.pseudonym if settings.forwarded.via else b""
        self._filters = Filters(Facilities(rng, self.pools, via))
        self.base = self._filters.chain_of(settings.base_filters)
        """The filters of answers that no route gives."""
        self.live = tuple(self._make_live(route) for route in table.routes)
        self.has_preflights = any(live.chain is not None and live.chain.preflight is not None for live in self.live)
        self._unmatched = LiveRoute(Route(UNMATCHED, RouteMatch(), Respond(404)), None, RouteMetrics())

    def record(
        self,
        exchange: Exchange,
        reason: Reason | None,
        now: float,
    ) -> None:
        """Count and log an exchange that has ended; what its last callback took until here is part of it."""
        duration = max(now, monotonic()) - exchange.started
        live = self._unmatched if exchange.route is None else exchange.route
        live.metrics.record(
            exchange.method,
            exchange.status,
            duration,
            duration - exchange.upstream_duration,
            len(exchange.head.raw) + exchange.request_bytes,
            exchange.bytes_out,
            exchange.is_local,
        )
        if live.latency is not None and not exchange.is_local:
            live.latency.observe(duration)
        self.access_log.write(exchange, live.name, live.service, duration, reason)

    def take_random(self) -> bytes:
        """Return 24 random bytes for the ids of a request; many are drawn at once."""
        if self._random_used == len(self._random):
            self._random = self._rng.randbytes(_RANDOM_BYTES)
            self._random_used = 0
        start = self._random_used
        self._random_used = start + 24
        return self._random[start : start + 24]

    def choose_target(self, live: LiveRoute, head: RequestHead) -> LiveRoute:
        """Return the target of a route that splits its requests which this one goes to."""
        assert live.splitter is not None
        return live.targets[live.splitter.choose(head.values(b"cookie"), self._rng)]

    def take_standings(self, service: str, standings: Sequence[Standing]) -> None:
        """Take how the endpoints of a service stand, in their order."""
        self.pools[service].take_standings(standings, monotonic())

    def take_circuit(self, service: str, view: CircuitView) -> None:
        """Take how the circuit of a service stands."""
        self.pools[service].take_circuit(view)

    def take_trial_answer(self, service: str, permit: int) -> None:
        """Take the answer to a trial that was asked for: the number of the permit, or 0."""
        self.pools[service].take_trial_answer(permit, monotonic())

    def take_file(self, path: str, content: object) -> None:
        """Take what a file of filters holds from now on."""
        self._filters.take_file(path, content)

    def take(self) -> Delta:
        """Return what was counted since the last call, and the state of the pools."""
        delta = Delta()
        for live in (self._unmatched, *self.live):
            live.metrics.take(live.name, delta)
            if live.chain is not None:
                for step in live.chain.steps:
                    step.take(live.name, delta)
        for name, metrics in self.service_metrics.items():
            metrics.take(name, delta)
        for name, pool in self.pools.items():
            for state, count in pool.counts.items():
                delta.gauges["orion_upstream_pool_connections", (name, state)] = count
        return delta

    def take_reports(self) -> list[tuple[str, str, Report]]:
        """Return what filters have to tell since the last call: route (empty: all that use it), filter, report."""
        found: list[tuple[str, str, Report]] = []
        for live in self.live:
            if live.chain is not None:
                for step in live.chain.steps:
                    found += step.take_reports(live.name)
        return found + self._filters.take_reports()

    def close_filters(self) -> None:
        """Tell the filters that this generation is not in force any more."""
        self._filters.close()

    def _make_live(self, route: Route) -> LiveRoute:
        chain = self._filters.chain_of(route.filters, route.name)
        live = LiveRoute(route, self._pool_of(route), RouteMetrics(), chain)
        if isinstance(route.action, Split):
            live.splitter = Splitter(route.action)
            # What the route counts is one, whichever service was asked.
            live.targets = tuple(
                LiveRoute(route, self.pools[target.service], live.metrics, chain, target) for target in route.targets
            )
        return live

    def _build_pool(self, service: Service, rng: Random, tell: Callable[[News], None], workers: int) -> ServicePool:
        application = self.applications.get(service.name)
        open_transport = None if application is None else application.connect
        metrics = self.service_metrics[service.name]
        return build_pool(service, self.head_limits, metrics, rng, tell, workers, open_transport)

    def _pool_of(self, route: Route) -> ServicePool | None:
        match route.action:
            case ToApplication():
                return self.pools[route.action.service]
            case ToService(service):
                return self.pools[service]
            case ToAdmin():
                return self.pools[ADMIN_SERVICE]
        return None


def is_of_table(service: str) -> bool:
    """Say whether the table has a service of this name; the others are the gateway's own."""
    return not service.startswith(_OWN)


def _make_application(service: Service, settings: PlaneSettings) -> LiveApplication:
    # Only where one is served: a worker without them needs none of aiohttp's 10 MB.
    from orion_gateway.proxy.inprocess import LiveApplication

    assert service.application is not None
    return LiveApplication(service.application, settings.head_limits, settings.is_development)
