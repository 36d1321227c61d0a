"""How findings are shown."""

from __future__ import annotations

import json
from dataclasses import replace

from orion_gateway.config.errors import Finding, TableErrors, render_concise, render_full, render_json

FINDING = Finding(
    "routes.yaml",
    14,
    5,
    "E0102",
    'unknown key "lod_balancer"',
    length=12,
    suggestion="load_balancer",
    help="keys here: endpoints, load_balancer",
    source="    lod_balancer: p2c",
)


def test_the_full_format_shows_line_caret_suggestion_and_help() -> None:
    """A user would have to open the file and count columns."""
    assert render_full(FINDING) == (
        'routes.yaml:14:5: error[E0102]: unknown key "lod_balancer"\n'
        " 14 |     lod_balancer: p2c\n"
        '    |     ^^^^^^^^^^^^ did you mean "load_balancer"?\n'
        "    = help: keys here: endpoints, load_balancer"
    )


def test_the_concise_format_is_one_line() -> None:
    """Editors and build logs that read one line per finding would be confused."""
    assert render_concise(FINDING) == (
        'routes.yaml:14:5: error[E0102]: unknown key "lod_balancer" (did you mean "load_balancer"?)'
    )


def test_a_finding_without_a_line_still_shows_its_suggestion() -> None:
    """What is meant would be lost where the source must not be shown."""
    assert render_full(replace(FINDING, source="", help="")).splitlines()[1:] == ['    = did you mean "load_balancer"?']


def test_a_long_line_is_cut_around_the_caret() -> None:
    """A table in one line would flood the terminal, with the caret out of sight."""
    source = "x" * 500 + "HERE" + "y" * 500
    _, shown, carets = render_full(replace(FINDING, column=501, length=4, source=source)).splitlines()[:3]
    assert len(shown) < 140
    start = carets.index("^")
    assert shown[start : start + 4] == "HERE"


def test_control_characters_do_not_reach_the_terminal() -> None:
    """A table from somebody else could rewrite what the terminal shows."""
    shown = render_full(replace(FINDING, column=6, length=3, source="\x1b[2Jbad\tx"))
    assert "\x1b" not in shown
    assert shown.splitlines()[1] == " 14 |  [2Jbad x"


def test_the_json_format_has_a_version_and_every_field() -> None:
    """A program that reads the findings would break at the next change."""
    warning = replace(FINDING, code="W0301", suggestion="", help="")
    document = json.loads(render_json([FINDING, warning]))
    assert document == {
        "version": 1,
        "findings": [
            {
                "file": "routes.yaml",
                "line": 14,
                "column": 5,
                "length": 12,
                "code": "E0102",
                "severity": "error",
                "message": 'unknown key "lod_balancer"',
                "suggestion": "load_balancer",
                "help": "keys here: endpoints, load_balancer",
            },
            {
                "file": "routes.yaml",
                "line": 14,
                "column": 5,
                "length": 12,
                "code": "W0301",
                "severity": "warning",
                "message": 'unknown key "lod_balancer"',
                "suggestion": None,
                "help": None,
            },
        ],
        "errors": 1,
        "warnings": 1,
        "notes": 0,
    }


def test_the_exception_says_all_findings() -> None:
    """Whoever only logs the exception would see nothing of what is wrong."""
    assert str(TableErrors([FINDING, FINDING])).count("unknown key") == 2


def test_line_breaks_and_escapes_of_a_value_are_shown_as_such() -> None:
    """A table could write findings, workflow commands and escapes of a terminal of its own into the output."""
    finding = replace(FINDING, message='not "a\r\n::error::b\x1b[2J\u202ec"', help="d\ne", source="")
    assert render_concise(finding).count("\n") == 0
    assert 'not "a\\r\\n::error::b\\x1b[2J\\u202ec"' in render_concise(finding)
    assert 'not "a\\r\\n::error::b\\x1b[2J\\u202ec"' in render_full(finding)
    assert render_full(finding).splitlines()[-1].endswith("= help: d\\ne")
