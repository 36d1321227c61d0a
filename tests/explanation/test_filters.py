"""What is said of the filters of a route."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.explanation.filters import describe_filter, make_filter_document, name_filter, order_filters
from orion_gateway.filters import FILTERS
from orion_gateway.filters.filter import Filter
from orion_gateway.values import FilterUse

if TYPE_CHECKING:
    import pytest


class Guard(Filter):
    """One that decides."""

    decides = True


class Courier(Filter):
    """One that runs for every attempt."""

    scope = "attempt"


def test_what_each_may_do_and_when_it_runs_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guard that only counts would pass for one that guards."""
    for kind, made in {"guard": Guard, "courier": Courier, "foreign": lambda rules, facilities: Filter()}.items():
        monkeypatch.setitem(FILTERS, kind, made)
    courier, guard = FilterUse("courier", None, "courier"), FilterUse("guard", None, "door", is_named=True)
    trial, foreign = FilterUse("guard", None, "guard", enforce=False), FilterUse("foreign", None, "foreign")
    assert order_filters([courier, guard, trial]) == [guard, trial, courier]
    assert [describe_filter(use) for use in (courier, guard, trial, foreign)] == [
        "courier: shapes, for every attempt",
        "door (guard): decides",
        "guard: would decide, but only counts (enforce: false)",
        "foreign: decides or shapes as it says itself",
    ]
    assert [name_filter(use) for use in (guard, trial)] == ["door (guard)", "guard, not enforced"]
    documents = [make_filter_document(use) for use in (courier, trial, foreign)]
    assert [(each["decides"], each["enforced"], each["runs"]) for each in documents] == [
        (False, True, "attempt"),
        (True, False, "exchange"),
        (None, True, "exchange"),
    ]
