"""The circuit of a service: how it opens, is tried, closes, and what an operator may do with it."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys

import pytest

from orion_gateway.breaker.circuit import KEPT, Circuit, Transition
from orion_gateway.breaker.news import TrialAsked, TrialEnded, Verdicts
from orion_gateway.breaker.trips import Counts
from orion_gateway.values import CircuitRules, CircuitState, CircuitView, Verdict

CLOSED, OPEN, HALF_OPEN = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN
START = 1000.0


def make(**rules: float) -> Circuit:
    return Circuit("users", CircuitRules(**rules), START)  # type: ignore[arg-type]


def make_open(**rules: float) -> Circuit:
    """A circuit that ten failures have just opened: epoch 1, trials begin at START + 60."""
    circuit = make(**rules)
    circuit.take_verdicts(0, 0, 10, START)
    assert circuit.state is OPEN
    return circuit


def make_half_open(**rules: float) -> Circuit:
    """A circuit whose trials have just begun: epoch 2, START + 60."""
    circuit = make_open(**rules)
    circuit.advance(START + 60)
    assert circuit.state is HALF_OPEN
    return circuit


def test_a_new_circuit_is_closed_and_waits_for_nothing() -> None:
    circuit = make()
    assert (circuit.view, circuit.next_due) == (CircuitView(), math.inf)


def test_it_opens_for_its_time_and_then_offers_trials() -> None:
    """Without the way back, one bad minute would take a service away for ever."""
    circuit = make_open()
    assert circuit.view == CircuitView(OPEN, epoch=1, retry_at=START + 60)
    assert circuit.next_due == START + 60
    circuit.advance(START + 59.9)
    assert circuit.state is OPEN
    circuit.advance(START + 60)
    assert circuit.view == CircuitView(HALF_OPEN, epoch=2, has_permits=True)
    assert circuit.next_due == math.inf


def test_time_passes_before_whatever_comes() -> None:
    """A timer that is late must not let a circuit be open longer than it says."""
    circuit = make_open()
    assert circuit.ask_trial(1, 1, START + 61) == 0  # asked under the epoch that is over by now
    assert circuit.state is HALF_OPEN


def test_two_trials_one_after_the_other_close_it() -> None:
    """success_threshold 2 and one at a time: the second is granted after the first succeeded, and no third ever."""
    circuit = make_half_open()
    first = circuit.ask_trial(1, 2, START + 61)
    assert first > 0
    assert circuit.ask_trial(2, 2, START + 61) == 0
    circuit.end_trial(first, Verdict.SUCCEEDED, START + 62)
    assert circuit.view.has_permits
    second = circuit.ask_trial(2, 2, START + 62)
    assert second not in (0, first)
    circuit.end_trial(second, Verdict.SUCCEEDED, START + 63)
    assert circuit.view == CircuitView(CLOSED, epoch=3, back_since=START + 63)
    assert circuit.ask_trial(2, 2, START + 64) == 0


@pytest.mark.parametrize(
    ("half_open_requests", "success_threshold", "granted"), [(1, 2, 1), (2, 2, 2), (5, 2, 2), (2, 5, 2), (3, 1, 1)]
)
def test_never_more_permits_are_out_than_successes_are_missing(
    half_open_requests: int, success_threshold: int, granted: int
) -> None:
    """A service that is down for somebody else's sake gets no request more than is needed to know."""
    circuit = make_half_open(half_open_requests=half_open_requests, success_threshold=success_threshold)
    permits = [circuit.ask_trial(worker, 2, START + 60) for worker in range(10)]
    assert sum(permit > 0 for permit in permits) == granted
    assert len(circuit.statistics(START + 60).trials) == granted


def test_one_failed_trial_opens_it_again_and_ends_the_others() -> None:
    circuit = make_half_open(half_open_requests=2)
    one, other = circuit.ask_trial(1, 2, START + 61), circuit.ask_trial(2, 2, START + 61)
    circuit.end_trial(one, Verdict.FAILED, START + 62)
    assert circuit.view == CircuitView(OPEN, epoch=3, retry_at=START + 122)
    assert circuit.statistics(START + 62).trials == ()
    circuit.advance(START + 122)
    circuit.end_trial(other, Verdict.SUCCEEDED, START + 123)  # late: its epoch is over
    assert circuit.statistics(START + 123).trials_succeeded == 0


@pytest.mark.parametrize("verdict", [Verdict.ABANDONED, Verdict.REFUSED])
def test_a_trial_without_a_verdict_only_frees_its_permit(verdict: Verdict) -> None:
    """A client that leaves must not hold the only way back, nor speak for the service."""
    circuit = make_half_open()
    permit = circuit.ask_trial(1, 2, START + 61)
    circuit.end_trial(permit, verdict, START + 62)
    assert circuit.view.has_permits
    assert circuit.ask_trial(1, 2, START + 62) > permit


