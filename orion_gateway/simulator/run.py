"""Run a scenario: build endpoints, gateways and clients, let the time pass, and return the record.

Clients are a Poisson process: each request goes to a gateway and a worker drawn at random, as a load balancer in front
of them would send it.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from orion_gateway.balancer.hashing import hash_key
from orion_gateway.simulator.clock import Clock
from orion_gateway.simulator.gateway import Gateway
from orion_gateway.simulator.record import Change, Deed, Known, Record
from orion_gateway.simulator.upstream import SimulatedEndpoint, plan_turns
from orion_gateway.simulator.worker import Asked, Served
from orion_gateway.values import Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orion_gateway.simulator.scenario import Load, Scenario, Step
    from orion_gateway.values import Route, Service


def run_scenario(
    scenario: Scenario, routes: Sequence[Route], services: Mapping[str, Service], seed: int | None = None
) -> Record:
    """Return what happens. `services` have the limits of one of the scenario's workers; `seed` replaces its own."""
    seed = scenario.seed if seed is None else seed
    clock = Clock()
    built = {name: _build_endpoints(scenario, service) for name, service in services.items()}
    methods = list(dict.fromkeys(method for load in scenario.load for method in load.methods))
    record = Record(
        title=scenario.title,
        duration=scenario.duration,
        seed=seed,
        gateways=scenario.gateways,
        workers=scenario.workers,
        services=tuple(_describe(scenario, service, built[name]) for name, service in services.items()),
        methods=tuple(methods),
    )
    upstreams = {
        name: _start_upstreams(scenario, name, len(endpoints), clock, record, seed) for name, endpoints in built.items()
    }
    tables = {
        name: None
        if (subset := _subset_of(scenario, service)) is None
        else deal_subsets(len(built[name]), subset, scenario.gateways)
        for name, service in services.items()
    }
    gateways = []
    for number in range(scenario.gateways):
        served = []
        for index, (name, service) in enumerate(services.items()):
            table = tables[name]
            positions = range(len(built[name])) if table is None else table[number]
            served.append(_serve(index, service, positions, built[name], upstreams[name]))
        rng = seed_random(f"{seed} gateway {number}")
        gateways.append(Gateway(number, served, clock, record, rng, scenario.workers, scenario.channel_delay))
    for gateway in gateways:
        gateway.start()
    by_name = {route.name: route for route in routes}
    for number, load in enumerate(scenario.load):
        rng = seed_random(f"{seed} load {number}")
        Clients(load, by_name[load.route], methods, gateways, clock, rng, scenario.duration).start()
    clock.run(scenario.duration)
    for index, simulated in enumerate(upstreams.values()):
        for position, endpoint in enumerate(simulated):
            if endpoint.most_waiting:
                record.most_waiting[index, position] = endpoint.most_waiting
    return record


class Clients:
    """Everybody who asks for one route."""

    def __init__(
        self,
        load: Load,
        route: Route,
        methods: Sequence[str],
        gateways: Sequence[Gateway],
        clock: Clock,
        rng: Random,
        duration: float,
    ) -> None:
        self._asked = [
            Asked(target.service, target.retries, target.timeouts, method.encode(), methods.index(method))
            for target in route.targets
            for method in load.methods
        ]
        self._shares = [target.weight * share for target in route.targets for share in load.methods.values()]
        # A policy that hashes nothing does not look at its key.
        self._keys = [hash_key(b"client %d" % number) for number in range(load.clients)]
        self._steps = load.rate
        self._highest = max(step.rate for step in load.rate)
        self._workers = [worker for gateway in gateways for worker in gateway.workers]
        self._clock = clock
        self._rng = rng
        self._duration = duration

    def start(self) -> None:
        """Let the first request come."""
        if self._highest:
            self._clock.after(self._rng.expovariate(self._highest), self._come)

    def _come(self) -> None:
        rng, clock = self._rng, self._clock
        # A rate that changes: of a process at the highest rate, only the share that is meant now comes (thinning).
        rate = rate_at(self._steps, clock.now)
        if rate >= self._highest or rng.random() * self._highest < rate:
            asked = self._asked[0]
            if len(self._asked) > 1:
                asked = rng.choices(self._asked, self._shares)[0]
            workers, keys = self._workers, self._keys
            worker = workers[int(rng.random() * len(workers))]
            worker.take_request(asked, keys[int(rng.random() * len(keys))])
        if clock.now < self._duration:
            clock.after(rng.expovariate(self._highest), self._come)


