"""What log and metrics read of an exchange that has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orion_gateway.http1.identifiers import Identifiers
    from orion_gateway.http1.parsed import RequestHead
    from orion_gateway.values import Endpoint


class Finished:
    """A finished exchange: durations in seconds, sizes in bytes. An exchange is one, so that nothing is copied."""

    __slots__ = (
        "attempts",
        "bytes_out",
        "client",
        "endpoint",
        "head",
        "ids",
        "is_local",
        "method",
        "notes",
        "request_bytes",
        "status",
        "upstream_duration",
    )

    method: bytes
    head: RequestHead
    ids: Identifiers
    client: bytes
    """The address of the client, through the proxies that are trusted."""
    status: int
    """The status sent to the client; 0 when none was."""
    is_local: bool
    """Whether the gateway itself answered."""
    endpoint: Endpoint | None
    attempts: int
    upstream_duration: float
    request_bytes: int
    bytes_out: int
    """Content sent to the client."""
    notes: str
    """What became of the request on its way: attempts that failed, why there was no other. Mostly empty."""