def test_a_trial_that_nobody_hears_of_has_failed_at_its_deadline() -> None:
    """A service that hangs answers no trial: without a deadline the circuit would be half open for ever."""
    circuit = make_half_open(trial_timeout=5.0)
    permit = circuit.ask_trial(1, 2, START + 61)
    assert circuit.next_due == START + 66
    circuit.advance(START + 65.9)
    assert circuit.state is HALF_OPEN
    circuit.end_trial(permit, Verdict.SUCCEEDED, START + 66)  # too late, even though no timer ran
    assert circuit.view == CircuitView(OPEN, epoch=3, retry_at=START + 126)
    assert circuit.transitions[-1].why == "a trial took over 5 s"


def test_a_lost_worker_gives_its_permits_back() -> None:
    circuit = make_half_open()
    permit = circuit.ask_trial(1, 2, START + 61)
    circuit.lose_worker(2, START + 62)
    assert not circuit.view.has_permits
    circuit.lose_worker(1, START + 62)
    assert (circuit.view.has_permits, circuit.next_due) == (True, math.inf)
    circuit.end_trial(permit, Verdict.FAILED, START + 63)
    assert circuit.state is HALF_OPEN


def test_a_permit_ends_once() -> None:
    """A trial that is told twice must not close the circuit alone."""
    circuit = make_half_open()
    permit = circuit.ask_trial(1, 2, START + 61)
    for _ in range(3):
        circuit.end_trial(permit, Verdict.SUCCEEDED, START + 62)
    assert circuit.state is HALF_OPEN
    assert circuit.statistics(START + 62).trials_succeeded == 1


def test_verdicts_of_another_epoch_are_late() -> None:
    """What was sent before the circuit opened fails after it has closed again: that says nothing about now."""
    circuit = make_half_open(success_threshold=1)
    circuit.end_trial(circuit.ask_trial(1, 2, START + 61), Verdict.SUCCEEDED, START + 61)
    view = circuit.view
    for epoch in (0, 1, 2, 4):
        circuit.take_verdicts(epoch, 5, 50, START + 62)
    assert circuit.view is view
    assert circuit.statistics(START + 62).counts == Counts()


def test_no_old_failure_counts_after_it_has_closed() -> None:
    """A recovered service starts with a clean slate: nine failures in a row are too few requests again."""
    circuit = make_half_open(success_threshold=1)
    circuit.end_trial(circuit.ask_trial(1, 2, START + 61), Verdict.SUCCEEDED, START + 61)
    circuit.take_verdicts(3, 0, 9, START + 61)
    assert circuit.state is CLOSED
    circuit.take_verdicts(3, 0, 1, START + 61)
    assert circuit.state is OPEN


def test_workers_hear_when_a_trial_may_be_asked_for() -> None:
    """Otherwise each request to a service that is being tried would be a question."""
    circuit = make_half_open()
    seen = [circuit.view.has_permits]
    permit = circuit.ask_trial(1, 2, START + 61)
    seen.append(circuit.view.has_permits)
    circuit.end_trial(permit, Verdict.SUCCEEDED, START + 62)
    seen.append(circuit.view.has_permits)
    assert seen == [True, False, True]


def test_the_view_changes_only_when_workers_must_know() -> None:
    """Each change is a message to every worker."""
    circuit = make()
    views = [circuit.view]

    def look(successes: int, failures: int) -> bool:
        circuit.take_verdicts(0, successes, failures, START)
        views.append(circuit.view)
        return views[-1] is not views[-2]

    assert not look(1000, 0)
    assert look(0, 1)  # failures are counted now
    assert not look(0, 1)
    assert look(1, 0)  # and no more
    assert not look(1, 0)
    assert look(3, 1)
    assert not look(1, 1)
    assert [view.tally for view in views] == [0, 0, 1, 1, 1, 1, 2, 2]


def test_counting_that_ends_and_begins_between_two_broadcasts_is_seen() -> None:
    """A gate that told its success during the last count would keep the next one to itself for up to a second."""
    circuit = make()
    circuit.take_verdicts(0, 0, 1, START)
    before = circuit.view
    circuit.take_verdicts(0, 1, 0, START)
    circuit.take_verdicts(0, 0, 1, START)
    assert circuit.view.is_counting
    assert circuit.view != before


def test_a_forced_circuit_stays_as_it_is_forced() -> None:
    """Who takes a service out by hand must not find it in use again after a minute."""
    circuit = make()
    circuit.force(OPEN, START)
    assert circuit.view == CircuitView(OPEN, epoch=1, is_forced=True)
    assert circuit.next_due == math.inf
    circuit.advance(START + 1e6)
    assert circuit.state is OPEN

    circuit.force(CLOSED, START + 1e6)
    circuit.take_verdicts(2, 0, 1000, START + 1e6)
    assert circuit.view == CircuitView(CLOSED, epoch=2, is_forced=True)
    assert circuit.statistics(START + 1e6).counts.failures == 1000

    circuit.force(HALF_OPEN, START + 1e6)
    for verdict in (Verdict.SUCCEEDED, Verdict.SUCCEEDED, Verdict.SUCCEEDED, Verdict.FAILED):
        circuit.end_trial(circuit.ask_trial(1, 3, START + 1e6), verdict, START + 1e6)
    assert circuit.view == CircuitView(HALF_OPEN, epoch=3, has_permits=True, is_forced=True)
    assert circuit.ask_trial(1, 3, START + 1e6) > 0
    assert circuit.ask_trial(1, 3, START + 1e6) == 0  # still one at a time
    circuit.advance(circuit.next_due)
    assert circuit.view.has_permits


