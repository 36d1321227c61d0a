"""One simulated worker: carries requests from one decision to the next, as `proxy` does over sockets.

The decisions are the gateway's own: who may pass (`breaker.gate`), which endpoint (`balancer.chooser`), whether an
attempt is repeated (`proxy.retry`, `proxy.budget`). What is told to the supervisor, and when, is as in `proxy` too.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from orion_gateway.balancer import POLICIES
from orion_gateway.balancer.chooser import Chooser
from orion_gateway.breaker.gate import Entry, Gate
from orion_gateway.discovery.news import AttemptTold
from orion_gateway.proxy.budget import RetryBudget
from orion_gateway.proxy.reasons import STATUS_OF
from orion_gateway.proxy.retry import Failed, Repeat, decide
from orion_gateway.simulator.record import Try
from orion_gateway.values import CircuitState, Endpoint, Outcome, Reason, Respond, ToService, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from orion_gateway.breaker.news import GateNews
    from orion_gateway.simulator.clock import Clock
    from orion_gateway.simulator.record import Record
    from orion_gateway.simulator.upstream import SimulatedEndpoint
    from orion_gateway.values import CircuitView, RetryRules, Service, Standing, UpstreamTimeouts

    News = GateNews | AttemptTold


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """A service as one gateway has it. `positions` are those of its endpoints among all, `upstreams` what answers."""

    number: int
    service: Service
    positions: Sequence[int]
    upstreams: Sequence[SimulatedEndpoint]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What one kind of request of a route is: its service, its rules, its method and the method's number."""

    service: str
    retries: RetryRules | None
    timeouts: UpstreamTimeouts
    method: bytes
    method_number: int


class Pool:
    """A service in a worker: what chooses, what admits, and who waits."""

    __slots__ = ("asking", "budget", "chooser", "gate", "numbers", "served", "waiting")

    def __init__(self, served: Served, worker: Worker) -> None:
        service = served.service
        # A worker counts what it has in flight itself, so that each has endpoints of its own.
        endpoints = [copy_endpoint(endpoint) for endpoint in service.endpoints]
        self.served = served
        self.numbers = {endpoint: number for number, endpoint in enumerate(endpoints)}
        policy = POLICIES[service.balancing.policy](service.balancing)
        self.chooser = Chooser(endpoints, service.balancing, policy, worker.rng)
        self.budget = RetryBudget(service.budget, worker.workers)
        self.gate = None
        if service.circuit is not None:
            self.gate = Gate(service.name, service.circuit, service.balancing.slow_start, worker.tell)
        self.asking: Exchange | None = None
        self.waiting: deque[Exchange] = deque()

    def serve_queue(self, now: float) -> None:
        """Let those go on that have waited longest, as far as there are places."""
        while self.waiting:
            free = self.chooser.choose(self.waiting[0].key, now, None)
            if free is None or free.in_flight >= free.max_in_flight:
                return
            self.waiting.popleft().send(free)


class Worker:
    """A worker: takes requests, and what its supervisor says. `tell` takes news to the supervisor."""

    __slots__ = ("_pools", "_served", "_standings", "_views", "clock", "record", "rng", "tell", "workers")

    def __init__(
        self,
        served: dict[str, Served],
        clock: Clock,
        record: Record,
        rng: Random,
        workers: int,
        tell: Callable[[News], None],
    ) -> None:
        self._served = served
        self._pools: dict[str, Pool] = {}
        self._standings: dict[str, Sequence[Standing]] = {}
        self._views: dict[str, CircuitView] = {}
        self.clock = clock
        self.record = record
        self.rng = rng
        self.workers = workers
        self.tell = tell

    def take_standings(self, service: str, standings: Sequence[Standing]) -> None:
        """Take how the endpoints of a service stand."""
        self._standings[service] = standings
        pool = self._pools.get(service)
        if pool is not None:
            pool.chooser.take_standings(standings, self.clock.now)
            pool.serve_queue(self.clock.now)

    def take_view(self, service: str, view: CircuitView) -> None:
        """Take how a circuit stands."""
        self._views[service] = view
        pool = self._pools.get(service)
        if pool is not None and pool.gate is not None:
            pool.gate.take_view(view)

    def take_permit(self, service: str, permit: int) -> None:
        """Take the answer to the question of a trial."""
        pool = self._pools[service]
        assert pool.gate is not None
        may_go = pool.gate.take_answer(permit)
        exchange, pool.asking = pool.asking, None
        if exchange is not None:
            exchange.take_permit(permit if may_go else 0)

    def take_request(self, asked: Asked, key: int) -> None:
        """Take a request from a client."""
        record, now = self.record, self.clock.now
        pool = self.pool(asked.service)
        record.offered_at.append(now)
        record.offered_service.append(pool.served.number)
        record.offered_method.append(asked.method_number)
        Exchange(self, pool, asked, key, now).begin()

    def tell_counts(self) -> None:
        """Tell the supervisor what succeeded since the last time."""
        for pool in self._pools.values():
            news = pool.gate.take_counts() if pool.gate is not None else None
            if news is not None:
                self.tell(news)

    def pool(self, service: str) -> Pool:
        """Return the pool of a service; it is made at the first request, since a fleet has more than it uses."""
        pool = self._pools.get(service)
        if pool is None:
            pool = self._pools[service] = Pool(self._served[service], self)
            if service in self._standings:
                pool.chooser.take_standings(self._standings[service], self.clock.now)
            if pool.gate is not None and service in self._views:
                pool.gate.take_view(self._views[service])
        return pool


