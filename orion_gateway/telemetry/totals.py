"""Add up what the workers counted.

Totals outlive every worker, so a counter never goes back when one is started again; what a worker said about itself
(its gauges) goes with it. `exposition` writes them for Prometheus.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orion_gateway.telemetry.metrics import Delta, Histogram, Key, Labels

MAX_LABEL_SETS = 10_000
"""Label sets per metric; what comes later is counted under `_other`."""

DROPPED = "orion_metrics_dropped_total"


@dataclass(frozen=True, slots=True)
class Description:
    """What a metric says, and its label names."""

    help: str
    labels: tuple[str, ...] = ()


DESCRIPTIONS: Mapping[str, Description] = {
    "orion_http_requests_total": Description("Finished exchanges.", ("route", "method", "code", "source")),
    "orion_http_request_duration_seconds": Description(
        "From the head of a request to the end of its answer.", ("route",)
    ),
    "orion_gateway_overhead_seconds": Description("The part of that in which no endpoint had the request.", ("route",)),
    "orion_http_request_bytes_total": Description("Bytes of request heads and content received.", ("route",)),
    "orion_http_response_bytes_total": Description("Bytes of response content sent.", ("route",)),
    "orion_http_requests_in_flight": Description("Exchanges in flight.", ("listener",)),
    "orion_connections": Description("Client connections, active or idle.", ("listener", "state")),
    "orion_filter_decisions_total": Description(
        "Decisions of filters that guard, and failures of all.", ("route", "filter", "decision", "enforced")
    ),
    "orion_upstream_attempts_total": Description("Attempts at endpoints.", ("service", "outcome", "reason")),
    "orion_upstream_attempt_duration_seconds": Description(
        "From choosing an endpoint to the end of its answer.", ("service",)
    ),
    "orion_upstream_retries_total": Description("Repeated attempts.", ("service", "reason")),
    "orion_mirror_requests_total": Description(
        "Requests of routes with a mirror that were chosen to be copied, by what became of the copy.",
        ("route", "outcome"),
    ),
    "orion_upstream_pool_connections": Description(
        "Connections to endpoints, and exchanges queued.", ("service", "state")
    ),
    "orion_upstream_retries_refused_total": Description(
        "Failed attempts that were not repeated, and hedges that were not sent, by what forbade it.", ("service", "why")
    ),
    "orion_upstream_hedges_total": Description(
        "Second attempts for an answer that did not come, by what became of them.", ("service", "outcome")
    ),
    "orion_upstream_retry_budget": Description("Retries and hedges that are left now.", ("service",)),
    "orion_endpoint_up": Description(
        "Whether the endpoint may get requests: it is up and not ejected.", ("service", "endpoint")
    ),
    "orion_endpoint_in_flight": Description("Attempts in flight.", ("service", "endpoint")),
    "orion_endpoint_weight": Description("The weight of the endpoint.", ("service", "endpoint")),
    "orion_endpoint_ejections_total": Description(
        "How often the endpoint was ejected for its failures.", ("service", "endpoint")
    ),
    "orion_service_panic": Description(
        "Whether fewer than half of the endpoints are well, so that ejection is ignored.", ("service",)
    ),
    "orion_circuit_state": Description("1 for the state in force, 0 for the others.", ("service", "state")),
    "orion_circuit_transitions_total": Description(
        "Transitions of the circuit, by the state that was entered.", ("service", "state")
    ),
    "orion_circuit_refused_total": Description("Requests that the circuit refused.", ("service",)),
    "orion_filter_file_valid": Description(
        "Whether the file of a filter was in order when it was last read; if not, what it held before is in use.",
        ("file",),
    ),
    "orion_plugin_calls_total": Description("Calls of hooks of plug-ins that have ended.", ("route", "filter")),
    "orion_plugin_seconds_total": Description("Time that they kept the event loop.", ("route", "filter")),
    "orion_plugin_overruns_total": Description("Calls that kept it longer than their budget.", ("route", "filter")),
    "orion_config_generation": Description("The generation of the route table that is in force."),
    "orion_event_loop_lag_seconds": Description(
        "How late the worker's timers were at most in the last second.", ("worker",)
    ),
    "orion_worker_restarts_total": Description("How often the worker died and was started again.", ("worker",)),
    "orion_access_log_dropped_total": Description("Access-log lines that could not be written.", ("worker",)),
    DROPPED: Description(
        "Counts and gauges that went under _other because a metric had too many label sets.", ("metric",)
    ),
}


class Totals:
    """The sums over all workers, past and present."""

    def __init__(self) -> None:
        self.counters: dict[str, dict[Labels, float]] = {}
        self.histograms: dict[str, dict[Labels, Histogram]] = {}
        self._gauges: dict[int, dict[Key, float]] = {}
        self._own_gauges: dict[Key, float] = {}

    def copy(self) -> Totals:
        """Return totals that go on counting apart from these."""
        copied = Totals()
        copied.counters = {name: dict(family) for name, family in self.counters.items()}
        for name, family in self.histograms.items():
            copied.histograms[name] = {labels: histogram.copy() for labels, histogram in family.items()}
        copied._gauges = {worker: dict(gauges) for worker, gauges in self._gauges.items()}
        copied._own_gauges = dict(self._own_gauges)
        return copied

    def add(self, worker: int, delta: Delta) -> None:
        """Add what a worker counted, and note what has changed about it."""
        for (name, labels), count in delta.counters.items():
            self.count(name, labels, count)
        for (name, labels), histogram in delta.histograms.items():
            family = self.histograms.setdefault(name, {})
            kept = family.setdefault(self._admit(name, family, labels), histogram)
            if kept is not histogram:
                kept.merge(histogram)
        self._gauges.setdefault(worker, {}).update(delta.gauges)

    def count(self, name: str, labels: Labels = (), amount: float = 1) -> None:
        """Add to a counter; an `amount` of 0 makes it known."""
        family = self.counters.setdefault(name, {})
        labels = self._admit(name, family, labels)
        family[labels] = family.get(labels, 0) + amount

    def set(self, name: str, value: float, labels: Labels = ()) -> None:
        """Set a gauge of the supervisor's own."""
        self._own_gauges[name, labels] = value

    def forget(self, worker: int) -> None:
        """Drop the gauges of a worker that is gone; what it counted stays."""
        self._gauges.pop(worker, None)

    def gauges(self) -> dict[str, dict[Labels, float]]:
        """Return the gauges by name, those of all workers added up."""
        families: dict[str, dict[Labels, float]] = {}
        for (name, labels), value in self._all_gauges():
            family = families.setdefault(name, {})
            admitted = self._admit(name, family, labels)
            family[admitted] = family.get(admitted, 0) + value
        return families

    def by_worker(self, name: str, labels: Labels) -> dict[int, float]:
        """Return what each worker says of one gauge, however many label sets there are."""
        return {worker: told[name, labels] for worker, told in self._gauges.items() if (name, labels) in told}

    def _admit(self, name: str, family: Mapping[Labels, object], labels: Labels) -> Labels:
        if labels in family or len(family) < MAX_LABEL_SETS:
            return labels
        dropped = self.counters.setdefault(DROPPED, {})
        dropped[(name,)] = dropped.get((name,), 0) + 1
        return ("_other",) * len(labels)

    def _all_gauges(self) -> Iterator[tuple[Key, float]]:
        yield from self._own_gauges.items()
        for gauges in self._gauges.values():
            yield from gauges.items()
