"""Who takes the next attempt, all put together: standings, slow start, what was tried, sessions, policies."""

from __future__ import annotations

from collections import Counter, deque
from itertools import pairwise
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from orion_gateway.balancer import POLICIES
from orion_gateway.balancer.chooser import Candidate, Chooser
from orion_gateway.balancer.hashing import hash_key
from orion_gateway.balancer.maglev import Maglev
from orion_gateway.values import Balancing, Endpoint, Health, Outcome, Standing, Verdict

UP, DOWN, UNKNOWN = Standing(), Standing(Health.DOWN), Standing(Health.UNKNOWN)
EJECTED = Standing(is_ejected=True)
SUCCEEDED = Outcome(Verdict.SUCCEEDED, status=200, duration=0.01, sent=True)
every_policy = pytest.mark.parametrize("name", POLICIES)


def make_endpoints(*weights: int, cap: int = 1024) -> list[Endpoint]:
    return [
        Endpoint(url=f"http://192.0.2.1:{number}", authority=f"{number}", weight=weight, max_in_flight=cap)
        for number, weight in enumerate(weights)
    ]


def make(name: str, endpoints: list[Endpoint], slow_start: float | None = None, seed: int = 1) -> Chooser:
    balancing = Balancing(name, slow_start=slow_start)
    return Chooser(endpoints, balancing, POLICIES[name](balancing), Random(seed))


def run(chooser: Chooser, picks: int, now: float = 0.0, rate: float = 1000.0, concurrency: int = 20) -> Counter[str]:
    """Return who took how many of so many exchanges, `rate` a second, each with its own key, so many at a time."""
    running: deque[Endpoint] = deque()
    taken: Counter[str] = Counter()
    for number in range(picks):
        at = now + number / rate
        if len(running) == concurrency:
            done = running.popleft()
            done.in_flight -= 1
            chooser.observe(done, SUCCEEDED, at)
        picked = chooser.choose(hash_key(b"%d" % number), at, None)
        assert picked is not None
        picked.in_flight += 1
        running.append(picked)
        taken[picked.authority] += 1
    for done in running:
        done.in_flight -= 1
        chooser.observe(done, SUCCEEDED, now + picks / rate)
    return taken


# -- standings ---------------------------------------------------------------------------------------------------------


def test_everybody_takes_part_at_first() -> None:
    """Before the supervisor has said anything, requests are answered and not refused."""
    assert set(run(make("round_robin", make_endpoints(1, 1, 1)), 3)) == {"0", "1", "2"}


def test_nobody_eligible_is_said() -> None:
    """Then the answer is a 503, at once."""
    endpoints = make_endpoints(1, 1)
    chooser = make("round_robin", endpoints, slow_start=10.0)
    chooser.take_standings([DOWN, DOWN], 1.0)
    assert chooser.choose(0, 1.0, None) is None
    assert chooser.choose(0, 1.0, endpoints) is None
    assert make("random", []).choose(0, 1.0, None) is None


@every_policy
def test_only_eligible_endpoints_are_asked(name: str) -> None:
    """A request to an endpoint that is known to be down is a request lost."""
    endpoints = make_endpoints(1, 1, 1, 0, 1)
    chooser = make(name, endpoints)
    chooser.take_standings([UP, DOWN, UP, UP, EJECTED], 1.0)
    assert (set(run(chooser, 100)), chooser.is_panic) == ({"0", "2"}, False)
    chooser.take_standings([UP, DOWN, DOWN, UP, EJECTED], 2.0)
    assert (set(run(chooser, 100)), chooser.is_panic) == ({"0", "4"}, True)
    chooser.take_standings([UP] * 5, 3.0)
    assert set(run(chooser, 100)) == {"0", "1", "2", "4"}


def test_who_is_suspect_is_marked() -> None:
    """Whoever sees the next success must say so, or an endpoint is ejected for failures that were not in a row."""
    endpoints = make_endpoints(1, 1)
    chooser = make("round_robin", endpoints)
    chooser.take_standings([UP, Standing(is_suspect=True)], 1.0)
    assert [endpoint.is_suspect for endpoint in endpoints] == [False, True]


