"""Load balancing: which endpoint of a service takes the next attempt.

`POLICIES` is the only list: a new policy is a file and a line here, and the contract test finds it.
"""

from collections.abc import Callable, Mapping

from orion_gateway.balancer.least_connections import LeastConnections
from orion_gateway.balancer.policy import Policy
from orion_gateway.balancer.round_robin import RoundRobin

POLICIES: Mapping[str, Callable[[], Policy]] = {
    "least_connections": LeastConnections,
    "round_robin": RoundRobin,
    "weighted_round_robin": RoundRobin,
}
