"""Format one finished exchange as a line of the access log. Pure: values in, bytes out.

Whatever a client sent, a line stays one line, its quotes balanced, and at most `LONGEST_LINE` bytes long, so that
several workers can share a pipe. The query string is never logged, of the referrer neither: it carries tokens and
personal data.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

import orjson

from orion_gateway.telemetry.json_line import format_json
from orion_gateway.telemetry.text import LONG, SHORT, is_plain, quote, quote_name, stamp

if TYPE_CHECKING:
    from orion_gateway.telemetry.finished import Finished
    from orion_gateway.values import Reason

Format = Literal["json", "clf", "ecs"]
Formatter = Callable[["Finished", str, str, float, "Reason | None", float], bytes]
"""Takes the exchange, names of route and service, duration in seconds, reason of a failure, and Unix time."""

LONGEST_LINE = 4096
"""PIPE_BUF on Linux (pipe(7))."""


def format_clf(
    finished: Finished,
    route: str,  # noqa: ARG001 (this and the next ones are of other formats)
    service: str,  # noqa: ARG001
    duration: float,  # noqa: ARG001
    reason: Reason | None,  # noqa: ARG001
    now: float,
) -> bytes:
    """Return a line of the combined log format of Apache and nginx, with the request id at its end."""
    head = finished.head
    referrer = (head.first(b"referer") or b"-").partition(b"?")[0].partition(b"#")[0]
    return b"%b - - [%b] %b %d %d %b %b %b\n" % (
        _keep_word(finished.client),
        time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)).encode(),
        quote(b"%b %b HTTP/1.%d" % (finished.method[:SHORT], head.path, head.minor), LONG),
        finished.status,
        finished.bytes_out,
        quote(referrer, LONG),
        quote(head.first(b"user-agent") or b"-", LONG),
        _keep_word(finished.ids.request_id),
    )


def format_ecs(
    finished: Finished, route: str, service: str, duration: float, reason: Reason | None, now: float
) -> bytes:
    """Return a line of JSON with the names of the Elastic Common Schema (8.11), which asks for nanoseconds."""
    head = finished.head
    entry: dict[str, object] = {
        "@timestamp": stamp(now).decode(),
        "ecs.version": "8.11",
        "event.duration": int(duration * 1e9),
        "event.kind": "event",
        "client.address": orjson.Fragment(quote(finished.client, SHORT)),
        "http.request.id": orjson.Fragment(quote(finished.ids.request_id, SHORT)),
        "http.request.method": orjson.Fragment(quote(finished.method, SHORT)),
        "http.request.bytes": len(head.raw) + finished.request_bytes,
        "http.response.status_code": finished.status,
        "http.response.body.bytes": finished.bytes_out,
        "url.domain": orjson.Fragment(quote(head.host, LONG)),
        "url.path": orjson.Fragment(quote(head.path, LONG)),
        "orion.route": route,
        "orion.attempts": finished.attempts,
    }
    if finished.ids.trace_id:
        entry["trace.id"] = finished.ids.trace_id.decode("ascii")
    if service:
        entry["service.target.name"] = service
    if finished.endpoint:
        entry["orion.endpoint"] = orjson.Fragment(quote_name(finished.endpoint.url))
    if finished.notes:
        entry["orion.notes"] = orjson.Fragment(quote(finished.notes.encode(), SHORT))
    if reason:
        entry["error.code"] = reason.value
    return orjson.dumps(entry) + b"\n"


FORMATS: Mapping[Format, Formatter] = {"json": format_json, "clf": format_clf, "ecs": format_ecs}


def _keep_word(value: bytes) -> bytes:
    """Return a value that stands unquoted between spaces: what would break the line is left out."""
    return value[:SHORT] if value and is_plain(value) and b" " not in value else b"-"
