"""`orion routes`: the routes in the order in which they are tried."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from orion_gateway.cli.routes import command

if TYPE_CHECKING:
    from pathlib import Path

TABLE = """\
version: 1
listeners:
  - {name: http, bind: "127.0.0.1:8080"}
services:
  users: {endpoints: [{url: "http://127.0.0.1:3002"}]}
routes:
  - name: rest
    service: users
  - name: one
    match: {path: "/users/{id}", methods: [GET, POST], headers: {X-Beta: {present: true}}, query: {v: {regex: "1+"}}}
    service: users
    priority: 2
  - name: old
    match: {hosts: [old.example.org], path_regex: "/(a|b)", listeners: [http], query: {q: "1"}}
    redirect: {location: "https://example.org/"}
  - name: gone
    match: {path: /users/gone}
    respond: {status: 410}
  - name: health
    match: {path: /health}
    admin: health
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "routes.yaml"
    path.write_text(TABLE)
    return path


def test_routes_are_listed_by_precedence_with_what_answers_and_where_they_stand(table: Path) -> None:
    """One would have to work out by hand which of two routes is tried first."""
    result = CliRunner().invoke(command, ["-c", str(table)])
    assert result.exit_code == 0
    lines = [[cell for cell in line.split("  ") if cell] for line in result.stdout.splitlines()]
    assert [[cell.strip() for cell in line] for line in lines] == [
        ["NAME", "HOSTS", "PATH", "METHODS", "CONDITIONS", "ANSWERS", "PLACE"],
        [
            *("old", "old.example.org", "regex /(a|b)", "*", "query q = 1; listeners http"),
            *("redirect 308 https://example.org/", f"{table}:13"),
        ],
        ["health", "*", "/health", "*", "admin health", f"{table}:19"],
        ["gone", "*", "/users/gone", "*", "respond 410", f"{table}:16"],
        [
            *("one", "*", "/users/{id}", "GET, POST", "header X-Beta present; query v matches 1+; priority 2"),
            *("service users", f"{table}:9"),
        ],
        ["rest", "*", "/**", "*", "service users", f"{table}:7"],
    ]


def test_the_list_as_json(table: Path) -> None:
    """Scripts would have to take the columns apart."""
    result = CliRunner().invoke(command, ["-c", str(table), "--json"])
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert [route["name"] for route in document["routes"]] == ["old", "health", "gone", "one", "rest"]
    assert document["routes"][3] == {
        "name": "one",
        "hosts": [],
        "path": "/users/{id}",
        "path_regex": None,
        "methods": ["GET", "POST"],
        "headers": [{"name": "X-Beta", "present": "true"}],
        "query": [{"name": "v", "regex": "1+"}],
        "listeners": [],
        "priority": 2,
        "filters": [],
        "answers": "service users",
        "place": f"{table}:9",
    }


FILTERED = TABLE.replace(
    "routes:",
    """\
filters:
  tidy: {response_headers: {remove: [Server]}}
defaults:
  filters: [tidy]
routes:""",
).replace(
    "  - name: rest\n",
    "  - name: rest\n    filters: [{request_headers: {remove: [A]}}, defaults, {request_headers: {remove: [B]}}]\n",
)


def test_the_filters_of_each_route_stand_in_the_order_in_which_they_run(table: Path) -> None:
    """A route that lost its guard, or has it behind what it guards, would look like the others."""
    table.write_text(FILTERED)
    result = CliRunner().invoke(command, ["-c", str(table)])
    header, *rows = result.stdout.splitlines()
    at = header.index("FILTERS")
    found = {row.split()[0]: row[at : header.index("ANSWERS")].strip() for row in rows}
    assert found["rest"] == "request_headers > tidy (response_headers) > request_headers-2"
    assert found["gone"] == "tidy (response_headers)"
    document = json.loads(CliRunner().invoke(command, ["-c", str(table), "--json"]).stdout)
    assert document["routes"][-1]["filters"] == [
        {
            "name": name,
            "kind": kind,
            "named": name == "tidy",
            "decides": False,
            "enforced": True,
            "runs": "exchange",
            "place": f"{table}:{line}",
        }
        for name, kind, line in (
            ("request_headers", "request_headers", 12),
            ("tidy", "response_headers", 7),
            ("request_headers-2", "request_headers", 12),
        )
    ]


def test_columns_stand_below_each_other_and_empty_ones_are_left_out(tmp_path: Path) -> None:
    """The list could not be read, or would be wider than the terminal for nothing."""
    path = tmp_path / "routes.yaml"
    path.write_text(TABLE.partition("  - name: one")[0] + "  - {name: longer, match: {path: /a}, service: users}\n")
    header, *rows = CliRunner().invoke(command, ["-c", str(path)]).stdout.splitlines()
    assert header.split() == ["NAME", "HOSTS", "PATH", "METHODS", "ANSWERS", "PLACE"]
    at = header.index("ANSWERS")
    assert [row[at - 1 : at + 13] for row in rows] == [" service users"] * 2


def test_a_broken_table_is_said_on_stderr_and_exits_1(table: Path) -> None:
    """A script would take an error for a route, or a broken table for an empty one."""
    table.write_text(TABLE.replace("path: /health", "pth: /health"))
    result = CliRunner().invoke(command, ["-c", str(table)])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "error[E0102]" in result.stderr
    assert CliRunner().invoke(command, ["-c", str(table.parent / "none.yaml")]).exit_code == 2
