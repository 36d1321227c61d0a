"""`orion check`: say everything that is wrong with a route table, without starting anything.

Findings are the data and go to stdout in the format asked for; the summary for people goes to stderr.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orion_gateway.config.errors import Finding
    from orion_gateway.config.load import Loaded
    from orion_gateway.config.places import Location
    from orion_gateway.values import Route


@click.command()
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    default=Path("config/routes.yaml"),
    show_default=True,
    help="The route table.",
)
@click.option("--strict", is_flag=True, help="Let warnings fail the check too.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["full", "concise", "json"]),
    default="full",
    show_default=True,
    help="full: with the source line and help; concise: one line each; json: one object.",
)
def command(config: Path, output_format: str, *, strict: bool) -> None:
    """Check a route table and say everything that is wrong with it.

    Exit codes: 0 nothing wrong, 1 findings (with --strict also warnings), 2 the table could not be read.
    """
    from orion_gateway.config.errors import TableErrors, render_concise, render_full, render_json
    from orion_gateway.config.load import load_table

    loaded: Loaded | None = None
    is_missing = False
    try:
        loaded = load_table(config, os.environ)
        findings: Sequence[Finding] = sorted(
            (*loaded.warnings, *_lint(loaded)), key=lambda finding: (finding.file, finding.line)
        )
    except TableErrors as error:
        findings, is_missing = error.findings, error.is_missing
    if output_format == "json":
        click.echo(render_json(findings))
    else:
        render = render_full if output_format == "full" else render_concise
        for finding in findings:
            click.echo(render(finding))
    click.echo(_summarize(config, loaded, findings), err=True)
    if is_missing:
        sys.exit(2)
    sys.exit(1 if loaded is None or (strict and findings) else 0)


def _lint(loaded: Loaded) -> list[Finding]:
    """Return the warnings that need compiled routes."""
    from orion_gateway.assembly import build_routes

    routes = build_routes(loaded)
    return [*_find_unreachable(loaded, routes), *_find_hopeless_retries(loaded, routes)]


def _find_unreachable(loaded: Loaded, routes: Sequence[Route]) -> list[Finding]:
    """Return a warning for each route that can never win."""
    from orion_gateway.routing.lint import find_unreachable

    warnings = []
    for found in find_unreachable(routes):
        winner = loaded.places.at(("routes", found.winner, "name"))
        message = f'the route "{routes[found.loser].name}" can never win'
        hint = f'"{routes[found.winner].name}" at {winner} takes all of its requests, such as: {found.example}'
        warnings.append(loaded.finding(("routes", found.loser, "name"), "W0301", message, hint))
    return warnings


def _find_hopeless_retries(loaded: Loaded, routes: Sequence[Route]) -> list[Finding]:
    """Return a warning for each place that asks for a retry which a timeout cuts off, with the first such route."""
    from orion_gateway.routing.retry_lint import find_hopeless_retries

    warnings: dict[Location, Finding] = {}
    for found in find_hopeless_retries(routes):
        holders = (("routes", found.index), ("defaults",), ("services", found.service))
        places = [(*holder, "retries", found.key) for holder in holders]
        place = next(place for place in places if loaded.places.is_written(place))
        hint = f'seen on the route "{routes[found.index].name}"'
        warnings.setdefault(place, loaded.finding(place, "W0306", found.why, hint))
    return list(warnings.values())


def _summarize(config: Path, loaded: Loaded | None, findings: Sequence[Finding]) -> str:
    errors = sum(finding.severity == "error" for finding in findings)
    said = [_count(number, what) for number, what in ((errors, "error"), (len(findings) - errors, "warning")) if number]
    if loaded is None:
        return f"{', '.join(said)} in {_count(len({finding.file for finding in findings}), 'file')}."
    table = loaded.config
    parts = (
        (len(table.routes), "route"),
        (len(table.services), "service"),
        (len(table.listeners), "listener"),
    )
    contents = ", ".join(_count(number, what) for number, what in parts)
    return f"{config}: {contents}; {', '.join(said) or 'nothing wrong'}."


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
