"""Secrets that are written into the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orion_gateway.config.errors import render_full, render_json
from orion_gateway.lint.github import render_github
from orion_gateway.lint.sarif import render_sarif
from tests.lint.tables import findings

if TYPE_CHECKING:
    from pathlib import Path

HIDDEN = "hush-7f3a9c2e51"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodXNoIn0.c2lnbmF0dXJl"
HEAD = 'version: 1\nlisteners: [{name: http, bind: "127.0.0.1:8080"}]\n'


def edits(name: str, value: str) -> str:
    return HEAD + f"routes:\n  - {{name: a, respond: {{headers: {{{name}: '{value}'}}, body: 'x'}}}}\n"


@pytest.mark.parametrize(
    "table",
    [
        HEAD + f"gateway: {{admin: {{tokens: [{{token: {HIDDEN}-0123, may: [read]}}]}}}}\n",
        edits("Authorization", f"Bearer {HIDDEN}"),
        edits("Proxy-Authorization", f"Basic {HIDDEN}"),
        edits("X-Client-Secret", HIDDEN),
        edits("X-Whatever", f"https://user:{HIDDEN}@example.org/"),
        edits("X-Whatever", f"ghp_{'hush' * 9}"),
        edits("X-Whatever", JWT),
        edits("X-Whatever", "AKIA" + "HUSH" * 4),
        HEAD + f"routes:\n  - name: a\n    match: {{headers: {{X-Api-Key: {HIDDEN}}}}}\n    respond: {{}}\n",
        HEAD
        + "routes:\n  - name: a\n    respond:\n      body: |\n        -----BEGIN RSA PRIVATE KEY-----\n        hush\n",
    ],
)
def test_a_secret_in_the_table_is_found_and_never_shown(tmp_path: Path, table: str) -> None:
    """A password would lie in a repository's history; worse, the warning would print it into the log of a build."""
    found = findings(tmp_path, table)
    assert [finding.code for finding in found] == ["W0404"]
    shown = "".join((render_full(found[0]), render_json(found), render_github(found[0]), render_sarif(found)))
    assert "hush" not in shown.lower()
    assert JWT not in shown


@pytest.mark.parametrize(
    "table",
    [
        edits("Authorization", "Bearer ${API_TOKEN:-x}"),
        edits("X-Client-Secret", "${CLIENT_SECRET:-}"),
        edits("X-Token", "header:X-Token"),
        edits("X-Token", "/run/secrets/token"),
        edits("X-Whatever", "https://${USER:-}:${PASSWORD:-}@example.org/"),
        edits("X-Monkey", "aaaaaaaaaaaaaaaaaaaaaaaa"),
        HEAD
        + "routes:\n  - {name: token-service, match: {headers: {Authorization: {regex: 'Bearer .+'}}}, respond: {}}\n",
    ],
)
def test_what_only_looks_like_a_secret_is_left_alone(tmp_path: Path, table: str) -> None:
    """Names, paths and references would be called secrets until nobody reads the warning."""
    assert findings(tmp_path, table) == []


def test_a_secret_is_hidden_from_other_findings_about_its_line(tmp_path: Path) -> None:
    """`orion check` looks for something else on that line, and would print it."""
    table = (
        HEAD + f"routes: [{{name: a, respond: {{headers: {{Authorization: {HIDDEN}}}}}, timeouts: {{total: 1s}}}}]\n"
    )
    (finding,) = findings(tmp_path, table, is_audit=False)
    assert finding.code == "W0302"
    assert finding.source
    assert HIDDEN not in finding.source
