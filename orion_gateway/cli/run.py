"""`orion run`: the gateway in the foreground; systemd, containers and terminals start and stop it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click


@click.command(name="run")
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    default=Path("config/routes.yaml"),
    show_default=True,
    help="The route table.",
)
def command(config: Path) -> None:
    """Run the gateway in the foreground.

    SIGTERM or Ctrl-C drains: nothing new is accepted and what is in flight may finish; a second one cuts it. The exit
    code is 0 when everything finished, 1 for a broken table, 2 when it could not start, 3 when something was cut.
    """
    from orion_gateway.config.errors import TableErrors, render_concise, render_full
    from orion_gateway.loading import read_route_table

    try:
        loaded = read_route_table(config, os.environ)
    except TableErrors as errors:
        click.echo("\n".join(render_full(finding) for finding in errors.findings), err=True)
        sys.exit(2 if errors.is_missing else 1)
    for warning in loaded.warnings:
        click.echo(render_concise(warning), err=True)
    from orion_gateway.app import StartError, run_gateway

    try:
        code = run_gateway(loaded, os.environ)
    except StartError as error:
        click.echo(f"orion: cannot start: {error}", err=True)
        code = 2
    sys.exit(code)
