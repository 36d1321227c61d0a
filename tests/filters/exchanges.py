"""Exchanges for filters that are asked without a gateway around them: real heads, and what a worker would say."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from random import Random
from typing import TYPE_CHECKING, TypeVar

from orion_gateway.http1.head import HeadLimits, RequestHead, ResponseHead, parse_request, parse_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from orion_gateway.filters.filter import Exchange, Fetch, Fetched, Outgoing


T = TypeVar("T")


def read_request(target: str = "/", *lines: str, method: str = "GET", host: str = "api.example.org") -> RequestHead:
    """Return the head of a request with these field lines behind Host."""
    fields = "".join(f"{line}\r\n" for line in (f"Host: {host}", *lines))
    head, _ = parse_request(f"{method} {target} HTTP/1.1\r\n{fields}\r\n".encode("latin-1"), HeadLimits())
    assert isinstance(head, RequestHead), head
    return head


def read_response(*lines: str, status: int = 200) -> ResponseHead:
    """Return the head of a response with these field lines."""
    fields = "".join(f"{line}\r\n" for line in lines)
    head, _ = parse_response(f"HTTP/1.1 {status} \r\n{fields}\r\n".encode("latin-1"), HeadLimits(), b"GET")
    assert isinstance(head, ResponseHead), head
    return head


@dataclass
class Passing:
    """An exchange that passes a filter."""

    request: RequestHead
    response: ResponseHead | None = None
    params: Mapping[str, bytes] = field(default_factory=dict)
    scheme: bytes = b"http"
    client: str = "192.0.2.1"
    route_name: str = "all"
    service_name: str = "users"
    started: float = 0.0
    attempts: int = 0
    bytes_out: int = 0
    is_local: bool = True
    state: dict[object, object] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.method = self.request.method

    def request_id(self) -> bytes:
        """Return the id of the request."""
        return b"0123456789abcdef"

    def client_address(self) -> IPv4Address | IPv6Address | None:
        """Return the client's address; None on a Unix socket."""
        return ip_address(self.client) if self.client else None

    def note(self, what: str) -> None:
        """Keep a few words for the access log."""
        self.notes.append(what)


class Slept:
    """What is done when it is awaited."""

    def __await__(self):  # type: ignore[no-untyped-def]
        yield


class Worker:
    """What a worker offers; time passes by `sleep` alone."""

    def __init__(self, seed: int = 1) -> None:
        self.rng = Random(seed)
        self.slept: list[float] = []

    def now(self) -> float:
        """Return monotonic seconds."""
        return sum(self.slept)

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Return what is done after so many seconds."""
        self.slept.append(seconds)
        return Slept()

    def run(self, work: Callable[[], T]) -> Awaitable[T]:
        """Nothing here needs a thread."""
        raise NotImplementedError

    def fetch(self, request: Fetch) -> Awaitable[Fetched]:
        """Nothing here asks a service."""
        raise NotImplementedError

    def outgoing(self, exchange: Exchange) -> Outgoing | None:
        """Nothing here is forwarded."""
        raise NotImplementedError

    def warn(self, event: str, **fields: object) -> None:
        """Nothing here has anything to say."""
        raise NotImplementedError


def fields_of(head: RequestHead | ResponseHead, *names: str) -> dict[str, list[str]]:
    """Return the values of these fields, without those that are not there."""
    found = {name: [value.decode("latin-1") for value in head.values(name.lower().encode())] for name in names}
    return {name: values for name, values in found.items() if values}
