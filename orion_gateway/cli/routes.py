"""`orion routes`: list the routes in the order of precedence, with the filters and what answers each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from orion_gateway.cli.table import config_option, read_table
from orion_gateway.explanation.answer import describe_action
from orion_gateway.explanation.filters import make_filter_document, name_filter, order_filters

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orion_gateway.values import Condition, Route

COLUMNS = ("name", "hosts", "path", "methods", "conditions", "filters", "answers", "place")


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
def command(config: Path, *, as_json: bool) -> None:
    """List the routes in the order of precedence, with their filters and what answers each.

    The filters stand in the order in which a request meets them; a response meets them in the reverse one.

    Exit codes: 0 fine, 1 the table is broken, 2 it could not be read.
    """
    _, table = read_table(config)
    routes = [entry.route for entry in table.in_order()]
    if as_json:
        click.echo(json.dumps({"version": 1, "routes": [_document(route) for route in routes]}, indent=2))
    else:
        click.echo("\n".join(_lay_out([_row(route) for route in routes])))


def _row(route: Route) -> dict[str, str]:
    match = route.match
    conditions = [f"header {_describe_condition(header)}" for header in match.headers]
    conditions += [f"query {_describe_condition(parameter)}" for parameter in match.query]
    if match.listeners:
        conditions.append(f"listeners {', '.join(match.listeners)}")
    if route.priority:
        conditions.append(f"priority {route.priority}")
    return {
        "name": route.name,
        "hosts": ", ".join(match.hosts) or "*",
        "path": f"regex {match.path_regex}" if match.path_regex is not None else match.path or "/**",
        "methods": ", ".join(match.methods) or "*",
        "conditions": "; ".join(conditions),
        "filters": " > ".join(map(name_filter, order_filters(route.filters))),
        "answers": describe_action(route),
        "place": str(route.place or ""),
    }


def _describe_condition(condition: Condition) -> str:
    if condition.kind == "present":
        return f"{condition.name} {'present' if condition.value == 'true' else 'absent'}"
    return f"{condition.name} {'matches' if condition.kind == 'regex' else '='} {condition.value}"


def _document(route: Route) -> dict[str, object]:
    match = route.match
    return {
        "name": route.name,
        "hosts": match.hosts,
        "path": match.path,
        "path_regex": match.path_regex,
        "methods": match.methods,
        "headers": [{"name": header.name, header.kind: header.value} for header in match.headers],
        "query": [{"name": parameter.name, parameter.kind: parameter.value} for parameter in match.query],
        "listeners": match.listeners,
        "priority": route.priority,
        "filters": [make_filter_document(use) for use in order_filters(route.filters)],
        "answers": describe_action(route),
        "place": str(route.place) if route.place else None,
    }


def _lay_out(rows: Sequence[dict[str, str]]) -> list[str]:
    """Return a header line and one line per row; a column without content is left out."""
    columns = [column for column in COLUMNS if any(row[column] for row in rows)]
    lines = [[column.upper() for column in columns], *([row[column] for column in columns] for row in rows)]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