def test_turns_go_on_when_news_change_nothing() -> None:
    """Standings are told again after each failure; starting over each time would favour the first endpoint."""
    chooser = make("round_robin", make_endpoints(1, 1, 1))
    taken = ""
    for number in range(6):
        picked = chooser.choose(0, 0.0, None)
        assert picked is not None
        taken += picked.authority
        chooser.take_standings([UP, Standing(is_suspect=number % 2 == 0), UP], 0.0)
    assert taken == "012012"


# -- what was tried ----------------------------------------------------------------------------------------------------


@every_policy
@pytest.mark.parametrize("count", [3, 50])
def test_what_was_tried_is_passed_over_while_another_has_room(name: str, count: int) -> None:
    """A retry on the endpoint that has just failed fails again."""
    endpoints = make_endpoints(*[1] * count, cap=2)
    chooser = make(name, endpoints)
    tried = endpoints[: count - 1]
    for number in range(20):
        assert chooser.choose(hash_key(b"%d" % number), 0.0, tried) is endpoints[-1]
    endpoints[-1].in_flight = 2
    assert chooser.choose(7, 0.0, tried) in tried
    assert chooser.choose(7, 0.0, list(endpoints)) in tried
    assert all(endpoint.cap == 2 for endpoint in endpoints)


@every_policy
def test_a_list_of_nothing_tried_is_like_none(name: str) -> None:
    """The first attempt of a request that may be retried must not differ from one that may not."""
    one, other = make(name, make_endpoints(1, 2, 3)), make(name, make_endpoints(1, 2, 3))
    for number in range(30):
        first, second = one.choose(number, 0.0, None), other.choose(number, 0.0, [])
        assert first is not None
        assert second is not None
        assert first.authority == second.authority


# -- slow start --------------------------------------------------------------------------------------------------------


@every_policy
@pytest.mark.parametrize("count", [2, 4, 50])
@pytest.mark.parametrize("concurrency", [1, 20, 400])
def test_a_recovered_endpoint_gets_a_tenth_of_its_share_in_the_first_second(
    name: str, count: int, concurrency: int
) -> None:
    """Whatever the policy: to those that look for the idle or the quick one it would look best of all."""
    endpoints = make_endpoints(*[1] * count)
    chooser = make(name, endpoints, slow_start=10.0)
    chooser.take_standings([DOWN] + [UP] * (count - 1), 1.0)
    run(chooser, 500, 1.0, 1000.0, concurrency)
    chooser.take_standings([Standing(back_since=50.0)] + [UP] * (count - 1), 50.0)
    taken = run(chooser, 5000, 50.0, 5000.0, concurrency)
    assert 0 < taken["0"] <= 0.1 * 5000 / count


@every_policy
def test_a_recovered_endpoint_grows_to_its_full_share(name: str) -> None:
    """Slow start that ends with a jump, or never, is no slow start."""
    endpoints = make_endpoints(1, 1, 1, 1)
    chooser = make(name, endpoints, slow_start=10.0)
    chooser.take_standings([Standing(back_since=50.0), UP, UP, UP], 50.0)
    shares = [run(chooser, 4000, 50.0 + second, 4000.0)["0"] / 1000 for second in range(12)]
    for second, share in enumerate(shares[:10]):
        assert share <= (max(second, 1) + 1) / 10
    assert shares[1] < shares[4] < shares[8]
    assert shares[11] == pytest.approx(1.0, rel=0.25)


def test_never_at_the_start_of_the_process() -> None:
    """Holding back an endpoint that nobody has seen fail would only load the others."""
    chooser = make("round_robin", make_endpoints(1, 1), slow_start=10.0)
    assert run(chooser, 100) == {"0": 50, "1": 50}


def test_slow_start_yields_to_a_lack_of_room() -> None:
    """A request that waits, or fails again, while a healthy endpoint has room is worse than a fast warm-up."""
    a, b = endpoints = make_endpoints(1, 1, cap=2)
    chooser = make("least_connections", endpoints, slow_start=10.0)
    chooser.take_standings([Standing(back_since=50.0), UP], 50.0)
    assert chooser.choose(0, 50.0, None) is b
    b.in_flight = 2
    assert chooser.choose(0, 50.0, None) is a
    b.in_flight = 0
    assert chooser.choose(0, 50.0, [b]) is a
    # What was taken beyond the share is paid back.
    assert [chooser.choose(0, 50.0, None) for _ in range(40)] == [b] * 40


