"""The tables in the guides: what a user copies from them must be taken by the gateway without a word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orion_gateway.config.load import load_table

GUIDES = sorted((Path(__file__).parent.parent.parent / "docs" / "how-to").glob("*.md"))
HEAD = 'version: 1\nlisteners: [{name: http, bind: "127.0.0.1:8080"}]\n'
TABLE = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
TABLES = [
    pytest.param(table, id=f"{guide.stem}-{number}")
    for guide in GUIDES
    for number, table in enumerate(TABLE.findall(guide.read_text(encoding="utf-8")))
]


@pytest.mark.parametrize("table", TABLES)
def test_a_table_of_a_guide_has_nothing_wrong(tmp_path: Path, table: str) -> None:
    """A newcomer would begin with an error."""
    path = tmp_path / "routes.yaml"
    path.write_text((HEAD if "listeners:" not in table else "") + table, encoding="utf-8")
    assert load_table(path, {}).warnings == ()
