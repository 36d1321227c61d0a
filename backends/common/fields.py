"""Shapes of values that models share: what a client may write into a field, and in which form it is kept.

Pure checks: no network, no database. Control characters are refused everywhere: they break log lines and mail header
fields, and PostgreSQL cannot store NUL.
"""

import unicodedata
from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, StringConstraints

_BREAKS = {"Cc", "Zl", "Zp"}  # Unicode categories: control characters, line and paragraph separators


def check_line(text: str) -> str:
    """Return the text if it is one line without control characters. Raises `ValueError`."""
    if any(unicodedata.category(character) in _BREAKS for character in text):
        raise ValueError("it must be one line without control characters")
    return text


def check_text(text: str) -> str:
    """Return the text if it has no control characters but tabs and line ends. Raises `ValueError`."""
    if any(unicodedata.category(character) == "Cc" and character not in "\t\r\n" for character in text):
        raise ValueError("it must hold no control characters but tabs and line ends")
    return text


def check_email(text: str) -> str:
    """Return an e-mail address in its normal form (RFC 6531; domain in lower case). Asks no name server.

    Raises `ValueError` that says what is wrong.
    """
    try:
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise ValueError(str(error)) from error


def email_key(address: str) -> str:
    """Return what is equal for two addresses that differ only in case: most mail systems deliver both to one person."""
    return address.casefold()


Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(check_line)
]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200_000), AfterValidator(check_text)]
Email = Annotated[str, StringConstraints(strip_whitespace=True, max_length=254), AfterValidator(check_email)]
