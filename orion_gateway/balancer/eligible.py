"""Decide which endpoints of a service may take traffic, by their health and ejection.

Rule 1: an endpoint of weight above 0 that is up and not ejected is eligible.
Rule 2: when down and ejected ones together leave under half of a service (Envoy's panic threshold), the service is in
panic and ejection is ignored: too few endpoints under the whole load fail too.
Rule 3: one that was not checked yet takes traffic only when there is no other: at the start, better than a 503.
Rule 4: one that active checks call down stays out, unless nothing else is left and the service says `use_all`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orion_gateway.values import Health

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orion_gateway.values import Endpoint, Standing


@dataclass(frozen=True, slots=True)
class Eligible:
    """The endpoints that may take traffic, in the order of the service.

    `why` says for every endpoint of the service why it may not: `down`, `ejected`, `unknown`, `weight 0`, or nothing.
    """

    endpoints: list[Endpoint]
    is_panic: bool
    why: list[str]


def choose_eligible(
    endpoints: Sequence[Endpoint], standings: Sequence[Standing], panic: Literal["passive", "use_all"]
) -> Eligible:
    """Return the eligible endpoints; `standings` are one per endpoint, in the same order."""
    why = [_object_to(endpoint, standing) for endpoint, standing in zip(endpoints, standings, strict=True)]
    is_panic = judge_panic(len(why) - why.count("weight 0"), why.count("down") + why.count("ejected"))
    forgiven = [{""}, {"unknown"}]
    if is_panic:
        forgiven = [{"", "ejected"}, {"unknown"}, {"down"} if panic == "use_all" else set()]
    taken = next((kinds for kinds in forgiven if not kinds.isdisjoint(why)), set())
    return Eligible(
        endpoints=[endpoint for endpoint, reason in zip(endpoints, why, strict=True) if reason in taken],
        is_panic=is_panic,
        why=["" if reason in taken else reason for reason in why],
    )


def judge_panic(candidates: int, lost: int) -> bool:
    """Say whether a service is in panic: `candidates` have a weight above 0, `lost` of them are down or ejected."""
    return 2 * (candidates - lost) < candidates


def _object_to(endpoint: Endpoint, standing: Standing) -> str:
    if endpoint.weight == 0:
        return "weight 0"
    if standing.health is Health.DOWN:
        return "down"
    if standing.is_ejected:
        return "ejected"
    return "unknown" if standing.health is Health.UNKNOWN else ""
