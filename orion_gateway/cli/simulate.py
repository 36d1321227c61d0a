"""`orion simulate`: walk a table through a scenario on a virtual clock, and check what it is expected to do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from orion_gateway.simulator.scenario import Scenario
    from orion_gateway.values import Route, Service


@click.command()
@click.argument("table", type=click.Path(path_type=Path))
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--svg", type=click.Path(path_type=Path, dir_okay=False), help="Draw the timelines into this file.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@click.option("--seed", type=click.IntRange(0), help="Of everything random, instead of the scenario's.")
def command(table: Path, scenario: Path, svg: Path | None, seed: int | None, *, as_json: bool) -> None:
    """Walk a table through failures on a virtual clock, and check what it is expected to do.

    TABLE is a route table, SCENARIO says who asks, what happens to the endpoints, and what must hold. The policy code
    is the gateway's; endpoints, clients and time are made up, and nothing is sent.

    Exit codes: 0 everything expected holds, 1 something does not or a file is broken, 2 a file could not be read.
    """
    from orion_gateway.simulator.document import render_json
    from orion_gateway.simulator.expectations import judge_expectations
    from orion_gateway.simulator.picture import render_picture
    from orion_gateway.simulator.run import run_scenario
    from orion_gateway.simulator.text import render_text

    read, routes, services = _read(table, scenario)
    record = run_scenario(read, routes, services, seed)
    judged = judge_expectations(read.expect, record)
    click.echo(render_json(record, judged) if as_json else render_text(record, judged))
    if svg is not None:
        try:
            svg.write_text(render_picture(record, judged), encoding="utf-8")
        except OSError as error:
            click.echo(f"{svg} cannot be written: {error.strerror}", err=True)
            sys.exit(2)
    failed = sum(not held.has_held for held in judged)
    if failed:
        click.echo(f"{failed} of {len(judged)} expectations did not hold.", err=True)
    sys.exit(1 if failed else 0)


def _read(table: Path, scenario: Path) -> tuple[Scenario, tuple[Route, ...], dict[str, Service]]:
    """Return the scenario, and the routes and services with the limits of one of its workers."""
    from orion_gateway.assembly import build_routes, build_services
    from orion_gateway.cli.table import read_table
    from orion_gateway.config.errors import TableErrors, render_full
    from orion_gateway.simulator.read import read_scenario

    loaded, _ = read_table(table)
    routes = build_routes(loaded)
    try:
        read = read_scenario(scenario, routes, build_services(loaded))
    except TableErrors as errors:
        for finding in errors.findings:
            click.echo(render_full(finding), err=True)
        sys.exit(2 if errors.is_missing else 1)
    return read, routes, build_services(loaded, read.workers)
