"""The contract that every load-balancing policy keeps, and what each member promises beyond it."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.balancer import POLICIES
from orion_gateway.values import Endpoint, Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orion_gateway.balancer.policy import Policy

RNG = Random(1)
every_policy = pytest.mark.parametrize("name", POLICIES)


def make(name: str, endpoints: Sequence[Endpoint]) -> Policy:
    policy = POLICIES[name]()
    policy.update(endpoints)
    return policy


def make_endpoints(*weights: int) -> list[Endpoint]:
    return [
        Endpoint(url=f"http://{name}", authority=name, weight=w) for name, w in zip("abcdefgh", weights, strict=False)
    ]


def picks(policy: Policy, count: int) -> str:
    """Return the names of the next picks, each finished before the next begins."""
    names = ""
    for _ in range(count):
        endpoint = policy.pick(0, 0.0, RNG)
        assert endpoint is not None
        policy.observe(endpoint, Outcome(Verdict.SUCCEEDED))
        names += endpoint.authority
    return names


@every_policy
def test_nothing_to_pick_is_said_and_not_raised(name: str) -> None:
    """A service without endpoints answers 503; an exception would answer 500."""
    policy = make(name, [])
    assert policy.pick(0, 0.0, RNG) is None
    policy.update(make_endpoints(0, 0))
    assert policy.pick(0, 0.0, RNG) is None


@every_policy
def test_weight_zero_gets_nothing(name: str) -> None:
    """An endpoint that was drained by its weight must not be asked any more."""
    assert set(picks(make(name, make_endpoints(1, 0, 2)), 30)) == {"a", "c"}


@every_policy
def test_equal_endpoints_get_equal_shares(name: str) -> None:
    """Without this one machine carries the load of three."""
    assert Counter(picks(make(name, make_endpoints(1, 1, 1)), 30)) == {"a": 10, "b": 10, "c": 10}


@every_policy
@given(flags=st.lists(st.booleans(), min_size=1, max_size=8), weights=st.lists(st.integers(1, 9), min_size=8))
def test_an_endpoint_at_its_cap_is_picked_only_when_all_are(name: str, flags: list[bool], weights: list[int]) -> None:
    """Else requests wait in a queue, or overload one endpoint, while another is free."""
    endpoints = make_endpoints(*weights[: len(flags)])
    for endpoint, is_full in zip(endpoints, flags, strict=True):
        endpoint.in_flight = endpoint.max_in_flight if is_full else 0
    policy = make(name, endpoints)
    for _ in range(5):
        picked = policy.pick(0, 0.0, RNG)
        assert picked is not None
        assert picked.is_full == all(flags)


@every_policy
def test_a_change_of_members_takes_effect_at_once(name: str) -> None:
    """A removed endpoint must never be asked again."""
    a, b, c = make_endpoints(1, 1, 1)
    policy = make(name, [a, b])
    picks(policy, 3)
    policy.update([c, b])
    assert set(picks(policy, 10)) == {"b", "c"}


@pytest.mark.parametrize("name", ["round_robin", "weighted_round_robin"])
def test_round_robin_goes_round(name: str) -> None:
    """Who watches two servers' logs expects strict turns."""
    assert picks(make(name, make_endpoints(1, 1, 1)), 6) == "abcabc"


@pytest.mark.parametrize("name", ["round_robin", "weighted_round_robin"])
def test_weights_are_spread_smoothly(name: str) -> None:
    """nginx's own example: a burst of five to one endpoint is what weights must not mean."""
    assert picks(make(name, make_endpoints(5, 1, 1)), 14) == "aabacaa" * 2


def test_round_robin_passes_over_a_full_endpoint_and_comes_back() -> None:
    """A slow endpoint must not lose its turn for ever."""
    a, b, c = endpoints = make_endpoints(1, 1, 1)
    policy = make("round_robin", endpoints)
    b.in_flight = b.max_in_flight
    assert picks(policy, 4) == "acac"
    b.in_flight = 0
    assert set(picks(policy, 3)) == {"a", "b", "c"}
    assert (a.in_flight, c.in_flight) == (0, 0)


@given(st.lists(st.integers(1, 20), min_size=2, max_size=8))
def test_smooth_round_robin_keeps_the_weights_exactly(weights: list[int]) -> None:
    """Over one round of all weights each endpoint gets its weight, whatever the weights are."""
    policy = make("weighted_round_robin", make_endpoints(*weights))
    shares = Counter(picks(policy, sum(weights)))
    expected = dict.fromkeys("abcdefgh"[: len(weights)], 1) if len(set(weights)) == 1 else None
    if expected is None:
        assert [shares[name] for name in "abcdefgh"[: len(weights)]] == weights
    else:
        assert set(shares.values()) == {weights[0]}


def test_least_connections_takes_the_idle_one() -> None:
    """That is all that it is for."""
    a, b, c = endpoints = make_endpoints(1, 1, 1)
    a.in_flight, b.in_flight, c.in_flight = 3, 1, 2
    policy = make("least_connections", endpoints)
    assert picks(policy, 3) == "bbb"


def test_least_connections_counts_by_weight() -> None:
    """A machine of weight 4 with four requests is as busy as one of weight 1 with one."""
    a, b = endpoints = make_endpoints(4, 1)
    policy = make("least_connections", endpoints)
    a.in_flight, b.in_flight = 3, 1
    assert picks(policy, 1) == "a"
    a.in_flight, b.in_flight = 5, 1
    assert picks(policy, 1) == "b"


def test_least_connections_shares_ties_among_a_subset() -> None:
    """With one busy endpoint the idle ones must share; looking from the start each time would favour the first."""
    _, b, _ = endpoints = make_endpoints(1, 1, 1)
    b.in_flight = 7
    assert Counter(picks(make("least_connections", endpoints), 10)) == {"a": 5, "c": 5}
