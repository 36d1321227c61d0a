"""The contract of a scenario: what is asked, what the upstream answers, what the proxies do besides, under which loads.

Plain data; who asks whom, in which order and how often is the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.loads.load import Load

SPREAD = 1000
"""Of many routes, at most so many are asked for, evenly spread over them."""


@dataclass(frozen=True, slots=True)
class Work:
    """What every peer does besides passing a request on.

    `adds_fields`: `Via`, `Forwarded`, `X-Forwarded-For/-Proto/-Host/-Port`, `X-Request-Id` (back to the client too) and
    `traceparent`; `logs`: a line per request in a file. One route takes every path; of several, each takes what begins
    with `name_route`. Several endpoints are balanced by fewest requests in flight. `connections` from clients must fit.
    """

    adds_fields: bool = True
    logs: bool = True
    routes: int = 1
    endpoints: int = 1
    connections: int = 1024


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of exchange.

    `letter` is the one of the issue and of the README. `fields` are the request's header fields besides Host, `content`
    is what is sent. `body` is the content of every answer; a small one stands in nginx's configuration between single
    quotes, so it may hold neither those nor `$` or a backslash; `chunked` is how it comes from the upstream.
    `idle` keep-alive connections, each used once, are held during every round. Quick runs put only the first load.
    """

    letter: str
    name: str
    summary: str
    target: str
    fields: tuple[tuple[str, str], ...]
    body: bytes
    loads: tuple[Load, ...]
    work: Work = Work()
    method: str = "GET"
    content: bytes = b""
    chunked: bool = False
    idle: int = 0

    @property
    def targets(self) -> tuple[str, ...]:
        """The request targets, to be asked for in turn."""
        routes = self.work.routes
        if routes == 1:
            return (self.target,)
        count = min(routes, SPREAD)
        return tuple(name_route(index * routes // count) + self.target for index in range(count))

    def render_requests(self, authority: str) -> list[bytes]:
        """Return the requests as they go over a connection, one per target."""
        fields = [("Host", authority), *self.fields]
        if self.content:
            fields.append(("Content-Length", str(len(self.content))))
        header = "".join(f"{name}: {value}\r\n" for name, value in fields)
        return [f"{self.method} {target} HTTP/1.1\r\n{header}\r\n".encode() + self.content for target in self.targets]


def name_route(number: int) -> str:
    """Return the path prefix of one of many routes."""
    return f"/service-{number:05d}"
