"""The filters of routes out of the configuration model: each as a value with everything that has a default filled in.

Apart from `assembly` because every filter adds to it: `RULES` says for each kind how its keys become its rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orion_gateway.filters.header_edits import HeaderRules
from orion_gateway.values import FilterUse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from orion_gateway.config.filters import FilterConfig, RequestHeadersConfig, ResponseHeadersConfig
    from orion_gateway.config.load import Loaded
    from orion_gateway.config.places import Location

DEFAULTS = "defaults"


def build_filters(loaded: Loaded, route: int) -> tuple[FilterUse, ...]:
    """Return the filters of a route by its number, in order, names and `defaults` resolved."""
    uses: list[FilterUse] = []
    seen: dict[str, int] = {}
    for config, name, place in _entries(loaded, route):
        label = name or config.kind
        if not name:
            seen[label] = seen.get(label, 0) + 1
            label = label if seen[label] == 1 else f"{label}-{seen[label]}"
        table = getattr(config, config.kind)
        uses.append(
            FilterUse(
                kind=config.kind,
                rules=RULES[config.kind](table),
                name=label,
                is_named=bool(name),
                enforce=getattr(table, "enforce", True),
                place=loaded.places.at(place),
            )
        )
    return tuple(uses)


def _entries(loaded: Loaded, route: int) -> Iterator[tuple[FilterConfig, str, Location]]:
    """Yield each filter of a route with its name in the table, if it has one, and where it is written."""
    config = loaded.config
    own = config.routes[route].filters
    place: Location = ("routes", route, "filters") if own is not None else (DEFAULTS, "filters")
    for index, entry in enumerate(own if own is not None else config.defaults.filters or ()):
        if entry == DEFAULTS:
            for number, default in enumerate(config.defaults.filters or ()):
                yield _resolve(loaded, default, (DEFAULTS, "filters", number))
        else:
            yield _resolve(loaded, entry, (*place, index))


def _resolve(loaded: Loaded, entry: FilterConfig | str, place: Location) -> tuple[FilterConfig, str, Location]:
    if isinstance(entry, str):
        return loaded.config.filters[entry], entry, ("filters", entry)
    return entry, "", place


def _build_header_rules(table: RequestHeadersConfig | ResponseHeadersConfig) -> HeaderRules:
    return HeaderRules(tuple(table.set.items()), tuple(table.add.items()), table.remove)


RULES: Mapping[str, Callable[[Any], object]] = {
    "request_headers": _build_header_rules,
    "response_headers": _build_header_rules,
}
"""What makes the rules of each kind of filter out of its keys."""
