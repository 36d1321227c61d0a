"""The tables in the guides: what a user copies from them must be taken by the gateway without a word."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from orion_gateway.assembly import build_routes
from orion_gateway.config.load import load_table
from orion_gateway.lint import lint
from orion_gateway.routing.table import RouteTable

GUIDES = sorted((Path(__file__).parent.parent.parent / "docs" / "how-to").glob("*.md"))
HEAD = 'version: 1\nlisteners: [{name: http, bind: "127.0.0.1:8080"}]\n'
TABLE = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"^```\w+ (\S+\.\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
"""A block that says which file it is: a module or a list that a table of the guide names."""
TABLES = [
    pytest.param(guide, table, id=f"{guide.stem}-{number}")
    for guide in GUIDES
    for number, table in enumerate(TABLE.findall(guide.read_text(encoding="utf-8")))
]


def write_files(guide: Path, folder: Path) -> None:
    """Write the files that a guide shows where it says that they are."""
    for name, content in FILE.findall(guide.read_text(encoding="utf-8")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")


@pytest.mark.parametrize(("guide", "table"), TABLES)
def test_a_table_of_a_guide_has_nothing_wrong(tmp_path: Path, guide: Path, table: str) -> None:
    """A newcomer would begin with an error."""
    write_files(guide, tmp_path)
    path = tmp_path / "routes.yaml"
    path.write_text((HEAD if "listeners:" not in table else "") + table, encoding="utf-8")
    loaded = load_table(path, {})
    assert lint(loaded, RouteTable(build_routes(loaded))) == []


def test_the_tests_of_the_guide_to_plugins_pass(tmp_path: Path) -> None:
    """An author would copy tests that fail, of plug-ins that do not run."""
    write_files(next(guide for guide in GUIDES if guide.stem == "plugins"), tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_plugins.py"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "2 passed" in run.stdout, run.stdout
