"""Peak EWMA: slow and failing endpoints get less, and another chance after a while."""

from __future__ import annotations

import math
from collections import Counter
from random import Random

import pytest

from orion_gateway.balancer.ewma import PeakEwma
from orion_gateway.values import Endpoint, Outcome, Verdict

RNG = Random(1)


def make_endpoints(count: int, weight: int = 1) -> list[Endpoint]:
    return [Endpoint(url=f"http://{number}", authority=f"{number}", weight=weight) for number in range(count)]


def make(endpoints: list[Endpoint]) -> PeakEwma:
    policy = PeakEwma()
    policy.update(endpoints)
    return policy


def took(seconds: float) -> Outcome:
    return Outcome(Verdict.SUCCEEDED, status=200, duration=seconds, sent=True)


def failed(seconds: float = 0.0001) -> Outcome:
    return Outcome(Verdict.FAILED, status=500, duration=seconds, sent=True)


def run(policy: PeakEwma, outcomes: dict[Endpoint, Outcome], seconds: float, start: float = 0.0) -> Counter[str]:
    """Send 100 requests a second for so long, one after the other; return who took how many."""
    taken: Counter[str] = Counter()
    for number in range(int(seconds * 100)):
        now = start + number / 100
        picked = policy.pick(0, now, RNG)
        assert picked is not None
        policy.observe(picked, outcomes[picked], now)
        taken[picked.authority] += 1
    return taken


def test_a_sample_above_the_average_replaces_it() -> None:
    """Peaks count at once: an endpoint that has just become slow must not get a second's worth of requests more."""
    (a,) = make_endpoints(1)
    policy = make([a])
    policy.observe(a, took(0.2), 1.0)
    policy.observe(a, took(0.5), 1.001)
    assert policy.score(a, 1.001) == pytest.approx(0.5)


def test_quick_answers_do_not_wash_a_peak_away() -> None:
    """A slow endpoint that answers many cheap requests in between is still slow: only time makes it quick again."""
    (a,) = make_endpoints(1)
    policy = make([a])
    policy.observe(a, took(1.0), 100.0)
    for number in range(501):
        policy.observe(a, took(0.01), 100.0 + number / 100)
    assert policy.score(a, 105.0) == pytest.approx(math.exp(-0.5), rel=0.01)


@pytest.mark.parametrize("seconds", [0.0, 0.1, 1.0, 10.0, 30.0, 46.0])
def test_the_average_fades_while_nobody_answers(seconds: float) -> None:
    """An idle endpoint that was slow once would never be asked again."""
    (a,) = make_endpoints(1)
    policy = make([a])
    policy.observe(a, took(1.0), 7.0)
    assert policy.score(a, 7.0 + seconds) == pytest.approx(math.exp(-seconds / 10.0), rel=0.02)


def test_what_is_in_flight_counts_and_by_weight() -> None:
    """Expected wait: the average times those before and oneself, by the weight."""
    (a,) = make_endpoints(1, weight=4)
    a.in_flight = 7
    policy = make([a])
    policy.observe(a, took(0.2), 0.0)
    assert policy.score(a, 0.0) == pytest.approx(0.2 * 8 / 4)


def test_what_is_in_flight_still_counts_after_a_night_of_silence() -> None:
    """Averages of nothing would all be equal: the first burst of the morning would go to one endpoint."""
    endpoints = make_endpoints(3)
    policy = make(endpoints)
    for endpoint in endpoints:
        policy.observe(endpoint, took(0.01), 0.0)
    for _ in range(30):
        picked = policy.pick(0, 36_000.0, RNG)
        assert picked is not None
        picked.in_flight += 1
    assert [endpoint.in_flight for endpoint in endpoints] == [10, 10, 10]


def test_the_quick_one_gets_the_traffic_and_the_slow_one_trials() -> None:
    """Ten times slower is asked every 23 s (tau ln 10), which is how its recovery is seen."""
    quick, slow = endpoints = make_endpoints(2)
    policy = make(endpoints)
    taken = run(policy, {quick: took(0.01), slow: took(0.1)}, 100.0)
    assert 3 <= taken["1"] <= 6
    taken = run(policy, {quick: took(0.01), slow: took(0.01)}, 60.0, 100.0)
    assert taken["1"] > 1000


@pytest.mark.parametrize("count", [2, 60])
def test_failing_at_once_attracts_nothing(count: int) -> None:
    """The classic black hole: an endpoint that answers 500 in no time looks like the quickest of all."""
    endpoints = make_endpoints(count)
    policy = make(endpoints)
    outcomes = dict.fromkeys(endpoints, took(0.05))
    outcomes[endpoints[0]] = failed()
    taken = run(policy, outcomes, 60.0)
    assert taken["0"] <= 8


def test_even_where_all_are_slow_a_failure_is_worse() -> None:
    """With a fixed penalty of a second, failing would be the quickest where answers take two."""
    a, b = endpoints = make_endpoints(2)
    taken = run(make(endpoints), {a: failed(), b: took(2.0)}, 60.0)
    assert taken["0"] <= 10


def test_penalties_end() -> None:
    """However long it has failed, an endpoint must be tried again within a minute or two."""
    a, b = endpoints = make_endpoints(2)
    policy = make(endpoints)
    for _ in range(50):
        policy.observe(a, failed(), 0.0)
    assert policy.score(a, 0.0) == pytest.approx(60.0)
    assert run(policy, {a: took(0.01), b: took(0.01)}, 120.0)["0"] > 1000


@pytest.mark.parametrize("verdict", [Verdict.ABANDONED, Verdict.REFUSED])
def test_what_is_no_verdict_changes_nothing(verdict: Verdict) -> None:
    """A client that leaves after a millisecond says nothing about the endpoint."""
    (a,) = make_endpoints(1)
    policy = make([a])
    policy.observe(a, took(0.3), 0.0)
    policy.observe(a, Outcome(verdict, duration=0.001), 0.0)
    assert policy.score(a, 0.0) == pytest.approx(0.3)


def test_a_newcomer_is_thought_to_be_as_quick_as_the_others() -> None:
    """With a default of 10 ms where others take 500, the new one would get fifty requests before its first answer."""
    endpoints = make_endpoints(4)
    policy = make(endpoints[:3])
    for endpoint in endpoints[:3]:
        policy.observe(endpoint, took(0.5), 0.0)
    policy.update(endpoints)
    assert policy.score(endpoints[3], 0.0) == pytest.approx(0.5)
    for _ in range(40):
        picked = policy.pick(0, 0.0, RNG)
        assert picked is not None
        picked.in_flight += 1
    assert endpoints[3].in_flight == 10


def test_what_is_known_of_others_stays_when_one_leaves() -> None:
    """Else each flap of one endpoint makes the service forget who is slow."""
    a, b, c = endpoints = make_endpoints(3)
    policy = make(endpoints)
    policy.observe(a, took(1.5), 0.0)
    policy.update([a, b])
    assert policy.score(a, 0.0) == pytest.approx(1.5)
    assert policy.score(c, 0.0) is None
