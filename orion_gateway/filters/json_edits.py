"""Edit JSON documents: rename, drop, add and map, in this order.

Pure: `apply` changes nothing of what it is given, and returns the edited document, which shares what was not touched.

A path is a tuple of names; None in it stands for every element of a list. All paths of one operation speak of the
document as it was before that operation, so that `{a: b, b: a}` swaps. A path that leads nowhere in a document, because
something is missing or is no object or no list, does nothing there.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from math import isinf
from typing import Final, NoReturn

import orjson

Path = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class JsonEdits:
    """What is done to a document."""

    rename: tuple[tuple[Path, str], ...] = ()
    """The member at a path gets another name, where it stands. One that has the name already gives way."""
    drop: tuple[Path, ...] = ()
    """The member at a path is left out."""
    add: tuple[tuple[Path, object], ...] = ()
    """The member at a path gets a value if it is not there; objects that are missing on the way are made."""
    map: tuple[tuple[Path, tuple[tuple[str, object], ...]], ...] = ()
    """The value at a path is replaced by what stands beside it here. A text matches itself, a number, a boolean and
    null match as JSON writes them."""


class _Nothing:
    """What no document can hold."""


_NOTHING: Final = _Nothing()


class _Node:
    """One step of all paths of an operation: what is done here, and where they lead on."""

    __slots__ = ("each", "edit", "names")

    def __init__(self) -> None:
        self.names: dict[str, _Node] = {}
        self.each: _Node | None = None
        self.edit: object = _NOTHING

    def put(self, path: Path, edit: object) -> None:
        """Add a path and what is done at its end."""
        node = self
        for step in path:
            if step is None:
                node.each = node.each or _Node()
                node = node.each
            else:
                node = node.names.setdefault(step, _Node())
        node.edit = edit


class Editor:
    """The edits made ready: one walk over the document for each operation that is asked for."""

    def __init__(self, edits: JsonEdits) -> None:
        rename, drop, add, replace = _Node(), _Node(), _Node(), _Node()
        for path, name in edits.rename:
            rename.put(path, name)
        for path in edits.drop:
            drop.put(path, True)
        for path, value in edits.add:
            add.put(path, value)
        for path, table in edits.map:
            replace.put(path, dict(table))
        walks = ((edits.rename, _rename, rename), (edits.drop, _drop, drop), (edits.add, _add, add))
        self._walks = [(walk, node) for wanted, walk, node in (*walks, (edits.map, _map, replace)) if wanted]

    def apply(self, document: object) -> object:
        """Return the edited document."""
        for walk, node in self._walks:
            document = walk(node, document)
        return document


def apply(edits: JsonEdits, document: object) -> object:
    """Return the edited document; the one given stays as it is."""
    return Editor(edits).apply(document)


def _rename(node: _Node, value: object) -> object:
    if isinstance(value, list):
        return [_rename(node.each, element) for element in value] if node.each else value
    if not isinstance(value, dict) or not node.names:
        return value
    named = {name: child for name, child in node.names.items() if name in value}
    if not named:
        return value
    taken = {child.edit for child in named.values() if child.edit is not _NOTHING}
    renamed = {}
    for name, member in value.items():
        child = named.get(name)
        if child is not None and child.edit is not _NOTHING:
            renamed[child.edit] = _rename(child, member)
        elif name not in taken:
            renamed[name] = member if child is None else _rename(child, member)
    return renamed


def _drop(node: _Node, value: object) -> object:
    if isinstance(value, list):
        return [_drop(node.each, element) for element in value] if node.each else value
    if not isinstance(value, dict) or not node.names:
        return value
    kept = dict(value)
    for name, child in node.names.items():
        if name in kept:
            if child.edit is _NOTHING:
                kept[name] = _drop(child, kept[name])
            else:
                del kept[name]
    return kept


def _add(node: _Node, value: object) -> object:
    if isinstance(value, list):
        return [_add(node.each, element) for element in value] if node.each else value
    if not isinstance(value, dict) or not node.names:
        return value
    filled = dict(value)
    for name, child in node.names.items():
        if name in filled:
            filled[name] = _add(child, filled[name])
        elif child.edit is not _NOTHING:
            filled[name] = child.edit
        elif made := _add(child, {}):
            filled[name] = made
    return filled


def _map(node: _Node, value: object) -> object:
    if isinstance(value, list):
        return [_map(node.each, element) for element in value] if node.each else value
    if isinstance(value, dict):
        mapped = dict(value)
        for name, child in node.names.items():
            if name in mapped:
                mapped[name] = _map(child, mapped[name])
        return mapped
    table = node.edit
    return table.get(_written(value), value) if isinstance(table, dict) else value


def _written(scalar: object) -> str:
    """Return a text as it is, and any other scalar as JSON writes it."""
    return scalar if isinstance(scalar, str) else write_json(scalar).decode()


_LONG_NUMBER = re.compile(rb"[0-9]{19}")
"""What may be a whole number beyond 64 bits, which orjson would turn into a double of 15 to 17 digits."""

_MOST_DIGITS = 4000
"""Of a whole number. Python refuses 300 more: reading them takes quadratic time."""


def read_json(content: bytes) -> object:
    """Return the document that JSON in UTF-8 says. Of members of one name the last one counts.

    Whole numbers of up to 4,000 digits are kept exactly; other numbers become doubles.

    Raises:
        ValueError: it is no JSON, or nested too deep, or holds half a surrogate pair or a number beyond all doubles.
    """
    if _LONG_NUMBER.search(content) is None:
        return orjson.loads(content)
    try:
        return json.loads(
            content.decode(), parse_int=_read_integer, parse_float=_read_double, parse_constant=_refuse_constant
        )
    except RecursionError:
        raise ValueError("nested too deep") from None


def write_json(document: object) -> bytes:
    """Return the document in UTF-8, without white space. Doubles are written as short as they can be read back.

    Raises:
        ValueError: nested too deep, or what `read_json` could not judge: see there.
    """
    try:
        return orjson.dumps(document)
    except TypeError:
        # Beyond 64 bits, or nested deeper than 254 levels.
        pass
    try:
        return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except RecursionError:
        raise ValueError("nested too deep") from None


def _read_integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number has more than {_MOST_DIGITS} digits")
    return int(digits)


def _read_double(digits: str) -> float:
    number = float(digits)
    if isinf(number):
        raise ValueError("a number is beyond all doubles")  # and would be written as null
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
