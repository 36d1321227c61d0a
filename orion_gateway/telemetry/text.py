"""What lines of the access log are made of: quoted values, names of the configuration, timestamps. Pure.

Almost every value is plain ASCII and needs no escape; for the others correctness counts, not speed.
"""

from __future__ import annotations

import re
import time
from functools import lru_cache

import orjson

LONG, SHORT = 640, 300
"""Bytes kept of what a client chose freely, and of what is short in any honest request; in both cases once escaped."""

is_plain = re.compile(rb"[\x20\x21\x23-\x5b\x5d-\x7e]*").fullmatch
"""Whether a value needs no escape in a quoted string."""

_second = (-1, b"")


def quote(value: bytes, longest: int) -> bytes:
    """Return a JSON string of `value`, its content at most `longest` bytes and `...` where it was cut.

    Bytes that are not UTF-8 are written as `\\\\xff`.
    """
    if len(value) <= longest and is_plain(value):
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
def quote_name(name: str) -> bytes:
    """Return the JSON string of a name or address of the configuration."""
    return quote(name.encode("utf-8", "surrogateescape"), SHORT)


def stamp(now: float) -> bytes:
    """Return RFC 3339 in UTC with milliseconds; the part down to the second is kept for its second."""
    global _second
    whole = int(now)
    if whole != _second[0]:
        _second = (whole, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)).encode())
    return b"%b.%03dZ" % (_second[1], int((now - whole) * 1000))
