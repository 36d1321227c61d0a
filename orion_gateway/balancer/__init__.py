"""Load balancing: which endpoint of a service takes the next attempt.

`POLICIES` is the only list: a new policy is a file and a line here, and the contract test finds it.
"""

from collections.abc import Callable, Mapping

from orion_gateway.balancer.consistent_hash import ConsistentHash
from orion_gateway.balancer.ewma import PeakEwma
from orion_gateway.balancer.least_connections import LeastConnections
from orion_gateway.balancer.maglev import Maglev
from orion_gateway.balancer.policy import Policy
from orion_gateway.balancer.power_of_two import PowerOfTwo
from orion_gateway.balancer.round_robin import RoundRobin
from orion_gateway.balancer.weighted_random import WeightedRandom
from orion_gateway.values import Balancing

POLICIES: Mapping[str, Callable[[Balancing], Policy]] = {
    "consistent_hash": lambda balancing: ConsistentHash(balancing.bounded_load),
    "ewma": lambda _: PeakEwma(),
    "least_connections": lambda _: LeastConnections(),
    "maglev": lambda balancing: Maglev(balancing.bounded_load),
    "power_of_two": lambda _: PowerOfTwo(),
    "random": lambda _: WeightedRandom(),
    "round_robin": lambda _: RoundRobin(),
    "weighted_round_robin": lambda _: RoundRobin(),
}
