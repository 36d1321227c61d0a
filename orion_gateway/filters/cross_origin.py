"""Decide what a page of another origin may do and read (the CORS protocol of the Fetch standard, section 3.3).

Pure decisions over bytes; `cors` carries them out. What is decided is what the browser is told: it is the browser that
refuses, and it refuses whatever it is not told it may do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orion_gateway.expression import compile_expression

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orion_gateway.filters.filter import RequestHead

Fields = tuple[tuple[bytes, bytes], ...]

ALLOW_ORIGIN = b"Access-Control-Allow-Origin"
RESPONSE_FIELDS = (
    b"access-control-allow-origin",
    b"access-control-allow-credentials",
    b"access-control-expose-headers",
    b"access-control-allow-methods",
    b"access-control-allow-headers",
    b"access-control-max-age",
    b"access-control-allow-private-network",
)
"""What a response says about other origins, in lower case."""

SAFELISTED_METHODS = frozenset([b"GET", b"HEAD", b"POST"])
"""What a page may use without being told so (Fetch, section 2.2.1)."""

PREFLIGHT_VARY = b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
PRIVATE_NETWORK_VARY = PREFLIGHT_VARY + b", Access-Control-Request-Private-Network"

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class CorsRules:
    """Which pages of which origins may do what."""

    origins: tuple[str, ...]
    """As browsers write them; `*` for every one, `null` for pages without one, `https://*.example.org` for all of one
    label below."""
    patterns: tuple[str, ...] = ()
    """Expressions of RE2 that match whole origins."""
    methods: tuple[str, ...] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
    headers: tuple[str, ...] | None = None
    """Names of request fields; None: whatever is asked for."""
    expose: tuple[str, ...] = ()
    """Names of response fields that a page may read."""
    credentials: bool = False
    max_age: float = 600.0
    """Seconds for which a browser remembers the answer to a preflight."""
    private_network: bool = False
    enforce: bool = True


@dataclass(frozen=True, slots=True)
class Preflight:
    """What a preflight asks for."""

    origins: Sequence[bytes]
    """The values of Origin: one, or it is malformed."""
    method: bytes
    headers: Sequence[bytes] = ()
    """The values of Access-Control-Request-Headers."""
    wants_private_network: bool = False


def is_preflight(head: RequestHead) -> bool:
    """Say whether a request asks what another one may (Fetch, section 3.3.2)."""
    return (
        head.method == b"OPTIONS"
        and head.first(b"access-control-request-method") is not None
        and head.first(b"origin") is not None
    )


def read_preflight(head: RequestHead) -> Preflight:
    """Return what a preflight asks for."""
    return Preflight(
        head.values(b"origin"),
        head.first(b"access-control-request-method") or b"",
        head.values(b"access-control-request-headers"),
        head.first(b"access-control-request-private-network") == b"true",
    )


class CrossOrigin:
    """The rules of one filter, compiled."""

    __slots__ = (
        "_credentials",
        "_exact",
        "_exposed",
        "_headers",
        "_is_any",
        "_max_age",
        "_methods",
        "_patterns",
        "_private_network",
        "_wildcards",
        "answers_alike",
        "preflight_vary",
    )

    def __init__(self, rules: CorsRules) -> None:
        self._is_any = "*" in rules.origins
        self._exact = {origin.encode() for origin in rules.origins if "*" not in origin}
        self._wildcards = tuple(_split_wildcard(origin) for origin in rules.origins if "*" in origin and origin != "*")
        self._patterns = tuple(compile_expression(pattern) for pattern in rules.patterns)
        self._methods = tuple(method.encode() for method in rules.methods)
        self._headers = None if rules.headers is None else tuple(name.encode() for name in rules.headers)
        self._max_age = b"%d" % rules.max_age
        self._private_network = rules.private_network
        self._credentials: Fields = ((b"Access-Control-Allow-Credentials", b"true"),) if rules.credentials else ()
        exposed = ", ".join(rules.expose).encode()
        self._exposed: Fields = ((b"Access-Control-Expose-Headers", exposed),) if exposed else ()
        self.answers_alike = self._is_any and not rules.credentials
        """Whether every request gets the same fields, whatever its Origin and without one, so that caches need not keep
        answers apart (Fetch, section 3.3.5)."""
        self.preflight_vary = PRIVATE_NETWORK_VARY if rules.private_network else PREFLIGHT_VARY

    def allow_origin(self, origins: Sequence[bytes]) -> bytes | None:
        """Return Access-Control-Allow-Origin for the values of Origin, or None when it is not allowed.

        Never `*` where credentials are allowed: browsers refuse the two together.
        """
        if self.answers_alike:
            return b"*"
        if len(origins) != 1:
            return None
        origin = origins[0]
        if origin in self._exact:
            return origin
        # A page without an origin, in a sandbox or out of a file, is nobody in particular: only its own entry means it.
        if origin == b"null" or not origin:
            return None
        if self._is_any or any(_fits(wildcard, origin) for wildcard in self._wildcards):
            return origin
        return origin if any(pattern.fullmatch(origin) for pattern in self._patterns) else None

    def response_fields(self, origins: Sequence[bytes]) -> Fields:
        """Return what an answer says to a page of this origin; nothing when it is not allowed, or there is none."""
        allowed = self.allow_origin(origins)
        if allowed is None:
            return ()
        return ((ALLOW_ORIGIN, allowed), *self._credentials, *self._exposed)

    def preflight_fields(self, asked: Preflight) -> Fields | None:
        """Return what the answer to a preflight says; None when its origin is not allowed.

        A method or a field that is not allowed is missing in the lists of what is: the browser names it to whoever
        looks into its console, which it could not if it were refused here.
        """
        allowed = self.allow_origin(asked.origins)
        if allowed is None:
            return None
        fields: list[tuple[bytes, bytes]] = [(ALLOW_ORIGIN, allowed), *self._credentials]
        if self._methods:
            fields.append((b"Access-Control-Allow-Methods", b", ".join(self._methods)))
        # `*` would not mean Authorization, and nothing but a name where credentials are allowed: names are told.
        headers = _split_names(asked.headers) if self._headers is None else self._headers
        if headers:
            fields.append((b"Access-Control-Allow-Headers", b", ".join(headers)))
        if asked.wants_private_network and self._private_network:
            fields.append((b"Access-Control-Allow-Private-Network", b"true"))
        fields.append((b"Access-Control-Max-Age", self._max_age))
        return tuple(fields)

    def find_objection(self, asked: Preflight) -> str:
        """Return in a few words why a browser will not make the request that is asked about; empty when it may."""
        if self.allow_origin(asked.origins) is None:
            return "origin not allowed"
        if asked.method not in self._methods and asked.method not in SAFELISTED_METHODS:
            return "method not allowed"
        if self._headers is not None:
            allowed = {name.lower() for name in self._headers}
            for name in _split_names(asked.headers):
                if name.lower() not in allowed:
                    return f"field {name.decode('ascii')} not allowed"
        if asked.wants_private_network and not self._private_network:
            return "private network not allowed"
        return ""


def varies_on_origin(values: Sequence[bytes]) -> bool:
    """Say whether these values of Vary tell caches to heed Origin already."""
    for value in values:
        for name in value.lower().split(b","):
            if name.strip(b" \t") in (b"origin", b"*"):
                return True
    return False


def _split_wildcard(origin: str) -> tuple[bytes, bytes]:
    begin, _, end = origin.encode().partition(b"*")
    return begin, end


def _fits(wildcard: tuple[bytes, bytes], origin: bytes) -> bool:
    """Say whether something of one label stands for the `*`."""
    begin, end = wildcard
    label = origin[len(begin) : len(origin) - len(end)]
    is_between = origin.startswith(begin) and origin.endswith(end) and len(origin) > len(begin) + len(end)
    return is_between and _LABEL.fullmatch(label) is not None


_LABEL = re.compile(rb"[a-z0-9_-]+")


def _split_names(values: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the field names of a list; nothing when one of them is none."""
    names = [name.strip(b" \t") for value in values for name in value.split(b",") if name.strip(b" \t")]
    return tuple(names) if all(_TOKEN.fullmatch(name) for name in names) else ()
