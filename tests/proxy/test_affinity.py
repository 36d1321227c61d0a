"""What binds a request to an endpoint."""

from __future__ import annotations

import pytest

from orion_gateway.balancer.hashing import hash_key
from orion_gateway.proxy.affinity import compile_key, render_cookie
from orion_gateway.values import KeySource
from tests.telemetry.finished import parse

HEAD = parse(
    b"GET /a/b?c=d HTTP/1.1\r\nHost: x\r\nX-Tenant: t1\r\nx-tenant: t2\r\nCookie: a=1; session=abc; session=no\r\n\r\n"
)
CLIENT = b"192.0.2.7"


@pytest.mark.parametrize(
    ("source", "bound_to"),
    [
        (KeySource("ip"), b"192.0.2.7"),
        (KeySource("header", "x-tenant"), b"t1,t2"),
        (KeySource("cookie", "session"), b"abc"),
        (KeySource("path"), b"/a/b"),
    ],
)
def test_a_key_is_the_hash_of_what_the_table_names(source: KeySource, bound_to: bytes) -> None:
    """Or requests of one tenant would be spread over all endpoints."""
    assert compile_key(source)(HEAD, CLIENT) == hash_key(bound_to)


@pytest.mark.parametrize("source", [KeySource("header", "x-other"), KeySource("cookie", "other")])
def test_a_request_without_it_has_no_key(source: KeySource) -> None:
    """All of them on one endpoint would be the opposite of balancing."""
    assert compile_key(source)(HEAD, CLIENT) == 0
    assert compile_key(KeySource("ip"))(HEAD, b"") == 0  # over a Unix socket


def test_the_cookie_is_kept_from_scripts_and_other_sites() -> None:
    """It says nothing, and is nobody's business."""
    assert render_cookie(b"lb", b"0123") == b"Set-Cookie: lb=0123; Path=/; HttpOnly; SameSite=Lax\r\n"
    assert render_cookie(b"lb", b"0123", True).endswith(b"; SameSite=Lax; Secure\r\n")
