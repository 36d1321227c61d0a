"""One circuit and several gates, whatever happens in whatever order: the promises of `world` hold."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from orion_gateway.values import CircuitRules, CircuitState, Verdict
from tests.breaker.walk import walk
from tests.breaker.world import World

workers = st.integers(0, 2)


class CircuitAndGates(RuleBasedStateMachine):
    """Hypothesis looks for the shortest story that breaks a promise. Numbers are of workers; there may be fewer."""

    @initialize(
        trip=st.sampled_from(["consecutive", "error_rate"]),
        failure_threshold=st.integers(1, 3),
        minimum_requests=st.integers(1, 4),
        success_threshold=st.integers(1, 3),
        half_open_requests=st.integers(1, 3),
        count=st.integers(2, 3),
        slow_start=st.sampled_from([None, 5.0]),
    )
    def begin(
        self,
        trip: str,
        failure_threshold: int,
        minimum_requests: int,
        success_threshold: int,
        half_open_requests: int,
        count: int,
        slow_start: float | None,
    ) -> None:
        rules = CircuitRules(
            trip=trip,
            failure_threshold=failure_threshold,
            minimum_requests=minimum_requests,
            success_threshold=success_threshold,
            half_open_requests=half_open_requests,
            window=10.0,
            open_for=5.0,
            trial_timeout=3.0,
        )
        self.world = World(rules, count, slow_start)

    def of(self, number: int) -> int:
        return number % len(self.world.workers)

    @rule(seconds=st.sampled_from([0.1, 1.0, 3.0, 5.0]), is_timer_on_time=st.booleans())
    def wait(self, seconds: float, is_timer_on_time: bool) -> None:
        self.world.wait(seconds, is_timer_on_time=is_timer_on_time)

    @rule(number=workers)
    def request(self, number: int) -> None:
        self.world.request(self.of(number))

    @rule(number=workers, place=st.integers(0, 3), verdict=st.sampled_from(Verdict))
    def finish(self, number: int, place: int, verdict: Verdict) -> None:
        self.world.finish(self.of(number), place, verdict)

    @rule(number=workers, verdict=st.sampled_from([Verdict.FAILED, Verdict.SUCCEEDED]), times=st.integers(1, 5))
    def serve(self, number: int, verdict: Verdict, times: int) -> None:
        """Several exchanges from end to end, as fast as messages are."""
        for _ in range(times):
            self.world.request(self.of(number))
            self.world.hear(self.of(number))
            self.world.tell(self.of(number))
            self.world.finish(self.of(number), 0, verdict)
            self.world.hear(self.of(number))

    @rule(number=workers)
    def leave(self, number: int) -> None:
        self.world.leave(self.of(number))

    @rule(number=workers)
    def count(self, number: int) -> None:
        self.world.count(self.of(number))

    @rule(numbers=st.lists(workers, min_size=1, max_size=6), is_answer_first=st.booleans())
    def hear(self, numbers: list[int], is_answer_first: bool) -> None:
        self.world.hear(*map(self.of, numbers), is_answer_first=is_answer_first)

    @rule(number=workers)
    def tell(self, number: int) -> None:
        self.world.tell(self.of(number))

    @rule(number=workers, is_read=st.booleans())
    def kill(self, number: int, is_read: bool) -> None:
        self.world.kill(self.of(number), is_read=is_read)

    @rule(state=st.sampled_from([None, *CircuitState]))
    def force(self, state: CircuitState | None) -> None:
        self.world.force(state)

    @rule()
    def reset(self) -> None:
        self.world.reset()

    def teardown(self) -> None:
        """Whatever the story was, it ends well when the faults stop."""
        if hasattr(self, "world"):
            self.world.recover()


CircuitAndGates.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestCircuitAndGates = CircuitAndGates.TestCase


@pytest.mark.parametrize("seed", range(4))
def test_a_long_walk_never_sticks(seed: int) -> None:
    """`python -m tests.breaker.walk --steps 100000` walks longer; here every kind of step and turn is met at least."""
    counts = walk(3000, seed)
    assert all(counts.values()), counts
