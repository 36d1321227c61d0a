"""The text that Prometheus reads, judged by the parser of its own client library."""

from __future__ import annotations

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from orion_gateway.telemetry.exposition import render
from orion_gateway.telemetry.metrics import BOUNDS, Delta, Histogram
from orion_gateway.telemetry.totals import DESCRIPTIONS, Totals

# The table of the design, section 5, as far as the features exist: what dashboards and alerts are built on.
CONTRACT = {
    "orion_http_requests_total": ("route", "method", "code", "source"),
    "orion_http_request_duration_seconds": ("route",),
    "orion_gateway_overhead_seconds": ("route",),
    "orion_http_request_bytes_total": ("route",),
    "orion_http_response_bytes_total": ("route",),
    "orion_filter_decisions_total": ("route", "filter", "decision", "enforced"),
    "orion_plugin_calls_total": ("route", "filter"),
    "orion_plugin_seconds_total": ("route", "filter"),
    "orion_plugin_overruns_total": ("route", "filter"),
    "orion_http_requests_in_flight": ("listener",),
    "orion_connections": ("listener", "state"),
    "orion_upstream_attempts_total": ("service", "outcome", "reason"),
    "orion_upstream_attempt_duration_seconds": ("service",),
    "orion_upstream_retries_total": ("service", "reason"),
    "orion_mirror_requests_total": ("route", "outcome"),
    "orion_upstream_pool_connections": ("service", "state"),
    "orion_upstream_retries_refused_total": ("service", "why"),
    "orion_upstream_hedges_total": ("service", "outcome"),
    "orion_upstream_retry_budget": ("service",),
    "orion_endpoint_up": ("service", "endpoint"),
    "orion_endpoint_in_flight": ("service", "endpoint"),
    "orion_endpoint_weight": ("service", "endpoint"),
    "orion_endpoint_ejections_total": ("service", "endpoint"),
    "orion_service_panic": ("service",),
    "orion_circuit_state": ("service", "state"),
    "orion_circuit_transitions_total": ("service", "state"),
    "orion_circuit_refused_total": ("service",),
    "orion_filter_file_valid": ("file",),
    "orion_config_generation": (),
    "orion_event_loop_lag_seconds": ("worker",),
    "orion_worker_restarts_total": ("worker",),
    "orion_access_log_dropped_total": ("worker",),
    "orion_metrics_dropped_total": ("metric",),
}


def test_names_and_labels_are_the_promised_ones() -> None:
    """Dashboards and alerts would show nothing after an update."""
    assert {name: description.labels for name, description in DESCRIPTIONS.items()} == CONTRACT


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_name_says_its_unit_and_kind(name: str) -> None:
    """promtool would object, and people guess at units."""
    assert re.fullmatch(r"orion(_[a-z]+)+", name)
    assert not re.search(r"_(ms|millis|count|sum|bucket|info)$", name)
    assert DESCRIPTIONS[name].help.endswith(".")


def test_every_kind_is_read_back_as_it_was() -> None:
    """Prometheus would refuse the whole scrape, or read other numbers."""
    totals = Totals()
    histogram = Histogram()
    for seconds in (0.0001, 0.3, 0.3, 60.0):
        histogram.observe(seconds)
    totals.add(1, Delta({("orion_http_requests_total", ("a", "GET", "200", "upstream")): 3}))
    totals.add(1, Delta(histograms={("orion_http_request_duration_seconds", ("100%s",)): histogram}))
    totals.add(1, Delta(gauges={("orion_event_loop_lag_seconds", ("1",)): 0.25}))
    totals.set("orion_config_generation", 7)
    families = {family.name: family for family in text_string_to_metric_families(render(totals).decode())}
    assert [(sample.labels, sample.value) for sample in families["orion_http_requests"].samples] == [
        ({"route": "a", "method": "GET", "code": "200", "source": "upstream"}, 3)
    ]
    assert families["orion_config_generation"].type == "gauge"
    assert [sample.value for sample in families["orion_config_generation"].samples] == [7]
    assert [sample.value for sample in families["orion_event_loop_lag_seconds"].samples] == [0.25]
    duration = families["orion_http_request_duration_seconds"]
    assert duration.type == "histogram"
    assert {sample.labels["route"] for sample in duration.samples} == {"100%s"}
    buckets = {s.labels["le"]: s.value for s in duration.samples if s.name.endswith("_bucket")}
    assert [float(bound) for bound in buckets] == [*BOUNDS, float("inf")]
    assert (buckets["0.0005"], buckets["0.25"], buckets["0.5"], buckets["10.0"], buckets["+Inf"]) == (1, 1, 3, 3, 4)
    rest = {sample.name.rpartition("_")[2]: sample.value for sample in duration.samples if "le" not in sample.labels}
    assert rest == {"sum": pytest.approx(60.6001), "count": 4}


def test_label_values_are_escaped() -> None:
    """One odd name would make the whole scrape unreadable."""
    totals = Totals()
    name = 'a"b\\c\nd'
    totals.count("orion_http_request_bytes_total", (name,))
    (family,) = text_string_to_metric_families(render(totals).decode())
    assert family.samples[0].labels == {"route": name}


def test_what_nobody_counted_is_left_out() -> None:
    """An empty family is noise; Prometheus wants no HELP without samples."""
    assert render(Totals()) == b""
