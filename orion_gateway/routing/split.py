"""Decide which of several services takes a request of a route that splits its traffic, as canary releases do.

Pure: the cookies of the request come in, and the source of randomness. A client without an assignment is drawn one by
weight. With a sticky cookie it keeps what it was assigned as long as that service is in the list with a weight above 0:
a weight of 0 moves everybody away, so that a rollback is one number. The cookie holds a token of the service, the same
in every worker, after every restart and in every gateway, so that nothing has to be kept or shared.
"""

from __future__ import annotations

from bisect import bisect_right
from hashlib import blake2b
from itertools import accumulate
from typing import TYPE_CHECKING

from orion_gateway.routing.cookies import find_cookie

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from orion_gateway.values import Split


class Splitter:
    """Chooses among the services of one split, by their numbers in the list of the table."""

    __slots__ = ("_bounds", "_by_token", "_cookie", "_numbers", "_total")

    def __init__(self, split: Split) -> None:
        """At least one of the weights is above 0."""
        self._numbers = [number for number, target in enumerate(split.to) if target.weight > 0]
        self._bounds = list(accumulate(split.to[number].weight for number in self._numbers))
        self._total = self._bounds[-1]
        self._cookie = (split.cookie or "").encode("ascii")
        self._by_token = {make_token(split.to[number].service): number for number in self._numbers}

    def find_assigned(self, cookies: Sequence[bytes]) -> int | None:
        """Return the number that the client's cookie names, None when it names none that takes requests."""
        if not self._cookie:
            return None
        return self._by_token.get(find_cookie(cookies, self._cookie))

    def choose(self, cookies: Sequence[bytes], rng: Random) -> int:
        """Return the number of the service that takes a request with these Cookie fields."""
        assigned = self.find_assigned(cookies)
        if assigned is not None:
            return assigned
        # `random` is below 1 by at least 2**-53, so that the product stays below the total.
        return self._numbers[bisect_right(self._bounds, rng.random() * self._total)]


def make_token(service: str) -> bytes:
    """Return what stands for a service in a cookie: always the same for one name, and the name cannot be read in it.

    Who guesses the name can make the token, so that it keeps nobody away from a service.
    """
    return blake2b(service.encode(), digest_size=8, person=b"orion split").hexdigest().encode()
