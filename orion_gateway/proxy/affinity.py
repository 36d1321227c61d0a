"""Find in a request what binds it to an endpoint: the key of a hashing policy, or the cookie of a sticky service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from orion_gateway.balancer.hashing import hash_key

if TYPE_CHECKING:
    from orion_gateway.http1.parsed import RequestHead
    from orion_gateway.values import KeySource

KeyOf = Callable[["RequestHead", bytes], int]
"""Takes the head and the client's address; returns the hash, 0 when the request does not have what is asked for."""


def compile_key(source: KeySource) -> KeyOf:
    """Return how the key of a request is found."""
    name = source.name.encode("ascii")
    match source.kind:
        case "ip":
            return lambda _head, client: _hash(client)
        case "header":
            return lambda head, _client: _hash(b",".join(head.values(name)))
        case "cookie":
            return lambda head, _client: _hash(find_cookie(head.values(b"cookie"), name))
        case "path":
            return lambda head, _client: _hash(head.path)


def find_cookie(values: Sequence[bytes], name: bytes) -> bytes:
    """Return the value of the first cookie of this name in the Cookie fields (RFC 6265, section 4.2), or nothing."""
    for value in values:
        for pair in value.split(b";"):
            found, separator, content = pair.partition(b"=")
            if separator and found.strip() == name:
                return content.strip()
    return b""


def render_cookie(name: bytes, token: bytes) -> bytes:
    """Return the line that binds a client to an endpoint until its session ends (RFC 6265, section 4.1)."""
    return b"Set-Cookie: %b=%b; Path=/; HttpOnly; SameSite=Lax\r\n" % (name, token)


def _hash(value: bytes) -> int:
    return hash_key(value) if value else 0
