"""Paths into JSON documents: `user.name`, and `items.*.name` for every element of a list.

`.` stands between names, `*` for each element of the list there (`*.name` when the document is a list). A `.` or `\\`
that belongs to a name has a `\\` before it, and so has a name that is `*` alone. (`[]`, as others write it, has a
meaning of its own in YAML.)
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from orion_gateway.config.kinds import Kind, fail, read_text

_STEP = re.compile(r"(?:[^.\\]|\\[.*\\/$])+")
_ESCAPE = re.compile(r"\\(.)")
_BRACKETS = re.compile(r"\.?\[(?:\*|[0-9]*)\]")
_DEEPEST = 64
"""Steps of a path. Nobody writes as many; who walks along a path may call itself."""

JsonPath = tuple[str | None, ...]
"""Names, and None for each element of a list."""


def split_json_path(text: str) -> JsonPath:
    """Return the steps of a path.

    Raises:
        ValueError: it is no path.
    """
    steps: list[str | None] = []
    position = 0
    while True:
        found = _STEP.match(text, position)
        if found is None or len(steps) == _DEEPEST:
            raise ValueError(text)
        steps.append(None if found[0] == "*" else _ESCAPE.sub(r"\1", found[0]))
        if found.end() == len(text):
            return tuple(steps)
        # What stops a step is a "." or a "\\" that nothing follows which it could be for.
        if text[found.end()] != ".":
            raise ValueError(text)
        position = found.end() + 1


def join_json_path(path: JsonPath) -> str:
    """Return a path as it is written."""
    return ".".join("*" if step is None else _escape(step) for step in path)


def read_json_path(value: object) -> str:
    """Return a path, as it is written."""
    expected = "expected a path into a JSON document, such as user.name or items.*.name"
    text = read_text(value, expected.removeprefix("expected "))
    if _BRACKETS.search(text):
        meant = _BRACKETS.sub(".*", text).strip(".")
        hint = "elements cannot be told apart by number" if re.search(r"\[[0-9]+\]", text) else ""
        raise fail("E0202", "each element of a list is written as *", suggestion=meant, hint=hint)
    try:
        split_json_path(text)
    except ValueError:
        hint = 'a "." or "\\" that belongs to a name has a "\\" before it'
        raise fail("E0202", expected, hint=hint) from None
    if text.startswith(("$.", "/")):
        meant = text.removeprefix("$.").strip("/").replace("/", ".")
        hint = f'a name that begins with "{text[0]}" has a "\\" before it'
        raise fail("E0202", expected, suggestion=meant, hint=hint)
    return text


def read_json_member(value: object) -> str:
    """Return a path that ends with a name."""
    text = read_json_path(value)
    if split_json_path(text)[-1] is None:
        raise fail("E0202", "expected a path that ends with a name, such as items.*.name")
    return text


def read_new_name(value: object) -> str:
    """Return the new name of a member: a name alone, since the member stays where it is."""
    text = read_text(value, "a name")
    try:
        steps = split_json_path(text)
    except ValueError:
        steps = ()
    if len(steps) != 1 or steps[0] is None:
        last = next((step for step in reversed(steps) if step), "")
        hint = 'the member stays in its object; a "." that belongs to the name is written "\\."'
        raise fail(
            "E0202", "expected the new name alone", suggestion=join_json_path((last,)) if last else "", hint=hint
        )
    return text


def read_json_value(value: object) -> Any:
    """Return what a JSON document can hold. What came from a variable is text."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, dict):
        return {str(name): read_json_value(member) for name, member in value.items()}
    if isinstance(value, list):
        return [read_json_value(element) for element in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise fail("E0203", "JSON has no such number")
    return value


def _escape(name: str) -> str:
    return "\\*" if name == "*" else re.sub(r"([.\\])", r"\\\1", name)


_TEXT = {"type": "string"}
JsonPathText = Annotated[str, Kind("path", read_json_path, _TEXT)]
JsonMember = Annotated[str, Kind("path", read_json_member, _TEXT)]
JsonName = Annotated[str, Kind("name", read_new_name, _TEXT)]
JsonValue = Annotated[Any, Kind("value", read_json_value, {})]
