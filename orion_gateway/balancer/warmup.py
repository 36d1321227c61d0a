"""Slow start: an endpoint that has come back grows to its full share, whatever policy chooses.

Rule 1: `elapsed / window` of its normal share, at least 10 % (Envoy), in a straight line.
Rule 2: at most that. Each pick of the service adds to a credit what the endpoint might have had of it; only with a
whole credit it takes part in a pick, and taking one costs the credit. No more than one is saved up.
Rule 3: when all eligible endpoints are warming, nobody is held back (HAProxy: never at process start).

A policy that takes the least busy would otherwise send everything to the one that has just come back, idle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orion_gateway.values import Endpoint

_LEAST_SHARE = 0.1


class Warming:
    """An endpoint in its slow start: back `since`, `normal` is its share of all picks by weight."""

    __slots__ = ("credit", "endpoint", "normal", "since")

    def __init__(self, endpoint: Endpoint, since: float) -> None:
        self.endpoint = endpoint
        self.since = since
        self.normal = 0.0
        self.credit = 0.0


class Warmup:
    """The endpoints of a service that are in their slow start of `window` seconds; None for a service without."""

    __slots__ = ("_others", "_warming", "_window", "is_over")

    def __init__(self, window: float | None) -> None:
        self._window = window or 0.0
        self._warming: dict[Endpoint, Warming] = {}
        self._others = 0
        self.is_over = True
        """Nobody is warming: there is nothing to hold."""

    def update(self, eligible: Sequence[Endpoint], back_since: Mapping[Endpoint, float], now: float) -> None:
        """Take who is eligible, and since when those that were away are back; who is warming keeps the credit."""
        known, self._warming = self._warming, {}
        total = sum([endpoint.weight for endpoint in eligible])
        for endpoint in eligible:
            since = back_since.get(endpoint, 0.0)
            if self._window == 0.0 or since == 0.0 or now - since >= self._window:
                continue
            one = known.get(endpoint)
            if one is None or one.since != since:
                one = Warming(endpoint, since)
            one.normal = endpoint.weight / total
            self._warming[endpoint] = one
        self._others = len(eligible) - len(self._warming)
        self.is_over = not self._warming

    def share_of(self, endpoint: Endpoint, now: float) -> float:
        """Return which part of its normal share an endpoint may have: 0.1 to 1."""
        one = self._warming.get(endpoint)
        return 1.0 if one is None or self._others == 0 else self._share(one.since, now)

    def hold(self, now: float) -> bool:
        """Begin a pick: whoever is warming without a whole credit has no room until `release`. Say if there is one."""
        has_held = False
        is_any_done = False
        for one in self._warming.values():
            share = self._share(one.since, now)
            if share >= 1.0:
                is_any_done = True
            elif self._others > 0:
                one.credit = min(1.0, one.credit + share * one.normal)
                if one.credit < 1.0:
                    one.endpoint.cap = 0
                    has_held = True
        if is_any_done:
            self._forget_warm(now)
        return has_held

    def release(self) -> None:
        """End a pick: give everybody the room back."""
        for one in self._warming.values():
            one.endpoint.cap = one.endpoint.max_in_flight

    def charge(self, endpoint: Endpoint) -> None:
        """Take the credit for a pick. One that was picked without, because nobody else had room, pays it back."""
        one = self._warming.get(endpoint)
        if one is not None and self._others > 0:
            one.credit -= 1.0

    def _share(self, since: float, now: float) -> float:
        return max(_LEAST_SHARE, (now - since) / self._window)

    def _forget_warm(self, now: float) -> None:
        warm = [one for one in self._warming.values() if self._share(one.since, now) >= 1.0]
        for one in warm:
            del self._warming[one.endpoint]
        self._others += len(warm)
        self.is_over = not self._warming
