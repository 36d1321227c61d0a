"""Make a text that a regular expression matches, as an example for a person.

Understood is what people write in route tables: literals, classes, groups, alternatives, repetition and anchors, each
taken in its shortest form. What comes out is tried on the expression itself, so that a sample is never wrong; for an
expression beyond this there is none.
"""

from __future__ import annotations

from orion_gateway.expression import BadExpression, compile_expression

_TRIED = "a0Ax1_-. /~:%"
"""What is tried for a class or an escape, in this order."""
_MOST_REPEATED = 200
_WITHOUT_TEXT = "AzbB"
"""Escapes that stand at a place and take nothing."""


def sample(text: str) -> str | None:
    """Return an ASCII text that the whole expression matches, None when none was found."""
    reader = _Reader(text)
    try:
        found = reader.read_alternatives()
        expression = compile_expression(text)
    except (BadExpression, _BeyondError):
        return None
    is_read = reader.at == len(text)
    return found if is_read and found.isascii() and expression.fullmatch(found.encode()) is not None else None


class _BeyondError(Exception):
    """The expression holds what is not understood here."""


class _Reader:
    """Reads an expression from left to right and makes up what it matches."""

    def __init__(self, text: str) -> None:
        self.text: str = text
        self.at: int = 0

    def read_alternatives(self) -> str:
        """Return a text for the alternatives up to the end or a closing parenthesis: for the first of them."""
        first: str = self._read_sequence()
        while self._next() == "|":
            self.at += 1
            self._read_sequence()
        return first

    def _next(self) -> str:
        return self.text[self.at : self.at + 1]

    def _read_sequence(self) -> str:
        found = ""
        while self._next() not in ("", "|", ")"):
            piece = self._read_piece()
            found += piece * self._read_count()
        return found

    def _read_piece(self) -> str:
        char = self._next()
        self.at += 1
        match char:
            case "(":
                return self._read_group()
            case "[":
                return self._read_class()
            case "\\":
                escaped = self._next()
                self.at += 1
                if not escaped.isalnum():
                    return escaped
                return "" if escaped in _WITHOUT_TEXT else self._pick("\\" + escaped)
            case "^" | "$":
                return ""
            case ".":
                return "x"
        return char

    def _read_group(self) -> str:
        if self._next() == "?":
            end = min((at for sign in ":)>" if (at := self.text.find(sign, self.at)) >= 0), default=-1)
            if end < 0:
                raise _BeyondError
            sign = self.text[end]
            self.at = end + 1
            if sign == ")":
                return ""
        found = self.read_alternatives()
        if self._next() != ")":
            raise _BeyondError
        self.at += 1
        return found

    def _read_class(self) -> str:
        start = self.at - 1
        # A bracket that comes first, or after ^, belongs to the class; so do those of `[:alpha:]`.
        self.at += self._next() == "^"
        self.at += self._next() == "]"
        while self._next() not in ("", "]"):
            if self.text.startswith("[:", self.at):
                self.at = self.text.find(":]", self.at) + 1
            self.at += 2 if self._next() == "\\" else 1
        self.at += 1
        return self._pick(self.text[start : self.at])

    def _pick(self, written: str) -> str:
        expression = compile_expression(written)
        for char in _TRIED + written:
            if char.isprintable() and expression.fullmatch(char.encode()) is not None:
                return char
        raise _BeyondError

    def _read_count(self) -> int:
        """Return how often the piece before is repeated at least."""
        sign = self._next()
        if not sign or sign not in "*+?{":
            return 1
        self.at += 1
        count = 1 if sign == "+" else 0
        if sign == "{":
            end = self.text.find("}", self.at)
            least = self.text[self.at : end].partition(",")[0]
            if end < 0 or not least.isdigit() or int(least) > _MOST_REPEATED:
                raise _BeyondError
            self.at = end + 1
            count = int(least)
        if self._next() == "?":
            self.at += 1
        return count
