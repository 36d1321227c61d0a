"""Values of the request in texts of the table."""

from __future__ import annotations

import pytest

from orion_gateway.filters.template import fill
from orion_gateway.http1.head import HeadLimits, RequestHead, parse_request


def read(target: str) -> RequestHead:
    head, _ = parse_request(f"GET {target} HTTP/1.1\r\nHost: a.example:81\r\n\r\n".encode(), HeadLimits())
    assert isinstance(head, RequestHead)
    return head


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        (b"plain", b"plain"),
        (b"https://${request.host}${request.target}", b"https://a.example:81/x/y?q=1"),
        (b"${request.path}|${request.query}", b"/x/y|q=1"),
        (b"${request.unknown} ${request.path", b"${request.unknown} ${request.path"),
    ],
)
def test_values_stand_where_the_template_names_them(template: bytes, filled: bytes) -> None:
    """A redirect would lead nowhere."""
    assert fill(template, read("/x/y?q=1")) == filled


def test_a_client_cannot_write_templates() -> None:
    """What it puts into its path would be filled in a second time."""
    assert (
        fill(b"${request.path}", read("/$%7Brequest.host%7D/${request.host}"))
        == b"/$%7Brequest.host%7D/${request.host}"
    )
