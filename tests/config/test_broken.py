"""Every broken table in `broken/` with the exact text that `orion check` prints for it.

To add a case, write `broken/NAME.yaml`, run `ORION_WRITE_GOLDEN=1 pytest tests/config/test_broken.py`, and read the new
`broken/NAME.txt` before it is committed: it is what a user will read.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from orion_gateway.config.errors import CODES, Finding, TableErrors, render_concise, render_full
from orion_gateway.config.load import load_table
from orion_gateway.lint import FOUND_BY_LINT

BROKEN = Path(__file__).parent / "broken"
NAMES = sorted(path.stem for path in BROKEN.glob("*.yaml"))
WRITE = "ORION_WRITE_GOLDEN" in os.environ
ENVIRON = {
    "HIDDEN_URL": "ftp://hidden.example",
    "HIDDEN_PATTERN": "hidden(pattern",
    "USER_HOST": "127.0.0.1",
    "USER_PORT": "3002",
}


def findings_of(name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Finding, ...]:
    """Load a broken table as a user does who stands beside it."""
    monkeypatch.chdir(BROKEN)
    with pytest.raises(TableErrors) as caught:
        load_table(Path(f"{name}.yaml"), ENVIRON)
    return caught.value.findings


@pytest.mark.parametrize("name", NAMES)
def test_a_broken_table_is_explained_in_these_words(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user with this mistake would no longer be told where it is and what to do."""
    text = "\n".join(render_full(finding) for finding in findings_of(name, monkeypatch)) + "\n"
    expected = BROKEN / f"{name}.txt"
    if WRITE:
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")


def test_there_is_no_text_without_its_table() -> None:
    """A renamed case would leave behind a text that nothing checks."""
    assert sorted(path.stem for path in BROKEN.glob("*.txt")) == NAMES
    assert len(NAMES) >= 60


def test_every_finding_has_a_code_that_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    """A code could not be looked up, or an error that is documented could not happen."""
    used = {finding.code for name in NAMES for finding in findings_of(name, monkeypatch)}
    # E0110 needs an .env file, E0308 plug-ins, what `orion_gateway.lint` looks for built routes: they have tests of
    # their own.
    assert used | {"E0110", "E0308"} | FOUND_BY_LINT == set(CODES)


def test_the_caret_stands_under_what_the_finding_means(monkeypatch: pytest.MonkeyPatch) -> None:
    """An editor that jumps to a finding would land somewhere else."""
    for name in NAMES:
        for finding in findings_of(name, monkeypatch):
            if quoted := re.fullmatch(r'unknown key "(.+?)"', finding.message):
                start = finding.column - 1
                assert finding.source[start : start + finding.length].strip("\"'") == quoted[1]


def test_no_finding_shows_what_a_variable_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets from the environment would end up in the log of a build."""
    for name in NAMES:
        for finding in findings_of(name, monkeypatch):
            assert "hidden" not in render_full(finding)
            assert "hidden" not in render_concise(finding)


def test_no_finding_shows_a_token_or_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets written into the table would end up in the log of a build, even when the table is broken around them."""
    for name in ("value_token", "value_token_mistyped", "value_token_in_broken_yaml", "value_token_twice", "value_url"):
        for finding in findings_of(name, monkeypatch):
            shown = render_full(finding)
            assert not re.search(r"tooshort|with a space|0123|456789|fedcba|me:secret", shown), shown