def test_forcing_what_is_forced_changes_nothing() -> None:
    circuit = make()
    circuit.force(None, START)
    assert circuit.view == CircuitView()
    circuit.force(OPEN, START)
    view = circuit.view
    circuit.force(OPEN, START + 1)
    assert circuit.view is view
    assert len(circuit.transitions) == 1


@pytest.mark.parametrize(
    ("forced", "then"),
    [(CLOSED, CLOSED), (OPEN, HALF_OPEN), (HALF_OPEN, HALF_OPEN)],
)
def test_a_circuit_given_back_follows_its_rules_again(forced: CircuitState, then: CircuitState) -> None:
    """After maintenance nobody wants to wait another minute, nor to send everything at once."""
    circuit = make()
    circuit.force(forced, START)
    circuit.take_verdicts(1, 0, 1000, START)
    circuit.force(None, START + 5)
    assert circuit.view == CircuitView(then, epoch=2, has_permits=then is HALF_OPEN)
    assert circuit.statistics(START + 5).counts == Counts()


@pytest.mark.parametrize("forced", [None, OPEN])
def test_reset_closes_it_with_empty_counts(forced: CircuitState | None) -> None:
    """An operator who knows better need not wait; slow start still protects the service, totals stay."""
    circuit = make_open()
    if forced:
        circuit.force(forced, START)
    circuit.reset(START + 5)
    assert circuit.state is CLOSED
    assert (circuit.view.is_forced, circuit.view.back_since) == (False, START + 5)
    statistics = circuit.statistics(START + 5)
    assert (statistics.counts, statistics.failures) == (Counts(), 10)
    circuit.reset(START + 6)
    assert circuit.view.back_since == START + 5  # it was not away


def test_forced_closed_has_no_slow_start() -> None:
    circuit = make_open()
    circuit.force(CLOSED, START + 1)
    assert circuit.view.back_since == 0


def test_statistics_say_what_an_operator_asks() -> None:
    circuit = make()
    circuit.take_verdicts(0, 7, 2, START)
    statistics = circuit.statistics(START + 1)
    assert statistics.counts == Counts(in_a_row=2, successes=7, failures=2)
    assert (statistics.name, statistics.state, statistics.since) == ("users", CLOSED, START)
    circuit.take_verdicts(0, 0, 3, START + 1)
    circuit.take_verdicts(1, 0, 0, START + 2, 42)  # refused while open
    permit = circuit.ask_trial(7, 2, START + 62) or circuit.ask_trial(7, 2, START + 62)
    statistics = circuit.statistics(START + 62)
    assert (statistics.successes, statistics.failures, statistics.rejected) == (7, 5, 42)
    assert [(trial.permit, trial.worker, trial.deadline) for trial in statistics.trials] == [(permit, 7, START + 122)]
    assert statistics.entered == {CLOSED: 0, OPEN: 1, HALF_OPEN: 1}
    assert statistics.transitions == (
        Transition(START + 1, CLOSED, OPEN, "5 failures in a row among 12 requests"),
        Transition(START + 62, OPEN, HALF_OPEN, "open for 60 s"),
    )
    assert (statistics.since, statistics.epoch, statistics.is_forced) == (START + 62, 2, False)
    assert pickle.loads(pickle.dumps(statistics)) == statistics


def test_the_history_is_bounded_and_the_counts_are_not() -> None:
    """A flapping service must not make the supervisor grow."""
    circuit = make()
    for number in range(100):
        circuit.reset(START + number)
    assert len(circuit.transitions) == KEPT
    assert circuit.statistics(START + 100).entered[CLOSED] == 100


def test_pybreaker_would_raise_if_its_clock_were_asked() -> None:
    """The wall clock decides nothing: a call while open, the only place that reads it, cannot go unnoticed."""
    with pytest.raises(OverflowError):
        make_open()._breaker.call(list)


def test_workers_do_not_import_pybreaker() -> None:
    """It brings redis along where that is installed: 29 MiB per worker for nothing."""
    program = """
import sys
import orion_gateway.breaker, orion_gateway.breaker.gate, orion_gateway.breaker.news
print("pybreaker" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    "news", [Verdicts("users", 3, 5, 1, 2), TrialAsked("users", 3), TrialEnded("users", 7, Verdict.FAILED)]
)
def test_news_survive_the_way_to_the_supervisor(news: object) -> None:
    assert pickle.loads(pickle.dumps(news)) == news
