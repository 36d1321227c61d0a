"""What log and metrics read of an exchange that has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from orion_gateway.http1.head import Identifiers, RequestHead
    from orion_gateway.values import Endpoint


class Finished(Protocol):
    """A finished exchange: durations in seconds, sizes in bytes."""

    method: bytes
    head: RequestHead
    ids: Identifiers
    status: int
    endpoint: Endpoint | None
    attempts: int
    upstream_duration: float
    request_bytes: int
    bytes_out: int

    @property
    def is_local(self) -> bool:
        """Whether the gateway itself answered."""

    @property
    def client(self) -> bytes:
        """The address of the client."""
