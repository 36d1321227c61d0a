"""Compile the regular expressions of the table with RE2, whose time is linear in the text, whatever the expression.

An expression sees bytes: `.` is any byte, line feed and bytes that are no UTF-8 included, so that `/admin/.*` cannot be
evaded by `/admin/%0A` or `/admin/%FF`. Only an expression that itself holds characters beyond ASCII sees UTF-8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

import re2

if TYPE_CHECKING:
    from collections.abc import Callable


class BadExpression(ValueError):  # noqa: N818
    """A text is no regular expression of RE2; the message is RE2's."""


class Match(Protocol):
    """A place at which an expression matches."""

    def group(self, group: int | bytes = 0, /) -> bytes | None:
        """Return what a group took, None when it took no part."""


class Expression(Protocol):
    """A compiled expression over bytes, as `re2` has it. It can be pickled: what is unpickled compiles itself again."""

    groups: int
    groupindex: dict[bytes, int]

    def fullmatch(self, text: bytes, /) -> Match | None:
        """Return a match of the whole of `text`."""

    def sub(self, replace: Callable[[Match], bytes], text: bytes, /) -> bytes:
        """Return `text` with every match replaced."""

    def possiblematchrange(self, maxlen: int, /) -> tuple[bytes, bytes]:
        """Return two strings of about `maxlen` bytes between which everything lies that matches from its start."""


def compile_expression(text: str) -> Expression:
    """Return the compiled expression. Raises BadExpression."""
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    if text.isascii():
        options.encoding = re2.Options.Encoding.LATIN1
    try:
        return cast(Expression, re2.compile(text.encode(), options))
    except re2.error as error:
        reason = error.args[0] if error.args else b""
        raise BadExpression(reason.decode() if isinstance(reason, bytes) else str(reason)) from None


def literal_prefix(expression: Expression, text: str) -> bytes:
    """Return bytes with which everything begins that the whole `expression` (compiled from `text`) matches.

    It may be shorter than possible, never wrong.
    """
    try:
        least, most = expression.possiblematchrange(len(text.encode()) + 1)
    except re2.error:
        return b""
    length = next((at for at, pair in enumerate(zip(least, most, strict=False)) if pair[0] != pair[1]), len(least))
    common, longer = least[:length], least[: length + 1]
    # RE2 bounds "begins with /a/" by "/a0", the next string after all of them. When that one itself does not match,
    # the byte before it is common to all, too.
    if longer != common and most == common + bytes([longer[-1] + 1 & 0xFF]) and not expression.fullmatch(most):
        return longer
    return common
