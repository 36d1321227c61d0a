"""When a failed attempt may be made again, and when an attempt on a kept connection may."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.proxy.budget import RetryBudget
from orion_gateway.proxy.retry import Failed, GiveUp, Repeat, decide, draw_backoff, may_repeat_on_fresh_connection
from orion_gateway.values import BudgetRules, Reason, RetryRules

RULES = RetryRules(max=2, on=frozenset(["connect_failure", "reset_before_response", "503"]))
REFUSED = Failed(b"GET", 1, Reason.CONNECTION_REFUSED)
RESET = Failed(b"GET", 1, Reason.CONNECTION_TERMINATED, was_sent=True)
SAID_503 = Failed(b"GET", 1, status=503, was_sent=True)
NO_BUDGET = BudgetRules(0.0, 0.0)


def judge(failed: Failed, rules: RetryRules | None = RULES, budget: BudgetRules | None = None) -> Repeat | GiveUp:
    return decide(rules, failed, RetryBudget(budget or BudgetRules()), 100.0, Random(1))


@pytest.mark.parametrize(
    "failed",
    [
        REFUSED,
        RESET,
        SAID_503,
        replace(REFUSED, attempts=2),
        replace(REFUSED, method=b"POST"),
        Failed(b"POST", 1, Reason.CONNECTION_TERMINATED),
        Failed(b"GET", 1, Reason.CONNECTION_TIMEOUT),
        Failed(b"GET", 1, Reason.DNS_ERROR),
        replace(SAID_503, retry_after=1.0),
        replace(SAID_503, remaining=1.0),
    ],
)
def test_these_are_repeated(failed: Failed) -> None:
    """What the table lists, and for every method what cannot have had an effect."""
    assert isinstance(judge(failed), Repeat)


@pytest.mark.parametrize(
    ("failed", "why"),
    [
        (replace(REFUSED, attempts=3), "exhausted"),
        (replace(RESET, method=b"POST"), "method"),
        (replace(SAID_503, method=b"POST"), "method"),
        (replace(SAID_503, can_replay=False), "content"),
        (replace(SAID_503, retry_after=1.5), "retry_after"),
        (replace(SAID_503, remaining=0.0), "deadline"),
        (replace(SAID_503, retry_after=0.9, remaining=0.5), "deadline"),
        # Nothing that the table speaks of.
        (replace(SAID_503, status=500), ""),
        (Failed(b"GET", 1, Reason.HTTP_RESPONSE_TIMEOUT, was_sent=True), ""),
        (Failed(b"GET", 1, Reason.HTTP_PROTOCOL_ERROR, was_sent=True), ""),
        (Failed(b"GET", 1, Reason.CLIENT_GONE), ""),
        (replace(RESET, has_answer=True), ""),
    ],
)
def test_these_are_not(failed: Failed, why: str) -> None:
    """Each would repeat an effect, lose content, or come too late; the log says which."""
    assert judge(failed) == GiveUp(why)


def test_without_rules_nothing_is_repeated() -> None:
    """Retries act only where they are written."""
    assert judge(REFUSED, rules=None) == GiveUp()


def test_without_budget_nothing_is_repeated() -> None:
    """A failing service must not be asked twice for everything."""
    assert judge(REFUSED, budget=NO_BUDGET) == GiveUp("budget")


def test_a_retry_that_is_not_granted_costs_nothing() -> None:
    """Or refused retries would use up the budget of those that help."""
    budget = RetryBudget(BudgetRules(0.0, 0.1))
    assert budget.left(100.0) == 1
    decide(RULES, replace(RESET, method=b"POST"), budget, 100.0, Random(1))
    decide(RULES, replace(SAID_503, remaining=0.0), budget, 100.0, Random(1))
    assert budget.left(100.0) == 1
    assert isinstance(decide(RULES, REFUSED, budget, 100.0, Random(1)), Repeat)
    assert budget.left(100.0) == 0


def test_retry_after_is_waited_for() -> None:
    """The endpoint knows when it can be asked again."""
    assert judge(replace(SAID_503, retry_after=0.7)) == Repeat(0.7)


@given(attempts=st.integers(1, 40), seed=st.integers(0, 1000))
def test_backoff_is_full_jitter_and_bounded(attempts: int, seed: int) -> None:
    """Clients that failed together must not come back together; nor may anybody wait for ever."""
    bound = min(0.25, 0.025 * 2 ** (attempts - 1))
    assert 0.0 <= draw_backoff(RULES, attempts, Random(seed)) <= bound


def test_backoff_uses_its_whole_range() -> None:
    """A constant wait would be within every bound too."""
    rng = Random(1)
    drawn = [draw_backoff(RULES, 2, rng) for _ in range(1000)]
    assert min(drawn) < 0.002
    assert max(drawn) > 0.048


def test_budget_allows_a_share_of_the_requests() -> None:
    """1.2 times the offered load is what a failing service may see at most."""
    budget = RetryBudget(BudgetRules(share=0.2, minimum=0.0))
    for at in range(1000):
        budget.deposit(100.0 + at / 1000)
    assert sum(budget.withdraw(101.0) for _ in range(1000)) == 200


def test_budget_has_a_minimum() -> None:
    """A service with a request now and then has no share to speak of, and needs its retries as much."""
    budget = RetryBudget(BudgetRules(share=0.2, minimum=3.0), workers=2)
    assert sum(budget.withdraw(100.0) for _ in range(1000)) == 15


def test_what_went_well_pays_for_no_storm() -> None:
    """Ten good seconds save up two seconds' worth of requests; when all fail, none of it may come as a wave."""
    budget = RetryBudget(BudgetRules(share=0.2, minimum=0.0))
    for at in range(1000):
        budget.deposit(100.0 + at / 100)
    made = 0
    while isinstance(decide(RULES, SAID_503, budget, 109.9, Random(1)), Repeat):
        made += 1
        assert decide(RULES, replace(SAID_503, attempts=3), budget, 109.9, Random(1)) == GiveUp("exhausted")
    assert made == 40  # a fifth of the two hundred requests of two seconds
    assert budget.left(109.9) == 0
    # Those that help are paid for by what the seconds after it earn, and the storm is forgotten as the rest is.
    for at in range(1000):
        budget.deposit(110.0 + at / 100)
    assert budget.left(119.99) == 200


