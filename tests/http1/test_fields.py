"""Whose address counts, and which fields may come in trailers."""

from ipaddress import ip_address, ip_network

import pytest

from orion_gateway.http1.fields import (
    HOP_BY_HOP,
    ForwardedRules,
    find_client,
    is_allowed_in_trailers,
    parse_address,
)

RULES = ForwardedRules(trusted=(ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")))


@pytest.mark.parametrize(
    ("peer", "chain", "client"),
    [
        ("192.0.2.1", b"", "192.0.2.1"),
        ("192.0.2.1", b"198.51.100.7", "192.0.2.1"),
        ("10.0.0.1", b"", "10.0.0.1"),
        ("10.0.0.1", b"198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", b"1.1.1.1, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", b"1.1.1.1, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", b"10.0.0.3,10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", b"198.51.100.7, nonsense", "10.0.0.1"),
        ("10.0.0.1", b"198.51.100.7, nonsense, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", b"198.51.100.7,,10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", b"::ffff:10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", b"198.51.100.7, ::ffff:10.0.0.2", "198.51.100.7"),
        ("2001:db8::1", b"[2001:db8::2]:443", "2001:db8::2"),
        ("2001:db8::1", b"2001:1::1, [2001:db8::2]", "2001:1::1"),
    ],
)
def test_the_client_is_the_first_stranger_from_the_right(peer: str, chain: bytes, client: str) -> None:
    """Without it, a client could escape its limits by writing an address of its choice (CVE-2026-110724)."""
    assert find_client(ip_address(peer), chain, RULES) == ip_address(client)


def test_a_unix_socket_has_no_address_and_is_trusted_by_nobody() -> None:
    """Without it, whoever can reach the socket could be anybody."""
    assert find_client(None, b"198.51.100.7", RULES) is None


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (b"192.0.2.1", "192.0.2.1"),
        (b" \t192.0.2.1 ", "192.0.2.1"),
        (b"192.0.2.1:443", "192.0.2.1"),
        (b"2001:DB8::1", "2001:db8::1"),
        (b"[2001:db8::1]", "2001:db8::1"),
        (b"[2001:db8::1]:443", "2001:db8::1"),
        (b"::ffff:192.0.2.1", "192.0.2.1"),
        *[
            (text, None)
            for text in (
                b"",
                b"unknown",
                b"_hidden",
                b"192.0.2",
                b"192.0.2.256",
                b"192.0.2.01",
                b"192.0.2.1:",
                b"192.0.2.1:x",
                b"192.0.2.1:123456",
                b"192.0.2.1 x",
                b"[2001:db8::1",
                b"[2001:db8::1]x",
                b"[]",
                b"2001:db8::1]",
                b"fe80::1%eth0",
                b"[fe80::1%eth0]",
                b"\x0b192.0.2.1",
                b"192.0.2.1/8",
                b"\xd9\xa1.1.1.1",
                b"3221225985",
            )
        ],
    ],
)
def test_an_address_is_read_exactly_or_not_at_all(text: bytes, address: str | None) -> None:
    """Without it, one client would have many names, or a log line would hold what a client wrote."""
    assert parse_address(text) == (None if address is None else ip_address(address))


def test_trust_is_by_network() -> None:
    """Without it, `trusted_proxies` would believe too many or too few."""
    assert RULES.trusts(ip_address("10.255.0.1"))
    assert RULES.trusts(ip_address("2001:db8:1::"))
    assert not RULES.trusts(ip_address("11.0.0.1"))
    assert not RULES.trusts(None)
    assert not ForwardedRules().trusts(ip_address("127.0.0.1"))


@pytest.mark.parametrize(
    ("name", "is_allowed"),
    [
        (b"grpc-status", True),
        (b"x-checksum", True),
        (b"server-timing", True),
        (b"host", False),
        (b"content-length", False),
        (b"content.length", False),
        (b"authorization", False),
        (b"set-cookie", False),
        (b"if-match", False),
        (b"x_y", False),
        (b"x-forwarded-for", False),
        (b"x.forwarded.for", False),
        (b"x-orion-subject", False),
        (b"x-request-id", False),
        (b"x.request.id", False),
        *[(name, False) for name in sorted(HOP_BY_HOP)],
    ],
)
def test_trailers_carry_nothing_that_was_judged_in_the_head(name: bytes, is_allowed: bool) -> None:
    """Without it, what the head may not say could be said behind the body (RFC 9110, section 6.5.1)."""
    assert is_allowed_in_trailers(name) is is_allowed
