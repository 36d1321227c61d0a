"""Handshakes of WebSockets, judged without a socket."""

from __future__ import annotations

import pytest

from orion_gateway.http1.head import HeadLimits, Refusal, RequestHead, parse_request
from orion_gateway.proxy.tunnel import judge_handshake

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="


def handshake(method: bytes = b"GET", version: bytes = b"13", key: bytes = KEY, more: bytes = b"") -> RequestHead:
    """Return a parsed handshake."""
    head, _ = parse_request(
        b"%b /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: %b\r\nSec-WebSocket-Key: %b\r\n%b\r\n" % (method, version, key, more),
        HeadLimits(),
    )
    assert head is not None
    assert not isinstance(head, Refusal)
    return head


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (handshake(), None),
        (handshake(method=b"POST"), 400),
        (handshake(version=b"8"), 426),
        (handshake(version=b"13, 8"), 426),
        (handshake(key=b"c2hvcnQ="), 400),
        (handshake(key=b"!!!!IHNhbXBsZSBub25jZQ=="), 400),
        (handshake(key=b"dGhlIHNhbXBsZSBub25jZQ"), 400),
        (handshake(more=b"Sec-WebSocket-Key: %b\r\n" % KEY), 400),
    ],
)
def test_a_handshake_is_judged_before_an_endpoint_sees_it(head: RequestHead, status: int | None) -> None:
    """An endpoint that takes a bad handshake for a good one would be a tunnel nobody agreed on."""
    objection = judge_handshake(head, ())
    assert (objection[0] if objection else None) == status


@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        (b"Origin: https://app.example\r\n", True),
        (b"Origin: HTTPS://App.Example\r\n", True),
        (b"Origin: https://app.example.evil\r\n", False),
        (b"Origin: null\r\n", False),
        (b"", False),
        (b"Origin: https://app.example\r\nOrigin: https://evil.example\r\n", False),
    ],
)
def test_other_pages_cannot_open_sockets_with_a_users_cookies(origin: bytes, is_allowed: bool) -> None:
    """Cross-site WebSocket hijacking: the browser sends cookies along, and only Origin tells where it comes from."""
    objection = judge_handshake(handshake(more=origin), ("https://APP.example",))
    assert (objection is None) == is_allowed
    assert objection is None or objection[0] == 403
