"""Every endpoint is checked in time, whatever others do: walked on virtual time."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orion_gateway.discovery.schedule import Limits, Schedule, Turn

if TYPE_CHECKING:
    from collections.abc import Callable

HUNG = 5.0
"""The timeout that a hung check takes."""

WELL = 0.002


@dataclass
class Run:
    """What happened: when each endpoint's checks began, and the most that were in flight."""

    began: dict[tuple[int, int], list[float]] = field(default_factory=lambda: defaultdict(list))
    order: list[tuple[int, int]] = field(default_factory=list)
    most: int = 0
    most_of_service: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    most_slow: int = 0

    def longest_gap(self, services: set[int], until: float, since: float = 0.0) -> float:
        """Return the longest time that an endpoint of these services was not asked."""
        longest = 0.0
        for (service, _), times in self.began.items():
            if service in services:
                seen = [since, *(at for at in times if since <= at <= until), until]
                longest = max(longest, *(later - earlier for earlier, later in itertools.pairwise(seen)))
        return longest


def run(
    services: list[tuple[int, float]],
    until: float,
    takes: Callable[[Turn, float], float] = lambda turn, now: WELL,
    limits: Limits | None = None,
    seed: int = 1,
) -> Run:
    """Check on virtual time; `takes(turn, now)` says how long a check takes, `HUNG` being the timeout."""
    rng = Random(seed)
    schedule = Schedule(services, limits or Limits(), 0.0)
    report = Run()
    ends: list[tuple[float, int, Turn]] = []
    flying: dict[int, int] = defaultdict(int)
    now, slow, number = 0.0, 0, 0
    while now <= until:
        while ends and ends[0][0] <= now:
            _, _, turn = heappop(ends)
            flying[turn.service] -= 1
            slow -= turn.is_slow
            schedule.end(turn, now - turn.began >= HUNG, now, rng)
            assert turn.due >= now, "it would be late before it could begin"
        while (begun := schedule.begin_next(now, rng)) is not None:
            assert begun.began == now >= begun.due
            number += 1
            heappush(ends, (now + takes(begun, now), number, begun))
            flying[begun.service] += 1
            slow += begun.is_slow
            report.began[begun.service, begun.endpoint].append(now)
            report.order.append((begun.service, begun.endpoint))
            report.most = max(report.most, len(ends))
            report.most_slow = max(report.most_slow, slow)
            report.most_of_service[begun.service] = max(report.most_of_service[begun.service], flying[begun.service])
        assert schedule.in_flight == len(ends)
        following = min(schedule.next_due, ends[0][0] if ends else inf)
        assert following > now, "the shell would turn round and round"
        now = following
    return report


def test_a_few_endpoints_are_asked_at_once() -> None:
    """A gateway that starts knows its endpoints after one answer, not after one interval."""
    report = run([(3, 10.0), (60, 30.0)], until=0.0)
    assert len(report.began) == 63
    assert {at for times in report.began.values() for at in times} == {0.0}


def test_checks_come_every_interval_ten_percent_more_or_less() -> None:
    """Gateways that start together drift apart, and so do the endpoints of one."""
    report = run([(20, 10.0)], until=10_000.0)
    gaps = [later - earlier for times in report.began.values() for earlier, later in itertools.pairwise(times)]
    assert 9.0 <= min(gaps) < 9.1
    assert 10.9 < max(gaps) <= 11.0
    assert sum(gaps) / len(gaps) == pytest.approx(10.0, rel=0.01)


def test_a_check_that_takes_longer_than_the_interval_is_followed_at_once_by_the_next() -> None:
    """Two checks of one endpoint never run beside each other."""
    report = run([(1, 1.0)], until=15.0, takes=lambda turn, now: HUNG)
    assert report.began[0, 0] == [0.0, 5.0, 10.0, 15.0]


def test_the_first_round_of_ten_thousand_is_spread() -> None:
    """The endpoints, the network and the supervisor are not flooded: a burst, then 1,000 a second."""
    report = run([(100, 10.0)] * 100, until=30.0)
    first = sorted(times[0] for times in report.began.values())
    assert len(first) == 10_000
    assert first[63] == pytest.approx(0.0)
    assert first[64] == pytest.approx(0.001)
    assert first[-1] == pytest.approx(9.936)
    begun = sorted(at for times in report.began.values() for at in times)
    assert all(later - earlier > 0.99 for earlier, later in zip(begun, begun[1064:], strict=False))
    assert report.longest_gap(set(range(100)), until=30.0) < 12.0  # and the rounds after it keep up


def test_ten_thousand_hung_endpoints_do_not_starve_the_well_ones() -> None:
    """One dead rack must not blind the gateway for everything else."""
    well = {1, 2, 3}
    report = run(
        [(10_000, 10.0), (3, 10.0), (100, 10.0), (1, 2.0)],
        until=120.0,
        takes=lambda turn, now: WELL if turn.service in well else HUNG,
    )
    assert report.longest_gap({1, 2}, until=120.0) < 11.1
    assert report.longest_gap({3}, until=120.0) < 2.3
    assert report.most_of_service[0] == Limits().per_service


