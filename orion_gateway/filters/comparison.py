"""Compare two answers to one request: status, chosen fields, and content, as JSON where both say that they are JSON.

Pure: two answers and rules in, differences out. What differs is described for people, short and redacted: an example
must not become the place where secrets are read.

JSON is compared as what it means (RFC 8259): the order of members does not count, that of elements does; 1 and 1.0 are
one number, whatever its size; the last of equal names wins. All other content is compared byte by byte. Content that
is not all there, or whose coding cannot be undone here, is not compared, and the comparison says so.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from orion_gateway.filters.decoders import decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MAX_DIFFERENCES = 20
"""Differences that are listed of two answers: whoever has more has another document."""

_SHOWN = 8
"""Characters of a text that are shown: enough for words such as `active` or `EUR`, too few for most secrets."""

_PATH_SHOWN = 120
"""Characters of a path that are shown."""

_MISSING = "(missing)"
_HIDDEN = "(hidden)"
_SECRET = re.compile(
    r"auth(?!or(?!i[sz]))|cookie|credential|csrf|key|pass(?:word|wd|phrase|code)|\bpin\b|private|secret|session"
    r"|signature|token",
    re.IGNORECASE,
)
"""Names whose values are never shown, not even in part."""

_JSON = re.compile(rb"application/(?:[!#$&^_.+a-z0-9-]+\+)?json(?:[ \t]*;.*)?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class CompareRules:
    """What is compared besides status and content, and what does not count."""

    fields: tuple[str, ...] = ("content-type",)
    """Names of response fields, in lower case."""
    ignore: tuple[str, ...] = ()
    """A name: members of JSON objects that are called so, wherever. A path from the root, names joined by dots
    (`$.` may stand in front), where arrays are passed through and `*` is any one name: what lies there and below."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to be compared; field names in lower case. `is_whole`: its content is all there."""

    status: int
    fields: Sequence[tuple[bytes, bytes]] = ()
    content: bytes = b""
    is_whole: bool = True

    def values(self, name: bytes) -> list[bytes]:
        """Return the values of a field."""
        return [value for key, value in self.fields if key == name]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which two answers differ, as it is shown: `path` is a field's name or a place in the content."""

    kind: Literal["status", "field", "content"]
    path: str
    primary: str
    mirror: str

    @property
    def place(self) -> str:
        """The path without the numbers of elements, for counting."""
        return re.sub(r"\[\d+\]", "[]", self.path)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of comparing two answers."""

    differences: tuple[Difference, ...] = ()
    has_more: bool = False
    """There are more than are listed."""
    unread: Literal["", "incomplete", "too large", "coding"] = ""
    """Why the content was not compared, empty when it was."""

    @property
    def is_equal(self) -> bool:
        """Whether nothing that was compared differs."""
        return not self.differences


class Ignored:
    """The places in JSON whose differences do not count."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._names: set[str] = set()
        self._paths: dict[int, list[tuple[str, ...]]] = {}
        for entry in entries:
            if "." in entry:
                path = tuple(entry.removeprefix("$.").split("."))
                self._paths.setdefault(len(path), []).append(path)
            else:
                self._names.add(entry)

    def covers(self, names: tuple[str, ...]) -> bool:
        """Say whether the member at the end of these names is left out."""
        if names[-1] in self._names:
            return True
        candidates = self._paths.get(len(names), ())
        return any(all(wanted in ("*", name) for wanted, name in zip(path, names, strict=True)) for path in candidates)


def compare(primary: Answer, mirror: Answer, rules: CompareRules, limit: int) -> Comparison:
    """Compare two answers. At most `limit` bytes of content are looked at, codings undone."""
    if primary.status != mirror.status:
        # Another status has another content: all of it would only be listed beside what is the matter.
        return Comparison((Difference("status", "", str(primary.status), str(mirror.status)),))
    differences = [*_compare_fields(primary, mirror, rules.fields)]
    if not (primary.is_whole and mirror.is_whole):
        return Comparison(tuple(differences), unread="incomplete")
    if primary.content == mirror.content and _coding_of(primary) == _coding_of(mirror):
        return Comparison(tuple(differences))
    contents = []
    for answer in (primary, mirror):
        content = decode(answer.content, _coding_of(answer), limit)
        if isinstance(content, str):
            return Comparison(tuple(differences), unread=content)
        contents.append(content)
    documents = [
        parse_json(content) if _is_json(answer) else None
        for answer, content in zip((primary, mirror), contents, strict=True)
    ]
    if documents[0] is not None and documents[1] is not None:
        found = compare_json(documents[0].value, documents[1].value, Ignored(rules.ignore))
        for difference in found:
            if len(differences) == MAX_DIFFERENCES:
                return Comparison(tuple(differences), has_more=True)
            differences.append(difference)
    elif contents[0] != contents[1]:
        differences.append(_describe_bytes(*contents))
    return Comparison(tuple(differences))


