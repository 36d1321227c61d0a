"""Lines of the access log: their meaning, and that nothing a client sends can break one."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.http1.head import Identifiers
from orion_gateway.telemetry.access_line import FORMATS, LONGEST_LINE, Format, quote
from orion_gateway.values import Endpoint, Reason
from tests.telemetry.finished import Ended, forged, parse

REQUEST = (
    b"GET /api/users?token=secret HTTP/1.1\r\nHost: example.org\r\nUser-Agent: curl/8 \xc3\xa9\r\n"
    b"Referer: https://a.example/x?session=secret#part\r\n\r\n"
)
# The grammar of the combined format: five plain words, then quoted strings whose inner quotes are escaped.
QUOTED = rb'"(?:[^"\\\x00-\x1f]|\\.)*"'
COMBINED = re.compile(
    rb'[^ "]+ - - \[[^\]]+\] ' + QUOTED + rb" \d{1,3} \d+ " + QUOTED + rb" " + QUOTED + rb' [^ "]+\n', re.DOTALL
)

hostile = st.binary(max_size=9000) | st.sampled_from([b'"', b"\\", b"\r\n", b"\xff", b"\x00"]).map(
    lambda one: one * 9000
)


def test_the_json_line_says_what_happened() -> None:
    """Whoever reads the log would not find request, outcome or cost of an exchange."""
    line = FORMATS["json"](Ended(parse(REQUEST), request_bytes=5), "users", "svc", 0.005, Reason.CONNECTION_REFUSED)
    entry = json.loads(line)
    assert entry.pop("ts").endswith("Z")
    assert entry == {
        "id": "id-1",
        "trace": "0af7651916cd43dd8448eb211c80319c",
        "client": "192.0.2.7",
        "method": "GET",
        "host": "example.org",
        "path": "/api/users",
        "status": 200,
        "route": "users",
        "service": "svc",
        "endpoint": "http://127.0.0.1:3002",
        "attempts": 1,
        "dur_ms": 5.0,
        "up_ms": 2.0,
        "overhead_ms": 3.0,
        "bytes_in": len(REQUEST) + 5,
        "bytes_out": 11,
        "reason": "connection_refused",
    }


def test_the_combined_line_is_what_log_analysers_expect() -> None:
    """goaccess and its like would not read the log."""
    line = FORMATS["clf"](Ended(parse(REQUEST)), "users", "svc", 0.005, None)
    words = re.sub(rb"\[.*?\]", b"[time]", line)
    assert words == (
        b'192.0.2.7 - - [time] "GET /api/users HTTP/1.1" 200 11 "https://a.example/x" "curl/8 \xc3\xa9" id-1\n'
    )


def test_the_ecs_line_uses_the_names_of_the_schema() -> None:
    """Elastic would not index the log without a mapping of one's own."""
    entry = json.loads(FORMATS["ecs"](Ended(parse(REQUEST)), "users", "svc", 0.005, Reason.QUEUE_FULL))
    assert entry["http.request.method"] == "GET"
    assert entry["http.response.status_code"] == 200
    assert entry["event.duration"] == 5_000_000
    assert entry["url.domain"] == "example.org"
    assert entry["service.target.name"] == "svc"
    assert entry["orion.endpoint"] == "http://127.0.0.1:3002"
    assert entry["error.code"] == "queue_full"


@pytest.mark.parametrize("name", FORMATS)
def test_a_request_that_reached_nobody_is_logged_too(name: Format) -> None:
    """A head that could not be read has no method, host, endpoint or ids; its 400 would be missing in the log."""
    ended = Ended(
        forged(b"-", b"", b""), method=b"-", endpoint=None, ids=Identifiers(b"", b"", None), status=400, client=b""
    )
    assert FORMATS[name](ended, "_none", "", 0.0, None).endswith(b"\n")


@pytest.mark.parametrize("name", FORMATS)
def test_secrets_in_a_query_string_stay_out(name: Format) -> None:
    """Tokens and personal data would be copied into every log store."""
    assert b"secret" not in FORMATS[name](Ended(parse(REQUEST)), "users", "svc", 0.005, None)


@given(method=hostile, host=hostile, path=hostile, request_id=hostile, client=hostile, agent=hostile, referrer=hostile)
def test_hostile_bytes_cannot_break_a_line(
    method: bytes, host: bytes, path: bytes, request_id: bytes, client: bytes, agent: bytes, referrer: bytes
) -> None:
    """A client could forge entries, or tear those of other workers by making a line longer than a pipe keeps whole."""
    cut = [value.replace(b"\r", b"").replace(b"\n", b"") for value in (agent, referrer)]
    ended = Ended(
        forged(method, host, path, *cut),
        method=method,
        ids=Identifiers(request_id, b"", None),
        client=client,
        endpoint=Endpoint('unix:/tmp/"odd\n' + "x" * 5000, ""),
    )
    for name in FORMATS:
        line = FORMATS[name](ended, "r" * 100, "s" * 100, 1e6, Reason.HTTP_RESPONSE_HEADER_SECTION_SIZE)
        assert len(line) <= LONGEST_LINE
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        if name == "clf":
            assert COMBINED.fullmatch(line), line
        else:
            assert json.loads(line)["orion.route" if name == "ecs" else "route"] == "r" * 100


@given(st.binary(max_size=2000), st.integers(10, 1000))
def test_a_quoted_value_is_short_and_readable(value: bytes, longest: int) -> None:
    """A log line would not fit its pipe, or a short honest value would not come out as it was."""
    quoted = quote(value, longest)
    text = json.loads(quoted)
    assert len(quoted) <= longest + len('"..."')
    assert text.endswith("...") or text == value.decode("utf-8", "backslashreplace")
