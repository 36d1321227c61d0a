"""What is said of plug-ins that cannot be made, at the place where they are written.

`ORION_WRITE_GOLDEN=1` writes `tables/broken.txt` anew; read it before it is committed: it is what a user will read.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from orion_gateway.cli import main
from orion_gateway.config.errors import render_full
from orion_gateway.config.load import load_table
from orion_gateway.plugin_checks import find_plugin_faults

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLES = Path(__file__).parent / "tables"
ENVIRON = {"SECRET_MODE": "hidden", "SOME_NUMBER": "7"}


@pytest.fixture(autouse=True)
def _modules_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a table imports must not be what the next test finds."""
    monkeypatch.chdir(TABLES)
    path = list(sys.path)
    yield
    sys.modules.pop("guards", None)
    sys.path[:] = path


def test_everything_wrong_is_said_at_its_place_in_one_pass() -> None:
    """The author would have to find the mistakes one by one, by running the gateway."""
    findings = find_plugin_faults(load_table(Path("broken.yaml"), ENVIRON))
    text = "\n".join(render_full(finding) for finding in findings).replace(str(TABLES), "TABLES") + "\n"
    expected = TABLES / "broken.txt"
    if "ORION_WRITE_GOLDEN" in os.environ:
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")
    assert "hidden" not in text


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_plug_in_that_cannot_be_made_keeps_the_table_from_being_used(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers would die of it one after the other."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.yaml").write_text(
        "version: 1\nlisteners: [{name: http, bind: '127.0.0.1:0'}]\n"
        "routes:\n  - {name: a, respond: {status: 200}, filters: [{plugin: {use: 'nowhere_at_all:X'}}]}\n"
    )
    result = CliRunner().invoke(main, [command, "-c", "t.yaml"])
    assert result.exit_code == 1
    assert 't.yaml:4:64: error[E0308]: there is no module "nowhere_at_all"' in result.output


def test_a_plug_in_beside_the_table_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first example of the documentation would not work."""
    (tmp_path / "beside_it.py").write_text(
        "from orion_gateway.plugins import Plugin, Response\n"
        "class Hello(Plugin):\n    def on_request(self, request):\n        return Response(text='hello')\n"
    )
    (tmp_path / "t.yaml").write_text(
        "version: 1\nlisteners: [{name: http, bind: '127.0.0.1:0'}]\n"
        "routes:\n  - {name: a, respond: {status: 200}, filters: [{plugin: {use: 'beside_it:Hello'}}]}\n"
    )
    result = CliRunner().invoke(main, ["check", "-c", str(tmp_path / "t.yaml")])
    assert (result.exit_code, "nothing wrong" in result.output) == (0, True)
