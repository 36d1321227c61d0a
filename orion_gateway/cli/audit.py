"""`orion audit`: what `orion check` says, and what concerns the security of a route table."""

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
@fail_on_option("warning")
@format_option
def command(config: Path, output_format: str, fail_on: Severity) -> None:
    """Check a route table, and look for what an attacker would look for.

    A comment `# orion: allow CODE reason` at the end of a line, or on a line of its own above, allows a warning or a
    note there.

    Exit codes: 0 nothing wrong, 1 findings (warnings or errors, or as --fail-on says), 2 the table could not be read.
    """
    sys.exit(examine(config, output_format, fail_on, is_audit=True))
