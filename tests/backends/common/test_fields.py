"""What may be written into a field."""

import pytest
from pydantic import TypeAdapter, ValidationError

from backends.common.fields import Email, Line, Text, email_key

LINES = [("Ada", "Ada"), ("  Ada Lovelace ", "Ada Lovelace"), ("Zoë 王", "Zoë 王"), ("x" * 200, "x" * 200)]
NO_LINES = ["", "  ", "a\nb", "a\rb", "a\x00b", "a\x7fb", "a\u2028b", "a\x85b", "x" * 201]
TEXTS = ["a", "a\nb\r\n\tc", "x" * 200_000]
NO_TEXTS = ["", "a\x00", "a\x1b[31m", "x" * 200_001]
EMAILS = [
    ("ada@example.org", "ada@example.org"),
    (" Ada@EXAMPLE.org ", "Ada@example.org"),
    ("jürgen@exämple.org", "jürgen@exämple.org"),
]
NO_EMAILS = ["", "ada", "ada@", "@example.org", "Ada <ada@example.org>", "a b@example.org", "a@b@example.org"]


@pytest.mark.parametrize(("given", "kept"), LINES)
def test_a_line_is_kept_without_outer_spaces(given: str, kept: str) -> None:
    """Names of people would be refused or changed."""
    assert TypeAdapter(Line).validate_python(given) == kept


@pytest.mark.parametrize("given", NO_LINES)
def test_what_is_not_one_line_is_refused(given: str) -> None:
    """A line break in a subject becomes a header field of the sender's choice; a NUL is an error of PostgreSQL."""
    with pytest.raises(ValidationError):
        TypeAdapter(Line).validate_python(given)


@pytest.mark.parametrize("given", TEXTS)
def test_a_text_may_have_lines_and_tabs(given: str) -> None:
    """The body of a mail could not have two paragraphs."""
    assert TypeAdapter(Text).validate_python(given) == given


@pytest.mark.parametrize("given", NO_TEXTS)
def test_a_text_has_no_other_control_characters(given: str) -> None:
    """A NUL would be a 500 on PostgreSQL, an escape sequence would reach terminals."""
    with pytest.raises(ValidationError):
        TypeAdapter(Text).validate_python(given)


@pytest.mark.parametrize(("given", "kept"), EMAILS)
def test_an_address_is_kept_in_its_normal_form(given: str, kept: str) -> None:
    """One mailbox could be written in several ways and registered as often."""
    assert TypeAdapter(Email).validate_python(given) == kept


@pytest.mark.parametrize("given", NO_EMAILS)
def test_what_is_no_address_is_refused(given: str) -> None:
    """Mail to it could never be delivered."""
    with pytest.raises(ValidationError):
        TypeAdapter(Email).validate_python(given)


def test_addresses_that_differ_only_in_case_have_one_key() -> None:
    """Ada could register twice, beyond ASCII too, where the engines' own lower() disagree."""
    assert email_key("JÜRGEN@example.org") == email_key("jürgen@Example.org")
    assert email_key("STRASSE@example.org") == email_key("straße@example.org")
    assert email_key("a@example.org") != email_key("b@example.org")
