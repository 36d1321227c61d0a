"""The contract that every load-balancing policy keeps, and what each member promises beyond it."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, deque
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orion_gateway.balancer import POLICIES
from orion_gateway.balancer.hashing import hash_key
from orion_gateway.values import Balancing, Endpoint, Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orion_gateway.balancer.policy import Policy

FEW, MANY = 5, 60
"""Numbers of endpoints on both sides of where policies stop looking at each of them."""
TURNS = ["round_robin", "weighted_round_robin"]
KEYED = ["consistent_hash", "maglev"]
SUCCEEDED = Outcome(Verdict.SUCCEEDED, status=200, duration=0.01, sent=True)
every_policy = pytest.mark.parametrize("name", POLICIES)
every_turn_policy = pytest.mark.parametrize("name", TURNS)
every_keyed_policy = pytest.mark.parametrize("name", KEYED)


def make(name: str, endpoints: Sequence[Endpoint], bounded_load: float | None = None) -> Policy:
    policy = POLICIES[name](Balancing(name, bounded_load=bounded_load))
    policy.update(endpoints)
    return policy


def make_endpoints(*weights: int, cap: int = 1024) -> list[Endpoint]:
    names = [f"{chr(97 + number % 26)}{number // 26 or ''}" for number in range(len(weights))]
    return [
        Endpoint(url=f"http://{name}", authority=name, weight=weight, max_in_flight=cap)
        for name, weight in zip(names, weights, strict=True)
    ]


def make_keys(count: int) -> list[int]:
    return [hash_key(b"%d" % number) for number in range(count)]


def picks(policy: Policy, count: int, key: int = 0) -> str:
    """Return the names of the next picks, each finished before the next begins."""
    rng = Random(1)
    names = ""
    for _ in range(count):
        endpoint = policy.pick(key, 0.0, rng)
        assert endpoint is not None
        policy.observe(endpoint, Outcome(Verdict.SUCCEEDED), 0.0)
        names += endpoint.authority
    return names


def run(
    policy: Policy,
    exchanges: int,
    concurrency: int = 1,
    finish: Callable[[Endpoint], Outcome] = lambda endpoint: SUCCEEDED,
) -> Counter[str]:
    """Return who took how many exchanges, with so many in flight at a time, 1 ms apart, each with its own key."""
    rng = Random(2)
    running: deque[Endpoint] = deque()
    taken: Counter[str] = Counter()
    for number in range(exchanges):
        now = number / 1000
        if len(running) == concurrency:
            done = running.popleft()
            done.in_flight -= 1
            policy.observe(done, finish(done), now)
        endpoint = policy.pick(hash_key(b"%d" % number), now, rng)
        assert endpoint is not None
        endpoint.in_flight += 1
        running.append(endpoint)
        taken[endpoint.authority] += 1
    for endpoint in running:
        endpoint.in_flight -= 1
        policy.observe(endpoint, finish(endpoint), exchanges / 1000)
    return taken


# -- what every policy keeps -------------------------------------------------------------------------------------------


@every_policy
def test_nothing_to_pick_is_said_and_not_raised(name: str) -> None:
    """A service without endpoints answers 503; an exception would answer 500."""
    policy = make(name, [])
    assert policy.pick(0, 0.0, Random(1)) is None
    policy.update(make_endpoints(0, 0))
    assert policy.pick(hash_key(b"someone"), 0.0, Random(1)) is None
    policy.update(make_endpoints(1))
    assert policy.pick(0, 0.0, Random(1)) is not None
    policy.update([])
    assert policy.pick(0, 0.0, Random(1)) is None


@every_policy
@pytest.mark.parametrize("count", [FEW, MANY])
def test_weight_zero_gets_nothing(name: str, count: int) -> None:
    """An endpoint that was drained by its weight must not be asked any more, not even when all others are full."""
    endpoints = make_endpoints(*([0, 1, 2] * count)[:count], cap=3)
    drained = {endpoint.authority for endpoint in endpoints if endpoint.weight == 0}
    policy = make(name, endpoints)
    assert not drained & set(run(policy, 500))
    for endpoint in endpoints:
        endpoint.in_flight = 3 if endpoint.weight else 0
    assert not drained & {picked.authority for picked in [policy.pick(0, 0.0, Random(1))] if picked}


@every_policy
@pytest.mark.parametrize("count", [FEW, MANY])
def test_equal_endpoints_get_equal_shares(name: str, count: int) -> None:
    """Without this one machine carries the load of three."""
    policy = make(name, make_endpoints(*[1] * count))
    for concurrency in (1, 2 * count):
        taken = run(policy, 200 * count, concurrency)
        assert len(taken) == count
        assert min(taken.values()) > 120
        assert max(taken.values()) < 300


@every_policy
@pytest.mark.parametrize("count", [FEW, MANY])
def test_shares_follow_the_weights_under_load(name: str, count: int) -> None:
    """The small machine among big ones would be crushed."""
    endpoints = make_endpoints(*([1, 2, 5] * count)[:count])
    total = sum(endpoint.weight for endpoint in endpoints)
    taken = run(make(name, endpoints), 100 * total, 10 * total)
    for endpoint in endpoints:
        assert taken[endpoint.authority] == pytest.approx(100 * endpoint.weight, rel=0.35)


@every_policy
@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**32),
    count=st.sampled_from([1, 2, 3, 8, 33, 70]),
    share=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]),
    bounded_load=st.sampled_from([None, 1.25]),
)
def test_an_endpoint_at_its_cap_is_picked_only_when_all_are(
    name: str, seed: int, count: int, share: float, bounded_load: float | None
) -> None:
    """Else requests wait in a queue, or overload one endpoint, while another is free: caps and counts change unseen."""
    rng = Random(seed)
    endpoints = make_endpoints(*[rng.choice([1, 1, 3, 9]) for _ in range(count)], cap=4)
    policy = make(name, endpoints, bounded_load)
    for _ in range(8):
        for endpoint in endpoints:
            before, endpoint.in_flight = endpoint.in_flight, 4 if rng.random() < share else rng.randrange(4)
            if endpoint.in_flight < before:
                policy.observe(endpoint, SUCCEEDED, 0.0)
            endpoint.cap = 0 if rng.random() < share / 2 else 4
        picked = policy.pick(rng.getrandbits(60), 0.0, rng)
        assert picked is not None
        assert (picked.in_flight >= picked.cap) == all(endpoint.in_flight >= endpoint.cap for endpoint in endpoints)
        if rng.random() < 0.5:
            picked.in_flight += 1


@every_policy
@pytest.mark.parametrize("count", [FEW, MANY])
def test_a_change_of_members_takes_effect_at_once(name: str, count: int) -> None:
    """A removed endpoint must never be asked again, and a new one must get its share."""
    endpoints = make_endpoints(*[1, 2] * count)
    policy = make(name, endpoints[:count])
    run(policy, 50)
    policy.update(endpoints[1 : count + 1])
    taken = run(policy, 200 * count, 2 * count)
    assert set(taken) == {endpoint.authority for endpoint in endpoints[1 : count + 1]}


@every_policy
def test_what_was_removed_may_still_finish(name: str) -> None:
    """The last exchanges of an endpoint that has left would end in an error in the middle of everything."""
    a, b = make_endpoints(1, 1)
    policy = make(name, [a, b])
    a.in_flight = 1
    policy.update([b])
    a.in_flight = 0
    policy.observe(a, SUCCEEDED, 1.0)
    assert picks(policy, 2) == "bb"


@every_policy
def test_the_same_history_gives_the_same_picks(name: str) -> None:
    """A run that cannot be repeated cannot be explained: the simulator and the tests live on this."""
    one, other = (make(name, make_endpoints(1, 2, 3, 4)) for _ in range(2))
    assert run(one, 300, 7) == run(other, 300, 7)


@every_policy
def test_scores_say_what_is_compared(name: str) -> None:
    """`orion explain` shows them; an endpoint with more to do must not look better."""
    a, b = make_endpoints(1, 1)
    a.in_flight, b.in_flight = 5, 1
    policy = make(name, [a, b])
    scores = policy.score(a, 0.0), policy.score(b, 0.0)
    if name in {"ewma", "least_connections", "power_of_two"}:
        assert scores[0] is not None
        assert scores[1] is not None
        assert scores[0] > scores[1]
    else:
        assert scores == (None, None)
    (drained,) = make_endpoints(0)
    assert policy.score(drained, 0.0) is None


@pytest.mark.parametrize("name", sorted(set(POLICIES) - set(TURNS)))
@pytest.mark.parametrize("count", [FEW, MANY])
def test_gateways_that_start_together_do_not_begin_with_the_same_endpoint(name: str, count: int) -> None:
    """A thousand gateways that are restarted at once would send a thousand requests to the first endpoint."""
    firsts: Counter[str] = Counter()
    for seed in range(count):
        picked = make(name, make_endpoints(*[1] * count)).pick(0, 0.0, Random(seed))
        assert picked is not None
        firsts[picked.authority] += 1
    assert max(firsts.values()) <= 5
    assert len(firsts) >= 0.4 * count


# -- turns -------------------------------------------------------------------------------------------------------------


@every_turn_policy
def test_round_robin_goes_round(name: str) -> None:
    """Who watches two servers' logs expects strict turns."""
    assert picks(make(name, make_endpoints(1, 1, 1)), 6) == "abcabc"


