"""The fields of a message as a multidict: names without case, values as text, nothing read before somebody asks.

What is read is what goes on; edits are recorded in the head and made when it is rendered. Bytes that are no UTF-8 are
kept as `surrogateescape` keeps them, as in aiohttp.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, overload

from multidict import CIMultiDict, MutableMultiMapping

from orion_gateway.values import HOP_BY_HOP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orion_gateway.filters.filter import Head

T = TypeVar("T")

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # a token (RFC 9110, section 5.6.2)
_VALUE = re.compile(r"(?:[^\x00-\x20\x7f](?:[^\x00-\x08\x0a-\x1f\x7f]*[^\x00-\x20\x7f])?)?")  # section 5.5
_OWN = HOP_BY_HOP | {"content-length", "host"}
"""What rendering writes: Host, and the fields of framing and of the connection (RFC 9110, section 7.6.1)."""

_NONE: object = object()


class Fields(MutableMultiMapping[str]):
    """The fields of one message."""

    __slots__ = ("_head",)

    def __init__(self, head: Head) -> None:
        self._head = head

    # -- reading -----------------------------------------------------------------------------------------------------

    def __getitem__(self, name: str) -> str:
        value = self._head.first(_encode_known(name))
        if value is None:
            raise KeyError(name)
        return _decode(value)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._head.first(_encode_known(name)) is not None

    def __iter__(self) -> Iterator[str]:
        # Each name once, as multidict itself does it since 7.0; `items` has all fields.
        seen: dict[bytes, bytes] = {}
        for name, _ in self._head.fields():
            seen.setdefault(name.lower(), name)
        return iter([name.decode("latin-1") for name in seen.values()])

    def __len__(self) -> int:
        return len(self._head.fields())

    @overload
    def getone(self, key: str) -> str: ...
    @overload
    def getone(self, key: str, default: T) -> str | T: ...
    def getone(self, key: str, default: object = _NONE) -> object:
        """Return the first value of a field; without one the default, or raise KeyError."""
        value = self._head.first(_encode_known(key))
        if value is not None:
            return _decode(value)
        if default is _NONE:
            raise KeyError(key)
        return default

    @overload
    def getall(self, key: str) -> list[str]: ...
    @overload
    def getall(self, key: str, default: T) -> list[str] | T: ...
    def getall(self, key: str, default: object = _NONE) -> object:
        """Return all values of a field in order; without any the default, or raise KeyError."""
        values = self._head.values(_encode_known(key))
        if values:
            return [_decode(value) for value in values]
        if default is _NONE:
            raise KeyError(key)
        return default

    def copy(self) -> CIMultiDict[str]:
        """Return the fields as they are now, apart from the message."""
        return CIMultiDict((name.decode("latin-1"), _decode(value)) for name, value in self._head.fields())

    # A mapping's views go through `__getitem__`, which sees the first value only.
    def items(self) -> list[tuple[str, str]]:  # type: ignore[override]
        """Return names and values of all fields, in order."""
        return [(name.decode("latin-1"), _decode(value)) for name, value in self._head.fields()]

    def values(self) -> list[str]:  # type: ignore[override]
        """Return the values of all fields, in order."""
        return [_decode(value) for _, value in self._head.fields()]

    def __repr__(self) -> str:
        # Names only: what is shown ends up in logs, and values are credentials and cookies.
        return f"<Fields {', '.join(self)}>"

    # -- editing -----------------------------------------------------------------------------------------------------

    def __setitem__(self, name: str, value: str) -> None:
        self._head.set(_encode_edited(name), _encode_value(name, value))

    def __delitem__(self, name: str) -> None:
        lower = _encode_edited(name).lower()
        if self._head.first(lower) is None:
            raise KeyError(name)
        self._head.remove(lower)

    def add(self, key: str, value: str) -> None:
        """Add a field beside those of this name."""
        self._head.add(_encode_edited(key), _encode_value(key, value))

    def extend(self, arg: Any = None, /, **kwargs: str) -> None:
        """Add all fields of a mapping beside those that are there."""
        for name, value in CIMultiDict(arg or (), **kwargs).items():
            self.add(name, value)

    def merge(self, arg: Any = None, /, **kwargs: str) -> None:
        """Add the fields of a mapping whose names are not there yet."""
        for name, value in CIMultiDict(arg or (), **kwargs).items():
            if name not in self:
                self.add(name, value)

    @overload
    def popone(self, key: str) -> str: ...
    @overload
    def popone(self, key: str, default: T) -> str | T: ...
    def popone(self, key: str, default: object = _NONE) -> object:
        """Remove the first field of a name and return its value; without one the default, or raise KeyError."""
        values = self._head.values(_encode_known(key))
        if not values:
            if default is _NONE:
                raise KeyError(key)
            return default
        name = _encode_edited(key)
        self._head.remove(name.lower())
        for value in values[1:]:
            self._head.add(name, value)
        return _decode(values[0])

    pop = popone

    @overload
    def popall(self, key: str) -> list[str]: ...
    @overload
    def popall(self, key: str, default: T) -> list[str] | T: ...
    def popall(self, key: str, default: object = _NONE) -> object:
        """Remove all fields of a name and return their values; without any the default, or raise KeyError."""
        found = self.getall(key, default)
        if found is not default:
            self._head.remove(_encode_edited(key).lower())
        return found

    def clear(self) -> None:
        """Remove every field that may be edited."""
        for name, _ in self._head.fields():
            lower = name.lower()
            if _find_fault(lower.decode("latin-1")) == "":
                self._head.remove(lower)


def _decode(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


@lru_cache(maxsize=512)
def _encode_known(name: str) -> bytes:
    return name.lower().encode("utf-8", "surrogateescape")


def _find_fault(name: str) -> str:
    """Return why a field of this name is not for edits, or nothing."""
    if _NAME.fullmatch(name) is None:
        return f"{name!r} is no name of a field"
    lower = name.lower().replace("_", "-").replace(".", "-")
    if lower in _OWN:
        return f"the gateway itself writes {name}; it cannot be edited"
    if lower.startswith("x-orion-"):
        return "X-Orion-* is how the gateway speaks to services; nothing else may say it"
    return ""


# A plug-in names the same few fields again and again: judging each once halves what an edit costs.
@lru_cache(maxsize=512)
def _encode_edited(name: str) -> bytes:
    fault = _find_fault(name)
    if fault:
        raise ValueError(fault)
    return name.encode("ascii")


def _encode_value(name: str, value: str) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"the value of {name} is text, not {type(value).__name__}")
    if _VALUE.fullmatch(value) is None:
        raise ValueError(f"the value of {name} holds a control character, or a space at one of its ends")
    return value.encode("utf-8", "surrogateescape")


def encode_field(name: str, value: str) -> tuple[bytes, bytes]:
    """Return a field of an answer as bytes. Raises ValueError or TypeError when no message may have it."""
    return _encode_edited(name), _encode_value(name, value)
