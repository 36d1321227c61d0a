"""The kinds of words about endpoints that fail: what binds a request, statuses, waits, hedges, what is retried.

Each returns the value that `values` has for it.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from orion_gateway.config.addresses import normalize_host
from orion_gateway.config.http_words import TOKEN
from orion_gateway.config.kinds import (
    DURATION,
    DURATION_SCHEMA,
    Kind,
    fail,
    number,
    pattern_kind,
    read_duration,
    read_period,
    read_share,
    read_text,
)
from orion_gateway.config.scalars import Interpolated, resolve
from orion_gateway.config.suggest import closest
from orion_gateway.values import HedgeRules, KeySource

IDEMPOTENT_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE")
"""Methods that may be sent again (RFC 9110, section 9.2.2)."""

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
"""Methods that change nothing (RFC 9110, section 9.2.1)."""

UNSAFE_TO_REPEAT = frozenset(("POST", "PATCH", "LOCK"))
"""Methods of which a second one may do something a second time; nginx names the same."""

RETRY_CONDITIONS = ("connect_failure", "reset_before_response", "response_timeout")
LONGEST_STATUSES = 1000

BACKOFF = re.compile(rf"(?P<first>{DURATION.pattern})\.\.(?P<longest>{DURATION.pattern})")

KEY_FORMS = "ip, path, header:NAME or cookie:NAME"
KEY_WORDS = ("ip", "path", "header", "cookie", "user")


def read_key_source(value: object) -> KeySource:
    """Return what binds a request to an endpoint, of `ip`, `path`, `header:NAME` or `cookie:NAME`."""
    if not isinstance(value, str):
        hint = 'no space stands behind the ":" of header:NAME' if isinstance(value, dict) else ""
        raise fail("E0201", f"expected {KEY_FORMS}", hint=hint)
    word, colon, name = value.partition(":")
    if word == "user":
        message = "a request can be bound to its user only once requests are authenticated, which is not there yet"
        raise fail(
            "E0209", message, hint="header:NAME binds it to a field that says who asks, cookie:NAME to a session"
        )
    if value == "ip":
        return KeySource("ip")
    if value == "path":
        return KeySource("path")
    if word not in {"header", "cookie"}:
        raise fail("E0204", f"expected {KEY_FORMS}", suggestion=_guess_key(word, colon, name))
    kind: Literal["header", "cookie"] = "header" if word == "header" else "cookie"
    if not name:
        example = "header:X-Session-Id" if kind == "header" else "cookie:session"
        raise fail("E0204", f"expected {KEY_FORMS}", hint=f"say which one, such as {example}")
    if not TOKEN.fullmatch(name):
        raise fail("E0207", "the name of a field or cookie cannot have these characters")
    return KeySource(kind, name.lower() if kind == "header" else name)


def _guess_key(word: str, colon: str, name: str) -> str:
    meant = closest(word, KEY_WORDS)
    if meant in {"header", "cookie"}:
        return f"{meant}:{name}" if colon and name else ""
    return meant if meant != "user" else ""


def read_bounded_load(value: object) -> float | None:
    """Return how many times the average load an endpoint may have, or `None` for `off`."""
    if value == "off":
        return None
    if isinstance(value, Interpolated):
        value = resolve(value)
    expected = "expected a number above 1 such as 1.25, or off"
    if isinstance(value, bool) or not isinstance(value, int | float):
        # HAProxy and others write it in percent.
        percent = re.fullmatch(r"([0-9]{3})%", value) if isinstance(value, str) else None
        raise fail("E0201", expected, suggestion=f"{int(percent[1]) / 100:g}" if percent else "")
    if not 1 < value <= 100:
        hint = "at 1 or less, endpoints that carry the average could take nothing more" if value <= 1 else ""
        raise fail("E0203", "expected a number above 1 and up to 100, or off", hint=hint)
    return float(value)


def read_trip_share(value: object) -> float:
    """Return a share above nothing."""
    share = read_share(value)
    if not share:
        raise fail("E0203", "expected a share above 0%", hint="at 0% a service without any failure would be cut off")
    return share


def read_statuses(value: object) -> tuple[tuple[int, int], ...]:
    """Return ranges of statuses, both ends included, of `200`, `200-399` or `200,204,300-399`."""
    expected = "statuses such as 200-399, or 200,204,300-399"
    if isinstance(value, Interpolated):
        value = str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, list) and all(isinstance(item, int | str) for item in value):
        raise fail(
            "E0201",
            f"expected {expected}",
            suggestion=",".join(map(str, value)),
            hint="it is one text: quote it inside {…}",
        )
    text = read_text(value, expected)
    ranges = []
    for part in text.split(",") if len(text) <= LONGEST_STATUSES else [""]:
        match = re.fullmatch(r" *([0-9]{1,4}) *(?:- *([0-9]{1,4}) *)?", part)
        if match is None:
            spelled = re.sub(r"([1-5])xx", r"\g<1>00-\g<1>99", text)
            raise fail("E0202", f"expected {expected}", suggestion=spelled if spelled != text else "")
        low, high = int(match[1]), int(match[2] or match[1])
        if not (100 <= low <= 599 and 100 <= high <= 599):
            raise fail("E0203", "statuses are from 100 to 599")
        if low > high:
            raise fail("E0203", "this range of statuses ends before it begins", suggestion=f"{high}-{low}")
        ranges.append((low, high))
    return tuple(ranges)


def read_backoff(value: object) -> tuple[float, float]:
    """Return the bounds of the first and of the longest wait, of `25ms..250ms`."""
    expected = "expected two durations such as 25ms..250ms"
    text = value if isinstance(value, str) else ""
    match = BACKOFF.fullmatch(text)
    if match is None:
        parts = [part for part in re.split(r"\.{2,}|[-,… ]+|to", text) if part]
        are_durations = 1 <= len(parts) <= 2 and all(DURATION.fullmatch(part) for part in parts)
        raise fail("E0202", expected, suggestion=f"{parts[0]}..{parts[-1]}" if are_durations else "")
    first, longest = read_duration(match["first"]), read_duration(match["longest"])
    if first > longest:
        message = "the first wait is longer than the longest one"
        raise fail("E0203", message, suggestion=f"{match['longest']}..{match['first']}")
    return first, longest


def read_hedge(value: object) -> HedgeRules | None:
    """Return after how long a second attempt is made: `p95`, or a duration; `None` for `off`."""
    if value == "off":
        return None
    if value == "p95":
        return HedgeRules()
    if not isinstance(value, str) or DURATION.fullmatch(value) is None:
        meant = closest(value, ["off", "p95"]) if isinstance(value, str) else ""
        if isinstance(value, str) and re.fullmatch(r"p[0-9.]+", value):
            meant = "p95"
        raise fail("E0202", "expected p95, a duration such as 50ms, or off", suggestion=meant)
    return HedgeRules(read_period(value))


def read_retry_condition(value: object) -> str:
    """Return a condition under which an attempt is repeated: a word, or a status as text."""
    expected = f"expected {', '.join(RETRY_CONDITIONS)}, or a status such as 503"
    if isinstance(value, Interpolated):
        value = resolve(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if not 400 <= value <= 599:
            hint = "only answers that say something failed are repeated" if 100 <= value < 400 else ""
            raise fail("E0203", "expected a status from 400 to 599", hint=hint)
        return str(value)
    if isinstance(value, str) and value in RETRY_CONDITIONS:
        return value
    text = value if isinstance(value, str) else ""
    if re.fullmatch(r"[1-5][0-9]{2}", text):
        raise fail("E0201", expected, hint="remove the quotes")
    hint = "write each status, such as 502, 503, 504" if re.fullmatch(r"[1-5]xx", text) else ""
    raise fail("E0204", expected, suggestion=_guess_condition(text), hint=hint)


FOREIGN_CONDITIONS = {
    "connect-failure": "connect_failure",
    "connection_refused": "connect_failure",
    "conn-failure": "connect_failure",
    "error": "connect_failure",
    "reset": "reset_before_response",
    "reset-before-request": "reset_before_response",
    "empty-response": "reset_before_response",
    "timeout": "response_timeout",
    "response-timeout": "response_timeout",
}
"""What Envoy, HAProxy and nginx call these conditions."""


def _guess_condition(text: str) -> str:
    return FOREIGN_CONDITIONS.get(text, "") or closest(text, RETRY_CONDITIONS)


def read_check_host(value: object) -> str:
    """Return what the Host field of a check says: a host, and a port behind it if there is one."""
    text = read_text(value, "a host such as users.internal")
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]+)(:[0-9]{1,5})?", text)
    host = normalize_host(match[1]) if match else None
    if match is None or host is None:
        raise fail("E0207", "expected a host such as users.internal")
    return host + (match[2] or "")


REQUEST_PATH = '/[!"$-~]*'

KeyOfRequest = Annotated[
    KeySource,
    Kind(
        "`ip` \\| `path` \\| `header:NAME` \\| `cookie:NAME`",
        read_key_source,
        {
            "type": "string",
            "pattern": "^(ip|path|(header|cookie):.+)$",
        },
    ),
]
BoundedLoad = Annotated[
    float | None,
    Kind(
        "number above 1 or `off`",
        read_bounded_load,
        {"anyOf": [{"type": "number", "exclusiveMinimum": 1, "maximum": 100}, {"const": "off"}]},
    ),
]
TripShare = Annotated[float, Kind("share", read_trip_share, {"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]+)?%$"})]
STATUSES_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "integer", "minimum": 100, "maximum": 599},
        {"type": "string", "pattern": "^[0-9 ]+(-[0-9 ]+)?(,[0-9 ]+(-[0-9 ]+)?)*$"},
    ]
}
Statuses = Annotated[tuple[tuple[int, int], ...], Kind("statuses", read_statuses, STATUSES_SCHEMA)]
Backoff = Annotated[
    tuple[float, float],
    Kind(
        "two durations",
        read_backoff,
        {
            "type": "string",
            "pattern": r"^[0-9.]+(ms|s|m|h)\.\.[0-9.]+(ms|s|m|h)$",
        },
    ),
]
Hedge = Annotated[
    HedgeRules | None,
    Kind(
        "`p95`, duration or `off`",
        read_hedge,
        {
            "anyOf": [DURATION_SCHEMA, {"enum": ["p95", "off"]}],
        },
    ),
]
RetryCondition = Annotated[
    str,
    Kind(
        "condition or status",
        read_retry_condition,
        {
            "anyOf": [{"enum": list(RETRY_CONDITIONS)}, {"type": "integer", "minimum": 400, "maximum": 599}],
        },
    ),
]
CheckPath = Annotated[str, pattern_kind("path", REQUEST_PATH, "a path such as /health/ready", "E0205")]
CheckHost = Annotated[str, Kind("host", read_check_host, {"type": "string"})]
CookieName = Annotated[str, pattern_kind("cookie name", TOKEN.pattern, "a cookie name such as orion", "E0207")]
Port = Annotated[int, number(1, 65535)]
Few = Annotated[int, number(1, 100)]