@every_turn_policy
def test_weights_are_spread_smoothly(name: str) -> None:
    """nginx's own example: a burst of five to one endpoint is what weights must not mean."""
    assert picks(make(name, make_endpoints(5, 1, 1)), 14) == "aabacaa" * 2


@every_turn_policy
def test_turns_go_on_when_others_come_and_go(name: str) -> None:
    """With an endpoint that flaps, the first one would get what the last one misses, in every worker."""
    a, b, c, d = make_endpoints(1, 1, 1, 1)
    policy = make(name, [a, b, c, d])
    assert picks(policy, 2) == "ab"
    policy.update([a, b, d])
    assert picks(policy, 2) == "da"
    policy.update([a, b, c, d])
    assert picks(policy, 3) == "bcd"
    heavy = make_endpoints(5, 1, 1)
    policy = make(name, heavy)
    assert picks(policy, 3) == "aab"
    policy.update(heavy)
    assert picks(policy, 2) == "ac"


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
    endpoints = make_endpoints(*weights)
    shares = Counter(picks(make("weighted_round_robin", endpoints), sum(weights)))
    if len(set(weights)) == 1:
        assert set(shares.values()) == {weights[0]}
    else:
        assert [shares[endpoint.authority] for endpoint in endpoints] == weights


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), min_size=40, max_size=60))
def test_many_endpoints_get_their_weights_within_one_pick(weights: list[int]) -> None:
    """The order for many is another one; it must be as fair, at any time and not only in the end."""
    endpoints = make_endpoints(*weights)
    policy = make("weighted_round_robin", endpoints)
    total = sum(weights)
    for rounds in (1, 2):
        taken = run(policy, total)
        assert all(abs(taken[endpoint.authority] - endpoint.weight) <= 2 for endpoint in endpoints), rounds