def _compare_fields(primary: Answer, mirror: Answer, names: Iterable[str]) -> Iterator[Difference]:
    for name in names:
        ours, theirs = (answer.values(name.encode("ascii")) for answer in (primary, mirror))
        if ours != theirs:
            yield Difference("field", name, _show_field(name, ours), _show_field(name, theirs))


def _show_field(name: str, values: Sequence[bytes]) -> str:
    if not values:
        return _MISSING
    return _HIDDEN if _SECRET.search(name) else show(b", ".join(values).decode("latin-1"))


# -- content -----------------------------------------------------------------------------------------------------------


def _coding_of(answer: Answer) -> bytes:
    return b", ".join(answer.values(b"content-encoding")).strip().lower()


def _is_json(answer: Answer) -> bool:
    kinds = answer.values(b"content-type")
    return len(kinds) == 1 and _JSON.fullmatch(kinds[0]) is not None


def _describe_bytes(ours: bytes, theirs: bytes) -> Difference:
    shared = next(
        (at for at, (one, other) in enumerate(zip(ours, theirs, strict=False)) if one != other),
        min(len(ours), len(theirs)),
    )
    return Difference("content", "", f"{len(ours)} bytes", f"{len(theirs)} bytes, other from byte {shared} on")


# -- JSON --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON value: `null` is one too."""

    value: Any


def parse_json(content: bytes) -> Document | None:
    """Read JSON; None when it is none, or nested or numbered beyond what can be read."""
    try:
        return Document(json.loads(content, parse_float=Decimal, parse_constant=_refuse_constant))
    except (ValueError, ArithmeticError, RecursionError):
        return None


def _refuse_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are not JSON


def compare_json(primary: Any, mirror: Any, ignored: Ignored) -> Iterator[Difference]:
    """Yield what differs between two JSON values, in the order of the first one."""
    waiting: list[tuple[Any, Any, str, tuple[str, ...]]] = [(primary, mirror, "", ())]
    while waiting:
        ours, theirs, path, names = waiting.pop()
        if _kind_of(ours) != _kind_of(theirs):
            yield _differ(path, names, ours, theirs)
        elif isinstance(ours, dict):
            waiting += reversed([*_pair_members(ours, theirs, path, names, ignored)])
        elif isinstance(ours, list):
            longest = max(len(ours), len(theirs))
            waiting += reversed(
                [(_element(ours, at), _element(theirs, at), f"{path}[{at}]", names) for at in range(longest)]
            )
        elif ours != theirs:
            yield _differ(path, names, ours, theirs)


class _Absent:
    """What stands for a member or element that the other side has."""


_ABSENT = _Absent()


def _pair_members(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], path: str, names: tuple[str, ...], ignored: Ignored
) -> Iterator[tuple[Any, Any, str, tuple[str, ...]]]:
    for name in (*ours, *(name for name in theirs if name not in ours)):
        below = (*names, name)
        if not ignored.covers(below):
            where = f"{path}.{name}" if path else name
            yield ours.get(name, _ABSENT), theirs.get(name, _ABSENT), where, below


def _element(elements: Sequence[Any], at: int) -> Any:
    return elements[at] if at < len(elements) else _ABSENT


def _kind_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | Decimal():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"
    return "absent"


def _differ(path: str, names: tuple[str, ...], ours: Any, theirs: Any) -> Difference:
    is_secret = any(_SECRET.search(name) for name in names)
    shown = [_MISSING if value is _ABSENT else _HIDDEN if is_secret else show(value) for value in (ours, theirs)]
    return Difference("content", make_printable(path, _PATH_SHOWN), *shown)


def show(value: Any) -> str:
    """Describe a value in a few words: what it is, and of a text its beginning."""
    match value:
        case str():
            short = make_printable(value, _SHOWN)
            return f'"{short}"' if len(value) <= _SHOWN else f'"{short}" ({len(value)} characters)'
        case list():
            return f"array of {len(value)}"
        case dict():
            return f"object of {len(value)}"
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
    return make_printable(str(value), 3 * _SHOWN)


def make_printable(text: str, most: int) -> str:
    """Cut a text, and leave nothing in it that a terminal obeys or that cannot be encoded."""
    cut = text if len(text) <= most else f"{text[:most]}…"
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in cut)
