"""`orion check` and `orion audit`: exit codes, streams and formats."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from orion_gateway.cli import main

if TYPE_CHECKING:
    from pathlib import Path

NOTED = 'version: 1\nlisteners: [{name: http, bind: "0.0.0.0:8080"}]\n'
HEAD = 'version: 1\nlisteners: [{name: http, bind: "127.0.0.1:8080"}]\n'
GOOD = HEAD + "routes:\n  - {name: a, match: {path: /a}, respond: {status: 204}}\n"
DOUBTFUL = GOOD + "  - {name: b, match: {path: /a}, respond: {status: 404}}\n"
WRONG = HEAD + "routs: []\n"


def check(tmp_path: Path, table: str, *arguments: str, command: str = "check") -> Result:
    """Run `orion check`, or another command, on a table."""
    path = tmp_path / "routes.yaml"
    path.write_text(table, encoding="utf-8")
    return CliRunner().invoke(main, [command, "-c", str(path), *arguments])


def test_a_good_table_has_no_findings(tmp_path: Path) -> None:
    """A deployment would stop at a table without a mistake."""
    result = check(tmp_path, GOOD, "--strict")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{tmp_path}/routes.yaml: 1 route, 0 services, 1 listener; nothing wrong.\n"


def test_a_broken_table_is_told_by_the_exit_code_and_on_stdout(tmp_path: Path) -> None:
    """A script would take a broken table for a good one."""
    result = check(tmp_path, WRONG)
    assert result.exit_code == 1
    assert result.stdout.startswith(f'{tmp_path}/routes.yaml:3:1: error[E0102]: unknown key "routs"\n 3 | routs: []\n')
    assert result.stderr == "1 error in 1 file.\n"


def test_the_concise_format_has_one_line_for_each_finding(tmp_path: Path) -> None:
    """Editors could not jump from finding to finding."""
    result = check(tmp_path, WRONG, "--format", "concise")
    assert result.stdout == (
        f'{tmp_path}/routes.yaml:3:1: error[E0102]: unknown key "routs" (did you mean "routes"?)\n'
    )


def test_the_json_format_is_one_document_alone_on_stdout(tmp_path: Path) -> None:
    """A program that reads the findings would meet text for people in between."""
    result = check(tmp_path, WRONG, "--format", "json")
    document = json.loads(result.stdout)
    assert (document["errors"], document["warnings"]) == (1, 0)
    assert json.loads(check(tmp_path, GOOD, "--format", "json").stdout)["findings"] == []


def test_a_route_that_can_never_win_is_a_warning_with_an_example(tmp_path: Path) -> None:
    """A user would wait for requests that never come."""
    result = check(tmp_path, DOUBTFUL)
    assert result.exit_code == 0
    first, source, *_ = result.stdout.splitlines()
    assert first == f'{tmp_path}/routes.yaml:5:12: warning[W0301]: the route "b" can never win'
    assert source.startswith(" 5 |   - {name: b,")
    assert f'"a" at {tmp_path}/routes.yaml:4 takes all of its requests, such as: GET ' in result.stdout
    assert result.stderr.endswith("2 routes, 0 services, 1 listener; 1 warning.\n")


def test_a_retry_that_a_timeout_cuts_off_is_told_where_it_is_asked_for(tmp_path: Path) -> None:
    """Somebody would rely on a second attempt that is never made."""
    table = HEAD + (
        "services:\n  users:\n    endpoints: [{url: 'http://127.0.0.1:1'}]\n    retries:\n      hedge: 5s\n"
        "defaults:\n  retries: {on: [response_timeout]}\n"
        "routes:\n  - {name: a, match: {path: /a}, service: users, timeouts: {response: 2s, total: 2s}}\n"
        "  - {name: b, match: {path: /b}, service: users, timeouts: {response: 2s, total: 2s}}\n"
    )
    shown = check(tmp_path, table, "--format", "concise").stdout
    assert shown.splitlines() == [
        f"{tmp_path}/routes.yaml:7:14: warning[W0306]: timeouts.total (2s) ends every request before a hedge after 5s",
        f"{tmp_path}/routes.yaml:9:17: warning[W0306]: timeouts.total (2s) leaves no time for a repeat after "
        "timeouts.response (2s)",
    ]
    assert check(tmp_path, table, "--strict").exit_code == 1


def test_strict_lets_warnings_fail(tmp_path: Path) -> None:
    """A team that wants no doubtful tables could not say so."""
    assert check(tmp_path, DOUBTFUL, "--strict").exit_code == 1


@pytest.mark.parametrize(
    ("command", "table", "arguments", "code"),
    [
        ("check", DOUBTFUL, [], 0),
        ("check", DOUBTFUL, ["--fail-on", "warning"], 1),
        ("check", DOUBTFUL, ["--fail-on", "error"], 0),
        ("check", WRONG, ["--fail-on", "error"], 1),
        ("check", NOTED, ["--fail-on", "note"], 0),
        ("check", NOTED, ["--strict", "--fail-on", "note"], 0),
        ("audit", GOOD, [], 0),
        ("audit", DOUBTFUL, [], 1),
        ("audit", DOUBTFUL, ["--fail-on", "error"], 0),
        ("audit", NOTED, [], 0),
        ("audit", NOTED, ["--fail-on", "note"], 1),
        ("audit", WRONG, [], 1),
    ],
)
def test_the_exit_code_is_what_fail_on_says(
    tmp_path: Path, command: str, table: str, arguments: list[str], code: int
) -> None:
    """A pipeline would let through what its team wanted stopped, or stop for what it had accepted."""
    assert check(tmp_path, table, *arguments, command=command).exit_code == code


def test_the_audit_tells_notes_and_counts_them(tmp_path: Path) -> None:
    """Nobody would see them."""
    result = check(tmp_path, NOTED, "--format", "concise", command="audit")
    assert result.stdout.startswith(f"{tmp_path}/routes.yaml:2:32: note[N0407]: ")
    assert result.stderr.endswith("0 routes, 0 services, 1 listener; 1 note.\n")


@pytest.mark.parametrize("table", [DOUBTFUL, WRONG], ids=["doubtful", "wrong"])
def test_sarif_and_github_stand_alone_on_stdout(tmp_path: Path, table: str) -> None:
    """A code host would meet text for people in between, or nothing when the table is broken."""
    (run,) = json.loads(check(tmp_path, table, "--format", "sarif").stdout)["runs"]
    assert len(run["results"]) == 1
    assert check(tmp_path, table, "--format", "github").stdout.count("\n") == 1


@pytest.mark.parametrize("output_format", ["full", "concise", "json", "sarif", "github"])
def test_a_missing_table_could_not_be_checked(tmp_path: Path, output_format: str) -> None:
    """A wrong path would look like a wrong table."""
    result = CliRunner().invoke(main, ["check", "-c", str(tmp_path / "nowhere.yaml"), "--format", output_format])
    assert result.exit_code == 2
    assert "No such file or directory" in result.stdout


def test_variables_come_from_the_environment_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table would be checked with other values than it runs with."""
    table = HEAD + 'routes: [{name: a, respond: {body: "${ORION_TEST_BODY}"}}]\n'
    assert check(tmp_path, table).exit_code == 1
    monkeypatch.setenv("ORION_TEST_BODY", "x")
    assert check(tmp_path, table).exit_code == 0


def test_reading_a_table_needs_neither_aiohttp_nor_uvloop() -> None:
    """Offline commands would start slowly."""
    code = "import sys, orion_gateway.config.load as _; print('aiohttp' in sys.modules, 'uvloop' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown == "False False\n"