def test_many_turns_go_on_when_others_come_and_go() -> None:
    """An endpoint that flaps must not send everybody's turns back to the start."""
    endpoints = make_endpoints(*[1, 3] * 30)
    policy = make("weighted_round_robin", endpoints)
    taken: Counter[str] = Counter()
    for number in range(120):
        policy.update(endpoints[1:] if number % 2 else endpoints)
        taken += run(policy, 5)
    assert max(taken[endpoint.authority] for endpoint in endpoints[1:]) <= 18
    assert min(taken[endpoint.authority] for endpoint in endpoints[1:]) >= 4


# -- the least busy ----------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("count", [FEW, MANY])
def test_least_connections_shares_ties_among_a_subset(count: int) -> None:
    """With one busy endpoint the idle ones must share; looking from the start each time would favour the first."""
    endpoints = make_endpoints(*[1] * count)
    endpoints[1].in_flight = 7
    policy = make("least_connections", endpoints)
    taken = Counter(policy.pick(0, 0.0, Random(1)) for _ in range(10 * (count - 1)))
    assert set(taken.values()) == {10}
    assert endpoints[1] not in taken


@pytest.mark.parametrize("count", [FEW, MANY])
def test_ties_go_on_in_turn_after_a_change_of_members(count: int) -> None:
    """With an endpoint that flaps, each change would send the next requests of every worker to the first endpoint."""
    endpoints = make_endpoints(*[1] * count)
    policy = make("least_connections", endpoints)
    taken: Counter[Endpoint | None] = Counter()
    for number in range(count - 1):
        policy.update(endpoints[:-1] if number % 2 else endpoints)
        taken[policy.pick(0, 0.0, Random(1))] += 1
    assert max(taken.values()) == 1


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32), count=st.sampled_from([40, 100]))
def test_among_many_the_least_busy_is_found_whatever_happened(seed: int, count: int) -> None:
    """A stale queue would send requests to a busy endpoint for ever; sessions add exchanges that no pick has seen."""
    rng = Random(seed)
    endpoints = make_endpoints(*[rng.randint(1, 4) for _ in range(count)], cap=6)
    policy = make("least_connections", endpoints)
    for _ in range(300):
        happens, endpoint = rng.random(), rng.choice(endpoints)
        if happens < 0.3 and endpoint.in_flight:
            endpoint.in_flight -= 1
            policy.observe(endpoint, SUCCEEDED, 0.0)
        elif happens < 0.5:
            endpoint.in_flight += 1
        elif happens < 0.55:
            endpoint.cap = 6 - endpoint.cap
        else:
            picked = policy.pick(0, 0.0, rng)
            assert picked is not None
            free = [e.in_flight / e.weight for e in endpoints if e.in_flight < e.cap]
            if free:
                assert picked.in_flight < picked.cap
                assert picked.in_flight / picked.weight == min(free)
            picked.in_flight += rng.random() < 0.8


