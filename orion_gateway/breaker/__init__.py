"""Circuits: when a service fails as a whole, it is left alone for a while and then tried with care.

The supervisor holds one `circuit.Circuit` per service for the whole gateway, each worker a `gate.Gate` that mirrors it;
`news` is what gates say. `TRIPS` is the only list of trip rules: a new one is a class in `trips` and a line here.
Only `circuit` imports pybreaker, and only the supervisor imports `circuit`.
"""

from collections.abc import Callable, Mapping

from orion_gateway.breaker.trips import Consecutive, ErrorRate, Trip
from orion_gateway.values import CircuitRules

TRIPS: Mapping[str, Callable[[CircuitRules], Trip]] = {
    "consecutive": lambda rules: Consecutive(rules.failure_threshold, rules.minimum_requests),
    "error_rate": lambda rules: ErrorRate(rules.threshold, rules.minimum_requests),
}
