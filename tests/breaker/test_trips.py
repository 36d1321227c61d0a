"""Trip rules: what opens a circuit, and what does not."""

from __future__ import annotations

import pytest

from orion_gateway.breaker import TRIPS
from orion_gateway.breaker.circuit import Circuit
from orion_gateway.breaker.trips import Counts
from orion_gateway.values import CircuitRules, CircuitState


def opens_at(rules: CircuitRules, verdicts: str, step: float = 0.1) -> int | None:
    """Return at which of `verdicts` (`.` a success, `x` a failure; from 1) the circuit opens, None if it does not."""
    circuit = Circuit("users", rules, now=100.0)
    for place, verdict in enumerate(verdicts, 1):
        circuit.take_verdicts(0, verdict == ".", verdict == "x", 100.0 + place * step)
        if circuit.state is CircuitState.OPEN:
            return place
    return None


@pytest.mark.parametrize(
    ("verdicts", "place"),
    [
        ("xxxxx", None),  # five in a row, but hardly anybody asked
        ("..xxxxx", None),  # 5 failures among 7 requests
        ("xxxxxxxxx", None),
        ("xxxxxxxxxx", 10),  # the tenth failing in a row
        ("..xxxxxxxx", 10),
        (".....xxxxx", 10),
        ("......xxxx", None),
        ("......xxxx.xxxx", None),  # a success ends the run
        ("......xxxx.xxxxx", 16),
        ("x." * 50, None),  # half of everything fails, but never in a row
    ],
)
def test_consecutive(verdicts: str, place: int | None) -> None:
    """The route table's promise: so many in a row, among at least so many requests."""
    assert opens_at(CircuitRules(), verdicts) == place


@pytest.mark.parametrize(
    ("verdicts", "place"),
    [
        ("xxxxxxxxx", None),  # too few requests
        ("xxxxxxxxxx", 10),
        (".........x", None),
        (".....xxxxx", 10),  # half of ten
        ("......xxxxxx", 12),  # half of twelve, at the failure that makes it half
        ("xxxxx.....", None),  # a success never opens a circuit
        ("xxxxx.....x", 11),
        ("..x" * 30, None),
    ],
)
def test_error_rate(verdicts: str, place: int | None) -> None:
    """A share of failures opens it, wherever in the window they are."""
    assert opens_at(CircuitRules(trip="error_rate"), verdicts) == place


def test_a_share_is_reached_exactly() -> None:
    """55 % of 20 is 11, whatever binary fractions say."""
    rule = TRIPS["error_rate"](CircuitRules(trip="error_rate", threshold=0.55))
    assert rule.must_open(Counts(successes=9, failures=11))
    assert not rule.must_open(Counts(successes=10, failures=11))


@pytest.mark.parametrize("trip", TRIPS)
def test_what_left_the_window_does_not_count(trip: str) -> None:
    """Ten failures in a night must not open the circuit of a service that is hardly used."""
    assert opens_at(CircuitRules(trip=trip), "x" * 30, step=10.0) is None
    assert opens_at(CircuitRules(trip=trip), "x" * 30, step=6.0) == 10


@pytest.mark.parametrize("trip", TRIPS)
def test_every_rule_counts_after_a_failure_only(trip: str) -> None:
    """Workers are asked to tell successes at once only while it matters: else each would be a message."""
    rule = TRIPS[trip](CircuitRules(trip=trip))
    assert not rule.is_counting(Counts())
    assert not rule.is_counting(Counts(successes=100))
    assert rule.is_counting(Counts(in_a_row=1, successes=100, failures=1))


@pytest.mark.parametrize("trip", TRIPS)
def test_every_rule_says_why_in_numbers(trip: str) -> None:
    """Who reads the history of a circuit wants to know what opened it."""
    rule = TRIPS[trip](CircuitRules(trip=trip))
    why = rule.explain(Counts(in_a_row=8, successes=2, failures=8))
    assert "8" in why
    assert "10 requests" in why