def test_two_choices_avoid_the_busy_one() -> None:
    """Of two endpoints the busy one must not be taken."""
    endpoints = make_endpoints(1, 1)
    endpoints[0].in_flight = 3
    assert set(picks(make("power_of_two", endpoints), 20)) == {"b"}


def test_two_choices_among_many_spread_far_better_than_one() -> None:
    """Ten on one endpoint while others have none is what a plain draw gives."""
    endpoints = make_endpoints(*[1] * 200)
    policy = make("power_of_two", endpoints)
    rng = Random(3)
    for _ in range(1000):
        picked = policy.pick(0, 0.0, rng)
        assert picked is not None
        picked.in_flight += 1
    assert max(endpoint.in_flight for endpoint in endpoints) <= 8


def test_an_idle_service_is_shared_by_weight_at_random() -> None:
    """Comparing (0 + 1) / weight would send every lone request to the heaviest."""
    for name in ("random", "power_of_two"):
        taken = Counter(picks(make(name, make_endpoints(1, 3)), 2000))
        assert taken["a"] == pytest.approx(500, rel=0.15)


# -- keys --------------------------------------------------------------------------------------------------------------


@every_policy
def test_a_key_has_a_home_where_keys_mean_something(name: str) -> None:
    """Who asks why a request went elsewhere must hear where it belongs, also while that one is full."""
    endpoints = make_endpoints(1, 2, 0, 3)
    policy = make(name, endpoints)
    keys = [hash_key(b"%d" % number) for number in range(50)]
    homes = [policy.home(key) for key in keys]
    if name not in ("consistent_hash", "maglev"):
        assert homes == [None] * 50
        return
    assert homes == [policy.pick(key, 0.0, Random(1)) for key in keys]
    for endpoint in endpoints:
        endpoint.in_flight = endpoint.max_in_flight
    assert homes == [policy.home(key) for key in keys]
    assert policy.home(0) is None
    assert make(name, []).home(keys[0]) is None


@every_keyed_policy
def test_a_key_stays_where_it_is(name: str) -> None:
    """A cache behind the gateway is warm only for the keys that it always gets."""
    endpoints = make_endpoints(1, 2, 3, 4)
    policy, later = make(name, endpoints), make(name, list(reversed(endpoints)))
    for key in make_keys(200):
        home = policy.pick(key, 0.0, Random(1))
        assert home is not None
        assert home is policy.pick(key, 5.0, Random(9))
        assert home is later.pick(key, 0.0, Random(7))


@every_keyed_policy
@pytest.mark.parametrize("count", [10, 60])
def test_only_the_keys_of_a_lost_endpoint_move(name: str, count: int) -> None:
    """Losing one of ten machines must not empty the caches of the nine others; when it is back all is as before."""
    endpoints = make_endpoints(*([1, 2] * count)[:count])
    policy = make(name, endpoints)
    keys = make_keys(2000)
    before = [policy.pick(key, 0.0, Random(1)) for key in keys]
    policy.update(endpoints[1:])
    after = [policy.pick(key, 0.0, Random(1)) for key in keys]
    moved = [new for old, new in zip(before, after, strict=True) if old is not endpoints[0] and old is not new]
    assert endpoints[0] not in after
    assert len(moved) <= (0 if name == "consistent_hash" else 0.05 * len(keys))
    policy.update(endpoints)
    assert [policy.pick(key, 0.0, Random(1)) for key in keys] == before


