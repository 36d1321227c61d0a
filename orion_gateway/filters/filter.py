"""The contract of filters: what one may see of an exchange, what it may do to it, and when it is asked.

A filter is made once per route (a named one once per worker) and serves all exchanges of it, so what belongs to one
exchange is kept in `exchange.state`. What it needs is known when the route is compiled: a filter that needs no content
costs nothing for the content of others.

Hooks are plain functions. One that must wait returns an awaitable (an `async def` does), which suspends its own
exchange only. `on_request` runs in the order of the table, `on_response` in the reverse order for every filter whose
`on_request` ran, for local answers too. 1xx answers pass by. Content of WebSockets passes by too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, TypeVar, runtime_checkable

from orion_gateway.values import Reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from ipaddress import IPv4Address, IPv6Address
    from random import Random

T = TypeVar("T")

Content = bytes | memoryview
"""A piece of content. It is only good until the hook returns: whoever keeps it, copies it."""

Verdict = Reply | None
"""What `on_request` says: an answer of the filter's own, or None to let the request go on."""

Rewritten = bytes | Reply | None
"""What a hook for buffered content says: the new content, an answer of its own instead, or None to leave it."""


@dataclass(frozen=True, slots=True)
class BodyNeed:
    """How much of the content of one direction a filter needs."""

    kind: Literal["none", "stream", "buffered"]
    limit: int = 0
    """Bytes of content that are buffered at most, for `buffered`."""


NO_BODY = BodyNeed("none")
STREAM = BodyNeed("stream")


def buffered(limit: int) -> BodyNeed:
    """Return the need for the whole content, of up to `limit` bytes."""
    return BodyNeed("buffered", limit)


class Head(Protocol):
    """The field section of a message. Names are lower-case bytes, values bytes without CR, LF and NUL.

    What is read is what goes on: received fields, less what was removed, plus what was added. Host and the fields of
    framing and of the connection (Content-Length, Transfer-Encoding, Connection, ...) can be read but not edited.
    """

    def first(self, name: bytes) -> bytes | None:
        """Return the first value of a field, or None."""

    def values(self, name: bytes) -> list[bytes]:
        """Return all values of a field, in order."""

    def fields(self) -> list[tuple[bytes, bytes]]:
        """Return name, as it is written, and value of every field, in order. It walks the whole section."""

    def set(self, name: bytes, value: bytes) -> None:
        """Replace every field of this name, whatever its case, by one; `name` is written as given."""

    def add(self, name: bytes, value: bytes) -> None:
        """Add a field beside those of this name."""

    def remove(self, name: bytes) -> None:
        """Remove every field of a lower-case name."""


class RequestHead(Head, Protocol):
    """The head of a request. The target is as the client sent it: `path` is percent-encoded, `query` without `?`."""

    method: bytes
    target: bytes
    path: bytes
    query: bytes
    host: bytes
    content_length: int
    """-1 when it is not known."""


class ResponseHead(Head, Protocol):
    """The head of a response, from an endpoint or of the gateway's own making."""

    status: int
    content_length: int
    """-1 when it is not known."""


class Exchange(Protocol):
    """One request and its response, as filters see them."""

    method: bytes
    params: Mapping[str, bytes]
    """What the path of the route took, by name, percent-encoded as received."""
    started: float
    """Monotonic seconds."""
    attempts: int
    """Attempts at endpoints so far; 0 when the gateway answers by itself."""
    bytes_out: int
    """Content sent to the client so far."""
    is_local: bool
    """Whether `response` is of the gateway's own making; True while there is none."""

    @property
    def request(self) -> RequestHead:
        """The request's head."""

    @property
    def response(self) -> ResponseHead | None:
        """The response's head; None until there is one."""

    @property
    def route_name(self) -> str:
        """The name of the route."""

    @property
    def service_name(self) -> str:
        """The service that is asked, empty without one."""

    @property
    def scheme(self) -> bytes:
        """`http` or `https`, as the client connected."""

    @property
    def state(self) -> dict[object, object]:
        """What filters keep for this exchange; use the filter itself as the key."""

    def request_id(self) -> bytes:
        """Return the id of the request."""

    def client_address(self) -> IPv4Address | IPv6Address | None:
        """Return the client's address, through the proxies that are trusted; None on a Unix socket."""

    def note(self, what: str) -> None:
        """Keep a few words for the access log."""


class BodyStream:
    """What content passes through on its way, for one message. Made by `Filter.open_request` or `open_response`."""

    keeps_length: ClassVar[bool] = False
    """Whether exactly as many bytes come out as go in, so that Content-Length may stay."""

    def feed(self, pieces: Sequence[Content]) -> Sequence[Content] | Awaitable[Sequence[Content]]:
        """Take content and return what goes on now: nothing, as much, or more. Raise Refused to give up."""
        return pieces

    def end(self) -> Sequence[Content] | Awaitable[Sequence[Content]]:
        """Take the end of the message; return what is left."""
        return ()

    def close(self) -> None:
        """The message was cut: nothing more comes, and `end` will not be called."""