class Exchange:
    """One request on its way, until it is answered."""

    __slots__ = (
        "_asked",
        "_attempts",
        "_begun",
        "_epoch",
        "_is_queued",
        "_is_refused",
        "_origin",
        "_permit",
        "_pool",
        "_sent",
        "_tried",
        "_worker",
        "key",
    )

    def __init__(self, worker: Worker, pool: Pool, asked: Asked, key: int, begun: float) -> None:
        self._worker = worker
        self._pool = pool
        # What the client asked for; a fallback may put another one in its place.
        self._origin = pool.served.number
        self._asked = asked
        self.key = key
        self._begun = begun
        self._epoch = self._permit = self._attempts = self._sent = 0
        self._tried: list[Endpoint] | None = None
        self._is_refused = self._is_queued = False

    def begin(self) -> None:
        """Ask the gate, and make the first attempt."""
        pool, now = self._pool, self._worker.clock.now
        gate = pool.gate
        if gate is not None:
            if not gate.is_clean:
                entry = gate.enter(now)
                if entry is Entry.REFUSED:
                    self._refuse()
                    return
                if entry is Entry.ASKED:
                    self._epoch = gate.epoch
                    pool.asking = self
                    return
            self._epoch = gate.epoch
        self._begin_attempts()

    def take_permit(self, permit: int) -> None:
        """Take the answer to the question of a trial: a permit, or 0."""
        if not permit:
            self._refuse()
            return
        self._permit = permit
        self._begin_attempts()

    def _begin_attempts(self) -> None:
        if self._asked.retries is not None:
            self._pool.budget.deposit(self._worker.clock.now)
        self._attempt()

    def _refuse(self) -> None:
        """The circuit is open: the fallback answers, or nobody does."""
        circuit = self._pool.served.service.circuit
        assert circuit is not None
        match circuit.fallback:
            case Respond(status):
                self._finish(status, is_refused=True)
            case ToService(service) if not self._is_refused:
                self._is_refused = True
                self._pool, self._epoch = self._worker.pool(service), 0
                self.begin()
            case _:
                self._finish(STATUS_OF[Reason.CIRCUIT_OPEN], is_refused=True)

    def _attempt(self) -> None:
        endpoint = self._pool.chooser.choose(self.key, self._worker.clock.now, self._tried)
        if endpoint is None:
            self._end(Verdict.REFUSED, STATUS_OF[Reason.DESTINATION_UNAVAILABLE])
        elif endpoint.in_flight >= endpoint.max_in_flight:
            self._queue()
        else:
            self.send(endpoint)

    def _queue(self) -> None:
        """Every endpoint has as many requests as it may: wait for one that ends."""
        pool, limits = self._pool, self._pool.served.service.connections
        if len(pool.waiting) >= limits.queue:
            self._end(Verdict.REFUSED, STATUS_OF[Reason.QUEUE_FULL])
            return
        self._is_queued = True
        pool.waiting.append(self)
        if limits.queue_timeout is not None:
            self._worker.clock.after(limits.queue_timeout, self._leave_queue, self._attempts)

    def _leave_queue(self, attempts: int) -> None:
        if self._is_queued and self._attempts == attempts:
            self._pool.waiting.remove(self)
            self._is_queued = False
            self._end(Verdict.REFUSED, STATUS_OF[Reason.QUEUE_TIMEOUT])

    def send(self, endpoint: Endpoint) -> None:
        """Make an attempt at an endpoint that has a place."""
        self._is_queued = False
        pool, clock, record = self._pool, self._worker.clock, self._worker.record
        endpoint.in_flight += 1
        number = pool.numbers[endpoint]
        served = pool.served
        record.tried_at.append(clock.now)
        record.tried_service.append(served.number)
        record.tried_endpoint.append(served.positions[number])
        record.tried_kind.append(Try.TRIAL if self._permit else Try.RETRY if self._attempts else Try.FIRST)
        self._attempts += 1
        attempt = Attempt(self, endpoint, number, clock.now)
        answer_in = served.upstreams[number].take(attempt)
        patience, reason = self._patience(clock.now)
        if answer_in > patience:
            clock.after(patience, attempt.take_answer, reason, 0, True)

    def _patience(self, now: float) -> tuple[float, Reason]:
        """Return how long this attempt may take."""
        timeouts = self._asked.timeouts
        response = inf if timeouts.response is None else timeouts.response
        left = inf if timeouts.total is None else max(0.0, self._begun + timeouts.total - now)
        return min(response, left), Reason.HTTP_RESPONSE_TIMEOUT

    def take_outcome(self, endpoint: Endpoint, number: int, outcome: Outcome) -> None:
        """Take what came of the attempt: tell who counts, and repeat it or answer."""
        pool, worker = self._pool, self._worker
        now = worker.clock.now
        endpoint.in_flight -= 1
        pool.chooser.observe(endpoint, outcome, now)
        self._sent += outcome.sent
        service = pool.served.service
        succeeded = outcome.verdict is Verdict.SUCCEEDED
        if service.outliers is not None and (not succeeded or endpoint.is_suspect):
            if succeeded:
                endpoint.is_suspect = False
            worker.tell(AttemptTold(service.name, number, succeeded))
        pool.serve_queue(now)
        if succeeded:
            self._end(Verdict.SUCCEEDED, outcome.status)
        elif not self._repeats(endpoint, outcome, now):
            self._end(Verdict.FAILED, outcome.status or STATUS_OF[outcome.reason or Reason.PROXY_INTERNAL_ERROR])

    def _repeats(self, endpoint: Endpoint, outcome: Outcome, now: float) -> bool:
        gate = self._pool.gate
        if self._permit or (gate is not None and gate.view.state is not CircuitState.CLOSED):
            return False
        asked, total = self._asked, self._asked.timeouts.total
        failed = Failed(
            method=asked.method,
            attempts=self._attempts,
            reason=outcome.reason,
            status=outcome.status,
            was_sent=outcome.sent,
            remaining=inf if total is None else self._begun + total - now,
        )
        decision = decide(asked.retries, failed, self._pool.budget, now, self._worker.rng)
        if not isinstance(decision, Repeat):
            return False
        if self._tried is None:
            self._tried = []
        self._tried.append(endpoint)
        self._worker.clock.after(decision.delay, self._repeat)
        return True

    def _repeat(self) -> None:
        gate = self._pool.gate
        if gate is not None and gate.view.state is not CircuitState.CLOSED:
            self._is_refused = True
            self._end(Verdict.REFUSED, STATUS_OF[Reason.CIRCUIT_OPEN])
        else:
            self._attempt()

    def _end(self, verdict: Verdict, status: int) -> None:
        gate = self._pool.gate
        if gate is not None:
            gate.record(verdict, self._epoch, self._permit, self._worker.clock.now)
        self._finish(status, is_refused=self._is_refused)

    def _finish(self, status: int, *, is_refused: bool) -> None:
        record = self._worker.record
        record.begun.append(self._begun)
        record.ended.append(self._worker.clock.now)
        record.service.append(self._origin)
        record.method.append(self._asked.method_number)
        record.status.append(status)
        record.is_refused.append(is_refused)
        record.sent.append(self._sent)


