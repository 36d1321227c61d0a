"""Judge whether what a service says about its endpoints fits together: balancing, checks, ejection, circuit.

Like all checks these read the nodes, and leave out what is not of the expected type: the model has reported it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.config.addresses import read_endpoint_url
from orion_gateway.config.kinds import read_period
from orion_gateway.config.lookup import find_equal, items_at, mapping_at, node_at, read_as, text_of
from orion_gateway.config.nodes import MappingNode, ScalarNode
from orion_gateway.config.resilience import HASHING_POLICIES, POLICY_NAMES
from orion_gateway.config.shared_checks import check_reference, check_respond
from orion_gateway.config.suggest import closest
from orion_gateway.values import HealthCheck, OutlierRules

if TYPE_CHECKING:
    from orion_gateway.config.nodes import Node, Report

TRIP_KEYS = {"consecutive": "failure_threshold", "error_rate": "threshold"}
"""The key that says how much each rule takes before the circuit opens."""

CHECK_DEFAULTS, OUTLIER_DEFAULTS = HealthCheck("/"), OutlierRules()

TAKE_OUT = ("health_check", "outlier_detection", "circuit_breaker")
"""What an endpoint can come back from."""


def check_service(name: str, service: Node, report: Report) -> None:
    """Report everything within one service that does not fit."""
    _check_endpoints(name, service, report)
    if not isinstance(service, MappingNode):
        return
    _check_load_balancer(service, report)
    _check_slow_start(service, report)
    _check_panic(service, report)
    _check_health_check(service, report)
    _check_ejection(service, report)
    _check_trip(service, report)
    _check_fallback(service, report)


def check_fallbacks(services: MappingNode, report: Report) -> None:
    """Report services that circuits fall back on and that do not exist, or that lead back to where they began."""
    nodes = {name: node_at(service, *FALLBACK, "service") for name, service in services.entries.items()}
    seen: set[str] = set()
    for name, node in nodes.items():
        check_reference(node, "service", list(nodes), report)
        trail: list[str] = []
        here: str | None = name
        while here in nodes and here not in seen:
            seen.add(here)
            trail.append(here)
            here = text_of(nodes[here])
        if here not in trail:
            continue
        loop = trail[trail.index(here) :]
        first = nodes[loop[0]]
        assert first is not None
        if len(loop) == 1:
            report(first.span, "E0305", f'"{here}" cannot fall back on itself', help="name another service")
        else:
            round_trip = " → ".join((*loop, loop[0]))
            report(first.span, "E0305", f"these fallbacks go round: {round_trip}", help="let one of them `respond`")


FALLBACK = ("circuit_breaker", "fallback")


def _check_endpoints(service: str, node: Node, report: Report) -> None:
    endpoints = items_at(node, "endpoints")
    weights = [node_at(endpoint, "weight") for endpoint in endpoints]
    if endpoints and all(isinstance(weight, ScalarNode) and weight.value == 0 for weight in weights):
        first = weights[0]
        assert first is not None
        report(first.span, "E0305", f'no endpoint of "{service}" gets any request: every weight is 0')
    urls = [node_at(endpoint, "url") for endpoint in endpoints]
    for url, other in find_equal(urls):
        if read_as(url, read_endpoint_url):
            hint = f"the other is at {other.span.place}; give one of them a weight"
            report(url.span, "W0304", f'the service "{service}" has this endpoint twice', help=hint)


def _is_on(service: MappingNode, key: str) -> bool:
    return key in service.entries and text_of(service.entries[key]) != "off"


def _check_load_balancer(service: MappingNode, report: Report) -> None:
    node = service.entries.get("load_balancer")
    policy = node_at(node, "policy") if isinstance(node, MappingNode) else node
    name = text_of(policy)
    if name in HASHING_POLICIES:
        assert policy is not None
        is_mistyped = isinstance(node, MappingNode) and (
            node.is_partial or any(closest(word, ["key"]) for word in node.entries)
        )
        if not is_mistyped:
            message = f"{name} needs a key: what of a request decides which endpoint takes it"
            hint = f"write {{policy: {name}, key: ip}}, or path, header:NAME, cookie:NAME instead of ip"
            report(policy.span, "E0104", message, help=hint)
        return
    if not isinstance(node, MappingNode) or (policy is not None and name not in POLICY_NAMES):
        return
    for key in ("key", "bounded_load"):
        if _is_on(node, key):
            hint = f"it is for {' and '.join(HASHING_POLICIES)}"
            if key == "key":
                hint += "; sticky: {cookie: NAME} binds clients to endpoints with every policy"
            report(node.keys[key], "E0305", f'"{key}" means nothing to {name or POLICY_NAMES[0]}', help=hint)


def _check_slow_start(service: MappingNode, report: Report) -> None:
    if _is_on(service, "slow_start") and not any(_is_on(service, key) for key in TAKE_OUT):
        hint = f"it acts when an endpoint comes back; write {', '.join(TAKE_OUT[:-1])} or {TAKE_OUT[-1]}"
        report(
            service.keys["slow_start"], "W0302", '"slow_start" has no effect: nothing takes endpoints out', help=hint
        )


def _check_panic(service: MappingNode, report: Report) -> None:
    if text_of(service.entries.get("panic")) == "use_all" and not _is_on(service, "health_check"):
        hint = "it is about endpoints that active checks call down"
        report(service.keys["panic"], "W0302", '"panic: use_all" has no effect without a health_check', help=hint)


def _check_health_check(service: MappingNode, report: Report) -> None:
    check = mapping_at(service, "health_check")
    if check is None:
        return
    interval, timeout = (_duration_of(check, key, getattr(CHECK_DEFAULTS, key)) for key in ("interval", "timeout"))
    if interval is None or timeout is None or timeout <= interval:
        return
    place = "timeout" if "timeout" in check.entries else "interval"
    message = "a check may take longer than the time to the next one, so there will be fewer than this says"
    hint = f"interval is {interval:g}s and timeout {timeout:g}s; write a timeout that is not longer"
    report(check.entries[place].span, "W0306", message, help=hint)


def _check_ejection(service: MappingNode, report: Report) -> None:
    outliers = mapping_at(service, "outlier_detection")
    if outliers is None:
        return
    first, longest = (
        _duration_of(outliers, key, getattr(OUTLIER_DEFAULTS, key)) for key in ("ejection", "max_ejection")
    )
    if first is None or longest is None or first <= longest:
        return
    place = "max_ejection" if "max_ejection" in outliers.entries else "ejection"
    hint = f"ejection is {first:g}s and max_ejection {longest:g}s"
    report(outliers.entries[place].span, "E0305", "the longest ejection is shorter than the first one", help=hint)


def _duration_of(mapping: MappingNode, key: str, default: float) -> float | None:
    """Return what is written, or the default; `None` when it is written wrongly."""
    return read_as(mapping.entries[key], read_period) if key in mapping.entries else default


def _check_trip(service: MappingNode, report: Report) -> None:
    circuit = mapping_at(service, "circuit_breaker")
    if circuit is None:
        return
    written = circuit.entries.get("trip")
    trip = "consecutive" if written is None else text_of(written)
    if trip not in TRIP_KEYS:
        return
    for other, key in TRIP_KEYS.items():
        if other != trip and key in circuit.entries:
            hint = f'write "trip: {other}", or {TRIP_KEYS[trip]} instead'
            report(circuit.keys[key], "E0305", f'"{key}" means nothing to the rule {trip}', help=hint)


def _check_fallback(service: MappingNode, report: Report) -> None:
    circuit = mapping_at(service, FALLBACK[0])
    fallback = mapping_at(circuit, FALLBACK[1])
    if circuit is None or fallback is None:
        return
    known = [key for key in fallback.entries if key in {"respond", "service"}]
    if len(known) == 2 or not fallback.entries:
        hint = "write one of respond, service"
        report(circuit.keys[FALLBACK[1]], "E0305", "a fallback must be said in exactly one way", help=hint)
    check_respond(fallback, report)
