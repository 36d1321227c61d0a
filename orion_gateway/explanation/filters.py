"""Say which filters a route has, in the order in which they run, and what each may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.filters import FILTERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orion_gateway.values import FilterUse


def order_filters(uses: Sequence[FilterUse]) -> list[FilterUse]:
    """Return filters as a request meets them: those that run for every attempt come behind all others."""
    return sorted(uses, key=_runs_per_attempt)


def name_filter(use: FilterUse) -> str:
    """Return what a person calls a filter: its name in the table and its kind, or the kind alone."""
    name = f"{use.name} ({use.kind})" if use.is_named else use.name
    return name if use.enforce else f"{name}, not enforced"


def describe_filter(use: FilterUse) -> str:
    """Return a filter with what it may do and when it runs."""
    said = {True: "decides", False: "shapes", None: "decides or shapes as it says itself"}[_decides(use)]
    if not use.enforce:
        said = "would decide, but only counts (enforce: false)"
    said += ", for every attempt" if _runs_per_attempt(use) else ""
    name = f"{use.name} ({use.kind})" if use.is_named else use.name
    return f"{name}: {said}"


def make_filter_document(use: FilterUse) -> dict[str, object]:
    """Return a filter as what JSON is made of; `decides` is null where only the filter itself knows."""
    return {
        "name": use.name,
        "kind": use.kind,
        "named": use.is_named,
        "decides": _decides(use),
        "enforced": use.enforce,
        "runs": "attempt" if _runs_per_attempt(use) else "exchange",
        "place": str(use.place) if use.place else None,
    }


def _runs_per_attempt(use: FilterUse) -> bool:
    return getattr(FILTERS[use.kind], "scope", "exchange") == "attempt"


def _decides(use: FilterUse) -> bool | None:
    # What loads code of others is made by a function: what it will make is not known here.
    return getattr(FILTERS[use.kind], "decides", None)
