"""Walk through ejections at random beside a plainer account of the same rules, and compare after every step.

`python -m tests.discovery.walk --steps 100000 --seed 1` walks far and prints what happened; it ends with an assertion
where a rule is broken.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass, field
from math import floor, inf
from random import Random

from orion_gateway.discovery.outliers import Outliers
from orion_gateway.values import OutlierRules


@dataclass
class Account:
    """One endpoint as the rules tell it: nothing is planned ahead, everything is looked up again each time."""

    failures: int = 0
    times: int = 0
    out_since: float | None = None
    out_for: float = 0.0
    in_since: float = 0.0
    waiting_since: int | None = None
    """The step in which it should have gone."""

    @property
    def out_until(self) -> float:
        return inf if self.out_since is None else self.out_since + self.out_for


@dataclass
class Witness:
    """Ejection, the plain account of it, and the time."""

    rules: OutlierRules
    count: int
    now: float = 1000.0
    step: int = 0
    seen: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.outliers = Outliers(self.rules, self.count)
        self.accounts = [Account(in_since=self.now) for _ in range(self.count)]
        self.allowed = max(1, floor(round(self.rules.max_ejected * self.count, 6)))

    def attempt(self, endpoint: int, succeeded: bool, after: float = 0.0) -> None:
        before = self._standings()
        self.now += after  # nobody has called `advance` since
        self._pass_time(self.now)
        account = self.accounts[endpoint]
        if account.out_since is None:
            if succeeded:
                account.failures, account.waiting_since = 0, None
            else:
                account.failures += 1
                if account.failures >= self.rules.consecutive_failures and account.waiting_since is None:
                    account.waiting_since = self.step
                    self.seen["hindered"] += self._room() == 0
            self._eject()
        assert self.outliers.take_attempt(endpoint, succeeded, self.now) == (before != self._standings())

    def end_ejection(self, endpoint: int) -> None:
        before = self._standings()
        self._pass_time(self.now)
        account = self.accounts[endpoint]
        if account.out_since is not None:
            account.out_since, account.in_since = None, self.now
            self.seen["ended early"] += 1
            self._eject()
        assert self.outliers.end_ejection(endpoint, self.now) == (before != self._standings())

    def advance(self, now: float) -> None:
        before = self._standings()
        self.now = now
        self._pass_time(now)
        assert self.outliers.advance(now) == (before != self._standings())

    def check(self) -> None:
        """Compare everything that can be seen."""
        self.step += 1
        outliers, rules = self.outliers, self.rules
        ejected = [endpoint for endpoint in range(self.count) if outliers.is_ejected(endpoint)]
        assert len(ejected) == outliers.ejected <= self.allowed == outliers.allowed
        for endpoint, account in enumerate(self.accounts):
            assert outliers.is_ejected(endpoint) == (account.out_since is not None)
            assert outliers.is_suspect(endpoint) == (account.failures > 0)
            assert outliers.failures(endpoint) == account.failures
            assert outliers.times(endpoint) == account.times
            assert outliers.is_waiting(endpoint) == (account.waiting_since is not None)
            if account.out_since is not None:
                until = outliers.ejected_until(endpoint)
                assert self.now < until == account.out_until <= self.now + rules.max_ejection
                assert account.failures == 0
            else:
                assert outliers.ejected_until(endpoint) == 0
            # Nobody is kept in but by the limit.
            assert account.failures < rules.consecutive_failures or len(ejected) == self.allowed
        assert outliers.next_due == min(map(self._due, self.accounts))

    def come_to_rest(self) -> None:
        """Everything succeeds from now on: it must end with nobody out, nothing counted and nothing due."""
        for endpoint in range(self.count):
            self.attempt(endpoint, True)
        longest = 2 + self.count + sum(account.times for account in self.accounts)
        for _ in range(longest):
            self.check()
            if self.outliers.next_due == inf:
                break
            self.advance(self.outliers.next_due)
        assert not any(self._standings())
        assert self.outliers.next_due == inf

    def _standings(self) -> list[float]:
        """Say how each endpoint stands: 0 for well, so that `any` finds who is not."""
        return [account.out_since or float(account.failures > 0) for account in self.accounts]

    def _room(self) -> int:
        return self.allowed - sum(account.out_since is not None for account in self.accounts)

    def _due(self, account: Account) -> float:
        if account.out_since is not None:
            return account.out_until
        return account.in_since + self.rules.interval if account.times else inf

    def _pass_time(self, now: float) -> None:
        for account in self.accounts:
            while (due := self._due(account)) <= now:
                account.in_since = due
                if account.out_since is not None:
                    account.out_since = None
                else:
                    account.times -= 1
                    self.seen["forgiven"] += 1
        self._eject()

    def _eject(self) -> None:
        waiting = [account for account in self.accounts if account.waiting_since is not None]
        for account in sorted(waiting, key=lambda each: each.waiting_since or 0)[: self._room()]:
            number = account.times + 1
            if self.rules.ejection * account.times >= self.rules.max_ejection:
                number = account.times  # longer it does not get
            account.times, account.failures, account.waiting_since = number, 0, None
            account.out_since, account.out_for = self.now, min(self.rules.ejection * number, self.rules.max_ejection)
            self.seen["ejected"] += 1


@dataclass
class Report:
    """How often what mattered happened."""

    steps: int
    ejected: int
    ended_early: int
    hindered: int
    forgiven: int


def walk(steps: int, seed: int) -> Report:
    """Take so many steps, over many services of random rules, each coming to rest at its end."""
    rng = Random(seed)
    seen: Counter[str] = Counter()
    left = steps
    while left > 0:
        length = min(left, 500)
        left -= length
        witness = Witness(
            OutlierRules(
                consecutive_failures=rng.randint(1, 5),
                interval=rng.choice([1.0, 10.0, 60.0]),
                ejection=rng.choice([1.0, 30.0]),
                max_ejection=rng.choice([10.0, 45.0, 300.0]),
                max_ejected=rng.choice([0.0, 0.1, 0.34, 0.5, 1.0]),
            ),
            count=rng.randint(1, 9),
            seen=seen,
        )
        broken = [rng.random() for _ in range(witness.count)]
        for _ in range(length):
            endpoint = rng.randrange(witness.count)
            match rng.randrange(20):
                case 0:
                    witness.end_ejection(endpoint)
                case 1 | 2:
                    witness.advance(witness.now + rng.expovariate(0.1))
                case 3:
                    witness.advance(min(witness.outliers.next_due, witness.now + 1000.0))
                case 4:
                    broken[endpoint] = rng.random()
                case _:
                    after = rng.choice([0.0, 0.0, 0.1, rng.expovariate(0.5)])
                    witness.attempt(endpoint, rng.random() >= broken[endpoint], after)
            witness.check()
        witness.come_to_rest()
    return Report(steps, seen["ejected"], seen["ended early"], seen["hindered"], seen["forgiven"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print(walk(arguments.steps, arguments.seed))


if __name__ == "__main__":
    main()
