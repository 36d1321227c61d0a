"""`orion check`: say everything that is wrong with a route table, without starting anything."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from orion_gateway.cli.findings import examine, fail_on_option, format_option
from orion_gateway.cli.table import config_option

if TYPE_CHECKING:
    from pathlib import Path

    from orion_gateway.config.errors import Severity


@click.command()
@config_option
@click.option("--strict", is_flag=True, help="Let warnings fail the check too: --fail-on warning.")
@fail_on_option("error")
@format_option
def command(config: Path, output_format: str, fail_on: Severity, *, strict: bool) -> None:
    """Check a route table and say everything that is wrong with it.

    Exit codes: 0 nothing wrong, 1 findings (errors; with --strict also warnings), 2 the table could not be read.
    """
    if strict and fail_on == "error":
        fail_on = "warning"
    sys.exit(examine(config, output_format, fail_on, is_audit=False))
