"""Who may do what on the admin API. Pure: `app` asks with what it knows of a request.

Over the Unix socket, which only the gateway's own user can reach, everything is allowed. Over TCP without tokens
reading is open on loopback and nothing can be changed; off loopback only health and metrics are open without a token.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import Enum, auto
from ipaddress import ip_address
from typing import Literal

Permission = Literal["read", "change"]


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and what its bearer may do."""

    secret: bytes
    may: frozenset[Permission]


@dataclass(frozen=True, slots=True)
class AdminRules:
    """The tokens, and the host that the TCP listener is bound to."""

    tokens: tuple[Token, ...] = ()
    bound_host: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of a request. `host` and `authorization` are the fields as sent, empty when there were none."""

    path: str
    needs: Permission
    peer: str | None
    """The address of the other side, None over a Unix socket."""
    host: str = ""
    authorization: str = ""


class Access(Enum):
    """What becomes of a request to the admin API."""

    GRANTED = auto()
    UNKNOWN_HOST = auto()
    """Host names neither the listener nor an address: a page of some other site that had its name rebound (421)."""
    NO_TOKEN = auto()
    """A token is needed and none that is known was shown (401)."""
    NOT_PERMITTED = auto()
    """The token does not permit it, or over TCP nothing can be changed without one (403)."""


def judge_access(asked: Asked, rules: AdminRules) -> Access:
    """Decide about one request."""
    if asked.peer is None:
        return Access.GRANTED
    if not _is_own_host(asked.host, rules.bound_host):
        return Access.UNKNOWN_HOST
    scheme, _, shown = asked.authorization.partition(" ")
    if shown.strip() and scheme.lower() == "bearer":
        secret = shown.strip().encode("utf-8", "surrogateescape")
        # Every token is compared, in constant time each: which one failed where must not show.
        matching = [token for token in rules.tokens if hmac.compare_digest(token.secret, secret)]
        if not matching:
            return Access.NO_TOKEN
        return Access.GRANTED if any(asked.needs in token.may for token in matching) else Access.NOT_PERMITTED
    if asked.needs == "read" and (_is_open(asked.path) or (not rules.tokens and _is_loopback(asked.peer))):
        return Access.GRANTED
    return Access.NO_TOKEN if rules.tokens else Access.NOT_PERMITTED


def _is_open(path: str) -> bool:
    return path in ("/metrics", "/health", "/health/live", "/health/ready")


def _is_loopback(peer: str) -> bool:
    address = ip_address(peer.partition("%")[0])
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _is_own_host(field: str, bound_host: str) -> bool:
    """An address is always meant; a name only when it is the bound one or localhost. Browsers never leave Host out."""
    name, separator, port = field.rpartition(":")
    if not separator or not port.isdecimal():
        name = field
    name = name.strip("[]").lower()
    if name in ("", "localhost", bound_host.lower()):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
