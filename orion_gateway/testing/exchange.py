"""One exchange in a test: what filters see of it, over heads that the gateway's own codec made."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orion_gateway.http1.head import RequestHead, ResponseHead


@dataclass(eq=False)
class FakeExchange:
    """One request and its response."""

    request: RequestHead
    scheme: bytes = b"http"
    remote: str | None = "192.0.2.1"
    route_name: str = "test"
    service_name: str = "upstream"
    params: Mapping[str, bytes] = field(default_factory=dict)
    id: bytes = b"0123456789abcdef0123456789abcdef"
    started: float = 0.0
    response: ResponseHead | None = None
    attempts: int = 0
    bytes_out: int = 0
    is_local: bool = True
    state: dict[object, object] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.method: bytes = self.request.method

    def request_id(self) -> bytes:
        """Return the id of the request."""
        return self.id

    def client_address(self) -> IPv4Address | IPv6Address | None:
        """Return the client's address."""
        return None if self.remote is None else ip_address(self.remote)

    def note(self, what: str) -> None:
        """Keep a few words."""
        self.notes.append(what)