def test_hung_services_do_not_starve_well_ones_however_many() -> None:
    """Half of 300 services hang from one moment on: the others are late by one timeout at most, 5 s."""
    report = run(
        [(20, 10.0)] * 300,
        until=200.0,
        takes=lambda turn, now: HUNG if turn.service % 2 and now >= 30.0 else WELL,
    )
    assert report.most == Limits().at_once
    assert report.most_slow == Limits().slow
    assert report.longest_gap({service for service in range(300) if service % 2 == 0}, until=200.0) < 11.0 + HUNG
    # What hangs is still asked: who comes back is seen.
    assert report.longest_gap({1}, until=200.0, since=100.0) < 100.0


def test_hung_endpoints_delay_the_well_ones_of_their_own_services_for_one_round_only() -> None:
    """Every other endpoint of every service hangs: once that is known, the others are asked as before."""
    services = [(20, 10.0)] * 100
    report = run(
        services,
        until=200.0,
        takes=lambda turn, now: HUNG if turn.endpoint % 2 and now >= 30.0 else WELL,
    )
    report.began = {each: times for each, times in report.began.items() if each[1] % 2 == 0}
    assert report.longest_gap(set(range(100)), until=100.0) < 45.0
    assert report.longest_gap(set(range(100)), until=200.0, since=70.0) < 12.0


def test_who_answers_again_is_prompt_again() -> None:
    """One timeout does not leave an endpoint among the hung ones for ever, to wait for their one place."""
    report = run(
        [(50, 10.0), (1, 10.0)],
        until=200.0,
        takes=lambda turn, now: HUNG if turn.service or now < 1.0 else WELL,
        limits=Limits(slow=1),
    )
    assert report.longest_gap({0}, until=200.0, since=60.0) < 11.1


def test_time_without_checks_saves_up_no_more_than_the_burst() -> None:
    """After a pause, of the process say, the endpoints are not flooded either."""
    rng = Random(1)
    schedule = Schedule([(5, 10.0)], Limits(per_second=1.0, burst=2), 0.0)
    begun = [schedule.begin_next(now, rng) for now in (0.0, 0.0, 1.0, 2.0, 3.0)]
    for turn in begun:
        assert turn is not None
        schedule.end(turn, False, 4.0, rng)
    assert [schedule.begin_next(100.0, rng) is not None for _ in range(3)] == [True, True, False]
    assert schedule.next_due == 101.0


def test_services_take_turns() -> None:
    """The one endpoint of a small service does not wait for the thousand of a large one."""
    limits = Limits(at_once=1, per_service=1, slow=1)
    report = run([(1000, 10.0), (2, 10.0), (1, 10.0)], until=0.02, limits=limits)
    assert report.order[:7] == [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (0, 2), (0, 3)]


def test_prompt_checks_in_plenty_do_not_shut_out_the_slow_ones() -> None:
    """More checks than can begin in time: an endpoint that hung once is asked all the same."""
    limits = Limits(per_second=10.0, burst=1)
    report = run(
        [(1000, 10.0), (1, 10.0)], until=60.0, takes=lambda turn, now: HUNG if turn.service else WELL, limits=limits
    )
    assert report.longest_gap({1}, until=60.0) < 12.0


def test_nothing_to_check_is_never_due() -> None:
    """A table without checks costs nothing."""
    schedule = Schedule([], Limits(), 0.0)
    assert (schedule.begin_next(0.0, Random(1)), schedule.next_due) == (None, inf)


@settings(deadline=None, max_examples=40)
@given(
    services=st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0.5, 3.0, 10.0])), max_size=3),
    at_once=st.integers(1, 6),
    per_service=st.integers(1, 6),
    slow=st.integers(1, 6),
    burst=st.integers(1, 5),
    per_second=st.sampled_from([3.0, 50.0, 1000.0]),
    seed=st.integers(0, 1000),
)
def test_no_limit_is_ever_passed_and_nobody_is_forgotten(
    services: list[tuple[int, float]],
    at_once: int,
    per_service: int,
    slow: int,
    burst: int,
    per_second: float,
    seed: int,
) -> None:
    """Whatever hangs: descriptors are bounded, and every endpoint has its first verdict some time."""
    limits = Limits(at_once, per_service, slow, per_second, burst)
    rng = Random(seed)
    hung = {service for service in range(len(services)) if rng.random() < 0.5}

    def takes(turn: Turn, now: float) -> float:
        return HUNG if turn.service in hung and rng.random() < 0.9 else rng.random()

    report = run(services, until=400.0, takes=takes, limits=limits, seed=seed)
    assert report.most <= at_once
    assert report.most_slow <= slow
    assert all(most <= per_service for most in report.most_of_service.values())
    everybody = {(service, each) for service, (count, _) in enumerate(services) for each in range(count)}
    assert set(report.began) == everybody
