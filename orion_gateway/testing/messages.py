"""What a test gives and gets: a request of a client, an answer of a service, and what became of both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
from multidict import CIMultiDict
from yarl import URL

from orion_gateway.http1.head import HeadLimits, RequestHead, ResponseHead, parse_request, parse_response

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Headers = Mapping[str, str] | Iterable[tuple[str, str]]

DEFAULT_HOST = "www.example.org"
_LIMITS = HeadLimits()
_NONE: Any = object()


class Upstream:
    """What a service answers: `Upstream(text="hi")`, `Upstream(404)`, `Upstream(json={...}, headers={...})`."""

    def __init__(
        self,
        status: int = 200,
        *,
        text: str | None = None,
        json: Any = _NONE,
        body: bytes = b"",
        headers: Headers = (),
    ) -> None:
        """Make it; at most one of `text`, `json` and `body` says what its content is."""
        self.status = status
        self.headers = list_fields(headers)
        self.body = encode_content(text, json, body, self.headers)


@dataclass(frozen=True)
class SentUpstream:
    """What a service got."""

    method: str
    target: str
    """Path and query."""
    headers: CIMultiDict[str]
    body: bytes

    @property
    def text(self) -> str:
        """The content as text."""
        return self.body.decode()

    def json(self) -> Any:
        """Return the JSON value that the content is."""
        return orjson.loads(self.body)


@dataclass(frozen=True)
class Result:
    """What the client got, and what happened on the way."""

    status: int
    headers: CIMultiDict[str]
    body: bytes
    sent: SentUpstream | None
    """What the service got; None when it was not asked."""
    notes: list[str] = field(default_factory=list)
    """What was noted for the access log."""
    failures: list[Exception] = field(default_factory=list)
    """What hooks raised; only with `contain=True`, else it is raised in the test."""

    @property
    def text(self) -> str:
        """The content as text."""
        return self.body.decode()

    def json(self) -> Any:
        """Return the JSON value that the content is."""
        return orjson.loads(self.body)

    @property
    def upstream(self) -> SentUpstream:
        """What the service got. Fails the test when it was not asked."""
        assert self.sent is not None, f"the service was not asked: the client got {self.status} {self.body!r}"
        return self.sent


def list_fields(headers: Headers) -> list[tuple[str, str]]:
    """Return fields as pairs, repeated names kept."""
    return list(headers.items() if hasattr(headers, "items") else headers)


def encode_content(text: str | None, json: Any, body: bytes, fields: list[tuple[str, str]]) -> bytes:
    """Return content as bytes, and add the Content-Type that belongs to it where none is given."""
    kind = ""
    if text is not None:
        body, kind = text.encode(), "text/plain; charset=utf-8"
    elif json is not _NONE:
        body, kind = orjson.dumps(json), "application/json"
    if kind and not any(name.lower() == "content-type" for name, _ in fields):
        fields.append(("Content-Type", kind))
    return body


def no_json() -> Any:
    """Return what stands for no JSON value, since None is one."""
    return _NONE


def make_request_head(method: str, url: str, headers: Headers, body: bytes) -> tuple[RequestHead, str]:
    """Return the head of a request as the gateway parses it, and its scheme. Raises ValueError when it is refused."""
    found = URL(url, encoded=True)
    fields = list_fields(headers)
    if not any(name.lower() == "host" for name, _ in fields):
        host = found.raw_authority.rpartition("@")[2] or DEFAULT_HOST
        fields.insert(0, ("Host", host))
    if body:
        fields.append(("Content-Length", str(len(body))))
    target = url if url.startswith("/") or url == "*" else found.raw_path_qs
    raw = encode_head(f"{method} {target} HTTP/1.1", fields)
    head, _ = parse_request(raw, _LIMITS)
    if not isinstance(head, RequestHead):
        raise ValueError(f"the gateway refuses this request: {head}")
    return head, found.scheme or "http"


def make_response_head(status: int, fields: list[tuple[str, str]], body: bytes, method: bytes) -> ResponseHead:
    """Return the head of a response as the gateway parses it. Raises ValueError when it is refused."""
    if body and not any(name.lower() == "content-length" for name, _ in fields):
        fields = [*fields, ("Content-Length", str(len(body)))]
    return parse_response_head(encode_head(f"HTTP/1.1 {status} Status", fields), method)


def parse_response_head(raw: bytes, method: bytes) -> ResponseHead:
    """Return a response's head. Raises ValueError when it is refused."""
    head, _ = parse_response(raw, _LIMITS, method)
    if not isinstance(head, ResponseHead):
        raise ValueError(f"the gateway refuses this response: {head}")
    return head


def encode_head(first: str, fields: Iterable[tuple[str, str]]) -> bytes:
    """Return a head as it goes over the wire."""
    lines = [first, *(f"{name}: {value}" for name, value in fields)]
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "surrogateescape") + b"\r\n"


def read_sent(raw: bytes, body: bytes) -> SentUpstream:
    """Return what a service reads of what was rendered for it."""
    head, _ = parse_request(raw, HeadLimits(section=1 << 20, fields=10_000, underscores="allow"))
    assert isinstance(head, RequestHead), head
    return SentUpstream(head.method.decode(), head.target.decode("latin-1"), copy_fields(head), body)


def copy_fields(head: RequestHead | ResponseHead) -> CIMultiDict[str]:
    """Return the fields of a head as text."""
    return CIMultiDict(
        (name.decode("latin-1"), value.decode("utf-8", "surrogateescape")) for name, value in head.fields()
    )
