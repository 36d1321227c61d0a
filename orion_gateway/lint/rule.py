"""What rules are asked with, and how they answer: a table that was read and compiled, and findings about it.

A rule is a function from a `Subject` to findings. What a filter does is asked of what its kind declares and never
guessed from its name, so that later filters come under the rules by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from orion_gateway.filter_assembly import filter_locations
from orion_gateway.loading import tell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orion_gateway.config.errors import Finding
    from orion_gateway.config.load import Loaded
    from orion_gateway.config.places import Location
    from orion_gateway.lint.credentials import Secret
    from orion_gateway.routing.table import RouteTable
    from orion_gateway.values import FilterUse, Route


@dataclass(frozen=True, slots=True)
class Link:
    """One filter in the chain of a route, with where it is written and what it declares; None: it is not known."""

    use: FilterUse
    place: Location
    decides: bool | None
    authenticates: bool | None
    authorizes: bool | None
    stores: bool | None
    disturbs: bool | None

    @property
    def is_unknown(self) -> bool:
        """Whether nobody knows what it does: it may do anything."""
        return self.authenticates is None


WORDS = ("decides", "authenticates", "authorizes", "stores", "disturbs")


@dataclass(frozen=True)
class Subject:
    """What is looked at: a table as it was read, its routes as values and compiled, and the kinds of filters."""

    loaded: Loaded
    table: RouteTable
    filters: Mapping[str, object]
    """`FILTERS`, or others for a test."""
    secrets: tuple[Secret, ...] = ()
    """What is written into the table and should not be."""

    @property
    def routes(self) -> tuple[Route, ...]:
        """The routes, in the order of the table."""
        return self.table.routes

    @property
    def listener(self) -> str:
        """The listener of an example that names none."""
        return self.loaded.config.listeners[0].name

    @cached_property
    def chains(self) -> tuple[tuple[Link, ...], ...]:
        """The filters of each route, in order."""
        told: dict[tuple[object, ...], Link] = {}

        def link(use: FilterUse, place: Location) -> Link:
            # The same filter stands in the chains of many routes.
            if place not in told:
                told[place] = Link(use, place, *(tell(self.filters, use.kind, use.rules, word) for word in WORDS))
            return told[place]

        return tuple(
            tuple(
                link(use, place) for use, place in zip(route.filters, filter_locations(self.loaded, index), strict=True)
            )
            for index, route in enumerate(self.routes)
        )

    def is_guarded(self, index: int) -> bool | None:
        """Return whether a route lets only some clients through; None when a filter is there that nobody knows."""
        chain = self.chains[index]
        if any(link.authenticates or link.authorizes for link in chain):
            return True
        return None if any(link.is_unknown for link in chain) else False

    def finding(self, location: Location, code: str, message: str, hint: str = "") -> Finding:
        """Return a finding about a setting."""
        return self.loaded.finding(location, code, message, hint)


Rule = Callable[[Subject], Iterable["Finding"]]
