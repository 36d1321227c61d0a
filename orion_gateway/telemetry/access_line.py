"""Format one finished exchange as a line of the access log. Pure: values in, bytes out.

Whatever a client sent, a line stays one line, its quotes balanced, and at most `LONGEST_LINE` bytes long, so that
several workers can share a pipe. The query string is never logged, of the referrer neither: it carries tokens and
personal data.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import orjson

if TYPE_CHECKING:
    from orion_gateway.telemetry.finished import Finished
    from orion_gateway.values import Reason

Format = Literal["json", "clf", "ecs"]
Formatter = Callable[["Finished", str, str, float, "Reason | None"], bytes]
"""Takes the exchange, the names of route and service, the duration in seconds, and the reason of a failure."""

LONGEST_LINE = 4096
"""PIPE_BUF on Linux (pipe(7))."""

_LONG, _SHORT = 800, 300
"""Bytes kept of what a client chose freely, and of what is short in any honest request; in both cases once escaped."""

_is_plain = re.compile(rb"[\x20\x21\x23-\x5b\x5d-\x7e]*").fullmatch
_second = (0, b"")


def format_json(finished: Finished, route: str, service: str, duration: float, reason: Reason | None) -> bytes:
    """Return a line of flat JSON: durations in milliseconds, sizes in bytes."""
    head, endpoint, ids = finished.head, finished.endpoint, finished.ids
    upstream = finished.upstream_duration
    return (
        b'{"ts":"%b","id":%b,"trace":"%b","client":%b,"method":%b,"host":%b,"path":%b,"status":%d,"route":%b,'
        b'"service":%b,"endpoint":%b,"attempts":%d,"dur_ms":%.3f,"up_ms":%.3f,"overhead_ms":%.3f,"bytes_in":%d,'
        b'"bytes_out":%d,"reason":"%b"}\n'
        % (
            _stamp(time.time()),
            quote(ids.request_id, _SHORT),
            ids.trace_id,
            quote(finished.client, _SHORT),
            quote(finished.method, _SHORT),
            quote(head.host, _LONG),
            quote(head.path, _LONG),
            finished.status,
            _quote_name(route),
            _quote_name(service),
            _quote_name(endpoint.url) if endpoint else b'""',
            finished.attempts,
            duration * 1000,
            upstream * 1000,
            (duration - upstream) * 1000,
            len(head.raw) + finished.request_bytes,
            finished.bytes_out,
            reason.value.encode() if reason else b"",
        )
    )


def format_clf(finished: Finished, route: str, service: str, duration: float, reason: Reason | None) -> bytes:  # noqa: ARG001
    """Return a line of the combined log format of Apache and nginx, with the request id at its end."""
    head = finished.head
    referrer = (head.first(b"referer") or b"-").partition(b"?")[0].partition(b"#")[0]
    return b"%b - - [%b] %b %d %d %b %b %b\n" % (
        _keep_word(finished.client),
        time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime()).encode(),
        quote(b"%b %b HTTP/1.%d" % (finished.method[:_SHORT], head.path, head.minor), _LONG),
        finished.status,
        finished.bytes_out,
        quote(referrer, _LONG),
        quote(head.first(b"user-agent") or b"-", _LONG),
        _keep_word(finished.ids.request_id),
    )


def format_ecs(finished: Finished, route: str, service: str, duration: float, reason: Reason | None) -> bytes:
    """Return a line of JSON with the names of the Elastic Common Schema (8.11), which asks for nanoseconds."""
    head = finished.head
    entry: dict[str, object] = {
        "@timestamp": _stamp(time.time()).decode(),
        "ecs.version": "8.11",
        "event.duration": int(duration * 1e9),
        "event.kind": "event",
        "client.address": orjson.Fragment(quote(finished.client, _SHORT)),
        "http.request.id": orjson.Fragment(quote(finished.ids.request_id, _SHORT)),
        "http.request.method": orjson.Fragment(quote(finished.method, _SHORT)),
        "http.request.bytes": len(head.raw) + finished.request_bytes,
        "http.response.status_code": finished.status,
        "http.response.body.bytes": finished.bytes_out,
        "url.domain": orjson.Fragment(quote(head.host, _LONG)),
        "url.path": orjson.Fragment(quote(head.path, _LONG)),
        "orion.route": route,
        "orion.attempts": finished.attempts,
    }
    if finished.ids.trace_id:
        entry["trace.id"] = finished.ids.trace_id.decode("ascii")
    if service:
        entry["service.target.name"] = service
    if finished.endpoint:
        entry["orion.endpoint"] = orjson.Fragment(_quote_name(finished.endpoint.url))
    if reason:
        entry["error.code"] = reason.value
    return orjson.dumps(entry) + b"\n"


FORMATS: Mapping[Format, Formatter] = {"json": format_json, "clf": format_clf, "ecs": format_ecs}


def quote(value: bytes, longest: int) -> bytes:
    """Return a JSON string of `value`, its content at most `longest` bytes and `...` where it was cut.

    Bytes that are not UTF-8 are written as `\\\\xff`. Almost every value is plain ASCII and needs no escape.
    """
    if len(value) <= longest and _is_plain(value):
        return b'"%b"' % value
    # Cut before decoding: nobody pays for a field of 30 KiB. Escaped, no byte becomes longer than six.
    escaped = _escape(value[:longest])
    if len(value) <= longest and len(escaped) <= longest + 2:
        return escaped
    if len(escaped) > longest + 2:
        escaped = _escape(value[: longest // 6])
    return escaped[:-1] + b'..."'


def _escape(value: bytes) -> bytes:
    return orjson.dumps(value.decode("utf-8", "backslashreplace"))


@lru_cache(maxsize=16_384)
def _quote_name(name: str) -> bytes:
    """Return the JSON string of a name or address of the configuration."""
    return quote(name.encode("utf-8", "surrogateescape"), _SHORT)


def _keep_word(value: bytes) -> bytes:
    """Return a value that stands unquoted between spaces: what would break the line is left out."""
    return value[:_SHORT] if value and _is_plain(value) and b" " not in value else b"-"


def _stamp(now: float) -> bytes:
    """Return RFC 3339 in UTC with milliseconds; the part down to the second is kept for its second."""
    global _second
    whole = int(now)
    if whole != _second[0]:
        _second = (whole, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)).encode())
    return b"%b.%03dZ" % (_second[1], int((now - whole) * 1000))
