"""`orion filters`: what the filters of the running gateway report."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from orion_gateway.cli.gateway import ask_gateway, lay_out, leave, socket_option
from orion_gateway.cli.table import config_option

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@click.command()
@click.argument("route", required=False)
@socket_option
@config_option
@click.option("--json", "as_json", is_flag=True, help="Write what the admin API answers.")
def command(route: str | None, admin_socket: Path | None, config: Path, *, as_json: bool) -> None:
    """Say what the filters of the running gateway report, or those of ROUTE.

    Filters that are named in the table serve every route that names them; they are shown when no ROUTE is given.

    Exit codes: 0 fine, 1 no filter of ROUTE has reported anything, 2 no gateway runs.
    """
    document = ask_gateway(config, admin_socket, "GET", "/filters")
    found = [shown for shown in document["filters"] if route is None or shown["route"] == route]
    if route is not None and not found:
        leave(1, f"no filter of the route {route!r} has reported anything")
    if as_json:
        click.echo(json.dumps({"filters": found}, indent=2))
        return
    if not found:
        click.echo("no filter has reported anything", err=True)
    for shown in found:
        click.echo(f"{shown['route'] or 'all routes'}: {shown['filter']}")
        click.echo("\n".join(f"  {line}" for line in _render(shown["report"])))


def _render(document: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a JSON object: its scalars, then what is below it, lists of objects as tables."""
    for name, value in document.items():
        if not isinstance(value, dict | list):
            yield f"{_say(name)}: {_show(value)}"
    for name, value in document.items():
        if isinstance(value, dict | list) and value:
            yield f"{_say(name)}:"
            yield from (f"  {line}" for line in _render_below(value))


def _render_below(value: dict[str, Any] | list[Any]) -> Iterator[str]:
    if isinstance(value, dict):
        yield from _render(value)
    elif all(isinstance(row, dict) and not _nests(row) for row in value):
        names = list(dict.fromkeys(name for row in value for name in row))
        rows = [[_show(row.get(name, "")) for name in names] for row in value]
        yield from lay_out([[_say(name).upper() for name in names], *rows])
    else:
        for row in value:
            lines = [*_render(row)] if isinstance(row, dict) else [_show(row)]
            yield from (f"{'- ' if at == 0 else '  '}{line}" for at, line in enumerate(lines))


def _nests(row: dict[str, Any]) -> bool:
    return any(isinstance(value, dict | list) for value in row.values())


def _say(name: str) -> str:
    return name.replace("_", " ")


def _show(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
