"""What choosing an endpoint costs: `python -m tests.harness.picking [policy ...]`. A measurement, not a test.

For each policy and number of endpoints, nanoseconds of one pick, and of one turn: pick, count up, count down, observe.
Exchanges are in flight all the time, four per endpoint; the loop around is subtracted. What is left includes one call
from Python (two in a turn), some 30 ns, which the compiled pool does not pay. Processor time, best of several rounds.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from random import Random
from typing import TYPE_CHECKING

from orion_gateway.balancer import POLICIES
from orion_gateway.balancer.chooser import Chooser
from orion_gateway.balancer.hashing import hash_key
from orion_gateway.build import name_build
from orion_gateway.values import Balancing, Endpoint, Outcome, Standing, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from orion_gateway.balancer.policy import Policy

COUNTS = (3, 100, 1_000, 10_000)
MIXED = (1, 2, 5, 10)
PER_ENDPOINT = 4
TURNS, ROUNDS = 10_000, 9
SUCCEEDED = Outcome(Verdict.SUCCEEDED, None, 200, 0.01, True)
KEYS = [hash_key(b"%d" % number) for number in range(TURNS)]


class Loaded:
    """A policy over endpoints with exchanges in flight."""

    def __init__(self, name: str, count: int, weights: tuple[int, ...]) -> None:
        self.endpoints = [
            Endpoint(f"http://192.0.2.1:{at}", f"{at}", weight=weights[at % len(weights)], max_in_flight=1 << 20)
            for at in range(count)
        ]
        self.rng = Random(1)
        balancing = Balancing(name, bounded_load=1.25 if name in ("consistent_hash", "maglev") else None)
        self.policy: Policy = POLICIES[name](balancing)
        started = time.thread_time()
        self.policy.update(self.endpoints)
        self.update_ms = (time.thread_time() - started) * 1e3
        self.chooser = Chooser(self.endpoints, balancing, self.policy, self.rng)
        self.running: deque[Endpoint] = deque()
        for number in range(count * PER_ENDPOINT):
            endpoint = self.policy.pick(KEYS[number % TURNS], 0.0, self.rng)
            assert endpoint is not None
            endpoint.in_flight += 1
            self.running.append(endpoint)

    def time_pick(self) -> float:
        """Return the nanoseconds of a pick alone."""
        pick, rng = self.policy.pick, self.rng
        return measure(lambda key: pick(key, 1.0, rng)) - measure(lambda key: None)

    def time_choice(self) -> float:
        """Return the nanoseconds of a pick through the chooser."""
        choose = self.chooser.choose
        return measure(lambda key: choose(key, 1.0, None)) - measure(lambda key: None)

    def time_turn(self) -> float:
        """Return the nanoseconds of a pick and an end, with the counts changed as the pool does."""
        policy, rng, running = self.policy, self.rng, self.running
        now = 1.0

        def turn(key: int) -> None:
            nonlocal now
            now += 0.001
            done = running.popleft()
            done.in_flight -= 1
            policy.observe(done, SUCCEEDED, now)
            endpoint = policy.pick(key, now, rng)
            assert endpoint is not None
            endpoint.in_flight += 1
            running.append(endpoint)

        def turn_without_policy(key: int) -> None:
            nonlocal now
            now += 0.001
            done = running.popleft()
            done.in_flight -= 1
            assert done is not None
            done.in_flight += 1
            running.append(done)

        return measure(turn) - measure(turn_without_policy)


def measure(call: Callable[[int], object]) -> float:
    """Return the nanoseconds of processor time of one call, the best mean of several rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.thread_time_ns()
        for key in KEYS:
            call(key)
        best = min(best, (time.thread_time_ns() - started) / TURNS)
    return best


def main(names: list[str]) -> None:
    """Print a line per policy, kind of weights and number of endpoints."""
    print(f"{name_build()}, ns, best of {ROUNDS}\n")
    print(f"{'policy':<22}{'weights':<9}{'endpoints':>9}{'pick':>9}{'choose':>9}{'turn':>9}{'update':>12}")
    for name in names or POLICIES:
        for kind, weights in (("equal", (1,)), ("mixed", MIXED)):
            for count in COUNTS:
                loaded = Loaded(name, count, weights)
                times = f"{loaded.time_pick():9.0f}{loaded.time_choice():9.0f}{loaded.time_turn():9.0f}"
                print(f"{name:<22}{kind:<9}{count:>9,}{times}{loaded.update_ms:9.1f} ms", flush=True)
    time_slow_start()


def time_slow_start() -> None:
    """Print what a choice costs while one endpoint of a thousand, or every second one, is in its slow start."""
    for warming in (1, 500):
        loaded = Loaded("least_connections", 1_000, (1,))
        balancing = Balancing("least_connections", slow_start=1e9)
        loaded.chooser = Chooser(loaded.endpoints, balancing, loaded.policy, loaded.rng)
        standings = [Standing(back_since=0.5 if at < warming else 0.0) for at in range(1_000)]
        loaded.chooser.take_standings(standings, 1.0)
        print(f"least_connections, {warming} of 1,000 in slow start: {loaded.time_choice():.0f} a choice")


if __name__ == "__main__":
    main(sys.argv[1:])
