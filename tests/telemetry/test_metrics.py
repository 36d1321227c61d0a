"""What a worker counts, and what it ships of it."""

from __future__ import annotations

import pickle
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.telemetry.metrics import BOUNDS, Delta, Histogram, RouteMetrics, ServiceMetrics
from orion_gateway.values import Outcome, Reason, Verdict


def record(metrics: RouteMetrics, method: bytes = b"GET", status: int = 200, *, is_local: bool = False) -> None:
    """Count an exchange of 20 ms, 5 of them overhead, 100 bytes in and 7 out."""
    metrics.record(method, status, 0.02, 0.005, 100, 7, is_local)


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0.0, 0), (0.0005, 0), (0.00051, 1), (0.05, 6), (10.0, 16), (10.1, 17), (9999.0, 17)]
)
def test_a_bound_is_part_of_its_bucket(seconds: float, bucket: int) -> None:
    """Prometheus defines `le` as at most: quantiles would be a bucket off."""
    histogram = Histogram()
    histogram.observe(seconds)
    assert histogram.buckets.index(1) == bucket
    assert len(histogram.buckets) == len(BOUNDS) + 1


def test_a_route_ships_what_it_counted_and_begins_anew() -> None:
    """Requests would be counted twice, or lost."""
    metrics = RouteMetrics()
    record(metrics)
    record(metrics)
    record(metrics, b"POST", 503, is_local=True)
    delta = Delta()
    metrics.take("users", delta)
    assert delta.counters == {
        ("orion_http_requests_total", ("users", "GET", "200", "upstream")): 2,
        ("orion_http_requests_total", ("users", "POST", "503", "gateway")): 1,
        ("orion_http_request_bytes_total", ("users",)): 300,
        ("orion_http_response_bytes_total", ("users",)): 21,
    }
    duration = delta.histograms["orion_http_request_duration_seconds", ("users",)]
    overhead = delta.histograms["orion_gateway_overhead_seconds", ("users",)]
    assert sum(duration.buckets) == 3
    assert duration.total == pytest.approx(0.06)
    assert overhead.total == pytest.approx(0.015)
    again = Delta()
    metrics.take("users", again)
    assert again == Delta(), "an idle route costs nothing"
    assert sum(duration.buckets) == 3, "what was shipped must not change afterwards"


@given(
    st.lists(st.tuples(st.sampled_from([b"GET", b"POST", b"BREW"]), st.sampled_from([200, 404, 0]), st.booleans())),
    st.integers(0, 9),
)
def test_each_request_is_counted_under_its_own_labels(seen: list[tuple[bytes, int, bool]], every: int) -> None:
    """A request that follows one of other labels, or a delivery, would be counted with the one before."""
    metrics, counted = RouteMetrics(), Counter[tuple[str, ...]]()
    for number, (method, status, is_local) in enumerate(seen):
        metrics.record(method, status, 0.0, 0.0, 0, 0, is_local)
        if number % 10 == every or number == len(seen) - 1:
            delta = Delta()
            metrics.take("r", delta)
            counted.update({labels: int(count) for (_, labels), count in delta.counters.items() if len(labels) == 4})
    assert counted == Counter(
        ("r", "_OTHER" if method == b"BREW" else method.decode(), str(status), "gateway" if is_local else "upstream")
        for method, status, is_local in seen
    )


def test_a_method_nobody_knows_is_no_label() -> None:
    """A client could make as many label values as it likes."""
    metrics, delta = RouteMetrics(), Delta()
    for method in (b"BREW", b"X" * 1000, b"get", b"-", b"", b"_OTHER"):
        record(metrics, method)
    metrics.take("users", delta)
    assert delta.counters["orion_http_requests_total", ("users", "_OTHER", "200", "upstream")] == 6


def test_a_service_ships_attempts_by_outcome_and_reason() -> None:
    """Nobody would see why attempts fail."""
    metrics, delta = ServiceMetrics(), Delta()
    metrics.record(Outcome(Verdict.SUCCEEDED, None, 200, 0.1))
    metrics.record(Outcome(Verdict.FAILED, Reason.CONNECTION_REFUSED, 0, 0.2))
    metrics.record(Outcome(Verdict.FAILED, Reason.CONNECTION_TIMEOUT, 0, 0.2))
    metrics.record(Outcome(Verdict.FAILED, Reason.CONNECTION_REFUSED, 0, 0.2))
    metrics.record_retry("connection_terminated")
    metrics.take("svc", delta)
    assert delta.counters == {
        ("orion_upstream_attempts_total", ("svc", "succeeded", "")): 1,
        ("orion_upstream_attempts_total", ("svc", "failed", "connection_refused")): 2,
        ("orion_upstream_attempts_total", ("svc", "failed", "connection_timeout")): 1,
        ("orion_upstream_retries_total", ("svc", "connection_terminated")): 1,
    }
    again = Delta()
    metrics.take("svc", again)
    assert again == Delta()


def test_a_delta_survives_the_way_to_the_supervisor() -> None:
    """Histograms would arrive empty."""
    metrics, delta = RouteMetrics(), Delta()
    record(metrics)
    metrics.take("users", delta)
    arrived = pickle.loads(pickle.dumps(delta))
    assert arrived.counters == delta.counters
    for key, histogram in delta.histograms.items():
        assert (arrived.histograms[key].buckets, arrived.histograms[key].total) == (histogram.buckets, histogram.total)
