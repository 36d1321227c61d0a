"""What the commands that only look at a route table share: the option that names it, and reading it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from orion_gateway.config.load import Loaded
    from orion_gateway.routing.table import RouteTable

config_option = click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    default=Path("config/routes.yaml"),
    show_default=True,
    help="The route table.",
)


def read_table(config: Path) -> tuple[Loaded, RouteTable]:
    """Return the table at `config` as it was read, and compiled.

    When it is broken, say on stderr all that is wrong and leave with exit code 1; when it cannot be read, with 2.
    """
    from orion_gateway.assembly import build_routes
    from orion_gateway.config.errors import TableErrors, render_full
    from orion_gateway.loading import read_route_table
    from orion_gateway.routing.table import RouteTable

    try:
        loaded = read_route_table(config, os.environ)
    except TableErrors as errors:
        for finding in errors.findings:
            click.echo(render_full(finding), err=True)
        sys.exit(2 if errors.is_missing else 1)
    return loaded, RouteTable(build_routes(loaded))