class Attempt:
    """One try at one endpoint, until it is answered or given up."""

    __slots__ = ("_begun", "_endpoint", "_exchange", "_number")

    is_check = False

    def __init__(self, exchange: Exchange, endpoint: Endpoint, number: int, begun: float) -> None:
        self._exchange: Exchange | None = exchange
        self._endpoint = endpoint
        self._number = number
        self._begun = begun

    def take_answer(self, reason: Reason | None, status: int, is_sent: bool) -> None:
        """Take the answer, or the reason why there is none; only the first one counts."""
        exchange = self._exchange
        if exchange is None:
            return
        self._exchange = None
        failed = reason is not None or status >= 500
        verdict = Verdict.FAILED if failed else Verdict.SUCCEEDED
        duration = exchange._worker.clock.now - self._begun
        exchange.take_outcome(self._endpoint, self._number, Outcome(verdict, reason, status, duration, is_sent))


def copy_endpoint(endpoint: Endpoint) -> Endpoint:
    """Return an endpoint with the same address and counts of its own."""
    return Endpoint(
        endpoint.url,
        endpoint.authority,
        endpoint.host,
        endpoint.port,
        endpoint.path,
        endpoint.tls,
        endpoint.base_path,
        endpoint.weight,
        endpoint.metadata,
        endpoint.max_in_flight,
    )
