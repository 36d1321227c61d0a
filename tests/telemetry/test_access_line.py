"""Lines of the access log: their meaning, and that nothing a client sends can break one."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.http1.head import Identifiers, RequestHead
from orion_gateway.telemetry.access_line import FORMATS, LONGEST_LINE, Format
from orion_gateway.telemetry.text import quote
from orion_gateway.values import Endpoint, Reason
from tests.harness.pure import load_pure
from tests.telemetry.finished import Ended, forged, parse

REQUEST = (
    b"GET /api/users?token=secret HTTP/1.1\r\nHost: example.org\r\nUser-Agent: curl/8 \xc3\xa9\r\n"
    b"Referer: https://a.example/x?session=secret#part\r\n\r\n"
)
NOW = 1_700_000_000.25
# The grammar of the combined format: five plain words, then quoted strings whose inner quotes are escaped.
QUOTED = rb'"(?:[^"\\\x00-\x1f]|\\.)*"'
COMBINED = re.compile(
    rb'[^ "]+ - - \[[^\]]+\] ' + QUOTED + rb" \d{1,3} \d+ " + QUOTED + rb" " + QUOTED + rb' [^ "]+\n', re.DOTALL
)

hostile = st.binary(max_size=9000) | st.sampled_from([b'"', b"\\", b"\r\n", b"\xff", b"\x00"]).map(
    lambda one: one * 9000
)
plain = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=1000).map(str.encode)
PURE = load_pure("orion_gateway.telemetry.json_line")


def test_the_json_line_says_what_happened() -> None:
    """Whoever reads the log would not find request, outcome or cost of an exchange."""
    line = FORMATS["json"](
        Ended(parse(REQUEST), request_bytes=5), "users", "svc", 0.005, Reason.CONNECTION_REFUSED, NOW
    )
    entry = json.loads(line)
    assert entry == {
        "ts": "2023-11-14T22:13:20.250Z",
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
    line = FORMATS["clf"](Ended(parse(REQUEST)), "users", "svc", 0.005, None, NOW)
    assert line == (
        b'192.0.2.7 - - [14/Nov/2023:22:13:20 +0000] "GET /api/users HTTP/1.1" 200 11 '
        b'"https://a.example/x" "curl/8 \xc3\xa9" id-1\n'
    )


def test_the_ecs_line_uses_the_names_of_the_schema() -> None:
    """Elastic would not index the log without a mapping of one's own."""
    entry = json.loads(FORMATS["ecs"](Ended(parse(REQUEST)), "users", "svc", 0.005, Reason.QUEUE_FULL, NOW))
    assert entry["http.request.method"] == "GET"
    assert entry["http.response.status_code"] == 200
    assert entry["event.duration"] == 5_000_000
    assert entry["url.domain"] == "example.org"
    assert entry["service.target.name"] == "svc"
    assert entry["orion.endpoint"] == "http://127.0.0.1:3002"
    assert entry["error.code"] == "queue_full"


def test_a_line_without_trace_and_endpoint_is_complete() -> None:
    """Both versions would differ in what they write of nothing."""
    ended = Ended(parse(REQUEST), ids=Identifiers(b"", b"", None), endpoint=None, upstream_duration=0.0)
    assert PURE.format_json(ended, "", "", 0.0, None, NOW) == (
        b'{"ts":"2023-11-14T22:13:20.250Z","id":"","trace":"","client":"192.0.2.7","method":"GET","host":"example.org",'
        b'"path":"/api/users","status":200,"route":"","service":"","endpoint":"","attempts":1,"dur_ms":0.000,'
        b'"up_ms":0.000,"overhead_ms":0.000,"bytes_in":%d,"bytes_out":11,"reason":""}\n' % len(REQUEST)
    )


@given(
    head=st.builds(forged, hostile | plain, hostile | plain, hostile | plain),
    method=hostile | plain,
    client=hostile | plain,
    ids=st.builds(Identifiers, hostile | plain, hostile | plain, st.none()),
    endpoint=st.none() | st.builds(Endpoint, st.text(max_size=400), st.just("")),
    numbers=st.tuples(*[st.integers(0, 2**31 - 1)] * 2, *[st.integers(0, 2**62)] * 2),
    durations=st.tuples(*[st.floats(0, 1e6) | st.integers(0, 10**7).map(lambda half: half / 2e6)] * 2),
    names=st.tuples(*[st.text(max_size=400)] * 2),
    reason=st.none() | st.sampled_from(Reason),
    now=st.floats(0, 4e9),
)
def test_the_compiled_line_is_the_pure_one(
    head: RequestHead,
    method: bytes,
    client: bytes,
    ids: Identifiers,
    endpoint: Endpoint | None,
    numbers: tuple[int, int, int, int],
    durations: tuple[float, float],
    names: tuple[str, str],
    reason: Reason | None,
    now: float,
) -> None:
    """What is said of one build would not hold for the other."""
    status, attempts, request_bytes, bytes_out = numbers
    duration, upstream = durations
    ended = Ended(head, method, ids, status, endpoint, attempts, upstream, request_bytes, bytes_out, client=client)
    line = FORMATS["json"](ended, *names, duration, reason, now)
    assert line == PURE.format_json(ended, *names, duration, reason, now)


def test_every_byte_is_seen_at_every_place_of_a_value() -> None:
    """The compiled version looks at several bytes at once: one that needs an escape could hide among the others."""
    head = parse(REQUEST)
    for place in range(17):
        for byte in range(256):
            ended = Ended(head, client=b"~" * place + bytes([byte]) + b" " * (16 - place))
            line = FORMATS["json"](ended, "r", "s", 0.0, None, NOW)
            assert line == PURE.format_json(ended, "r", "s", 0.0, None, NOW)


@pytest.mark.parametrize("name", FORMATS)
def test_a_request_that_reached_nobody_is_logged_too(name: Format) -> None:
    """A head that could not be read has no method, host, endpoint or ids; its 400 would be missing in the log."""
    ended = Ended(
        forged(b"-", b"", b""), method=b"-", endpoint=None, ids=Identifiers(b"", b"", None), status=400, client=b""
    )
    assert FORMATS[name](ended, "_none", "", 0.0, None, NOW).endswith(b"\n")


@pytest.mark.parametrize("name", FORMATS)
def test_secrets_in_a_query_string_stay_out(name: Format) -> None:
    """Tokens and personal data would be copied into every log store."""
    assert b"secret" not in FORMATS[name](Ended(parse(REQUEST)), "users", "svc", 0.005, None, NOW)


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
        line = FORMATS[name](ended, "r" * 100, "s" * 100, 1e6, Reason.HTTP_RESPONSE_HEADER_SECTION_SIZE, NOW)
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
