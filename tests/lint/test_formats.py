"""SARIF and the workflow commands of GitHub, as far as their specifications say what must be."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from orion_gateway.config.errors import CODES, Finding
from orion_gateway.lint.github import render_github
from orion_gateway.lint.sarif import FINGERPRINT, render_sarif

FINDING = Finding("conf/a b.yaml", 7, 3, "W0301", 'the route "ä" can never win', 4, help="see\nthere")


def sarif(*findings: Finding) -> Any:
    return json.loads(render_sarif(findings))


def test_a_log_has_what_sarif_asks_for() -> None:
    """A code host refuses the whole upload for one property that is missing (SARIF 2.1.0, sections 3.13 to 3.30)."""
    log = sarif(FINDING, replace(FINDING, code="N0404"), replace(FINDING, code="E0101"))
    assert log["$schema"].endswith("/sarif-schema-2.1.0.json")
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "orion"
    assert [rule["id"] for rule in driver["rules"]] == list(CODES)
    assert all(rule["shortDescription"]["text"] for rule in driver["rules"])
    assert run["columnKind"] == "unicodeCodePoints"
    assert [result["level"] for result in run["results"]] == ["warning", "note", "error"]
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        (location,) = result["locations"]
        place = location["physicalLocation"]
        assert place["artifactLocation"] == {"uri": "conf/a%20b.yaml", "uriBaseId": "%SRCROOT%"}
        assert place["region"] == {"startLine": 7, "startColumn": 3, "endLine": 7, "endColumn": 7}


def test_a_log_without_findings_has_an_empty_list() -> None:
    """Findings that were mended would stay open: no list means that nothing was looked for (section 3.14.23)."""
    assert sarif()["runs"][0]["results"] == []


def test_an_absolute_path_is_a_url() -> None:
    """A path is no URI (section 3.4.3)."""
    (result,) = sarif(replace(FINDING, file="/etc/orion/r.yaml"))["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "file:///etc/orion/r.yaml"}


def fingerprints(*findings: Finding) -> list[str]:
    return [result["partialFingerprints"][FINGERPRINT] for result in sarif(*findings)["runs"][0]["results"]]


def test_a_fingerprint_stays_when_lines_move_and_differs_otherwise() -> None:
    """A line at the top of a table would close all alerts and open them anew, comments lost."""
    at = replace(FINDING, message="nothing: no W0301 in line 7, see conf/a b.yaml:9")
    moved = replace(at, line=70, column=1, message="nothing: no W0301 in line 70, see conf/a b.yaml:99")
    assert fingerprints(at) == fingerprints(moved)
    others = [FINDING, replace(FINDING, code="W0302"), replace(FINDING, file="b.yaml"), replace(FINDING, message="x")]
    assert len(set(fingerprints(*others))) == 4
    assert len(set(fingerprints(FINDING, replace(FINDING, line=9)))) == 2


@pytest.mark.parametrize(
    ("finding", "line"),
    [
        (
            FINDING,
            '::warning file=conf/a b.yaml,line=7,col=3,endLine=7,endColumn=7,title=W0301::the route "ä" can never win'
            "%0Asee%0Athere",
        ),
        (
            Finding("a:b,c%.yaml", 1, 2, "E0101", "100 %: a, b\r\n", suggestion="x"),
            "::error file=a%3Ab%2Cc%25.yaml,line=1,col=2,endLine=1,endColumn=3,title=E0101::100 %25: a, b%0D%0A "
            '(did you mean "x"?)',
        ),
        (replace(FINDING, code="N0404", help=""), "::notice file=conf/a b.yaml,line=7,"),
    ],
)
def test_a_workflow_command_is_one_line_and_escaped(finding: Finding, line: str) -> None:
    """A message with a line break would end early; one with `::` in a file's name could be read as another command."""
    assert render_github(finding).startswith(line)
    assert "\n" not in render_github(finding)
