"""An exchange that has ended, as the access log sees it: plain values, every one of which a test may choose."""

from __future__ import annotations

from orion_gateway.http1.head import HeadLimits, Identifiers, RequestHead, parse_request
from orion_gateway.telemetry.finished import Finished
from orion_gateway.values import Endpoint

DEFAULT_ENDPOINT = Endpoint("http://127.0.0.1:3002", "127.0.0.1:3002")


class Ended(Finished):
    """What the log asks for."""

    def __init__(
        self,
        head: RequestHead,
        method: bytes = b"GET",
        ids: Identifiers | None = None,
        status: int = 200,
        endpoint: Endpoint | None = DEFAULT_ENDPOINT,
        attempts: int = 1,
        upstream_duration: float = 0.002,
        request_bytes: int = 0,
        bytes_out: int = 11,
        is_local: bool = False,
        client: bytes = b"192.0.2.7",
        notes: str = "",
    ) -> None:
        self.head = head
        self.method = method
        self.ids = ids or Identifiers(b"id-1", b"0af7651916cd43dd8448eb211c80319c", None)
        self.status = status
        self.endpoint = endpoint
        self.attempts = attempts
        self.upstream_duration = upstream_duration
        self.request_bytes = request_bytes
        self.bytes_out = bytes_out
        self.is_local = is_local
        self.client = client
        self.notes = notes


def parse(request: bytes) -> RequestHead:
    """Return the head of a request."""
    head, _ = parse_request(request, HeadLimits())
    assert isinstance(head, RequestHead)
    return head


def forged(method: bytes, host: bytes, path: bytes, agent: bytes = b"", referrer: bytes = b"") -> RequestHead:
    """Return a head that no parser would let through: the log must not depend on what the parser refuses."""
    raw = b"GET / HTTP/1.1\r\nuser-agent:%b\r\nreferer:%b\r\n\r\n" % (agent, referrer)
    head = RequestHead(raw, 16, 1, method, path)
    head.host = host
    head.path = path
    return head
