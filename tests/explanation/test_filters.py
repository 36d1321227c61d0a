"""What is said of the filters of a route."""

from __future__ import annotations

from typing import TYPE_CHECKING

from click.testing import CliRunner

from orion_gateway.cli import main
from orion_gateway.explanation.filters import describe_filter, make_filter_document, name_filter, order_filters
from orion_gateway.filters import FILTERS
from orion_gateway.filters.filter import Filter
from orion_gateway.values import FilterUse

if TYPE_CHECKING:
    from pathlib import Path

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


def test_a_preflight_is_answered_by_the_filter_of_the_route_that_it_asks_for(tmp_path: Path) -> None:
    """Who looks for the reason of a refused preflight would be told that the gateway answers OPTIONS without CORS."""
    table = tmp_path / "t.yaml"
    table.write_text(
        "version: 1\nlisteners: [{name: http, bind: '127.0.0.1:8080'}]\n"
        "filters: {pages: {cors: {origins: ['https://app.example.org']}}}\n"
        "routes:\n  - {name: a, match: {path: /a, methods: [PUT]}, respond: {status: 200}, filters: [pages]}\n",
        encoding="utf-8",
    )
    command = ["explain", "-c", str(table), "OPTIONS", "/a", "-H", "Origin: https://app.example.org", "-H"]
    told = CliRunner().invoke(main, [*command, "Access-Control-Request-Method: PUT"]).stdout
    assert "taken by route a" in told
    assert "answered by filter pages (cors), as a preflight for PUT" in told
    assert "answers OPTIONS itself" in CliRunner().invoke(main, [*command, "Access-Control-Request-Method: GET"]).stdout
