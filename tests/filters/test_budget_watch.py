"""When a plug-in is left out, and when it is tried again."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from orion_gateway.filters.budget_watch import NOT_NOW, BudgetWatch, Standing, WatchRules

RULES = WatchRules(in_a_row=3, share=0.5, minimum=10, window=10.0, disabled_for=60.0)


def call(watch: BudgetWatch, now: float, *, is_good: bool) -> bool:
    """Make one call from beginning to end; return whether it changed the standing."""
    ticket = watch.admit(now)
    assert ticket != NOT_NOW
    return watch.observe(ticket, is_good, now)


def test_bad_calls_in_a_row_disable_it() -> None:
    """A plug-in that fails every time would otherwise fail every request."""
    watch = BudgetWatch(RULES)
    assert [call(watch, 0.0, is_good=False) for _ in range(3)] == [False, False, True]
    assert watch.standing is Standing.DISABLED
    assert watch.until == 60.0


def test_a_good_call_in_between_starts_the_row_anew() -> None:
    """A plug-in that fails now and then would be taken away."""
    watch = BudgetWatch(RULES)
    for is_good in (False, False, True, False, False):
        assert not call(watch, 0.0, is_good=is_good)


def test_a_share_of_bad_calls_disables_it_once_there_are_enough() -> None:
    """One that fails every other time would never have three failures in a row."""
    watch = BudgetWatch(RULES)
    changes = [call(watch, 0.0, is_good=number % 2 == 1) for number in range(11)]
    assert changes.index(True) == 10
    assert watch.standing is Standing.DISABLED


def test_a_window_forgets_what_was_before_it() -> None:
    """Failures of an hour ago would be held against it."""
    watch = BudgetWatch(RULES)
    for number in range(9):
        call(watch, 0.0, is_good=number % 2 == 1)
    assert not call(watch, 10.0, is_good=False)
    assert watch.standing is Standing.ENABLED


def test_it_is_not_called_until_its_time_and_then_once() -> None:
    """Everybody's request would try what has just been found broken."""
    watch = BudgetWatch(RULES)
    for _ in range(3):
        call(watch, 0.0, is_good=False)
    assert watch.admit(59.9) == NOT_NOW
    trial = watch.admit(60.0)
    assert trial != NOT_NOW
    assert watch.admit(60.0) == NOT_NOW
    assert watch.observe(trial, True, 60.5)
    assert watch.standing is Standing.ENABLED
    assert watch.admit(60.5) != NOT_NOW


def test_a_bad_trial_disables_it_for_as_long_again() -> None:
    """One trial would be enough to bring back what is still broken."""
    watch = BudgetWatch(RULES)
    for _ in range(3):
        call(watch, 0.0, is_good=False)
    assert call(watch, 61.0, is_good=False)
    assert (watch.standing, watch.until) == (Standing.DISABLED, 121.0)


def test_a_trial_whose_client_left_is_made_by_another() -> None:
    """The plug-in would stay disabled for ever, because nobody brings the verdict."""
    watch = BudgetWatch(RULES)
    for _ in range(3):
        call(watch, 0.0, is_good=False)
    watch.give_back(watch.admit(60.0))
    assert call(watch, 60.0, is_good=True)


def test_the_late_end_of_an_earlier_call_is_no_verdict_about_the_trial() -> None:
    """A slow call of before would enable what nobody has tried yet."""
    watch = BudgetWatch(RULES)
    slow = watch.admit(0.0)
    for _ in range(3):
        call(watch, 0.0, is_good=False)
    watch.admit(60.0)
    assert not watch.observe(slow, True, 60.0)
    watch.give_back(slow)
    assert watch.standing is Standing.TRIED
    assert watch.admit(60.0) == NOT_NOW


def test_without_rules_it_is_never_disabled() -> None:
    """`disable: off` would not mean off."""
    watch = BudgetWatch(None)
    assert not any(call(watch, 0.0, is_good=False) for _ in range(1000))


class Walk(RuleBasedStateMachine):
    """Any order of calls, ends and time keeps the three rules."""

    def __init__(self) -> None:
        super().__init__()
        self.watch = BudgetWatch(RULES)
        self.now = 0.0
        self.out: list[int] = []
        self.trial = NOT_NOW

    @rule(seconds=st.floats(0.0, 100.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def a_call_begins(self) -> None:
        before, until = self.watch.standing, self.watch.until
        ticket = self.watch.admit(self.now)
        if before is Standing.ENABLED:
            assert ticket != NOT_NOW
        if before is Standing.DISABLED:
            assert (ticket != NOT_NOW) == (self.now >= until)
        if ticket != NOT_NOW:
            self.out.append(ticket)
            if self.watch.standing is Standing.TRIED:
                self.trial = ticket

    @precondition(lambda self: self.out)
    @rule(which=st.integers(0, 100), is_good=st.booleans())
    def a_call_ends(self, which: int, is_good: bool) -> None:
        ticket = self.out.pop(which % len(self.out))
        before = self.watch.standing
        changed = self.watch.observe(ticket, is_good, self.now)
        assert changed == (self.watch.standing is not before)
        if changed:
            assert (self.watch.standing is Standing.ENABLED) == is_good
        if self.watch.standing is Standing.DISABLED and changed:
            assert self.watch.until == self.now + RULES.disabled_for

    @precondition(lambda self: self.out)
    @rule(which=st.integers(0, 100))
    def a_client_leaves(self, which: int) -> None:
        before = self.watch.standing
        self.watch.give_back(self.out.pop(which % len(self.out)))
        assert self.watch.standing is before

    @invariant()
    def at_most_one_trial_is_out(self) -> None:
        if self.watch.standing is Standing.TRIED:
            assert self.out.count(self.trial) <= 1


TestWalk = Walk.TestCase
