"""The `orion` command itself: what it loads, and what it says of itself."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest
from click.testing import CliRunner

from orion_gateway import __version__
from orion_gateway.cli import COMMANDS, main

HEAVY = {"aiohttp", "uvloop", "pydantic", "yaml", "re2", "orjson", "structlog", "asyncio"}


def loaded_by(*arguments: str) -> set[str]:
    """Return the modules that a run of the command has loaded at its end."""
    program = (
        "import atexit, sys\natexit.register(lambda: print('\\n'.join(sys.modules), file=sys.stderr))\n"
        f"from orion_gateway.cli import main\nmain({list(arguments)!r})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["version"], ["run", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    """A look at the help would take half a second."""
    assert not loaded_by(*arguments) & HEAVY


def test_help_lists_every_command_with_its_own_summary() -> None:
    """A command would be undocumented, or listed with a summary that is not its own."""
    shown = CliRunner().invoke(main, ["--help"])
    assert shown.exit_code == 0
    for name, summary in COMMANDS.items():
        assert name in shown.stdout
        own = CliRunner().invoke(main, [name, "--help"])
        assert own.exit_code == 0
        assert " ".join(summary.split()[:3]) in own.stdout


def test_an_unknown_command_is_a_usage_error() -> None:
    """A typo in a script would look like success."""
    result = CliRunner().invoke(main, ["strat"])
    assert result.exit_code == 2
    assert "strat" in result.stderr


def test_version_tells_what_runs() -> None:
    """A bug report would not say what it is about."""
    lines = CliRunner().invoke(main, ["version"]).stdout.splitlines()
    assert lines[0].startswith(f"orion {__version__}")
    assert f"uvloop {metadata.version('uvloop')}" in lines
    assert CliRunner().invoke(main, ["--version"]).stdout == f"orion, version {__version__}\n"
