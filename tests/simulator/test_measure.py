"""Figures of a record, each over a span of time, and whether expectations hold."""

from __future__ import annotations

import pytest

from orion_gateway.simulator.expectations import judge_expectations
from orion_gateway.simulator.measure import MEASURES, Scope, average_per_bin, percentile
from orion_gateway.simulator.record import Change, Known, Lane, Look, Record, Try
from orion_gateway.simulator.scenario import Expectation


def make_record() -> Record:
    """Return ten requests, one a second: the sixth fails, the seventh is refused, a POST is seen twice."""
    record = Record("", 10.0, 1, 1, 1, (Known("orders", ("a", "b"), (1, 1), 2, True),), ("GET", "POST"))
    for second in range(10):
        at = float(second)
        record.offered_at.append(at)
        record.offered_service.append(0)
        record.offered_method.append(second % 2)
        record.begun.append(at)
        record.ended.append(at + 0.1 * (second + 1))
        record.service.append(0)
        record.method.append(second % 2)
        record.status.append({5: 502, 6: 503}.get(second, 200))
        record.is_refused.append(second == 6)
        record.sent.append(2 if second == 3 else 1)
        if second != 6:
            record.tried_at.append(at)
            record.tried_service.append(0)
            record.tried_endpoint.append(second % 2)
            record.tried_kind.append(Try.TRIAL if second == 9 else Try.RETRY if second == 4 else Try.FIRST)
        record.checked_at.append(at)
        record.checked_service.append(0)
        record.checked_endpoint.append(second % 2)
    looks = [(0.0, Look.UP), (2.0, Look.EJECTED), (4.0, Look.DOWN), (7.0, Look.WARMING), (9.0, Look.UP)]
    record.standings += [Change(at, 0, 0, 1, look) for at, look in looks]
    lanes = [(0.0, Lane.CLOSED), (5.0, Lane.OPEN), (8.0, Lane.HALF_OPEN), (8.5, Lane.CLOSED)]
    record.circuits += [Change(at, 0, 0, 0, lane) for at, lane in lanes]
    record.panics.append(Change(3.0, 0, 0, 0, 1))
    record.most_waiting[0, 1] = 7
    return record


@pytest.mark.parametrize(
    ("what", "scope", "value"),
    [
        ("client_errors", Scope(), 0.2),
        ("client_errors", Scope(method=1), 0.2),
        ("client_errors", Scope(since=5.0, until=5.5), 1.0),
        ("client_errors", Scope(since=50.0), None),
        ("succeeded", Scope(), 0.8),
        ("refused", Scope(), 1),
        ("refused", Scope(until=5.0), 0),
        ("retries", Scope(), 1),
        ("attempts", Scope(0, 1), 5),
        ("trials", Scope(), 1),
        ("upstream_load", Scope(), 0.9),
        ("upstream_load", Scope(method=None, service=0, since=6.0, until=6.0), 0.0),
        ("upstream_load", Scope(since=50.0), None),
        ("latency_p50", Scope(), 0.4),
        ("latency_p99", Scope(), 1.0),
        ("refusal_p99", Scope(), 0.7),
        ("repeated_unsafe", Scope(), 1),
        ("circuit_opens_at", Scope(0), 5.0),
        ("circuit_opens_at", Scope(0, since=6.0), None),
        ("circuit_closes_at", Scope(0), 8.5),
        ("circuit_openings", Scope(0), 1),
        ("ejected_at", Scope(0, 1), 2.0),
        ("ejected_at", Scope(0, 0), None),
        ("ejections", Scope(0), 1),
        ("down_at", Scope(0), 4.0),
        ("back_at", Scope(0, 1), 7.0),
        ("standing_changes", Scope(0), 4),
        ("panics", Scope(0), 1),
        ("share_of_normal", Scope(0, 1), 1.0),
        ("share_of_normal", Scope(0, 0), None),
        ("checks_per_second", Scope(), 0.5),
        ("checks_per_second", Scope(0, 1), 0.5),
        ("checks_per_second", Scope(since=10.0), None),
        ("most_waiting", Scope(), 7),
        ("most_waiting", Scope(0, 0), 0),
    ],
)
def test_a_figure_is_what_its_name_says(what: str, scope: Scope, value: float | None) -> None:
    """An expectation would hold, or not, for another reason than the one it names."""
    found = MEASURES[what].take(make_record(), scope)
    assert found is None if value is None else found == pytest.approx(value)


def test_expectations_hold_or_fail_with_what_was_found() -> None:
    """A scenario that fails would not say by how much."""
    written: list[dict[str, object]] = [
        {"what": "client_errors", "at_most": "20%"},
        {"what": "client_errors", "at_most": "19%", "since": "0s", "until": "20s"},
        {"what": "refused", "at_least": 2},
        {"what": "trials", "exactly": 1},
        {"what": "trials", "exactly": 2},
        {"what": "ejected_at", "service": "orders", "endpoint": 0, "at_most": "5s"},
        {"what": "client_errors", "method": "POST", "at_most": "50%"},
        {"what": "upstream_load", "service": "orders", "since": "1s", "at_most": 1.2},
    ]
    expected = [Expectation.model_validate(one) for one in written]
    assert [(held.has_held, f"{held.said}: {held.found}") for held in judge_expectations(expected, make_record())] == [
        (True, "client_errors at most 20 %: 20 %"),
        (False, "client_errors from 0 s to 20 s at most 19 %: 20 %"),
        (False, "refused at least 2: 1"),
        (True, "trials exactly 1: 1"),
        (False, "trials exactly 2: 1"),
        (False, "ejected_at of orders/0 at most 5 s: never"),
        (True, "client_errors for POST at most 50 %: 20 %"),
        (True, "upstream_load of orders from 1 s at most 1.200 times: 0.889 times"),
    ]


def test_percentiles_are_values_that_were_there() -> None:
    """A percentile of few values would be one that nobody saw."""
    assert percentile([], 0.5) is None
    assert [percentile([3.0, 1.0, 2.0], share) for share in (0.0, 0.5, 0.99, 1.0)] == [1.0, 2.0, 3.0, 3.0]


def test_a_crowd_is_averaged_over_each_span() -> None:
    """A band would show the moment at the end of a span for all of it."""
    changes = [Change(0.0, 0, 0, 0, 0), Change(2.5, 0, 0, 0, 1), Change(5.0, 0, 0, 0, 0), Change(10.0, 0, 0, 0, 1)]
    averages = average_per_bin(changes, 2, 3, 10.0, 5)
    assert averages == [
        pytest.approx((3.0, 0.0)),
        pytest.approx((2.25, 0.75)),
        pytest.approx((2.5, 0.5)),
        pytest.approx((3.0, 0.0)),
        pytest.approx((3.0, 0.0)),
    ]
