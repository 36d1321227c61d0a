"""The answers that the gateway gives itself, as bytes."""

from __future__ import annotations

import json

import pytest

from orion_gateway.proxy.reasons import MESSAGE_OF, STATUS_OF
from orion_gateway.proxy.reply import (
    choose_format,
    date_line,
    describe_status,
    proxy_status,
    render_error,
    render_local,
)
from orion_gateway.values import Reason

NEVER_ANSWERED = {Reason.CLIENT_GONE, Reason.CLIENT_WRITE_TIMEOUT}
"""The client does not take an answer any more."""


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "json"),
        (b"", "json"),
        (b"*/*", "json"),
        (b"image/png", "json"),
        (b"text/html", "html"),
        (b"application/xhtml+xml", "html"),
        (b"text/*", "text"),
        (b"TEXT/PLAIN", "text"),
        (b"text/html;q=0.4, application/json;q=0.6", "json"),
        (b"text/html, application/json;q=0.9", "html"),
        (b"text/plain;q=0, text/html;q=0.1", "html"),
        (b"text/html;q=x", "json"),
        (b"text/html;level=1;q=0.5", "html"),
        (b"application/problem+json, text/html", "json"),
    ],
)
def test_the_format_is_what_the_client_prefers(accept: bytes | None, kind: str) -> None:
    """A browser shows a page, a program parses JSON, a terminal reads a line."""
    assert choose_format(accept) == kind


def test_the_error_body_is_the_platforms() -> None:
    """Clients of the platform read these keys."""
    kind, content = render_error(
        504, Reason.HTTP_RESPONSE_TIMEOUT, path=b"/a\xff", request_id=b"id", accept=None, now=1700000000.25
    )
    assert kind == b"application/json"
    assert json.loads(content) == {
        "statusCode": 504,
        "message": "The service did not answer in time.",
        "error": "Gateway Timeout",
        "timestamp": "2023-11-14T22:13:20.250Z",
        "path": "/aÿ",
        "correlationId": "id",
        "reason": "http_response_timeout",
    }


def test_nothing_of_a_request_is_markup() -> None:
    """A request id or a message with markup would run in the browser of whoever follows a link."""
    _, content = render_error(
        400,
        Reason.HTTP_REQUEST_ERROR,
        path=b"/<script>",
        request_id=b"<b>",
        accept=b"text/html",
        now=0.0,
        message="<i>",
    )
    assert b"<script>" not in content
    assert b"&lt;b&gt;" in content
    assert b"&lt;i&gt;" in content


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason not in NEVER_ANSWERED])
def test_every_reason_has_a_status_a_sentence_and_a_registered_name(reason: Reason) -> None:
    """A reason without one would be answered by an exception."""
    assert 400 <= STATUS_OF[reason] <= 599
    assert MESSAGE_OF[reason].endswith(".")
    name = proxy_status(b"orion", reason).removeprefix(b"orion; error=").decode()
    ours = {"drain_cut", "method_not_allowed", "queue_full", "queue_timeout", "request_timeout", "request_too_large"}
    assert name not in ours | {"websocket_not_enabled"}
    assert Reason(name)


@pytest.mark.parametrize(
    ("status", "is_head", "length", "content"),
    [(200, False, True, b"hi"), (200, True, True, b""), (204, False, False, b""), (304, False, False, b"")],
)
def test_content_stands_only_where_it_may(status: int, is_head: bool, length: bool, content: bytes) -> None:
    """Content behind a 204 or an answer to HEAD would be read as the next answer."""
    head, rest = render_local(status, [(b"X-A", b"1")], b"hi", own=b"Connection: close\r\n", is_head=is_head)
    assert (b"Content-Length: 2\r\n" in head) == length
    assert rest == content
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert head.endswith(b"Connection: close\r\n\r\n")
    assert b"X-A: 1\r\n" in head


def test_dates_are_those_of_http() -> None:
    """Caches compare them."""
    assert date_line(784111777.9) == b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    assert date_line(784111778.0) == b"Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n"


def test_a_status_nobody_registered_has_a_word() -> None:
    """A status line needs none, but a page does."""
    assert describe_status(599) == "Status"
