"""The filters of one generation in one worker: each made once, a named one once for all routes that use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.filters import FILTERS
from orion_gateway.proxy.chain import Chain, Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orion_gateway.filters.filter import Facilities, Filter, Report
    from orion_gateway.values import FilterUse


class Filters:
    """Makes chains of filters, and keeps what it made."""

    def __init__(self, facilities: Facilities) -> None:
        self._facilities = facilities
        self._named: dict[str, Filter] = {}
        self._inline: list[tuple[str, str, Filter]] = []

    def chain_of(self, uses: Sequence[FilterUse], route: str = "") -> Chain | None:
        """Return the chain of a route, None when it has no filters."""
        if not uses:
            return None
        return Chain([Step(use, self._make(use, route)) for use in uses])

    def take_reports(self) -> list[tuple[str, str, Report]]:
        """Return route (empty: all that use it), name and report of each filter that has one."""
        return [(route, name, report) for route, name, one in self._all() if (report := one.take_report()) is not None]

    def take_file(self, path: str, content: object) -> None:
        """Give what a file holds from now on to the filters that are made with it."""
        for _, _, one in self._all():
            if path in one.files:
                one.take_file(path, content)

    def close(self) -> None:
        """Tell all that they are not used any more."""
        for _, _, one in self._all():
            one.close()

    def _all(self) -> list[tuple[str, str, Filter]]:
        """Return route (empty: all that use it), name and filter."""
        return [*self._inline, *(("", name, named) for name, named in self._named.items())]

    def _make(self, use: FilterUse, route: str) -> Filter:
        if use.is_named and use.name in self._named:
            return self._named[use.name]
        made = FILTERS[use.kind](use.rules, self._facilities)
        if use.is_named:
            self._named[use.name] = made
        else:
            self._inline.append((route, use.name, made))
        return made