def seed_random(words: str) -> Random:
    """Return a source of randomness of one part alone: what is changed elsewhere does not change what it draws."""
    return Random(words)  # noqa: S311 (a simulation, no secret)


def rate_at(steps: Sequence[Step], now: float) -> float:
    """Return the requests per second that are meant at a time; nothing comes before the first step."""
    rate, since = 0.0, 0.0
    for step in steps:
        if step.at > now:
            if step.ramp:
                return rate + (step.rate - rate) * (now - since) / (step.at - since)
            return rate
        rate, since = step.rate, step.at
    return rate


def deal_subsets(count: int, subset: int, gateways: int) -> list[list[int]]:
    """Return for each gateway which of `count` endpoints it has in its table, in ascending order.

    Deterministic subsets (Google, "Site Reliability Engineering", chapter 20): the endpoints are shuffled and dealt to
    gateways one after another, and shuffled anew each time they are used up, so that all are in as many tables.
    """
    dealt: list[list[int]] = []
    rng = seed_random("subsets")
    while len(dealt) < gateways:
        shuffled = list(range(count))
        rng.shuffle(shuffled)
        dealt += [sorted(shuffled[at : at + subset]) for at in range(0, count - subset + 1, subset)]
    return dealt[:gateways]


def _build_endpoints(scenario: Scenario, service: Service) -> tuple[Endpoint, ...]:
    change = scenario.services.get(service.name)
    if change is None:
        return service.endpoints
    first = service.endpoints[0]
    return tuple(
        Endpoint(
            f"http://10.{number >> 16}.{number >> 8 & 255}.{number & 255}:8080",
            f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}:8080",
            f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
            8080,
            max_in_flight=first.max_in_flight,
        )
        for number in range(change.endpoints.count)
    )


def _subset_of(scenario: Scenario, service: Service) -> int | None:
    change = scenario.services.get(service.name)
    return None if change is None else change.endpoints.subset


def _describe(scenario: Scenario, service: Service, endpoints: tuple[Endpoint, ...]) -> Known:
    return Known(
        name=service.name,
        names=tuple(endpoint.authority or endpoint.path for endpoint in endpoints),
        weights=tuple(endpoint.weight for endpoint in endpoints),
        seen=scenario.gateways * (_subset_of(scenario, service) or len(endpoints)),
        has_circuit=service.circuit is not None,
    )


def _start_upstreams(
    scenario: Scenario, service: str, count: int, clock: Clock, record: Record, seed: int
) -> tuple[SimulatedEndpoint, ...]:
    """Make the endpoints of a service, and let what the scenario has for them happen."""
    keys: list[dict[str, object]] = [{} for _ in range(count)]
    for entry in scenario.upstreams:
        if entry.service == service:
            written = {name: getattr(entry, name) for name in entry.model_fields_set - {"service", "endpoints"}}
            for position in entry.endpoints.pick(count):
                keys[position].update(written)
    endpoints = []
    rng = seed_random(f"{seed} upstream {service}")
    number = [known.name for known in record.services].index(service)
    for position, own in enumerate(keys):
        timeline = own.pop("timeline", ())
        endpoint = SimulatedEndpoint(clock, rng, **{"latency": 0.010, **own})  # type: ignore[arg-type]
        for at, behaviour in plan_turns(timeline, scenario.duration):  # type: ignore[arg-type]
            clock.at(at, endpoint.turn, behaviour)
            record.deeds.append(Change(at, 0, number, position, Deed[behaviour.kind.upper()]))
        endpoints.append(endpoint)
    return tuple(endpoints)


def _serve(
    number: int,
    service: Service,
    positions: Sequence[int],
    endpoints: tuple[Endpoint, ...],
    upstreams: tuple[SimulatedEndpoint, ...],
) -> Served:
    """Return a service as a gateway has it in its table."""
    own = replace(service, endpoints=tuple(endpoints[position] for position in positions))
    return Served(number, own, positions, tuple(upstreams[position] for position in positions))