# -- sessions ----------------------------------------------------------------------------------------------------------


def test_a_token_leads_back_to_its_endpoint_in_every_gateway() -> None:
    """A client with a session on one machine must come back to it, whichever worker it meets."""
    endpoints, others = make_endpoints(1, 1, 1), make_endpoints(1, 1, 1)
    one, other = make("round_robin", endpoints), make("round_robin", others)
    tokens = [one.token_of(endpoint) for endpoint in endpoints]
    assert [other.find(token) for token in tokens] == others
    assert len(set(tokens)) == 3


def test_a_token_shows_no_address() -> None:
    """Internal addresses are nobody's business; the token is of one length and of hexadecimal digits."""
    endpoints = make_endpoints(1)
    token = make("random", endpoints).token_of(endpoints[0])
    assert len(token) == 16
    assert set(token) <= set(b"0123456789abcdef")


def test_a_token_of_an_endpoint_that_is_gone_leads_nowhere() -> None:
    """The session is lost anyway; the request must be answered by another endpoint."""
    endpoints = make_endpoints(1, 1, 1, 0)
    chooser = make("round_robin", endpoints)
    tokens = [chooser.token_of(endpoint) for endpoint in endpoints]
    chooser.take_standings([UP, DOWN, UP, UP], 1.0)
    assert [chooser.find(token) for token in tokens] == [endpoints[0], None, endpoints[2], None]
    assert chooser.find(b"made up") is None
    chooser.take_standings([UP] * 4, 2.0)
    assert chooser.find(tokens[1]) is endpoints[1]


# -- explain -----------------------------------------------------------------------------------------------------------


def test_every_candidate_is_explained() -> None:
    """Who asks why nothing goes to a machine needs the reason, the score and the share; asking changes nothing."""
    a, b, c, d, e = endpoints = make_endpoints(2, 1, 1, 0, 1, cap=4)
    chooser = make("least_connections", endpoints, slow_start=10.0)
    chooser.take_standings([UP, Standing(back_since=50.0), EJECTED, UP, UP], 50.0)
    a.in_flight, e.in_flight = 3, 4
    expected = [
        Candidate(a, True, "", 1.5, 3, 2, 1.0),
        Candidate(b, True, "slow start", 0.0, 0, 1, 0.5),
        Candidate(c, False, "ejected", None, 0, 1, 0.0),
        Candidate(d, False, "weight 0", None, 0, 0, 0.0),
        Candidate(e, True, "full", 4.0, 4, 1, 1.0),
    ]
    assert chooser.explain(0, 55.0) == expected
    assert chooser.explain(0, 55.0) == expected


# -- all of it at once -------------------------------------------------------------------------------------------------