@every_keyed_policy
def test_a_new_endpoint_takes_only_its_share_of_keys(name: str) -> None:
    """Scaling out must not shuffle every key."""
    endpoints = make_endpoints(*[1] * 11)
    policy = make(name, endpoints[:10])
    keys = make_keys(2000)
    before = [policy.pick(key, 0.0, Random(1)) for key in keys]
    policy.update(endpoints)
    after = [policy.pick(key, 0.0, Random(1)) for key in keys]
    moved = [new for old, new in zip(before, after, strict=True) if old is not new]
    assert 0.5 / 11 < len(moved) / len(keys) < 2 / 11
    if name == "consistent_hash":
        assert set(moved) == {endpoints[10]}


@every_keyed_policy
def test_a_ring_on_which_nearly_all_are_gone_forgets_them(name: str) -> None:
    """Discovery replaces endpoints all day: what has left must not be kept for ever."""
    endpoints = make_endpoints(*[1] * 40)
    policy = make(name, endpoints)
    policy.update(endpoints[:3])
    assert set(run(policy, 100)) == {"a", "b", "c"}


@every_keyed_policy
def test_another_process_binds_keys_alike(name: str) -> None:
    """With two workers half of the requests would miss their cache; Python's own hash differs per process."""
    program = (
        "from random import Random\n"
        "from tests.balancer.test_policies import *\n"
        f"policy = make({name!r}, make_endpoints(1, 2, 3))\n"
        "print(''.join(policy.pick(key, 0.0, Random(1)).authority for key in make_keys(50)))\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    policy = make(name, make_endpoints(1, 2, 3))
    assert said.strip() == "".join(picks(policy, 1, key) for key in make_keys(50))


@every_keyed_policy
def test_requests_without_a_key_go_anywhere_by_weight(name: str) -> None:
    """A client without the cookie must not land where all others without it land."""
    policy = make(name, make_endpoints(1, 3))
    rng = Random(1)
    taken = Counter(picked.authority for _ in range(2000) if (picked := policy.pick(0, 0.0, rng)))
    assert taken["a"] == pytest.approx(500, rel=0.2)


@every_keyed_policy
def test_a_full_endpoint_gives_its_keys_to_another_for_the_time_being(name: str) -> None:
    """A key must not wait for its endpoint when others are idle, and must come home afterwards."""
    endpoints = make_endpoints(1, 1, 1)
    policy = make(name, endpoints)
    key = hash_key(b"someone")
    home = policy.pick(key, 0.0, Random(1))
    assert home is not None
    home.in_flight = home.cap
    away = policy.pick(key, 0.0, Random(1))
    assert away is not home
    assert policy.pick(key, 0.0, Random(2)) is away
    home.in_flight = 0
    assert policy.pick(key, 0.0, Random(1)) is home


@every_keyed_policy
@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**32),
    count=st.sampled_from([2, 3, 10, 300]),
    factor=st.sampled_from([1.1, 1.25, 2.0]),
    keys=st.sampled_from([1, 3, 1000]),
)
def test_no_endpoint_has_more_than_its_bound(name: str, seed: int, count: int, factor: float, keys: int) -> None:
    """One hot key would take its endpoint down; exchanges that no pick has seen (sessions) count too."""
    rng = Random(seed)
    endpoints = make_endpoints(*[rng.randint(1, 3) for _ in range(count)])
    policy = make(name, endpoints, factor)
    total = sum(endpoint.weight for endpoint in endpoints)
    running: list[Endpoint] = []
    for _ in range(400):
        happens = rng.random()
        if happens < 0.3 and running:
            done = running.pop(rng.randrange(len(running)))
            done.in_flight -= 1
            policy.observe(done, SUCCEEDED, 0.0)
        elif happens < 0.35:
            bound = rng.choice(endpoints)
            bound.in_flight += 1
            running.append(bound)
        else:
            picked = policy.pick(hash_key(b"%d" % rng.randrange(keys)), 0.0, rng)
            assert picked is not None
            picked.in_flight += 1
            running.append(picked)
            assert picked.in_flight - 1 < factor * len(running) * picked.weight / total


def test_the_ring_of_many_stays_small() -> None:
    """Ten thousand endpoints must not take a second and a gigabyte to put on a ring."""
    endpoints = make_endpoints(*[100] * 3000)
    policy = make("consistent_hash", endpoints)
    assert len({policy.pick(key, 0.0, Random(1)) for key in make_keys(20_000)}) > 2500