def test_the_minimum_holds_whatever_fails() -> None:
    """Where requests are few, each may be tried again."""
    budget = RetryBudget(BudgetRules(share=0.2, minimum=0.5))
    granted = 0
    for _ in range(20):
        granted += budget.withdraw(100.0)
        budget.charge(100.0)
    assert granted == 5


def test_budget_forgets() -> None:
    """Yesterday's traffic must not pay for a storm, nor yesterday's storm forbid a retry."""
    budget = RetryBudget(BudgetRules(share=0.5, minimum=0.0))
    for _ in range(100):
        budget.deposit(100.0)
    assert [budget.withdraw(100.0) for _ in range(50)] == [True] * 50
    assert budget.left(109.9) == 0
    for _ in range(10):
        budget.deposit(109.9)
    assert budget.left(110.0) == 5
    assert budget.left(1e6) == 0


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 4)), max_size=200))
def test_budget_holds_over_every_window(steps: list[tuple[bool, float]]) -> None:
    """Whatever the order of requests and retries, no ten seconds see more retries than a share of what came in them."""
    budget, now = RetryBudget(BudgetRules(share=0.2, minimum=0.0)), 1000.0
    requests: list[int] = []
    retries: list[int] = []
    for is_request, pause in steps:
        now += pause
        if is_request:
            budget.deposit(now)
            requests.append(int(now))
        elif budget.withdraw(now):
            retries.append(int(now))
            # At the moment it was granted, in the seconds that are counted.
            since = int(now) - 10
            assert sum(at > since for at in retries) <= 0.2 * sum(at > since for at in requests)


GOOD = {"was_reused": True, "answered": False, "can_replay": True, "repeated": False}


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"])
def test_idempotent_methods_may(method: bytes) -> None:
    """A kept connection that closed meanwhile must not be an error for who only reads."""
    assert may_repeat_on_fresh_connection(method, **GOOD)


@pytest.mark.parametrize("method", [b"POST", b"PATCH", b"get", b"LOCK"])
def test_others_may_not(method: bytes) -> None:
    """Nobody wants to pay twice."""
    assert not may_repeat_on_fresh_connection(method, **GOOD)


@pytest.mark.parametrize("bad", [{"was_reused": False}, {"answered": True}, {"can_replay": False}, {"repeated": True}])
def test_one_reason_against_it_is_enough(bad: dict[str, bool]) -> None:
    """Each of these would send something twice that may have had an effect."""
    assert not may_repeat_on_fresh_connection(b"GET", **GOOD | bad)