class Refused(Exception):  # noqa: N818 (a verdict about content, not an error of ours)
    """A hook for content gives up: the client gets `reply` while nothing of the answer has gone out, else a cut."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.message)
        self.reply = reply


class Filter:
    """What every filter is. Class attributes may be set per instance in `__init__`; they are read once per route."""

    decides: ClassVar[bool] = False
    """It guards: it may refuse, `enforce: false` is possible, and when it fails the request is refused with 503. One
    that does not decide shapes: when it fails, it is skipped."""
    scope: ClassVar[Literal["exchange", "attempt"]] = "exchange"
    """`attempt`: `on_request` runs for every attempt, its edits are only for that attempt, and it cannot wait or
    reply."""
    authenticates: ClassVar[bool] = False
    """It establishes who asks."""
    authorizes: ClassVar[bool] = False
    """It judges by who asks."""
    stores: ClassVar[bool] = False
    """It keeps answers for others."""
    answers_preflight: ClassVar[bool] = False
    """It answers CORS preflights for its route, ahead of every other filter."""
    disturbs: ClassVar[bool] = False
    """It does harm on purpose, so that somebody can see what comes of it."""

    request_body: BodyNeed = NO_BODY
    response_body: BodyNeed = NO_BODY

    files: Sequence[str] = ()
    """Files that it is made with, by their absolute paths. The supervisor watches them, and `take_file` gets what is
    made of them: before the first request, and each time one has changed."""

    def take_file(self, path: str, content: object) -> None:
        """Take what one of `files` holds from now on. Nobody changes it, and other filters may hold it too."""

    def on_request(self, exchange: Exchange) -> Verdict | Awaitable[Verdict]:
        """See the head of the request; edit it, or answer."""
        return None

    def on_response(self, exchange: Exchange) -> Awaitable[None] | None:
        """See the head of the response (`exchange.response`); edit it."""
        return None

    def answer_preflight(self, exchange: Exchange) -> Reply:
        """Answer a CORS preflight that asks for this route; only when `answers_preflight`."""
        raise NotImplementedError

    def open_request(self, exchange: Exchange) -> BodyStream | None:
        """Return what the content of this request passes through (`request_body` is STREAM), None to let it pass."""
        return None

    def open_response(self, exchange: Exchange) -> BodyStream | None:
        """Return what the content of this response passes through (`response_body` is STREAM), None to let it pass.

        Called behind `on_response`, only for responses with content.
        """
        return None

    def wants_request(self, exchange: Exchange) -> bool:
        """Say whether the content of this request is to be buffered (`request_body` is `buffered`)."""
        return True

    def wants_response(self, exchange: Exchange) -> bool:
        """Say whether the content of this response is to be buffered (`response_body` is `buffered`)."""
        return True

    def on_request_body(self, exchange: Exchange, content: bytes) -> Rewritten | Awaitable[Rewritten]:
        """See the whole content of the request, before an endpoint is chosen. Above the limit: 413 instead."""
        return None

    def on_response_body(self, exchange: Exchange, content: bytes) -> Rewritten | Awaitable[Rewritten]:
        """See the whole content of the response; the head has not gone out and may still be edited.

        Above the limit: 502 instead.
        """
        return None

    def on_end(self, exchange: Exchange) -> None:
        """The exchange has ended, well or not. Called once where `on_request` was; only when the class has its own."""

    def take_counts(self, route: str) -> Mapping[str, float]:
        """Return what was counted on a route since the last call, by metric; its labels are route and filter."""
        return {}

    def take_report(self) -> Report | None:
        """Return what is to be seen on the admin API, since the last call; None when there is nothing new."""
        return None

    def close(self) -> None:
        """The route table is not in force any more."""


class Report(Protocol):
    """What a filter tells the admin API; it travels from the workers to the supervisor, which merges."""

    def merge(self, newer: Report) -> Report:
        """Return both in one, bounded in size whatever clients send."""

    def document(self) -> Mapping[str, object]:
        """Return it as the admin API shows it: JSON values."""


@runtime_checkable
class Counting(Protocol):
    """What a report may be besides: it counts for metrics, too."""

    def counted(self) -> Iterable[tuple[str, tuple[str, ...], float]]:
        """Yield metric, labels behind the route's, and count, of what happened since the last report."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """A request that the gateway itself makes to a service of the table."""

    service: str
    method: bytes
    target: bytes
    headers: Sequence[tuple[bytes, bytes]] = ()
    """Content-Length, Expect and the fields of the connection are the gateway's; Host and Via are unless given."""
    content: bytes = b""
    timeout: float = 5.0
    """Seconds for all of it."""
    limit: int = 1024 * 1024
    """Bytes of content that are read of the answer."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The answer to a Fetch; `error` is a word of `values.Reason` when there is none, and `status` 0 then."""

    status: int
    headers: Sequence[tuple[bytes, bytes]] = ()
    """Names in lower case."""
    content: bytes = b""
    is_truncated: bool = False
    error: str = ""
    duration: float = 0.0
    """Seconds."""
    waited: float = 0.0
    """Seconds until its head had come."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as an endpoint gets it, without what an endpoint's base path adds to the target."""

    target: bytes
    headers: Sequence[tuple[bytes, bytes]]
    """Those of the client and of the gateway; without Host when the endpoint's own is sent."""


class Facilities(Protocol):
    """What a worker offers to its filters: clock, randomness, threads, requests of the gateway's own, and the log."""

    rng: Random

    def now(self) -> float:
        """Return monotonic seconds."""

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Return what is done after so many seconds."""

    def run(self, work: Callable[[], T]) -> Awaitable[T]:
        """Run work in a thread, off the event loop, and return what it returns."""

    def fetch(self, request: Fetch) -> Awaitable[Fetched]:
        """Ask a service of the table. Raises nothing: what went wrong is in the answer."""

    def outgoing(self, exchange: Exchange) -> Outgoing | None:
        """Return the request of an exchange as an endpoint gets it; None when it is not (yet) forwarded."""

    def warn(self, event: str, **fields: object) -> None:
        """Write to the program's log. Nothing of it may be a secret."""
