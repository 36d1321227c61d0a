"""Comments that allow a finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lint.tables import codes, findings

if TYPE_CHECKING:
    from pathlib import Path

HEAD = 'version: 1\nlisteners: [{name: http, bind: "127.0.0.1:8080"}]\nroutes:\n'
A = "  - {name: a, match: {path: /a}, respond: {}}\n"
B = "  - {name: b, match: {path: /a}, respond: {}}"


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (A + B + "\n", ["5 W0301"]),
        (A + B + "  # orion: allow W0301 kept for the rollback\n", []),
        (A + "  # orion: allow W0301 kept for the rollback\n" + B + "\n", []),
        (A + "  # orion: allow W0301 kept for the rollback\n  # of May\n\n" + B + "\n", []),
        (A + "  # orion: allow W0301\n" + B + "\n", ["5 N0408", "6 W0301"]),
        (A + "  # orion: allow W0302 wrong code\n" + B + "\n", ["5 N0408", "6 W0301"]),
        ("  # orion: allow W0301 wrong line\n" + A + B + "\n", ["4 N0408", "6 W0301"]),
        (A + "  # orion: allow E0301 no error can be\n", ["5 N0408"]),
        (A + "  # orion: allow everything\n", ["5 N0408"]),
        (A + "# orion: allow W0301 at the very end", ["5 N0408"]),
        ("  - {name: a, respond: {body: '# orion: allow W0301 text'}}\n", []),
        ("  - name: a\n    respond:\n      body: |\n        # orion: allow W0301 text\n        more\n", []),
        (A + "# orion: allowed\n", []),
    ],
)
def test_a_comment_with_a_reason_allows_what_is_on_its_line(tmp_path: Path, table: str, expected: list[str]) -> None:
    """A team could only switch a rule off everywhere, or would never learn that a comment has no use any more."""
    assert codes(tmp_path, HEAD + table) == expected


def test_a_comment_for_the_audit_has_its_use_there(tmp_path: Path) -> None:
    """`orion check` would call every comment for `orion audit` useless."""
    table = HEAD + A + "# orion: allow N0401 for the audit\n"
    assert codes(tmp_path, table, is_audit=False) == []
    assert codes(tmp_path, table) == ["5 N0408"]


def test_the_note_names_what_is_missing(tmp_path: Path) -> None:
    """Somebody would see that a comment is wrong, and not how."""
    (note,) = findings(tmp_path, HEAD + A + "# orion: allow W0301 at the very end")
    assert (note.severity, note.message) == ("note", "nothing to allow: there is no W0301 in line 5")
    assert note.source == "# orion: allow W0301 at the very end"
