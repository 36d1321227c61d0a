"""Small tables for the tests of rules, with small filters that declare what the tests need.

A rule never looks at the name of a kind, so the kinds that exist stand for those of the tests: `request_headers` is
made by a filter that authenticates, `response_headers` by another one that a test chooses.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orion_gateway.assembly import build_routes
from orion_gateway.config.load import load_table
from orion_gateway.filters.filter import Filter
from orion_gateway.lint import lint
from orion_gateway.lint.rule import Subject
from orion_gateway.routing.table import RouteTable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from orion_gateway.config.errors import Finding
    from orion_gateway.lint.rule import Rule

HEAD = """version: 1
listeners: [{name: http, bind: "127.0.0.1:8080"}]
services: {s: {endpoints: [{url: "http://127.0.0.1:1"}]}, t: {endpoints: [{url: "http://127.0.0.1:2"}]}}
filters: {auth: {request_headers: {}}, other: {response_headers: {}}}
"""


class Authenticating(Filter):
    """It establishes who asks."""

    decides = True
    authenticates = True


class Authorizing(Filter):
    """It judges by who asks."""

    decides = True
    authorizes = True


class Storing(Filter):
    """It keeps answers for others."""

    stores = True


class Disturbing(Filter):
    """It does harm on purpose."""

    disturbs = True


def make_unknown(_rules: object, _facilities: object) -> Filter:
    """Make a filter of which nobody knows beforehand what it does."""
    return Filter()


PLAIN: Mapping[str, object] = {"request_headers": Filter, "response_headers": Filter}


def with_other(other: object) -> Mapping[str, object]:
    """Return kinds of which one authenticates, and the other one is as given."""
    return {"request_headers": Authenticating, "response_headers": other}


def read(
    tmp_path: Path, table: str, filters: Mapping[str, object], rules: Mapping[str, object] | None = None
) -> Subject:
    """Return a table as rules see it; `rules` replace those of filters by their names."""
    path = tmp_path / "routes.yaml"
    path.write_text(table if "version:" in table else HEAD + table, encoding="utf-8")
    loaded = load_table(path, {})
    routes = [
        replace(
            route,
            filters=tuple(replace(use, rules=(rules or {}).get(use.name, use.rules)) for use in route.filters),
        )
        for route in build_routes(loaded)
    ]
    return Subject(loaded, RouteTable(routes), filters)


def found(rule: Rule, subject: Subject) -> list[str]:
    """Return what a rule finds: line, code and message of each."""
    return [f"{finding.line} {finding.code} {finding.message}" for finding in rule(subject)]


def hints(rule: Rule, subject: Subject) -> list[str]:
    """Return the help of what a rule finds."""
    return [finding.help.replace(finding.file, "routes.yaml") for finding in rule(subject)]


def findings(
    tmp_path: Path, table: str, filters: Mapping[str, object] = PLAIN, *, is_audit: bool = True
) -> list[Finding]:
    """Return everything that is found in a table."""
    subject = read(tmp_path, table, filters)
    return lint(subject.loaded, subject.table, is_audit=is_audit, filters=filters)


def codes(tmp_path: Path, table: str, filters: Mapping[str, object] = PLAIN, *, is_audit: bool = True) -> list[str]:
    """Return line and code of everything that is found in a table."""
    return [f"{finding.line} {finding.code}" for finding in findings(tmp_path, table, filters, is_audit=is_audit)]
