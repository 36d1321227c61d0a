"""The access rules, combination by combination."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from orion_gateway.admin.access import Access, AdminRules, Asked, Permission, Token, judge_access

READER = Token(b"reader-reader-reader", frozenset(["read"]))
CHANGER = Token(b"changer-changer-changer", frozenset(["change"]))
BOTH = Token(b"both-both-both-both", frozenset(["read", "change"]))
TOKENS = (READER, CHANGER, BOTH)

OPEN_PATHS = ["/metrics", "/health", "/health/live", "/health/ready"]
CLOSED_PATHS = ["/status", "/drain", "/", "/metrics/", "/metricsx", "/healthy", "/health/", "/health/../status"]
LOOPBACK = ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"]
REMOTE = ["192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7", "fe80::1%eth0"]
NEEDS: list[Permission] = ["read", "change"]


def every(*values: Sequence[object]) -> list[tuple[object, ...]]:
    """Return every combination."""
    return list(itertools.product(*values))


def judge(
    path: str,
    needs: Permission = "read",
    peer: str | None = "127.0.0.1",
    *,
    host: str = "127.0.0.1:9900",
    authorization: str = "",
    tokens: tuple[Token, ...] = (),
    bound_host: str = "127.0.0.1",
) -> Access:
    """Judge a request."""
    return judge_access(Asked(path, needs, peer, host, authorization), AdminRules(tokens, bound_host))


@pytest.mark.parametrize(
    ("path", "needs", "tokens", "host"),
    every(OPEN_PATHS + CLOSED_PATHS, NEEDS, [(), TOKENS], ["", "evil.example"]),
)
def test_the_unix_socket_may_do_everything(path: str, needs: Permission, tokens: tuple[Token, ...], host: str) -> None:
    """The commands of the gateway's own user would be refused."""
    assert judge(path, needs, None, tokens=tokens, host=host) is Access.GRANTED


@pytest.mark.parametrize(("path", "peer"), every(OPEN_PATHS + CLOSED_PATHS, LOOPBACK))
def test_without_tokens_reading_is_open_on_loopback(path: str, peer: str) -> None:
    """A newcomer could not look at the gateway on the own machine."""
    assert judge(path, "read", peer) is Access.GRANTED


@pytest.mark.parametrize(("path", "peer"), every(CLOSED_PATHS, REMOTE))
def test_without_tokens_nothing_else_is_open_to_others(path: str, peer: str) -> None:
    """The network would see what the gateway fronts."""
    assert judge(path, "read", peer) is Access.NOT_PERMITTED


@pytest.mark.parametrize(("path", "peer", "tokens"), every(OPEN_PATHS, LOOPBACK + REMOTE, [(), TOKENS]))
def test_health_and_metrics_are_open_to_all(path: str, peer: str, tokens: tuple[Token, ...]) -> None:
    """Probes and scrapers would need tokens."""
    assert judge(path, "read", peer, tokens=tokens) is Access.GRANTED


@pytest.mark.parametrize(("path", "peer"), every(OPEN_PATHS + CLOSED_PATHS, LOOPBACK + REMOTE))
def test_without_tokens_nothing_can_be_changed_over_tcp(path: str, peer: str) -> None:
    """Any program on the machine, or a web page by a form, could stop the gateway."""
    assert judge(path, "change", peer) is Access.NOT_PERMITTED


@pytest.mark.parametrize(("path", "peer", "needs"), every(CLOSED_PATHS, LOOPBACK + REMOTE, NEEDS))
def test_with_tokens_one_must_be_shown(path: str, peer: str, needs: Permission) -> None:
    """Tokens would protect nothing."""
    assert judge(path, needs, peer, tokens=TOKENS) is Access.NO_TOKEN


@pytest.mark.parametrize(
    ("token", "needs", "expected"),
    [
        (READER, "read", Access.GRANTED),
        (READER, "change", Access.NOT_PERMITTED),
        (CHANGER, "read", Access.NOT_PERMITTED),
        (CHANGER, "change", Access.GRANTED),
        (BOTH, "read", Access.GRANTED),
        (BOTH, "change", Access.GRANTED),
    ],
)
@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "Bearer  "])
@pytest.mark.parametrize("peer", ["127.0.0.1", "192.0.2.7"])
def test_a_token_may_what_it_says(token: Token, needs: Permission, expected: Access, scheme: str, peer: str) -> None:
    """A token for reading could stop the gateway, or one for everything be refused."""
    shown = scheme + token.secret.decode()
    assert judge("/status", needs, peer, authorization=shown, tokens=TOKENS) is expected


@pytest.mark.parametrize(
    "shown", ["Bearer wrong", "Bearer \udcff", "Bearer é", "Bearer reader-reader-reade", "Bearer reader-reader-readerx"]
)
@pytest.mark.parametrize("tokens", [(), TOKENS])
def test_a_wrong_token_is_refused_whatever_its_bytes(shown: str, tokens: tuple[Token, ...]) -> None:
    """A guess would do, or odd bytes be answered with a server error."""
    assert judge("/status", authorization=shown, tokens=tokens) is Access.NO_TOKEN


@pytest.mark.parametrize(
    "shown", ["Basic cmVhZGVyLXJlYWRlci1yZWFkZXI=", "Bearer", "Bearer ", "reader-reader-reader", "Token x"]
)
def test_what_is_no_bearer_token_counts_as_none(shown: str) -> None:
    """A scheme that nobody checks would let in."""
    assert judge("/status", authorization=shown, tokens=TOKENS) is Access.NO_TOKEN
    assert judge("/status", authorization=shown) is Access.GRANTED, "on loopback without tokens none is needed"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:9900",
        "[::1]",
        "[::1]:9900",
        "192.0.2.1:80",
        "localhost",
        "LOCALHOST:9900",
        "localhost:1",
        "",
    ],
)
def test_addresses_and_localhost_are_own_hosts(host: str) -> None:
    """curl on the own machine, or a probe by address, would be refused."""
    assert judge("/status", host=host) is Access.GRANTED


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:9900",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "[evil]",
        "0x7f.1",
        "a:b:c",
    ],
)
@pytest.mark.parametrize("path", ["/status", "/health", "/metrics"])
def test_a_rebound_name_is_refused(host: str, path: str) -> None:
    """A web page whose name was rebound to 127.0.0.1 could read what the browser's machine sees (DNS rebinding)."""
    assert judge(path, host=host) is Access.UNKNOWN_HOST
    assert judge(path, host=host, authorization="Bearer " + BOTH.secret.decode(), tokens=TOKENS) is Access.UNKNOWN_HOST


@pytest.mark.parametrize("host", ["gateway.internal", "Gateway.Internal:9900"])
def test_the_name_that_the_listener_is_bound_to_is_an_own_host(host: str) -> None:
    """Who binds to a name could not use it."""
    assert judge("/status", host=host, bound_host="Gateway.internal") is Access.GRANTED
