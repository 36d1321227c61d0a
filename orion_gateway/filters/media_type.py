"""Tell what a message holds from its Content-Type (RFC 9110, section 8.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orion_gateway.filters.filter import Head


def media_type_of(head: Head) -> str:
    """Return the media type in lower case, without parameters; empty when there is none.

    A message has one; of several fields the first counts, as for most who read it.
    """
    value = head.first(b"content-type")
    return value.partition(b";")[0].strip(b" \t").decode("latin-1").lower() if value else ""


def is_json(media_type: str) -> bool:
    """Say whether content of this type is one JSON text: `application/json`, or any type that ends in `+json`."""
    return media_type == "application/json" or media_type.endswith("+json")


class MediaTypes:
    """A set of media types: `text/html`, all of a kind as `text/*`, all of a syntax as `+json`."""

    __slots__ = ("_exact", "_kinds", "_syntaxes")

    def __init__(self, written: Iterable[str]) -> None:
        listed = [text.lower() for text in written]
        self._kinds = frozenset(text[:-2] for text in listed if text.endswith("/*"))
        self._syntaxes = frozenset(text[1:] for text in listed if text.startswith("+"))
        self._exact = frozenset(listed)

    def __contains__(self, media_type: str) -> bool:
        kind, slash, name = media_type.partition("/")
        _, plus, syntax = name.rpartition("+")
        is_of_kind = slash != "" and kind in self._kinds
        return media_type in self._exact or is_of_kind or (plus != "" and syntax in self._syntaxes)
