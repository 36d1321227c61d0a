"""The worker's gate: what passes, what the supervisor hears, and what it does not."""

from __future__ import annotations

import pytest

from orion_gateway.breaker.gate import Entry, Gate
from orion_gateway.breaker.news import GateNews, TrialAsked, TrialEnded, Verdicts
from orion_gateway.values import CircuitRules, CircuitState, CircuitView, Verdict

CLOSED, OPEN, HALF_OPEN = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN
NOW = 1000.0


def make(view: CircuitView | None = None, slow_start: float | None = None) -> tuple[Gate, list[GateNews]]:
    told: list[GateNews] = []
    gate = Gate("users", CircuitRules(), slow_start, told.append)
    if view is not None:
        gate.take_view(view)
    return gate, told


def test_a_clean_gate_admits_and_sends_nothing() -> None:
    """A healthy service must not cost messages."""
    gate, told = make()
    for _ in range(1000):
        assert gate.is_clean
        assert gate.enter(NOW) is Entry.ADMITTED
        gate.record(Verdict.SUCCEEDED, 0, 0, NOW)
    assert told == []
    assert gate.take_counts() == Verdicts("users", 0, successes=1000)
    assert gate.take_counts() is None


def test_it_is_clean_only_while_nothing_but_failures_needs_telling() -> None:
    """The hot path reads this alone: set too long, the supervisor hears too late; too short, every request pays."""
    gate, _ = make()
    seen = [gate.is_clean]
    for verdict in (Verdict.FAILED, Verdict.FAILED, Verdict.SUCCEEDED):
        gate.record(verdict, 0, 0, NOW)
        seen.append(gate.is_clean)
    for is_counting in (True, False):
        gate.take_view(CircuitView(is_counting=is_counting, tally=1))
        seen.append(gate.is_clean)
    assert seen == [True, False, False, True, False, True]


def test_a_failure_is_told_at_once_with_the_successes_before_it() -> None:
    """The supervisor sees the order in which this worker saw them."""
    gate, told = make()
    for verdict in (Verdict.SUCCEEDED, Verdict.SUCCEEDED, Verdict.FAILED, Verdict.FAILED):
        gate.record(verdict, 0, 0, NOW)
    assert told == [Verdicts("users", 0, 2, 1), Verdicts("users", 0, 0, 1)]
    assert gate.enter(NOW) is Entry.ADMITTED
    gate.record(Verdict.SUCCEEDED, 0, 0, NOW)
    gate.record(Verdict.SUCCEEDED, 0, 0, NOW)
    assert told[2:] == [Verdicts("users", 0, 1, 0)]


def test_while_failures_are_counted_elsewhere_the_next_success_is_told() -> None:
    """Failures of one worker in a row are none when another worker's requests succeed between them."""
    gate, told = make()
    gate.record(Verdict.SUCCEEDED, 0, 0, NOW)
    gate.take_view(CircuitView(is_counting=True, tally=1))
    gate.record(Verdict.SUCCEEDED, 0, 0, NOW)
    gate.record(Verdict.SUCCEEDED, 0, 0, NOW)
    assert told == [Verdicts("users", 0, 2, 0)]
    gate.take_view(CircuitView(is_counting=True, tally=1))  # the same count: told already
    assert gate.is_clean
    gate.take_view(CircuitView(is_counting=True, tally=2))  # another one
    gate.record(Verdict.SUCCEEDED, 0, 0, NOW)
    assert told[1:] == [Verdicts("users", 0, 2, 0)]


def test_when_counting_ends_nothing_is_owed() -> None:
    gate, told = make(CircuitView(is_counting=True, tally=1))
    gate.take_view(CircuitView(tally=1))
    gate.record(Verdict.SUCCEEDED, 0, 0, NOW)
    assert told == []


@pytest.mark.parametrize("verdict", [Verdict.ABANDONED, Verdict.REFUSED])
def test_what_is_no_verdict_is_not_counted(verdict: Verdict) -> None:
    """Impatient clients and the gateway's own refusals say nothing about the service."""
    gate, told = make()
    gate.record(verdict, 0, 0, NOW)
    assert (told, gate.take_counts(), gate.is_clean) == ([], None, True)


@pytest.mark.parametrize("verdict", Verdict)
def test_late_results_are_dropped(verdict: Verdict) -> None:
    """Requests sent before the circuit opened fail one after the other while it is tried: they must not open it."""
    gate, told = make(CircuitView(epoch=3))
    gate.record(verdict, 2, 0, NOW)
    assert (told, gate.take_counts(), gate.is_clean) == ([], None, True)


def test_successes_of_an_epoch_are_not_told_under_the_next() -> None:
    gate, _ = make()
    gate.record(Verdict.SUCCEEDED, 0, 0, NOW)
    gate.take_view(CircuitView(OPEN, epoch=1, retry_at=NOW + 60))
    assert gate.take_counts() is None


