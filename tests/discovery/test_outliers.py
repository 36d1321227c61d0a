"""Endpoints whose attempts fail are ejected: not too many, not for ever, and longer each time."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from orion_gateway.discovery.outliers import Outliers
from orion_gateway.values import OutlierRules
from tests.discovery.walk import Witness, walk

RULES = OutlierRules(consecutive_failures=3, interval=10.0, ejection=30.0, max_ejection=100.0, max_ejected=0.5)


def fail(outliers: Outliers, endpoint: int, now: float, times: int = RULES.consecutive_failures) -> None:
    for _ in range(times):
        outliers.take_attempt(endpoint, False, now)


def list_ejected(outliers: Outliers, count: int) -> list[int]:
    return [endpoint for endpoint in range(count) if outliers.is_ejected(endpoint)]


def test_failures_in_a_row_eject_and_time_brings_back() -> None:
    """A broken endpoint gets no traffic for a while, and then another chance with a clean slate."""
    outliers = Outliers(RULES, 2)
    assert outliers.take_attempt(0, False, 1.0)  # suspect from now on
    assert not outliers.take_attempt(0, False, 2.0)
    assert (outliers.is_suspect(0), outliers.is_ejected(0)) == (True, False)
    assert outliers.take_attempt(0, False, 3.0)
    assert (outliers.is_suspect(0), outliers.is_ejected(0)) == (False, True)
    assert (outliers.ejected_until(0), outliers.next_due) == (33.0, 33.0)
    assert not outliers.advance(32.9)
    assert outliers.advance(33.0)
    assert (outliers.is_ejected(0), outliers.ejected_until(0), outliers.failures(0)) == (False, 0.0, 0)


def test_a_success_clears_the_count() -> None:
    """Single failures in a day of traffic never add up to an ejection."""
    outliers = Outliers(RULES, 2)
    for at in range(10):
        assert outliers.take_attempt(0, False, at)
        assert not outliers.take_attempt(0, False, at)
        assert outliers.take_attempt(0, True, at)  # not suspect any more
        assert not outliers.take_attempt(0, True, at)
    assert not outliers.is_ejected(0)


def test_the_first_failure_ejects_where_the_rules_say_so() -> None:
    """Who allows no failure at all is taken at his word."""
    outliers = Outliers(OutlierRules(consecutive_failures=1), 2)
    assert outliers.take_attempt(1, False, 0.0)
    assert outliers.is_ejected(1)


def test_each_ejection_is_longer_up_to_the_longest() -> None:
    """An endpoint that fails again and again is tried less and less often, but it is tried."""
    outliers = Outliers(RULES, 2)
    now, lengths = 0.0, []
    for _ in range(6):
        fail(outliers, 0, now)
        lengths.append(outliers.ejected_until(0) - now)
        now = outliers.ejected_until(0)
    assert lengths == [30.0, 60.0, 90.0, 100.0, 100.0, 100.0]
    assert (outliers.times(0), outliers.total(0)) == (4, 5 + 1)


@pytest.mark.parametrize(("spent", "times"), [(9.9, 3), (10.0, 2), (19.9, 2), (20.0, 1), (30.0, 0), (1000.0, 0)])
def test_time_without_ejection_forgives(spent: float, times: int) -> None:
    """After a bad hour an endpoint is not punished for the rest of its life."""
    outliers = Outliers(RULES, 2)
    now = 0.0
    for _ in range(3):
        fail(outliers, 0, now)
        now = outliers.ejected_until(0)
    outliers.advance(now)
    outliers.advance(now + spent)
    assert outliers.times(0) == times
    fail(outliers, 0, now + spent)
    assert outliers.ejected_until(0) == now + spent + 30.0 * (times + 1 if times < 3 else 10 / 3)


def test_nothing_is_due_once_all_is_forgiven() -> None:
    """A supervisor with nothing to do sleeps."""
    outliers = Outliers(RULES, 2)
    assert outliers.next_due == inf
    fail(outliers, 0, 0.0)
    dues = []
    while outliers.next_due < inf:
        dues.append(outliers.next_due)
        outliers.advance(outliers.next_due)
    assert dues == [30.0, 40.0]


def test_lateness_of_the_supervisor_changes_nothing() -> None:
    """What was due while the process stood still is done at once, as of when it was due."""
    outliers = Outliers(RULES, 2)
    fail(outliers, 0, 0.0)
    assert outliers.advance(45.0)
    assert (outliers.is_ejected(0), outliers.times(0), outliers.next_due) == (False, 0, inf)


@pytest.mark.parametrize(
    ("share", "count", "allowed"),
    [(0.5, 1, 1), (0.5, 2, 1), (0.5, 3, 1), (0.5, 4, 2), (0.1, 5, 1), (0.29, 100, 29), (1.0, 7, 7), (0.0, 9, 1)],
)
def test_no_more_than_the_share_is_ejected_and_one_always_may_be(share: float, count: int, allowed: int) -> None:
    """When everything fails, ejection must not take the whole service away."""
    outliers = Outliers(OutlierRules(consecutive_failures=1, max_ejected=share), count)
    for endpoint in range(count):
        outliers.take_attempt(endpoint, False, 0.0)
    assert list_ejected(outliers, count) == list(range(allowed))
    assert (outliers.allowed, outliers.ejected) == (allowed, allowed)


def test_who_is_kept_in_by_the_limit_alone_goes_as_soon_as_there_is_room() -> None:
    """Two of two fail: they are out by turns, so that each can show that it is well again."""
    outliers = Outliers(RULES, 2)
    fail(outliers, 0, 0.0)
    fail(outliers, 1, 1.0)
    assert (list_ejected(outliers, 2), outliers.is_waiting(1), outliers.is_suspect(1)) == ([0], True, True)
    assert outliers.advance(30.0)
    assert (list_ejected(outliers, 2), outliers.ejected_until(1), outliers.is_waiting(1)) == ([1], 60.0, False)


def test_a_success_ends_the_waiting() -> None:
    """Who has recovered meanwhile is not ejected for old failures."""
    outliers = Outliers(RULES, 2)
    fail(outliers, 0, 0.0)
    fail(outliers, 1, 1.0)
    assert outliers.take_attempt(1, True, 2.0)
    outliers.advance(30.0)
    assert list_ejected(outliers, 2) == []


def test_who_has_waited_longest_goes_first() -> None:
    """Further failures do not send an endpoint to the end of the line."""
    outliers = Outliers(RULES, 3)
    for endpoint in (0, 2, 1, 2):
        fail(outliers, endpoint, 0.0)
    outliers.advance(30.0)
    assert list_ejected(outliers, 3) == [2]


def test_what_comes_in_of_an_ejected_endpoint_is_no_verdict() -> None:
    """The answers of its last attempts neither lengthen nor end an ejection."""
    outliers = Outliers(RULES, 2)
    fail(outliers, 0, 0.0)
    assert not outliers.take_attempt(0, True, 1.0)
    fail(outliers, 0, 2.0, times=9)
    assert (outliers.ejected_until(0), outliers.is_suspect(0)) == (30.0, False)


def test_time_is_done_before_an_attempt_is_judged() -> None:
    """The first failure after an ejection counts, even when nobody has called `advance` yet."""
    outliers = Outliers(RULES, 2)
    fail(outliers, 0, 0.0)
    assert outliers.take_attempt(0, False, 31.0)
    assert (outliers.is_ejected(0), outliers.failures(0)) == (False, 1)


def test_active_checks_end_an_ejection_early() -> None:
    """An endpoint that was started again needs not sit out its time, and makes room for who waits."""
    outliers = Outliers(RULES, 2)
    fail(outliers, 0, 0.0)
    fail(outliers, 1, 1.0)
    assert not outliers.end_ejection(1, 5.0)
    assert outliers.end_ejection(0, 5.0)
    assert (list_ejected(outliers, 2), outliers.ejected_until(1)) == ([1], 35.0)
    assert (outliers.times(0), outliers.next_due) == (1, 15.0)  # forgiven as from then
    assert outliers.end_ejection(0, 35.0)  # nothing of its own, but time let the other one in


class OutliersMachine(RuleBasedStateMachine):
    """Whatever is told in whatever order, ejection does what a simpler account of the rules does."""

    @initialize(
        rules=st.builds(
            OutlierRules,
            consecutive_failures=st.integers(1, 4),
            interval=st.sampled_from([1.0, 10.0]),
            ejection=st.sampled_from([1.0, 30.0]),
            max_ejection=st.sampled_from([1.0, 45.0, 300.0]),
            max_ejected=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
        ),
        count=st.integers(1, 7),
    )
    def start(self, rules: OutlierRules, count: int) -> None:
        self.witness = Witness(rules, count)

    @rule(
        endpoint=st.integers(0, 6),
        succeeded=st.booleans(),
        times=st.integers(1, 5),
        after=st.sampled_from([0.0, 0.3, 40.0]),
    )
    def attempt(self, endpoint: int, succeeded: bool, times: int, after: float) -> None:
        for _ in range(times):
            self.witness.attempt(endpoint % self.witness.count, succeeded, after)

    @rule(endpoint=st.integers(0, 6))
    def turn_up(self, endpoint: int) -> None:
        self.witness.end_ejection(endpoint % self.witness.count)

    @rule(seconds=st.sampled_from([0.0, 0.5, 1.0, 9.5, 30.0, 400.0]))
    def wait(self, seconds: float) -> None:
        self.witness.advance(self.witness.now + seconds)

    @rule()
    def wait_until_due(self) -> None:
        self.witness.advance(min(self.witness.outliers.next_due, self.witness.now + 1e4))

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "witness"):
            self.witness.check()

    def teardown(self) -> None:
        if hasattr(self, "witness"):
            self.witness.come_to_rest()


TestOutliersMachine = OutliersMachine.TestCase
TestOutliersMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_a_long_walk_breaks_no_rule_and_gets_stuck_nowhere() -> None:
    """`python -m tests.discovery.walk` walks all 100,000 steps."""
    report = walk(steps=3000, seed=1)
    assert report.steps == 3000
    assert min(report.ejected, report.ended_early, report.hindered, report.forgiven) > 0