class Choosing(RuleBasedStateMachine):
    """Any history of standings, picks, ends, sessions and time: what is chosen is never what must not be."""

    @initialize(
        name=st.sampled_from(sorted(POLICIES)),
        weights=st.lists(st.sampled_from([0, 1, 1, 2, 7]), min_size=1, max_size=40),
        cap=st.sampled_from([1, 3, 1024]),
        slow_start=st.sampled_from([None, 10.0]),
        panic=st.sampled_from(["passive", "use_all"]),
        bounded_load=st.sampled_from([None, 1.25]),
    )
    def begin(
        self,
        name: str,
        weights: list[int],
        cap: int,
        slow_start: float | None,
        panic: str,
        bounded_load: float | None,
    ) -> None:
        self.endpoints = make_endpoints(*weights, cap=cap)
        balancing = Balancing(name, slow_start=slow_start, bounded_load=bounded_load, panic=panic)  # type: ignore[arg-type]
        # A table of the usual size takes most of the time of the pure build.
        policy = Maglev(bounded_load, size=251) if name == "maglev" else POLICIES[name](balancing)
        self.chooser = Chooser(self.endpoints, balancing, policy, Random(1))
        self.slow_start = slow_start
        self.standings = [UP] * len(weights)
        self.now = 100.0
        self.running: list[Endpoint] = []
        self.picks: Counter[Endpoint] = Counter()
        self.allowed: dict[Endpoint, float] = {}

    @rule(seed=st.integers(0, 2**32), share=st.sampled_from([0.1, 0.5, 0.9]))
    def change_standings(self, seed: int, share: float) -> None:
        rng = Random(seed)
        for number, standing in enumerate(self.standings):
            if rng.random() < share:
                is_well = standing.health is Health.UP and not standing.is_ejected
                kinds = [DOWN, EJECTED, UNKNOWN, UP] if is_well else [Standing(back_since=self.now), DOWN]
                self.standings[number] = rng.choice(kinds)
        self.chooser.take_standings(self.standings, self.now)
        self.picks.clear()
        self.allowed.clear()

    @rule(key=st.integers(-(2**63), 2**63 - 1), tried=st.lists(st.integers(0, 39), max_size=3), starts=st.booleans())
    def choose(self, key: int, tried: list[int], starts: bool) -> None:
        already = [self.endpoints[number] for number in tried if number < len(self.endpoints)]
        candidates = [candidate for candidate in self.chooser.explain(key, self.now) if candidate.is_eligible]
        eligible = [candidate.endpoint for candidate in candidates]
        picked = self.chooser.choose(key, self.now, already)
        if picked is None:
            assert not eligible
            return
        assert picked in eligible
        assert picked.weight > 0
        free = [endpoint for endpoint in eligible if endpoint.in_flight < endpoint.max_in_flight]
        fresh = [endpoint for endpoint in free if endpoint not in already]
        assert not free or picked in free
        assert not fresh or picked in fresh
        # A pick beyond the share was forced: nobody else who was fresh had room.
        total = sum(endpoint.weight for endpoint in eligible)
        cold = [candidate.endpoint for candidate in candidates if candidate.share < 1.0]
        for candidate in candidates:
            if candidate.share < 1.0:
                self.allowed.setdefault(candidate.endpoint, 1.0)
                self.allowed[candidate.endpoint] += candidate.share * candidate.weight / total
        self.picks[picked] += 1
        if picked in cold and any(endpoint not in cold for endpoint in fresh or free):
            assert self.picks[picked] <= self.allowed[picked] + 1e-9
        if starts:
            picked.in_flight += 1
            self.running.append(picked)

    @rule(number=st.integers(0, 39))
    def come_back_by_a_cookie(self, number: int) -> None:
        endpoint = self.endpoints[number % len(self.endpoints)]
        found = self.chooser.find(self.chooser.token_of(endpoint))
        explained = {candidate.endpoint: candidate for candidate in self.chooser.explain(0, self.now)}
        assert (found is endpoint) == explained[endpoint].is_eligible
        if found is not None and found.in_flight < found.max_in_flight:
            found.in_flight += 1
            self.running.append(found)

    @rule(number=st.integers(0), verdict=st.sampled_from(Verdict), duration=st.floats(0, 100))
    def finish(self, number: int, verdict: Verdict, duration: float) -> None:
        if self.running:
            endpoint = self.running.pop(number % len(self.running))
            endpoint.in_flight -= 1
            self.chooser.observe(endpoint, Outcome(verdict, duration=duration), self.now)

    @rule(seconds=st.sampled_from([0.0, 0.01, 1.0, 7.0, 3600.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def caps_are_as_they_were(self) -> None:
        if hasattr(self, "endpoints"):
            assert all(endpoint.cap == endpoint.max_in_flight for endpoint in self.endpoints)


TestChoosing = Choosing.TestCase
TestChoosing.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)


def test_time_alone_makes_everybody_warm() -> None:
    """A long day of picks in slow start ends on the short way again."""
    endpoints = make_endpoints(1, 1)
    chooser = make("ewma", endpoints, slow_start=1.0)
    chooser.take_standings([Standing(back_since=5.0), UP], 5.0)
    shares = [candidate.share for at in (5.0, 5.5, 6.0) for candidate in chooser.explain(0, at)[:1]]
    assert all(one < other for one, other in pairwise(shares))
    assert chooser.choose(0, 6.5, None) is not None
    assert chooser.explain(0, 5.5)[0].share == 1.0
