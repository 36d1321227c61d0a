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
    """A message that is still to be sent: its fields, beside those that every such message has, and its method."""

    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    method: bytes = b"POST"

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
    copies = False
    """Another service is asked what the endpoint is asked."""
    rank = 2
    """1: it is asked ahead of the filters in the list, 3: behind them, 0: it alone is asked."""

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


class LetsThrough(Promise):
    """A client whose address is allowed is let through."""

    kind = name = "ip_access"
    entry: ClassVar = {"ip_access": {"allow": ["127.0.0.0/8"], "deny": ["203.0.113.0/24"]}}


class RefusesClients(Promise):
    """A client whose address is denied is refused, whatever else the filters do."""

    kind = "ip_access"
    name = "ip_access-refuses"
    entry: ClassVar = {"ip_access": {"deny": ["127.0.0.0/8"]}}
    answers = True

    def check_client(self, response: Message, *, is_local: bool) -> None:
        if not is_local:
            assert response.status == 403


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
    rank = 3
    copies = True

    def check_upstream(self, request: Message) -> None:
        assert request.values(b"x-orion-mirror") == []

    def check_client(self, response: Message, *, is_local: bool) -> None:
        assert response.values(b"x-orion-mirror") == []


class LetsPagesRead(Promise):
    """Pages of another origin may read the answer, whoever gives it, and what the endpoint says of it is replaced."""

    kind = name = "cors"
    entry: ClassVar = {"cors": {"origins": ["https://app.example.org"], "credentials": True}}

    def ask(self, request: Draft) -> None:
        request.add(b"Origin", b"https://app.example.org")

    def answer(self, response: Draft) -> None:
        response.add(b"Access-Control-Allow-Origin", b"*")
        response.add(b"Vary", b"Accept")

    def check_client(self, response: Message, *, is_local: bool) -> None:
        assert response.values(b"access-control-allow-origin") == [b"https://app.example.org"]
        assert response.values(b"access-control-allow-credentials") == [b"true"]
        varies = b",".join(response.values(b"vary")).lower()
        assert b"origin" in varies
        assert is_local or b"accept" in varies


class AnswersPreflight(LetsPagesRead):
    """A preflight is answered ahead of every other filter."""

    name = "preflight"
    answers = True
    rank = 0

    def ask(self, request: Draft) -> None:
        super().ask(request)
        request.method = b"OPTIONS"
        request.add(b"Access-Control-Request-Method", b"PUT")

    def check_client(self, response: Message, *, is_local: bool) -> None:
        assert response.status == 204
        assert response.values(b"access-control-allow-origin") == [b"https://app.example.org"]
        assert b"PUT" in response.values(b"access-control-allow-methods")[0]


class Aborts(Promise):
    """Requests are answered as the exercise wants."""

    kind = "fault"
    name = "abort"
    entry: ClassVar = {"fault": {"abort": {"status": 503, "body": "An exercise."}}}
    answers = True

    def check_client(self, response: Message, *, is_local: bool) -> None:
        assert (response.status, response.content) == (503, b"An exercise.")


class Waits(Promise):
    """Requests wait, and then are what they were: that of all others is looked at."""

    kind = "fault"
    name = "delay"
    entry: ClassVar = {"fault": {"delay": "1ms"}}


class GuardsBrowsers(Promise):
    """Fields for browsers are on every answer; what the endpoint says of them stands."""

    kind = name = "security_headers"
    keys: ClassVar = {"security_headers": {}}
    rank = 1

    def answer(self, response: Draft) -> None:
        response.add(b"Referrer-Policy", b"no-referrer")

    def check_client(self, response: Message, *, is_local: bool) -> None:
        assert response.values(b"x-content-type-options") == [b"nosniff"]
        assert response.values(b"x-frame-options") == [b"SAMEORIGIN"]
        expected = b"strict-origin-when-cross-origin" if is_local else b"no-referrer"
        assert response.values(b"referrer-policy") == [expected]


class Compresses(Promise):
    """Responses are compressed for who accepts it."""

    kind = name = "compress"
    entry: ClassVar = {"compress": {"encodings": ["gzip"]}}

    def ask(self, request: Draft) -> None:
        request.add(b"Accept-Encoding", b"gzip")

    def answer(self, response: Draft) -> None:
        response.add(b"ETag", b'"v1"')

    def check_client(self, response: Message, *, is_local: bool) -> None:
        if is_local:
            return
        words = [word.strip().lower() for value in response.values(b"vary") for word in value.split(b",")]
        assert words.count(b"accept-encoding") == 1
        assert response.values(b"etag") == [b'W/"v1"'] or not response.values(b"content-encoding")
        # Behind `transform`, which takes Accept-Encoding away, nothing is compressed: `orion check` says so.
        assert response.values(b"content-encoding") or b"secret" not in response.content


class TransformsRequest(Promise):
    """JSON of requests is edited."""

    kind = "transform"
    name = "transform_request"
    entry: ClassVar = {"transform": {"request": {"rename": {"name": "title"}, "drop": ["secret"]}}}

    def change_request(self, document: dict[str, Any]) -> dict[str, Any]:
        return edit(document)


class TransformsResponse(Promise):
    """JSON of responses is edited."""

    kind = "transform"
    name = "transform_response"
    entry: ClassVar = {"transform": {"response": {"rename": {"name": "title"}, "drop": ["secret"]}}}

    def change_response(self, document: dict[str, Any]) -> dict[str, Any]:
        return edit(document)

    def check_upstream(self, request: Message) -> None:
        assert request.values(b"accept-encoding") == []

    def check_client(self, response: Message, *, is_local: bool) -> None:
        assert b"s3cret" not in response.content


def edit(document: dict[str, Any]) -> dict[str, Any]:
    """Return what `transform` makes of the document here."""
    names = {"name": "title"}
    return {names.get(name, name): value for name, value in document.items() if name != "secret"}


class RunsPlugin(Promise):
    """A plug-in sees both heads, and what it sets arrives."""

    kind = name = "plugin"
    entry: ClassVar = {"plugin": {"use": "tests.harness.plugins:Tenant"}}

    def ask(self, request: Draft) -> None:
        request.add(b"X-Tenant", b"stolen")

    def check_upstream(self, request: Message) -> None:
        assert request.values(b"x-tenant") == [b"acme"]

    def check_client(self, response: Message, *, is_local: bool) -> None:
        assert response.values(b"x-answered") == [b"acme %d" % response.status]


class OnlyCounts(Promise):
    """A guard that is not enforced refuses nobody."""

    kind = "ip_access"
    name = "ip_access-counts"
    entry: ClassVar = {"ip_access": {"deny": ["127.0.0.0/8"], "enforce": False}}


PROMISES: tuple[Promise, ...] = (
    Aborts(),
    AnswersPreflight(),
    LetsThrough(),
    RefusesClients(),
    EditsRequest(),
    EditsResponse(),
    GuardsBrowsers(),
    LetsPagesRead(),
    OnlyCounts(),
    Waits(),
    Mirrors(),
    Compresses(),
    TransformsRequest(),
    TransformsResponse(),
    RunsPlugin(),
)


def order(pair: tuple[Promise, Promise]) -> tuple[Promise, Promise]:
    """Return two promises in the order in which their filters are asked."""
    first, second = sorted(pair, key=_rank_of)
    return first, second


def _rank_of(promise: Promise) -> int:
    return promise.rank


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
