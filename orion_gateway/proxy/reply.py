"""Write the answers that the gateway gives itself: errors by Accept, redirects, fixed responses.

Pure: values in, bytes out. The JSON body is the platform's error body; nothing of the request but its path is repeated,
and that never in HTML.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache
from html import escape
from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson

from orion_gateway.http1.fields import HOP_BY_HOP
from orion_gateway.http1.parsed import Framing, ResponseHead
from orion_gateway.proxy.reasons import MESSAGE_OF, name_registered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orion_gateway.values import Reason, Reply

WITHOUT_CONTENT = frozenset([204, 304])
"""Statuses of final answers that have no content (RFC 9110, sections 15.3.5 and 15.4.5)."""

_BREAKING = re.compile(rb"[\r\n\0]")
_OURS = HOP_BY_HOP | {b"content-length", b"date"}

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{status} {error}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:36em;margin:15vh auto;padding:0 1em;color:#222}}
small{{color:#666}}@media(prefers-color-scheme:dark){{body{{color:#ddd;background:#111}}}}</style></head>
<body><h1>{status} {error}</h1><p>{message}</p>
<p><small>Request {request_id}, reason {reason}</small></p></body></html>
"""


def describe_status(status: int) -> str:
    """Return the reason phrase of a status, or a word for an unregistered one."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Status"


def date_line(now: float) -> bytes:
    """Return the Date line (RFC 9110, section 6.6.1) for a Unix time; kept for its second."""
    return _date_line(int(now))


@lru_cache(maxsize=1)
def _date_line(second: int) -> bytes:
    return b"Date: %b\r\n" % formatdate(second, usegmt=True).encode("ascii")


def render_local(
    status: int, headers: Sequence[tuple[bytes, bytes]], content: bytes, *, own: bytes, is_head: bool
) -> tuple[bytes, bytes]:
    """Return head and content of a whole response. `own` are ready lines of the connection, each ending in CRLF.

    Content is left out where a response cannot have any (RFC 9110, sections 9.3.2, 15.3.5 and 15.4.5).
    """
    lines = [b"HTTP/1.1 %d %b\r\n" % (status, describe_status(status).encode())]
    lines += [b"%b: %b\r\n" % header for header in headers]
    if status in WITHOUT_CONTENT:
        content = b""
    else:
        lines.append(b"Content-Length: %d\r\n" % len(content))
    lines.append(own)
    lines.append(b"\r\n")
    return b"".join(lines), b"" if is_head else content


def begin_local(status: int, headers: Sequence[tuple[bytes, bytes]], length: int) -> ResponseHead:
    """Return the head of an answer from here, as filters see and edit it; `length` is that of its content."""
    start = b"HTTP/1.1 %d %b\r\n" % (status, describe_status(status).encode())
    raw = b"".join([start, *(b"%b: %b\r\n" % header for header in headers), b"\r\n"])
    head = ResponseHead(raw, len(start), 1, status, describe_status(status).encode())
    if status not in WITHOUT_CONTENT:
        head.framing = Framing.LENGTH
        head.content_length = length
    return head


def fields_of(reply: Reply) -> list[tuple[bytes, bytes]]:
    """Return the fields of a filter's answer that it may say; ValueError for one that would break out of its line."""
    fields = []
    for name, value in reply.headers:
        if _BREAKING.search(name + value) or not name:
            raise ValueError(f"a field of an answer cannot be sent: {name!r}")
        if name.lower() not in _OURS:
            fields.append((name, value))
    return fields


def choose_format(accept: bytes | None) -> str:
    """Return `json`, `html` or `text`: what Accept puts first among these (RFC 9110, section 12.5.1).

    JSON when it does not say, or asks for none of them.
    """
    if not accept or accept == b"*/*":
        return "json"
    best, best_quality = "json", 0.0
    for part in accept.lower().split(b","):
        media, *parameters = (item.strip() for item in part.split(b";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith(b"q="):
                try:
                    quality = float(parameter[2:])
                except ValueError:
                    quality = 0.0
        kind = _FORMAT_OF.get(media)
        if kind is not None and quality > best_quality:
            best, best_quality = kind, quality
    return best


_FORMAT_OF = {
    b"*/*": "json",
    b"application/*": "json",
    b"application/json": "json",
    b"application/problem+json": "json",
    b"text/html": "html",
    b"application/xhtml+xml": "html",
    b"text/plain": "text",
    b"text/*": "text",
}


def render_error(
    status: int,
    reason: Reason,
    *,
    path: bytes,
    request_id: bytes,
    accept: bytes | None,
    now: float,
    message: str | None = None,
    endpoint: str = "",
) -> tuple[bytes, bytes]:
    """Return Content-Type and content of an error.

    `now` is Unix time; `message` replaces the reason's own sentence; `endpoint` is named when it is given, which only
    `environment: development` does.
    """
    error = describe_status(status)
    text = message or MESSAGE_OF.get(reason, error)
    if endpoint:
        text = f"{text} Endpoint: {endpoint}."
    match choose_format(accept):
        case "html":
            page = _PAGE.format(
                status=status,
                error=error,
                message=escape(text),
                request_id=escape(request_id.decode("ascii")),
                reason=reason.value,
            )
            return b"text/html; charset=utf-8", page.encode()
        case "text":
            line = f"{status} {error}: {text}\nrequest {request_id.decode('ascii')}, reason {reason.value}\n"
            return b"text/plain; charset=utf-8", line.encode()
    body = {
        "statusCode": status,
        "message": text,
        "error": error,
        "timestamp": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "path": path.decode("latin-1"),
        "correlationId": request_id.decode("ascii"),
        "reason": reason.value,
    }
    return b"application/json", orjson.dumps(body) + b"\n"


def proxy_status(pseudonym: bytes, reason: Reason) -> bytes:
    """Return the value of Proxy-Status (RFC 9209) for an answer of the gateway's own."""
    return b"%b; error=%b" % (pseudonym, name_registered(reason).encode())
