"""Read a route table as a gateway runs it: what `config` reads, judged by what the filters say of themselves too.

`config` knows the keys of filters and not what they do; whether a list leaves out one that authenticates can only be
said here. Everybody who runs or checks a table reads it by this.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orion_gateway.config.errors import TableErrors
from orion_gateway.config.load import load_table
from orion_gateway.filter_assembly import DEFAULTS, RULES
from orion_gateway.filters import FILTERS
from orion_gateway.plugin_checks import find_plugin_faults

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from orion_gateway.config.errors import Finding
    from orion_gateway.config.filters import FilterConfig
    from orion_gateway.config.load import Loaded


def read_route_table(path: Path, environ: Mapping[str, str]) -> Loaded:
    """Read the table at `path`; `environ` is the process environment.

    Raises:
        TableErrors: with everything that is wrong, or with `is_missing` when the table itself cannot be read.
    """
    loaded = load_table(path, environ)
    # Plug-ins first: what they say of themselves is known once they can be made.
    of_plugins = find_plugin_faults(loaded)
    errors = [finding for finding in of_plugins if finding.severity == "error"]
    loaded = replace(loaded, warnings=(*loaded.warnings, *(one for one in of_plugins if one not in errors)))
    errors = errors or list(find_left_out(loaded, FILTERS))
    if errors:
        raise TableErrors(sorted((*loaded.warnings, *errors), key=lambda finding: (finding.file, finding.line)))
    return loaded


def find_left_out(loaded: Loaded, filters: Mapping[str, object]) -> Iterator[Finding]:
    """Yield an error for each route whose list leaves out a filter of `defaults.filters` that authenticates.

    `filters` are `FILTERS`, or others for a test. `none` is taken for what is meant; a list that was written for
    something else is not.
    """
    config = loaded.config
    guards = [name_of(entry) for entry in config.defaults.filters or () if _does_authenticate(loaded, filters, entry)]
    if not guards:
        return
    for index, route in enumerate(config.routes):
        if not route.filters or DEFAULTS in route.filters:
            continue
        names = {name_of(entry) for entry in route.filters}
        left_out = [guard for guard in guards if guard not in names]
        if left_out:
            message = f'the filters of the route "{route.name}" leave out "{left_out[0]}", which authenticates'
            hint = (
                f'add "{DEFAULTS}" (or "{left_out[0]}") to the list, or write "filters: none" to have no filter at all'
            )
            yield loaded.finding(("routes", index, "filters"), "E0307", message, hint)


def name_of(entry: FilterConfig | str) -> str:
    """Return how a list calls a filter: by its name in the table, else by its kind."""
    return entry if isinstance(entry, str) else entry.kind


def tell(filters: Mapping[str, object], kind: str, rules: object, word: str) -> bool | None:
    """Return what a filter of these rules declares (`authenticates`, `authorizes`, …), None when that is not known.

    What a kind is made by may be a function, whose filters say only later what they do. It can have an attribute
    `declares` that is called with the rules and returns what speaks for such a filter.
    """
    maker = filters.get(kind)
    declares = getattr(maker, "declares", None)
    told = getattr(declares(rules) if declares is not None else maker, word, None)
    return told if isinstance(told, bool) else None


def _does_authenticate(loaded: Loaded, filters: Mapping[str, object], entry: FilterConfig | str) -> bool:
    filter_ = loaded.config.filters[entry] if isinstance(entry, str) else entry
    build = RULES.get(filter_.kind)
    rules = build(getattr(filter_, filter_.kind)) if build is not None else None
    return bool(tell(filters, filter_.kind, rules, "authenticates"))
