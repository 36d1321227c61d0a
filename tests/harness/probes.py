"""Filters that tests write themselves, put on a route as if the table had them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.filters import FILTERS
from orion_gateway.values import FilterUse

if TYPE_CHECKING:
    import pytest

    from orion_gateway.filters.filter import Facilities, Filter


def use(
    monkeypatch: pytest.MonkeyPatch, made: Filter, name: str = "", *, enforce: bool = True, is_named: bool = False
) -> FilterUse:
    """Return a filter of the test's own for `make_route`."""

    def make(rules: Filter, facilities: Facilities) -> Filter:
        return rules

    monkeypatch.setitem(FILTERS, "probe", make)
    return FilterUse("probe", made, name or type(made).__name__.lower(), is_named=is_named, enforce=enforce)
