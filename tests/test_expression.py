"""Regular expressions of the table: what they see, what is refused, and the literal prefix that places them."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orion_gateway.expression import BadExpression, compile_expression, literal_prefix


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("/a/b.*", b"/a/b"),
        ("^/a/b.*$", b"/a/b"),
        ("/a/.*", b"/a/"),
        ("/a/b", b"/a/b"),
        ("/a/b?", b"/a/"),
        ("/a/b|/a/c", b"/a/"),
        ("/a|c", b""),
        ("(?i)/a/b", b"/"),
        (r"/a\.b/(x|y)", b"/a.b/"),
        (r"/v[0-9]+/x", b"/v"),
        ("/é/.*", b"/\xc3\xa9/"),
        (".*", b""),
        ("", b""),
        ("[^/]+", b""),
    ],
)
def test_the_literal_prefix(text: str, prefix: bytes) -> None:
    """The expression would be tried too early, before routes that are more specific, or too late."""
    assert literal_prefix(compile_expression(text), text) == prefix


@given(st.text("ab/.?*|()[]^$+0", max_size=8), st.text("ab/0", max_size=5))
@settings(max_examples=400, deadline=None)
def test_everything_that_matches_begins_with_the_prefix(text: str, path: str) -> None:
    """A route would not be found for a request that its expression matches."""
    try:
        expression = compile_expression(text)
    except BadExpression:
        return
    if expression.fullmatch(path.encode()):
        assert path.encode().startswith(literal_prefix(expression, text))


@pytest.mark.parametrize("text", ["(", "[a", "(?=a)", r"(a)\1", "é["])
def test_what_re2_does_not_know_is_refused_with_its_reason(text: str) -> None:
    """A mistake would show only when a request comes."""
    with pytest.raises(BadExpression, match=r"\w+"):
        compile_expression(text)


def test_an_expression_beyond_ascii_sees_characters() -> None:
    """`é?` would make only one of its two bytes optional."""
    assert compile_expression("/[éè]?").fullmatch("/é".encode())
    assert compile_expression("/[éè]?").fullmatch(b"/")
    assert not compile_expression("/[éè]").fullmatch(b"/\xc3")


def test_an_expression_is_pickled_with_its_options() -> None:
    """In a worker, `.` would stop at a byte that is no UTF-8, and a guarded path be reached."""
    assert pickle.loads(pickle.dumps(compile_expression("/a/.*"))).fullmatch(b"/a/\xff\n")


def test_time_is_linear() -> None:
    """One request could keep a worker busy for minutes: `re` needs 2**60 steps for this one."""
    assert not compile_expression("(a*)*b").fullmatch(b"a" * 60 + b"c")
