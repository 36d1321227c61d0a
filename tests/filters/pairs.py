"""What each filter promises, so that the promise can be looked at beside every other filter.

A promise writes its filter as the table has it, says what the request and the endpoint's answer need for it, and looks
at what came of them on both sides. `PROMISES` has at least one for every kind of filter. Two rules hold for every pair:

- Behind one that answers by itself nobody is asked, and nothing reaches the endpoint. What ran before it still sees the
  answer on its way back.
- Content passes the filters in their order to the endpoint and in the reverse order to the client, so that what is
  expected of it is what the two make of it, one after the other.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.harness.message import Message

DOCUMENT = {"name": "Ada", "secret": "s3cret", "note": "all work and no play " * 100}
"""What both sides send: JSON, large enough to be worth compressing."""

CONTENT = json.dumps(DOCUMENT).encode()


@dataclass
class Draft:
    """The fields of a message that is still to be sent, beside those that every such message has."""

    fields: list[tuple[bytes, bytes]] = field(default_factory=list)

    def add(self, name: bytes, value: bytes) -> None:
        """Add a field, once however many ask for it."""
        if (name, value) not in self.fields:
            self.fields.append((name, value))

    def render(self, start: bytes) -> bytes:
        """Return the message, with the document as its content."""
        self.add(b"Content-Type", b"application/json")
        self.add(b"Content-Length", b"%d" % len(CONTENT))
        lines = b"".join(b"%b: %b\r\n" % pair for pair in self.fields)
        return start + b"\r\n" + lines + b"\r\n" + CONTENT


class Promise:
    """One filter as one route uses it, and what is expected of it."""

    kind: str
    """Its name in `filters.FILTERS`."""
    name: str
    """Of the promise: a kind may have several."""
    entry: ClassVar[Mapping[str, Any] | None] = None
    """What stands in the list of filters of a route; None for one that no list holds."""
    keys: ClassVar[Mapping[str, Any]] = {}
    """Keys of the route beside its list."""
    answers = False
    """It answers by itself."""

    def ask(self, request: Draft) -> None:
        """Give the request what the promise is about."""

    def answer(self, response: Draft) -> None:
        """Give the endpoint's answer what the promise is about."""

    def change_request(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return what the filter makes of the content of the request."""
        return document

    def change_response(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return what the filter makes of the content of the response."""
        return document

    def check_upstream(self, request: Message) -> None:
        """Look at what the endpoint was asked."""

    def check_client(self, response: Message, *, is_local: bool) -> None:
        """Look at what the client got; `is_local`: from another filter."""


class EditsRequest(Promise):
    """Fields of requests are set and removed."""

    kind = name = "request_headers"
    entry: ClassVar = {"request_headers": {"set": {"X-Tier": "gold"}, "remove": ["X-Debug"]}}

    def ask(self, request: Draft) -> None:
        request.add(b"X-Debug", b"1")
        request.add(b"X-Tier", b"stolen")

    def check_upstream(self, request: Message) -> None:
        assert request.values(b"x-tier") == [b"gold"]
        assert request.values(b"x-debug") == []


class EditsResponse(Promise):
    """Fields of responses are set and removed, whoever answers."""

    kind = name = "response_headers"
    entry: ClassVar = {"response_headers": {"set": {"X-Served-By": "orion"}, "remove": ["X-Powered-By"]}}

    def answer(self, response: Draft) -> None:
        response.add(b"X-Powered-By", b"php")
        response.add(b"X-Served-By", b"endpoint")

    def check_client(self, response: Message, *, is_local: bool) -> None:
        assert response.values(b"x-served-by") == [b"orion"]
        assert response.values(b"x-powered-by") == []


class Mirrors(Promise):
    """Another service gets a copy, and neither side of the exchange can tell."""

    kind = name = "mirror"
    keys: ClassVar = {"mirror": {"service": "shadow", "compare": {}}}

    def check_upstream(self, request: Message) -> None:
        assert request.values(b"x-orion-mirror") == []

    def check_client(self, response: Message, *, is_local: bool) -> None:
        assert response.values(b"x-orion-mirror") == []


PROMISES: tuple[Promise, ...] = (
    EditsRequest(),
    EditsResponse(),
    Mirrors(),
)


def expect_request(first: Promise, second: Promise) -> dict[str, Any]:
    """Return the document that the endpoint must get."""
    return second.change_request(first.change_request(dict(DOCUMENT)))


def expect_response(first: Promise, second: Promise) -> dict[str, Any]:
    """Return the document that the client must get."""
    return first.change_response(second.change_response(dict(DOCUMENT)))


def check_content(message: Message, expected: dict[str, Any]) -> None:
    """Look whether a message holds a document; one that nobody changed must be the same to the byte."""
    content = message.content
    codings = message.values(b"content-encoding")
    if codings:
        assert codings == [b"gzip"]
        content = gzip.decompress(content)
    if expected == DOCUMENT:
        assert content == CONTENT
    else:
        assert json.loads(content) == expected
