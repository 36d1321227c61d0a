"""Put the pool of a service together: policy and chooser, circuit gate, retry budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.balancer import POLICIES
from orion_gateway.balancer.chooser import Chooser
from orion_gateway.breaker.gate import Gate
from orion_gateway.breaker.news import GateNews
from orion_gateway.discovery.news import AttemptTold
from orion_gateway.proxy.budget import RetryBudget
from orion_gateway.proxy.table_answer import TableAnswer
from orion_gateway.proxy.upstream import ServicePool
from orion_gateway.values import Respond, ToService

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from orion_gateway.http1.head import HeadLimits
    from orion_gateway.proxy.upstream import OpenTransport
    from orion_gateway.telemetry.metrics import ServiceMetrics
    from orion_gateway.values import Service

News = GateNews | AttemptTold
"""What a worker tells the supervisor as soon as it happens."""


def build_pool(
    service: Service,
    limits: HeadLimits,
    metrics: ServiceMetrics,
    rng: Random,
    tell: Callable[[News], None],
    workers: int = 1,
    open_transport: OpenTransport | None = None,
) -> ServicePool:
    """Return the pool of one of `workers` workers; `open_transport` connects to what is no address."""
    balancing = service.balancing
    chooser = Chooser(service.endpoints, balancing, POLICIES[balancing.policy](balancing), rng)
    gate = None if service.circuit is None else Gate(service.name, service.circuit, balancing.slow_start, tell)

    def tell_attempt(endpoint: int, succeeded: bool) -> None:
        tell(AttemptTold(service.name, endpoint, succeeded))

    return ServicePool(
        service,
        chooser,
        RetryBudget(service.budget, workers),
        limits,
        metrics,
        rng,
        gate,
        None if service.outliers is None else tell_attempt,
        open_transport,
    )


def join_fallbacks(pools: Mapping[str, ServicePool]) -> None:
    """Let each pool know who answers while its circuit is open."""
    for pool in pools.values():
        circuit = pool.service.circuit
        match None if circuit is None else circuit.fallback:
            case ToService(name):
                pool.fallback = pools[name]
            case Respond() as respond:
                pool.fallback = TableAnswer(respond)
