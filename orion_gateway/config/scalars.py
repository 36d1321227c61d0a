"""Say what an unquoted YAML scalar means, by the core schema of YAML 1.2 (section 10.3.2 of its specification).

So `no`, `on` and `1:30` are text, `012` is twelve and `1e3` is a number. Quoted scalars are always text and never come
here.
"""

from __future__ import annotations

import re

INTEGER = re.compile(r"[-+]?[0-9]+")
PREFIXED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
CONSTANTS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
LONGEST_NUMBER = 100
"""No number of the table is longer; beyond it a scalar stays text, since reading huge numbers takes quadratic time."""


class Interpolated(str):
    """A scalar that held `${…}`, after the replacement.

    Whether it means a number is known only where it is used, so that a token of digits alone stays text.
    """

    __slots__ = ()


def resolve(text: str) -> bool | int | float | str | None:
    """Return what the unquoted scalar means."""
    if text in CONSTANTS:
        return CONSTANTS[text]
    # Most scalars of a table are words: looking at one character spares four patterns.
    if text[0] not in "+-.0123456789" or len(text) > LONGEST_NUMBER:
        return text
    if INTEGER.fullmatch(text):
        return int(text)
    if PREFIXED.fullmatch(text):
        return int(text, 0)
    if FLOAT.fullmatch(text):
        return float(text)
    return text
