"""Bind each key to an endpoint, so that few keys move when endpoints come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.balancer.hashing import hash_key, scale, spread
from orion_gateway.balancer.keyed import KeyedPolicy

if TYPE_CHECKING:
    from orion_gateway.balancer.keyed import Owner

_POINTS = 512.0
"""Points for each unit of weight: shares are as the weights within some 4 %."""
_MOST = 131072.0
"""More points than this are not made: so many are halved until they are fewer."""


class ConsistentHash(KeyedPolicy):
    """A ring (Karger 1997): an endpoint has points by its weight, and owns the keys up to each from the one before.

    Where the points of an endpoint are depends on its address alone. An endpoint that is not eligible stays on the ring
    and is passed over, which binds the keys as a ring without it would, and spares building one.
    """

    __slots__ = ("_points", "_starts")

    def __init__(self, bounded_load: float | None = None) -> None:
        super().__init__(bounded_load)
        self._points: list[float] = []
        self._starts: list[int] = []

    def _must_rebuild(self) -> bool:
        # A ring on which most are passed over is slow, and keeps endpoints that have left the service alive.
        return len(self._known) > 4 * len(self._members) or not all(o.endpoint in self._known for o in self._members)

    def _build(self) -> list[Owner]:
        per_weight = _POINTS
        while per_weight * self._weight > _MOST:
            per_weight /= 2
        owners: dict[float, Owner] = {}
        for owner in self._members:
            endpoint = owner.endpoint
            points = spread(hash_key(endpoint.url.encode()), max(1, int(per_weight * endpoint.weight)))
            owners.update(dict.fromkeys(points, owner))
        self._points = sorted(owners)
        self._starts = _list_starts(self._points)
        return [owners[point] for point in self._points]

    def _locate(self, key: int) -> int:
        points = self._points
        count = len(points)
        value = scale(key)
        at = self._starts[int(value * count)]
        while at < count:
            point = points[at]
            if point >= value:
                return at
            at += 1
        return 0


def _list_starts(points: list[float]) -> list[int]:
    """Return for as many equal parts of the ring as it has points where the points of each part begin.

    Points are spread evenly, so that a key is found in a step or two from there, in less time than by halving.
    """
    starts: list[int] = []
    parts = len(points)
    next_part = 0
    for at in range(parts):
        point = points[at]
        part = int(point * parts)
        while next_part <= part:
            starts.append(at)
            next_part += 1
    while next_part < parts:
        starts.append(parts)
        next_part += 1
    return starts
