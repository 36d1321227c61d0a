"""What a scanner finds in a head: the same, written as regular expressions or as one compiled loop."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orion_gateway.http1 import kinds
from orion_gateway.http1.kinds import KINDS_IN_REQUESTS, KINDS_IN_RESPONSES
from tests.http1.builds import PURE, RUNNING, Codec
from tests.http1.feeding import describe_line
from tests.http1.messages import make_requests, make_response

CODECS = [pytest.param(codec, id=codec.name) for codec in (RUNNING, PURE)]
NAMES = {value: name for name, value in vars(kinds).items() if isinstance(value, int)}
TCHARS = b"!#$%&'*+-.^_`|~0123456789ABCXYZabcxyz"


def request(*lines: bytes) -> bytes:
    return b"GET / HTTP/1.1\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def response(*lines: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def spellings(name: bytes) -> Iterator[bytes]:
    """Yield a name as it may be written, in cases and with other marks for `-`, and what is nearly the name."""
    yield from (name, name.upper(), name.title(), name.replace(b"-", b"_"), name.replace(b"-", b".", 1))
    yield from (name + b"x", b"x" + name, name[:-1], name[1:], name.replace(b"-", b""), name + b"-", name + b"_")


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    ("line", "kind", "value"),
    [
        (b"Host: a", "HOST", b"a"),
        (b"host:a", "HOST", b"a"),
        (b"HOST:   a b  ", "HOST", b"a b"),
        (b"Host:", "HOST", b""),
        (b"Host:   ", "HOST", b""),
        (b"Host: \ta\t ", "HOST", b"\ta\t"),
        (b"Hosts: a", None, b""),
        (b"Hos: a", None, b""),
        (b"Content-Length: 5", "CONTENT_LENGTH", b"5"),
        (b"Content_Length: 5", "MANAGED", b"5"),
        (b"content.length: 5", "MANAGED", b"5"),
        (b"Content--Length: 5", None, b""),
        (b"X-Request-ID: Id", "REQUEST_ID", b"Id"),
        (b"X_Request-ID: Id", "MANAGED", b"Id"),
        (b"X-Forwarded-For: 1", "CLAIM", b"1"),
        (b"X-Forwarded-Anything-At-All-However-Long-It-May-Be: 1", "CLAIM", b"1"),
        (b"X-Forwarded-Anything-At-All-However-Long_It-May-Be: 1", "MANAGED", b"1"),
        (b"X-Forwarded-: 1", "CLAIM", b"1"),
        (b"X-Forwarded: 1", None, b""),
        (b"x.forwarded_for: 1", "MANAGED", b"1"),
        (b"Forwarded: for=a", "CLAIM", b"for=a"),
        (b"X-Orion-Roles: admin", "MANAGED", b"admin"),
        (b"x_orion.roles: admin", "MANAGED", b"admin"),
        (b"X-Orion: admin", None, b""),
        (b"Proxy-Authentication-Info: x", "MANAGED", b"x"),
        (b"Keep-Alive: x", "MANAGED", b"x"),
        (b"tracestate: a=b", "TRACESTATE", b"a=b"),
        (b"Date: x", None, b""),
        (b"Accept: host: a", None, b""),
    ],
)
def test_a_request_line_is_what_it_says(codec: Codec, line: bytes, kind: str | None, value: bytes) -> None:
    """Without it, a field would be judged as another, or not at all."""
    raw = request(b"A: b", line, b"C: d")
    scan = codec.scan.scan_request(raw)
    assert scan is not None
    assert (scan.method, scan.target, scan.minor, scan.fields, scan.fields_start) == (b"GET", b"/", 1, 3, 16)
    assert scan.has_underscores is (b"_" in line.partition(b":")[0])
    assert scan.has_odd_names is any(mark in line.partition(b":")[0] for mark in (b"_", b"."))
    assert [(NAMES[found.kind], found.value(raw)) for found in scan.lines] == ([(kind, value)] if kind else [])
    for found in scan.lines:
        assert raw[found.start : found.end] == line + b"\r\n"
        assert found.lower_value(raw) == value.lower()


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"Date: x", "DATE"),
        (b"Keep-Alive: timeout=5", "KEEP_ALIVE"),
        (b"X-Request-Id: x", "REQUEST_ID"),
        (b"Trailer: x", "MANAGED"),
        (b"Transfer_Encoding: chunked", None),
        (b"X-Orion-Roles: x", "MANAGED"),
        (b"X.Orion-Roles: x", None),
        (b"X-Orion: x", None),
        (b"X-Forwarded-For: x", None),
        (b"Host: x", None),
    ],
)
def test_a_response_line_is_what_it_says(codec: Codec, line: bytes, kind: str | None) -> None:
    """Without it, a field of an answer would be judged by the rules of requests."""
    raw = response(line)
    assert [NAMES[found.kind] for found in codec.scan.scan_response(raw).lines] == ([kind] if kind else [])


@pytest.mark.parametrize("name", [*sorted(KINDS_IN_REQUESTS | KINDS_IN_RESPONSES), b"x-forwarded-for", b"x-orion-a"])
def test_no_spelling_of_a_name_means_two_things(name: bytes) -> None:
    """Without it, a field could slip past one build in another spelling."""
    for spelling in spellings(name):
        compare_requests(request(spelling + b": 1"))
        compare_responses(response(spelling + b": 1"))


@pytest.mark.parametrize("codec", CODECS)
def test_every_byte_is_in_the_grammar_or_not(codec: Codec) -> None:
    """Without it, one byte could be let through by one build; which ones may stand where is RFC 9110, section 5."""
    for number in range(256):
        byte = bytes([number])
        is_token = byte in TCHARS or byte.isalnum()
        is_value = number == 9 or 0x20 <= number <= 0x7E or number >= 0x80
        scan_request, scan_response = codec.scan.scan_request, codec.scan.scan_response
        assert (scan_request(request(b"X" + byte + b"Y: 1")) is not None) is (is_token or byte == b":")
        assert (scan_request(request(byte + b": 1")) is not None) is is_token
        assert (scan_request(request(b"X: " + byte)) is not None) is is_value
        assert (scan_request(b"G" + byte + b" / HTTP/1.1\r\n\r\n") is not None) is is_token
        assert (scan_request(b"GET /" + byte + b" HTTP/1.1\r\n\r\n") is not None) is (0x21 <= number <= 0x7E)
        assert (scan_request(b"GET / HTTP/1." + byte + b"\r\n\r\n") is not None) is (byte in b"01")
        assert (scan_response(b"HTTP/1." + byte + b" 200 OK\r\n\r\n") is not None) is (byte in b"01")
        assert (scan_response(b"HTTP/1.1 200 " + byte + b"\r\n\r\n") is not None) is is_value
        assert (scan_response(b"HTTP/1.1 200" + byte + b"\r\n\r\n") is not None) is (byte == b" ")
        assert (scan_response(b"HTTP/1.1 2" + byte + b"0\r\n\r\n") is not None) is byte.isdigit()
        assert (scan_response(b"HTTP/1.1 " + byte + b"00\r\n\r\n") is not None) is (byte in b"12345")
        assert codec.scan.is_name_and_port(b"a" + byte) is (byte.isalnum() or byte in b"._~!$&'()*+;=-")


@pytest.mark.parametrize("codec", CODECS)
def test_a_head_that_stops_anywhere_is_none(codec: Codec) -> None:
    """Without it, the compiled loop could read behind the bytes it was given."""
    for raw, scan in (
        (request(b"Host: a", b"X: b"), codec.scan.scan_request),
        (response(b"Date: a", b"X:"), codec.scan.scan_response),
    ):
        assert scan(raw) is not None
        assert [scan(raw[:size]) for size in range(len(raw))] == [None] * len(raw)
        assert scan(raw + b"\r\n") is None
        assert scan(raw + b"x") is None


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    ("authority", "is_valid"),
    [
        (b"a", True),
        (b"api.example.com", True),
        (b"127.0.0.1:8080", True),
        (b"a:0", True),
        (b"a:65535", True),
        (b"a:65536", False),
        (b"a:00080", True),
        (b"a:000080", False),
        (b"a:", False),
        (b":80", False),
        (b"a:8x", False),
        (b"a:b:1", False),
        (b"a\x00", False),
        (b"", False),
        (b"[::1]", False),
        (b"a,b", False),
        (b"a%20", False),
    ],
)
def test_a_name_and_port_is_one(codec: Codec, authority: bytes, is_valid: bool) -> None:
    """Without it, Host could name something that no route or endpoint means."""
    assert codec.scan.is_name_and_port(authority) is is_valid


@pytest.mark.parametrize("codec", CODECS)
def test_lines_are_found_by_name(codec: Codec) -> None:
    """Without it, filters and the log would miss a field, or take a part of another for it."""
    raw = request(b"A:1", b"AB: 2", b"a:  3 \t ", b"x: a:4", b"A:")
    assert [line.value(raw) for line in codec.scan.find_lines(raw, 16, b"a")] == [b"1", b"3 \t", b""]
    assert codec.scan.find_line(raw, 16, b"ab").value(raw) == b"2"
    assert codec.scan.find_line(raw, 16, b"b") is None
    assert codec.scan.find_line(b"", 0, b"b") is None


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    ("data", "start", "end"),
    [
        (b"", 0, 0),
        (b"a\r\n\r\n", 0, 5),
        (b"a\r\n\r", 0, 0),
        (b"\r\n\r\n", 0, 4),
        (b"\r\n\r\n", 1, 0),
        (b"a\n\r\n\n\r\n\r\r\n\r\n\r\n", 0, 12),
        (b"a\r\n\r\nb\r\n\r\n", 2, 10),
        (b"a\r\n\r\n", 9, 0),
    ],
)
def test_a_head_ends_at_its_first_empty_line(codec: Codec, data: bytes, start: int, end: int) -> None:
    """Without it, content would be read as fields, or fields as content."""
    assert codec.scan.find_head_end(data, start) == end


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    ("data", "position", "found"),
    [
        (b"5\r\n", 0, (5, 3)),
        (b"00aF\r\nx", 0, (0xAF, 6)),
        (b"xx1\r\n", 2, (1, 5)),
        (b"f" * 15 + b"\r\n", 0, (16**15 - 1, 17)),
        (b"0" * 16 + b"\r\n", 0, None),
        (b"5", 0, None),
        (b"5\r", 0, None),
        (b"5\n", 0, None),
        (b"5 \r\n", 0, None),
        (b"5;a\r\n", 0, None),
        (b"g\r\n", 0, None),
        (b"\r\n", 0, None),
        (b"", 0, None),
        (b"5\r\n", 7, None),
    ],
)
def test_a_plain_chunk_size_is_read(codec: Codec, data: bytes, position: int, found: tuple[int, int] | None) -> None:
    """Without it, a chunk would end elsewhere."""
    assert codec.scan.scan_size(data, position) == found


EXAMPLES = settings(
    max_examples=400, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
randoms = st.randoms(use_true_random=False)
lines = st.lists(
    st.sampled_from([b"Host", b"x-forwarded-for", b"X_Orion.A", b"te", b"Date", b":", b" ", b"\t", b"a", b"_", b"\r\n"])
    | st.binary(max_size=3)
).map(b"".join)


@EXAMPLES
@given(st.builds(make_requests, randoms) | st.builds(request, lines, lines) | st.binary(max_size=60))
def test_both_builds_scan_the_same_requests(data: bytes) -> None:
    """Without it, what was proved of one build would not hold for the other."""
    compare_requests(data[: PURE.scan.find_head_end(data, 0)])
    compare_requests(data)


@EXAMPLES
@given(st.builds(make_response, randoms) | st.builds(response, lines, lines) | st.binary(max_size=60))
def test_both_builds_scan_the_same_responses(data: bytes) -> None:
    """Without it, what was proved of one build would not hold for the other."""
    compare_responses(data[: PURE.scan.find_head_end(data, 0)])
    compare_responses(data)


@EXAMPLES
@given(st.binary(max_size=40), st.sampled_from([b"a", b"x-y", b""]))
def test_both_builds_find_the_same_in_any_bytes(data: bytes, name: bytes) -> None:
    """Without it, a look-up could read where no head is."""
    assert RUNNING.scan.find_head_end(data, 0) == PURE.scan.find_head_end(data, 0)
    assert RUNNING.scan.is_name_and_port(data) == PURE.scan.is_name_and_port(data)
    assert RUNNING.scan.scan_size(data, len(name)) == PURE.scan.scan_size(data, len(name))
    raw = request(b"A:" + data.translate(None, b"\r\n"), name + b":b")
    found, expected = (codec.scan.find_lines(raw, 16, name) for codec in (RUNNING, PURE))
    assert list(map(describe_line, found)) == list(map(describe_line, expected))


def compare_requests(raw: bytes) -> None:
    scan, expected = (codec.scan.scan_request(raw) for codec in (RUNNING, PURE))
    assert (scan is None) is (expected is None)
    if expected is not None:
        for name in ("method", "target", "minor", "fields_start", "fields", "has_underscores", "has_odd_names"):
            assert getattr(scan, name) == getattr(expected, name), name
        assert list(map(describe_line, scan.lines)) == list(map(describe_line, expected.lines))


def compare_responses(raw: bytes) -> None:
    scan, expected = (codec.scan.scan_response(raw) for codec in (RUNNING, PURE))
    assert (scan is None) is (expected is None)
    if expected is not None:
        for name in ("minor", "status", "reason", "fields_start", "fields"):
            assert getattr(scan, name) == getattr(expected, name), name
        assert list(map(describe_line, scan.lines)) == list(map(describe_line, expected.lines))


@pytest.mark.parametrize("length", [1, 7, 8, 9, 16, 23])
def test_no_byte_of_a_value_is_overlooked_wherever_it_stands(length: int) -> None:
    """Bytes are looked at in groups; one that belongs to no value must be found at every place of its group."""
    for place in range(length):
        for byte in range(256):
            value = b"\xff" * place + bytes([byte]) + b"~" * (length - place - 1)
            scans = [
                codec.scan.scan_response(b"HTTP/1.1 200 OK\r\nA: " + value + b"\r\n\r\n") for codec in (RUNNING, PURE)
            ]
            assert [scan is not None for scan in scans] == [byte == 9 or 0x20 <= byte != 0x7F] * 2, (place, byte)
