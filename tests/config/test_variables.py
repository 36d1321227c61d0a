"""`${…}` in values, and `.env` files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.config.variables import UnreadableError, interpolate, read_env

VARIABLES = {"A": "one", "B": "two words", "EMPTY": "", "NESTED": "${A}"}


def read(path: str) -> str:
    """Serve two files from memory."""
    files = {"/secret": "s3cret\n", "/windows": "s3cret\r\n", "/lines": "a\n\n"}
    if path not in files:
        raise UnreadableError("cannot be read")
    return files[path]


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain $A", "plain $A"),
        ("${A}", "one"),
        ("<${A}|${B}>", "<one|two words>"),
        ("${EMPTY}", ""),
        ("${EMPTY:-default}", "default"),
        ("${NONE:-}", ""),
        ("${NONE:-http://127.0.0.1:3002}", "http://127.0.0.1:3002"),
        ("${A:-default}", "one"),
        ("${A:?must be set}", "one"),
        ("${file:/secret}", "s3cret"),
        ("${file:/windows}", "s3cret"),
        ("${file:/lines}", "a\n"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("$$", "$$"),
        ("${request.path}${A}", "${request.path}one"),
        ("${NESTED}", "${A}"),
    ],
)
def test_references_are_replaced_once(text: str, result: str) -> None:
    """A deployment would run with another address or secret than its environment says."""
    assert interpolate(text, VARIABLES, read) == (result, [])


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("${A} ${NONE}", 1, 'the variable "NONE" is not set'),
        ("${NONE:?say it}", 0, 'the variable "NONE" is not set: say it'),
        ("${EMPTY:?}", 0, 'the variable "EMPTY" is not set: it must be'),
        ("$${ ${}", 1, '"${…}" holds no name of a variable'),
        ("${A-x}", 0, '"${…}" holds no name of a variable'),
        ("${A", 0, '"${" is not closed'),
        ("${NONE:-${A}}", 0, "a default cannot hold another ${…}"),
        ("${file:/other}", 0, "cannot be read"),
    ],
)
def test_what_cannot_be_replaced_is_told_with_its_position(text: str, position: int, message: str) -> None:
    """A gateway would start with half an address."""
    _, problems = interpolate(text, VARIABLES, read)
    assert [(problem.position, problem.message) for problem in problems] == [(position, message)]


def test_a_mistyped_variable_is_compared_with_those_that_are_set() -> None:
    """A user would look for the typo."""
    _, problems = interpolate("${USER_SERVICE_ULR}", {"USER_SERVICE_URL": "x"}, read)
    assert problems[0].suggestion == "USER_SERVICE_URL"


@given(st.text())
def test_escaped_text_comes_back_as_it_was(text: str) -> None:
    """There would be text that no table can say."""
    escaped = text.replace("${", "$${")
    assert interpolate(escaped, {}, read) == (text, [])


@given(st.text(alphabet="${}:-?abcA/ .fileq", max_size=40))
def test_any_text_is_either_replaced_or_explained(text: str) -> None:
    """A malformed reference would crash the loader or pass unseen."""
    result, problems = interpolate(text, {"a": "1", "abc": "2"}, read)
    assert isinstance(result, str)
    assert all(problem.message for problem in problems)


def test_an_env_file_is_read_as_shells_do() -> None:
    """A value would carry its quotes or its comment into the configuration."""
    text = """
# comment
A=plain value # comment
export B = "two\\nlines \\"quoted\\""  # comment
C='single # $D'
D=
E=a#b
F=# nothing
A=again
"""
    assert read_env(text) == (
        {"A": "again", "B": 'two\nlines "quoted"', "C": "single # $D", "D": "", "E": "a#b", "F": ""},
        [],
    )


@pytest.mark.parametrize("line", ["no assignment", "1A=x", "A='open", 'A="open', "A='x' y", "=x"])
def test_a_malformed_line_of_an_env_file_is_found(line: str) -> None:
    """A variable that was meant to be set would silently be missing."""
    assert read_env(f"X=1\n{line}\n") == ({"X": "1"}, [2])
