"""Find in a request what binds it to an endpoint: the key of a hashing policy, or the cookie of a sticky service.

And bind clients by cookies: to an endpoint of a service, and to a service of a split.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from orion_gateway.balancer.hashing import hash_key
from orion_gateway.routing.cookies import find_cookie
from orion_gateway.routing.split import make_token

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


def render_cookie(name: bytes, token: bytes, is_secure: bool = False) -> bytes:
    """Return the line that binds a client to an endpoint or a service until its session ends (RFC 6265, section 4.1).

    `is_secure`: the client came by https, and shall not say it otherwise.
    """
    return b"Set-Cookie: %b=%b; Path=/; HttpOnly; SameSite=Lax%b\r\n" % (name, token, b"; Secure" if is_secure else b"")


def _hash(value: bytes) -> int:
    return hash_key(value) if value else 0


class Binding:
    """Binds clients to one service of a route that splits its requests."""

    __slots__ = ("_cookie", "_line", "_secure_line", "_token")

    def __init__(self, cookie: str, service: str) -> None:
        self._cookie = cookie.encode("ascii")
        self._token = make_token(service)
        self._line = render_cookie(self._cookie, self._token)
        self._secure_line = render_cookie(self._cookie, self._token, is_secure=True)

    def renew(self, cookies: Sequence[bytes], scheme: bytes) -> bytes:
        """Return the line to send to a client with these Cookie fields; nothing when it is bound already."""
        if find_cookie(cookies, self._cookie) == self._token:
            return b""
        return self._secure_line if scheme == b"https" else self._line