def test_open_refuses_and_says_when_to_come_back() -> None:
    gate, told = make(CircuitView(OPEN, epoch=1, retry_at=NOW + 59.5))
    assert not gate.is_clean
    assert gate.enter(NOW) is Entry.REFUSED
    assert gate.enter(NOW + 100) is Entry.REFUSED  # only the supervisor begins trials
    assert [gate.retry_after(NOW + after) for after in (0, 30, 58.6, 59.5, 100)] == [60, 30, 1, 1, 1]
    assert told == []
    assert gate.refused == 2
    assert gate.take_counts() == Verdicts("users", 1, refused=2)
    assert gate.take_counts() is None
    assert gate.refused == 2


def test_retry_after_of_the_other_states() -> None:
    """A client that obeys it must neither hammer nor stay away for nothing."""
    assert make(CircuitView(OPEN, epoch=1, is_forced=True))[0].retry_after(NOW) == 60
    assert make(CircuitView(HALF_OPEN, epoch=1))[0].retry_after(NOW) == 1
    assert make(CircuitView(epoch=1, back_since=NOW), slow_start=60.0)[0].retry_after(NOW) == 1


def test_half_open_asks_once_at_a_time() -> None:
    """Twenty clients at once must not become twenty questions, let alone twenty trials."""
    gate, told = make(CircuitView(HALF_OPEN, epoch=2, has_permits=True))
    assert gate.enter(NOW) is Entry.ASKED
    assert {gate.enter(NOW) for _ in range(19)} == {Entry.REFUSED}
    assert told == [TrialAsked("users", 2)]
    assert gate.refused == 19
    assert gate.take_answer(7)
    gate.record(Verdict.SUCCEEDED, 2, 7, NOW)
    assert told[1:] == [TrialEnded("users", 7, Verdict.SUCCEEDED)]


def test_half_open_without_permits_refuses_without_asking() -> None:
    gate, told = make(CircuitView(HALF_OPEN, epoch=2, has_permits=False))
    assert gate.enter(NOW) is Entry.REFUSED
    assert told == []


def test_a_denied_exchange_is_refused_and_the_next_may_ask() -> None:
    """A permit that becomes free between two messages must not be forgotten."""
    gate, told = make(CircuitView(HALF_OPEN, epoch=2, has_permits=True))
    assert gate.enter(NOW) is Entry.ASKED
    assert not gate.take_answer(0)
    assert gate.refused == 1
    assert gate.enter(NOW) is Entry.ASKED
    assert len(told) == 2


def test_a_permit_of_an_epoch_that_is_over_is_dead() -> None:
    """The circuit has opened while the answer was under way: the service is left alone."""
    gate, _ = make(CircuitView(HALF_OPEN, epoch=2, has_permits=True))
    gate.enter(NOW)
    gate.take_view(CircuitView(OPEN, epoch=3, retry_at=NOW + 60))
    assert not gate.take_answer(7)
    assert gate.refused == 1


def test_a_trial_that_is_not_made_gives_its_permit_back() -> None:
    gate, told = make(CircuitView(HALF_OPEN, epoch=2, has_permits=True))
    gate.enter(NOW)
    assert gate.take_answer(7)
    gate.record(Verdict.ABANDONED, 2, 7, NOW)
    assert told[1:] == [TrialEnded("users", 7, Verdict.ABANDONED)]


def admitted(gate: Gate, count: int, now: float) -> int:
    return sum(gate.enter(now) is Entry.ADMITTED for _ in range(count))


def test_slow_start_lets_a_growing_share_through() -> None:
    """A service that has just come back must not be thrown down by everything at once."""
    gate, _ = make(CircuitView(epoch=3, back_since=NOW), slow_start=10.0)
    assert not gate.is_clean
    assert 95 <= admitted(gate, 1000, NOW) <= 100  # a tenth at least: Envoy's minimum
    assert 95 <= admitted(gate, 1000, NOW + 0.9) <= 100
    assert 495 <= admitted(gate, 1000, NOW + 5) <= 505
    assert 895 <= admitted(gate, 1000, NOW + 9) <= 905
    assert admitted(gate, 1000, NOW + 10) == 1000
    assert gate.is_clean


def test_slow_start_begins_once() -> None:
    """Another view of the same recovery must not take the credit away or begin anew."""
    gate, _ = make(CircuitView(epoch=3, back_since=NOW), slow_start=10.0)
    assert admitted(gate, 9, NOW) == 0
    gate.take_view(CircuitView(epoch=3, back_since=NOW, is_counting=True, tally=1))
    assert admitted(gate, 2, NOW) == 1
    assert admitted(gate, 1, NOW + 10) == 1
    gate.take_view(CircuitView(epoch=3, back_since=NOW, tally=1))
    assert gate.is_clean


def test_without_slow_start_a_recovered_service_gets_everything() -> None:
    gate, _ = make(CircuitView(epoch=3, back_since=NOW))
    assert gate.is_clean


def test_a_worker_that_starts_late_does_not_begin_a_slow_start_of_its_own() -> None:
    gate, _ = make(CircuitView(epoch=3, back_since=NOW), slow_start=10.0)
    assert admitted(gate, 100, NOW + 1000) == 100
    assert gate.is_clean
