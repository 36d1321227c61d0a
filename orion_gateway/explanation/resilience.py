"""Describe in a few words how a service and a route deal with failures, for `orion explain`: a line for each group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.values import Respond

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orion_gateway.values import Balancing, CircuitRules, HealthCheck, OutlierRules, RetryRules, Service


def show_duration(seconds: float | None) -> str:
    """Return a duration as the table would write it."""
    if seconds is None:
        return "off"
    return f"{seconds:g}s" if seconds >= 1 else f"{seconds * 1000:g}ms"


def describe_balancing(balancing: Balancing) -> str:
    """Return the policy and its options."""
    said = balancing.policy
    if balancing.key is not None:
        said += f" by {balancing.key.kind} {balancing.key.name}".rstrip()
    if balancing.bounded_load is not None:
        said += f", bounded_load {balancing.bounded_load:g}"
    if balancing.sticky_cookie is not None:
        said += f", sticky cookie {balancing.sticky_cookie}"
    return said


def describe_service(service: Service) -> Iterator[tuple[str, str]]:
    """Yield the key and the content of each group that is on, in the order in which they act on an endpoint."""
    if service.balancing.slow_start is not None:
        yield "slow_start", show_duration(service.balancing.slow_start)
    if service.health_check is not None:
        yield "health_check", _describe_check(service.health_check)
    if service.outliers is not None:
        yield "outlier_detection", _describe_outliers(service.outliers)
    if service.balancing.panic == "use_all":
        yield "panic", "use_all"
    if service.circuit is not None:
        yield "circuit_breaker", _describe_circuit(service.circuit)


def _describe_check(check: HealthCheck) -> str:
    statuses = ",".join(f"{low}" if low == high else f"{low}-{high}" for low, high in check.statuses)
    said = f"GET {check.path} every {show_duration(check.interval)}, timeout {show_duration(check.timeout)}"
    said += f", rise {check.rise}, fall {check.fall}, status {statuses}"
    said += f", host {check.host}" if check.host is not None else ""
    return said + (f", port {check.port}" if check.port is not None else "")


def _describe_outliers(outliers: OutlierRules) -> str:
    times = f"{show_duration(outliers.ejection)} to {show_duration(outliers.max_ejection)}"
    return f"{outliers.consecutive_failures} failures, out {times}, at most {outliers.max_ejected * 100:g}%"


def _describe_circuit(circuit: CircuitRules) -> str:
    said = f"{circuit.trip}, "
    if circuit.trip == "error_rate":
        said += f"{circuit.threshold * 100:g}% of {circuit.minimum_requests} or more in {show_duration(circuit.window)}"
    else:
        said += f"{circuit.failure_threshold} failures"
    said += f", open {show_duration(circuit.open_for)}"
    match circuit.fallback:
        case None:
            return said
        case Respond(status=status):
            return f"{said}, then respond {status}"
        case other:
            return f"{said}, then service {other.service}"


def describe_retries(rules: RetryRules, method: bytes) -> str:
    """Return how often and when a request with this method is repeated."""
    words = sorted(rules.on, key=lambda word: (word.isdigit(), word))
    first, longest = rules.backoff
    said = f"max {rules.max}, on {' '.join(words)}, backoff {show_duration(first)}..{show_duration(longest)}"
    name = method.decode("ascii", "backslashreplace")
    return said if method in rules.methods else f"{said}; {name} only when nothing of it was sent"
