"""`orion schema`."""

from __future__ import annotations

import json

from click.testing import CliRunner

from orion_gateway.cli import main
from orion_gateway.config.schema import make_schema


def test_the_command_prints_the_schema_and_nothing_else() -> None:
    """`orion schema > orion.schema.json` would give editors a broken file."""
    result = CliRunner().invoke(main, ["schema"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == make_schema()
