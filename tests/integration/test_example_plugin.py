"""The example of a plug-in's package: its tests, its table, and that it needs nothing but what authors may use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "plugin"


def test_its_own_tests_pass() -> None:
    """An author would begin with a copy of something broken."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    found = subprocess.run(command, cwd=EXAMPLE, capture_output=True, text=True, env=_environ(), check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_its_table_is_right_as_it_stands() -> None:
    """The README's first command would fail."""
    command = [sys.executable, "-m", "orion_gateway", "check", "--strict", "-c", str(EXAMPLE / "routes.yaml")]
    found = subprocess.run(command, capture_output=True, text=True, env=_environ(), check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_it_imports_of_the_gateway_only_what_is_for_authors() -> None:
    """Authors would copy imports of what changes any time."""
    for path in EXAMPLE.rglob("*.py"):
        for line in path.read_text().splitlines():
            if "orion_gateway" in line and "import" in line:
                assert line.startswith(("from orion_gateway.plugins import", "from orion_gateway.testing import")), line


def _environ() -> dict[str, str]:
    # What else is installed here for tests is not what an author has.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    return kept | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
