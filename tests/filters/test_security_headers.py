"""Fields for browsers, where nobody has said them."""

from __future__ import annotations

import pytest

from orion_gateway.filters.security_headers import SecurityHeaders, SecurityRules
from tests.filters.exchanges import Passing, Worker, fields_of, read_request, read_response

RULES = SecurityRules((("X-Frame-Options", "SAMEORIGIN"), ("Referrer-Policy", "no-referrer")), "max-age=60")


def pass_through(scheme: str, *lines: str) -> dict[str, list[str]]:
    """Return what an answer with these fields says behind the filter."""
    exchange = Passing(read_request("/"), read_response(*lines), scheme=scheme.encode())
    SecurityHeaders(RULES, Worker()).on_response(exchange)
    assert exchange.response is not None
    return fields_of(exchange.response, "X-Frame-Options", "Referrer-Policy", "Strict-Transport-Security")


@pytest.mark.parametrize(
    ("scheme", "lines", "said"),
    [
        ("http", (), {"X-Frame-Options": ["SAMEORIGIN"], "Referrer-Policy": ["no-referrer"]}),
        (
            "https",
            (),
            {
                "X-Frame-Options": ["SAMEORIGIN"],
                "Referrer-Policy": ["no-referrer"],
                "Strict-Transport-Security": ["max-age=60"],
            },
        ),
        (
            "https",
            ("x-frame-options: DENY", "STRICT-TRANSPORT-SECURITY: max-age=0"),
            {
                "X-Frame-Options": ["DENY"],
                "Referrer-Policy": ["no-referrer"],
                "Strict-Transport-Security": ["max-age=0"],
            },
        ),
        ("http", ("Referrer-Policy: ",), {"X-Frame-Options": ["SAMEORIGIN"], "Referrer-Policy": [""]}),
    ],
)
def test_only_what_is_missing_is_added(scheme: str, lines: tuple[str, ...], said: dict[str, list[str]]) -> None:
    """A service that means DENY would be weakened, and HSTS over plain http must not be said (RFC 6797, 7.2)."""
    assert pass_through(scheme, *lines) == said
