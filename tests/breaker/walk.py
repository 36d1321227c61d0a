"""A long seeded random walk through a `World`: `python -m tests.breaker.walk --steps 100000 --seed 1`.

The walk changes its weather: times in which everything fails, in which much fails, and in which all is well; after
each `ROUND` steps faults stop, the circuit must close in bounded time, and a world with other rules begins.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

from orion_gateway.breaker import TRIPS
from orion_gateway.values import CircuitRules, CircuitState, Verdict
from tests.breaker.world import World

if TYPE_CHECKING:
    from collections.abc import Mapping

ROUND = 500

WEATHER = (0.0, 0.1, 0.5, 1.0)
"""Shares of exchanges that fail."""


def make_world(rng: Random) -> World:
    """Return a gateway with rules of its own."""
    rules = CircuitRules(
        trip=rng.choice(list(TRIPS)),
        failure_threshold=rng.randint(1, 5),
        threshold=rng.choice([0.1, 0.5, 1.0]),
        minimum_requests=rng.randint(1, 10),
        window=rng.choice([1.0, 10.0, 60.0]),
        success_threshold=rng.randint(1, 4),
        open_for=rng.choice([0.5, 5.0, 60.0]),
        half_open_requests=rng.randint(1, 4),
        trial_timeout=rng.choice([1.0, 10.0, 60.0]),
    )
    return World(rules, rng.randint(2, 3), rng.choice([None, 10.0]), start=rng.uniform(1.0, 1e6))


def step(world: World, rng: Random, failing: float) -> None:
    """Let one thing happen; when there is nothing to finish, hear or tell, a client asks."""
    number = rng.randrange(len(world.workers))
    draw = rng.random()
    if draw < 0.2:
        world.request(number)
    elif draw < 0.45:
        if rng.random() < 0.1:
            verdict = rng.choice([Verdict.ABANDONED, Verdict.REFUSED])
        else:
            verdict = Verdict.FAILED if rng.random() < failing else Verdict.SUCCEEDED
        if not world.finish(number, rng.randrange(100), verdict):
            world.request(number)
    elif draw < 0.65:
        others = [rng.randrange(len(world.workers)) for _ in range(rng.randint(0, 5))]
        if not world.hear(number, *others, is_answer_first=rng.random() < 0.5):
            world.request(number)
    elif draw < 0.85:
        if not world.tell(number):
            world.request(number)
    elif draw < 0.96:
        # Mostly moments, now and then long enough for anything to be due.
        seconds = rng.expovariate(10.0) if rng.random() < 0.8 else rng.uniform(0.0, 1.5 * world.rules.open_for)
        world.wait(seconds, is_timer_on_time=rng.random() < 0.5)
    elif draw < 0.98:
        world.count(number)
    elif draw < 0.99:
        world.leave(number)
    elif draw < 0.997:
        world.kill(number, is_read=rng.random() < 0.5)
    elif draw < 0.998:
        world.force(rng.choice(list(CircuitState)))
    elif draw < 0.9995:
        world.force(None)
    else:
        world.reset()


def walk(steps: int, seed: int) -> Mapping[str, int]:
    """Walk; return how often what happened. A broken promise raises."""
    rng = Random(seed)
    counts: Counter[str] = Counter()
    left = steps
    while left > 0:
        world = make_world(rng)
        failing = rng.choice(WEATHER)
        for _ in range(min(ROUND, left)):
            if rng.random() < 0.02:
                failing = rng.choice(WEATHER)
            step(world, rng, failing)
        left -= ROUND
        world.recover()
        counts.update(world.counts)
    return counts


def main() -> None:
    """Walk as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    begin = time.perf_counter()
    counts = walk(asked.steps, asked.seed)
    print(f"{asked.steps} steps with seed {asked.seed} in {time.perf_counter() - begin:.1f} s, every promise held")
    for name, count in sorted(counts.items()):
        print(f"  {name}: {count}")


if __name__ == "__main__":
    main()
