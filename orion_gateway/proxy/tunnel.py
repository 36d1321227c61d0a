"""Judge a WebSocket handshake (RFC 6455, section 4). What follows a good one is relayed as bytes; see `exchange`."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orion_gateway.http1.head import RequestHead, ResponseHead

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
VERSION = b"13"


def judge_handshake(head: RequestHead, origins: Sequence[str]) -> tuple[int, str] | None:
    """Return status and message of what is wrong with a client's handshake, or None when it may go on.

    `origins` are the values of Origin that are accepted, without case; empty: any.
    """
    if head.method != b"GET":
        return 400, "A WebSocket handshake is a GET request."
    if head.values(b"sec-websocket-version") != [VERSION]:
        return 426, "The only version of WebSocket known is 13."
    keys = head.values(b"sec-websocket-key")
    if len(keys) != 1 or not _is_key(keys[0]):
        return 400, "Sec-WebSocket-Key is not 16 bytes in base64."
    if origins:
        origin = head.values(b"origin")
        if len(origin) != 1 or origin[0].decode("latin-1").lower() not in {allowed.lower() for allowed in origins}:
            return 403, "This route does not take WebSockets from that origin."
    return None


def completes_handshake(request: RequestHead, response: ResponseHead) -> bool:
    """Say whether a 101 answers this handshake: it upgrades to WebSocket and proves that the key was read."""
    key = request.first(b"sec-websocket-key") or b""
    expected = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
    return response.is_websocket() and response.values(b"sec-websocket-accept") == [expected]


def _is_key(key: bytes) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        return False
