"""Which request heads are accepted, with which meaning, and with which status the others are refused."""

from collections.abc import Mapping

import pytest

from orion_gateway.http1.body import ChunkedBody, LengthBody, NoBody
from orion_gateway.http1.head import Framing, HeadLimits, Refusal, RequestHead, parse_request
from tests.http1.feeding import LIMITS, accept, describe, feed_request, fragmentations

CONTROLS = [bytes([byte]) for byte in (*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F)]
LENGTH_5 = b"Content-Length: 5"
CHUNKED = b"Transfer-Encoding: chunked"


def get(*lines: bytes) -> bytes:
    """Return a GET with these field lines besides Host."""
    return b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def with_line(line: bytes) -> bytes:
    """Return a head with this request line."""
    return line + b"\r\nHost: a\r\n\r\n"


REFUSED: dict[str, tuple[bytes, int]] = {
    # Line ends and control bytes (RFC 9112, section 2.2; RFC 9110, section 5.5).
    "bare LF behind the request line": (b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
    "bare LF behind a field": (b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400),
    "bare LF for the empty line": (b"GET / HTTP/1.1\r\nHost: a\r\n\n\r\n\r\n", 400),
    "only bare LF": (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    "LF first": (b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "bare CR in the request line": (b"GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "CR CR LF behind the request line": (b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400),
    "bare CR in a value": (get(b"X: a\rb"), 400),
    "bare CR at the end of a value": (get(b"X: a\r"), 400),
    "bare CR at the start of a line": (get(b"\rX: a"), 400),
    "bare CR in a name": (get(b"X\rY: a"), 400),
    "bare CR first": (b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "two empty lines first": (b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "only empty lines": (b"\r\n\r\n\r\n", 400),
    # Field lines (RFC 9112, section 5).
    "folded by a space": (get(b"X: a", b" b"), 400),
    "folded by a tab": (get(b"X: a", b"\tb"), 400),
    "folded first line": (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    "line of one space": (get(b" "), 400),
    "space before the colon": (get(b"X : a"), 400),
    "tab before the colon": (get(b"X\t: a"), 400),
    "space before the colon of a framing field": (get(b"Content-Length : 5"), 400),
    "no name": (get(b": a"), 400),
    "no colon": (get(b"X"), 400),
    "space in a name": (get(b"X Y: a"), 400),
    "parenthesis in a name": (get(b"X(: a"), 400),
    "quote in a name": (get(b'"X": a'), 400),
    "byte over 0x7f in a name": (get(b"X\xe9: a"), 400),
    # The request line (RFC 9112, section 3).
    "no version": (with_line(b"GET /"), 400),
    "only a method": (with_line(b"GET"), 400),
    "two spaces": (with_line(b"GET  / HTTP/1.1"), 400),
    "space at the end": (with_line(b"GET / HTTP/1.1 "), 400),
    "space first": (with_line(b" GET / HTTP/1.1"), 400),
    "tab between": (with_line(b"GET\t/ HTTP/1.1"), 400),
    "no method": (with_line(b"/ HTTP/1.1"), 400),
    "bad method": (with_line(b"G(T / HTTP/1.1"), 400),
    "method first byte": (with_line(b"{ / HTTP/1.1"), 400),
    "byte over 0x7f in the target": (with_line(b"GET /\xc3\xa9 HTTP/1.1"), 400),
    "NUL in the target": (with_line(b"GET /\x00 HTTP/1.1"), 400),
    "lower-case version": (with_line(b"GET / http/1.1"), 400),
    "version of two digits": (with_line(b"GET / HTTP/1.10"), 400),
    "version without a dot": (with_line(b"GET / HTTP/11"), 400),
    "version with a comma": (with_line(b"GET / HTTP/1,1"), 400),
    "other protocol": (with_line(b"GET / ICY/1.1"), 400),
    "HTTP/0.9": (with_line(b"GET / HTTP/0.9"), 505),
    "HTTP/1.2": (with_line(b"GET / HTTP/1.2"), 505),
    "HTTP/2.0": (with_line(b"GET / HTTP/2.0"), 505),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    # Framing (RFC 9112, sections 6.1 to 6.3).
    "length twice, the same": (get(LENGTH_5, LENGTH_5), 400),
    "length twice, different": (get(LENGTH_5, b"Content-Length: 6"), 400),
    **{
        f"length {value!r}": (get(b"Content-Length: " + value), 400)
        for value in (
            b"5,5",
            b"5, 6",
            b"+5",
            b"-5",
            b"0x5",
            b"5_0",
            b"5 5",
            b"1e1",
            b"5.0",
            b"",
            b"five",
            b'"5"',
            b"9" * 19,
        )
    },
    "length with a tab before": (get(b"Content-Length:\t5"), 400),
    "length with a tab behind": (get(b"Content-Length: 5\t"), 400),
    "length of other digits": (get(b"Content-Length: \xd9\xa5"), 400),
    "length and chunked": (get(LENGTH_5, CHUNKED), 400),
    "chunked and length": (get(CHUNKED, LENGTH_5), 400),
    "length between codings": (get(b"Transfer-Encoding: gzip", LENGTH_5, CHUNKED), 400),
    "chunked in HTTP/1.0": (b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "chunked twice": (get(CHUNKED, CHUNKED), 400),
    "unknown coding": (get(b"Transfer-Encoding: gzip, chunked"), 501),
    "unknown coding in a line of its own": (get(b"Transfer-Encoding: gzip", CHUNKED), 501),
    "identity and chunked": (get(b"Transfer-Encoding: identity, chunked"), 501),
    **{
        f"coding {value!r}": (get(b"Transfer-Encoding: " + value), 400)
        for value in (
            b"gzip",
            b"identity",
            b"chunked, gzip",
            b"chunked, chunked",
            b"gzip, chunked, chunked",
            b"chunked,",
            b",chunked",
            b"",
            b"xchunked",
            b"chunkedx",
            b"chunked;q=1",
            b"gzip;q=1, chunked",
            b'"chunked"',
            b"chunked\x0b",
            b"\x0cchunked",
            b"chunk\xe9d",
            b"chunked\t",
            b"\tchunked",
            b"chu nked",
        )
    },
    # Host (RFC 9112, section 3.2).
    "no Host": (b"GET / HTTP/1.1\r\nX: a\r\n\r\n", 400),
    "no fields": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "Host twice": (get(b"Host: a"), 400),
    "Host twice, different": (get(b"host: b"), 400),
    "Host twice in HTTP/1.0": (b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    # Others.
    "unknown expectation": (get(b"Expect: something"), 417),
    "unknown expectation beside a known one": (get(b"Expect: x", b"Expect: 100-continue", LENGTH_5), 417),
    "upgrade to WebSocket with content": (get(b"Connection: upgrade", b"Upgrade: websocket", LENGTH_5), 400),
    "upgrade to WebSocket in chunks": (get(b"Connection: upgrade", b"Upgrade: websocket", CHUNKED), 400),
    "upgrade in HTTP/1.0 with content": (
        b"POST / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\n",
        400,
    ),
    "other upgrade with content": (get(b"Connection: upgrade", b"Upgrade: h2c", LENGTH_5), 400),
}

ACCEPTED: dict[str, tuple[bytes, Mapping[str, object]]] = {
    "plain": (
        get(),
        {"method": b"GET", "target": b"/", "minor": 1, "host": b"a", "framing": Framing.NONE, "is_keep_alive": True},
    ),
    "empty line first": (b"\r\n" + get(), {"raw": get(), "method": b"GET", "host": b"a"}),
    "extension method": (with_line(b"bre-w!~ / HTTP/1.1"), {"method": b"bre-w!~"}),
    "query": (with_line(b"GET /a?b?c=d HTTP/1.1"), {"target": b"/a?b?c=d", "path": b"/a", "query": b"b?c=d"}),
    "empty query": (with_line(b"GET /a? HTTP/1.1"), {"path": b"/a", "query": b""}),
    "HTTP/1.0": (b"GET / HTTP/1.0\r\n\r\n", {"minor": 0, "host": b"", "is_keep_alive": False}),
    "HTTP/1.0 keep-alive": (b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", {"minor": 0, "is_keep_alive": True}),
    "HTTP/1.0 close wins": (
        b"GET / HTTP/1.0\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n",
        {"is_keep_alive": False},
    ),
    "close": (get(b"Connection: CLOSE"), {"is_keep_alive": False}),
    "close in a list": (get(b"Connection: foo ,close"), {"is_keep_alive": False}),
    "close among lines": (get(b"Connection: close", b"Connection: keep-alive"), {"is_keep_alive": False}),
    "name like Connection": (get(b"X-Connection: close"), {"is_keep_alive": True}),
    "length": (get(LENGTH_5), {"framing": Framing.LENGTH, "content_length": 5}),
    "length without a space": (get(b"content-length:5"), {"framing": Framing.LENGTH, "content_length": 5}),
    "length with zeros": (get(b"Content-Length:  005 "), {"framing": Framing.LENGTH, "content_length": 5}),
    "longest length": (get(b"Content-Length: " + b"9" * 18), {"content_length": 10**18 - 1}),
    "length 0": (get(b"Content-Length: 0"), {"framing": Framing.NONE, "content_length": 0}),
    "chunked": (get(CHUNKED), {"framing": Framing.CHUNKED, "content_length": -1}),
    "chunked in capitals": (get(b"TRANSFER-ENCODING:  Chunked "), {"framing": Framing.CHUNKED}),
    "bytes over 0x7f and tabs in a value": (get(b"X: caf\xc3\xa9\t\xff"), {"method": b"GET"}),
    "empty value": (get(b"X:"), {"method": b"GET"}),
    "expectation": (get(b"Expect: 100-Continue", LENGTH_5), {"expects_continue": True}),
    "expectation without content": (get(b"Expect: 100-continue"), {"expects_continue": False}),
    "expectation with length 0": (get(b"Expect: 100-continue", b"Content-Length: 0"), {"expects_continue": False}),
    "expectation in HTTP/1.0": (
        b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        {"expects_continue": False},
    ),
    "upgrade": (get(b"Connection: Upgrade", b"Upgrade: WebSocket"), {"upgrade": b"websocket"}),
    "upgrade to one of several": (
        get(b"Connection: x, upgrade", b"Upgrade: h2c", b"Upgrade: websocket"),
        {"upgrade": b"h2c,websocket"},
    ),
    "upgrade that Connection does not list": (get(b"Upgrade: websocket", LENGTH_5), {"upgrade": b""}),
    "upgrade in HTTP/1.0": (
        b"GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        {"upgrade": b""},
    ),
    "trailers wanted": (get(b"TE: gzip , Trailers", b"TE: x"), {"trailers": True}),
    "trailers not wanted": (get(b"TE: gzip"), {"trailers": False}),
    "trailers in HTTP/1.0": (b"GET / HTTP/1.0\r\nTE: trailers\r\n\r\n", {"trailers": False}),
    "Via": (get(b"Via: 1.1 A", b"via: 1.0 b"), {"via": b",1.1 a,1.0 b"}),
    "Max-Forwards": (get(b"Max-Forwards: 3"), {"max_forwards": 3}),
    "the smallest Max-Forwards": (get(b"Max-Forwards: 3", b"Max-Forwards: 7", b"Max-Forwards: 1"), {"max_forwards": 1}),
    "Max-Forwards that is no number": (get(b"Max-Forwards: +3"), {"max_forwards": -1}),
    "request id": (get(b"X-Request-ID: aB"), {"request_id": b"aB"}),
    "request id twice": (get(b"X-Request-ID: a", b"x-request-id: a"), {"request_id": b""}),
    "traceparent": (get(b"Traceparent: 00-Ab"), {"traceparent": b"00-Ab"}),
    "traceparent twice": (get(b"traceparent: 00-a", b"traceparent: 00-a"), {"traceparent": b""}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_malformed_or_ambiguous_head_is_refused_however_it_arrives(name: str) -> None:
    """Without it, a request could be smuggled past the gateway, or one cut by the network get another answer."""
    data, status = REFUSED[name]
    for pieces in fragmentations(data):
        verdict, _ = feed_request(pieces)
        assert isinstance(verdict, Refusal), pieces
        assert verdict.status == status, (pieces, verdict)


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_head_means_the_same_however_it_arrives(name: str) -> None:
    """Without it, a request would mean something else, or nothing, when its packets were cut in another way."""
    data, expected = ACCEPTED[name]
    whole = accept(data)
    assert {attribute: getattr(whole, attribute) for attribute in expected} == expected
    for pieces in fragmentations(data + b"next"):
        verdict, rest = feed_request(pieces)
        assert describe(verdict) == describe(whole)
        assert b"next".startswith(rest)


@pytest.mark.parametrize("byte", CONTROLS)
def test_no_control_byte_passes_anywhere(byte: bytes) -> None:
    """Without it, a NUL or vertical tab would mean one thing to the gateway and another to the endpoint."""
    heads = [with_line(b"G" + byte + b"T / HTTP/1.1"), with_line(b"GET /" + byte + b" HTTP/1.1")]
    heads += [
        with_line(b"GET / HTTP/1.1" + byte),
        get(b"X" + byte + b": a"),
        get(b"X: a" + byte),
        get(b"X:" + byte + b"a"),
    ]
    for head in heads:
        for pieces in fragmentations(head):
            verdict, _ = feed_request(pieces)
            assert isinstance(verdict, Refusal)
            assert verdict.status == 400


def test_bytes_behind_a_head_are_not_part_of_it() -> None:
    """Without it, the body or the next request would be lost or read twice."""
    data = get(LENGTH_5) + b"hello" + get()
    head, used = parse_request(data, LIMITS)
    assert isinstance(head, RequestHead)
    assert data[used:] == b"hello" + get()
    assert head.raw == get(LENGTH_5)


@pytest.mark.parametrize(
    ("data", "body"),
    [(get(), NoBody), (get(b"Content-Length: 0"), NoBody), (get(LENGTH_5), LengthBody), (get(CHUNKED), ChunkedBody)],
)
def test_the_framing_chooses_the_reader_of_the_content(data: bytes, body: type) -> None:
    """Without it, content would be read as the next request."""
    assert type(accept(data).body(100)) is body


def test_the_version_is_told_as_it_was_said() -> None:
    """Without it, the access log would lie about old clients."""
    assert accept(get()).version == b"HTTP/1.1"
    assert accept(b"GET / HTTP/1.0\r\n\r\n").version == b"HTTP/1.0"


LIMIT = HeadLimits(request_line=30, section=60, fields=3)


def padded(line: int, section: int) -> bytes:
    """Return a head whose request line and field lines have so many bytes."""
    start = b"GET /".ljust(line - len(b" HTTP/1.1"), b"x") + b" HTTP/1.1\r\nHost: a\r\nX: "
    return start + b"y" * (section - len(b"Host: a\r\nX: \r\n")) + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (padded(30, 60), None),
        (b"\r\n" + padded(30, 60), None),
        (padded(31, 60), 414),
        (padded(300, 60), 414),
        (b"G" * 300, 414),
        (padded(30, 61), 431),
        (padded(30, 600), 431),
        (b"GET / HTTP/1.1\r\n" + b"y" * 100, 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X:y\r\n" * 2 + b"\r\n", None),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X:y\r\n" * 3 + b"\r\n", 431),
        # The first fault decides, in the order in which the bytes come.
        (b"{" + b"G" * 300, 400),
        (padded(31, 600), 414),
        (b"GET / HTTP/2.0\r\n" + b"y" * 100, 505),
        (b"GET / HTTP/1.1\r\nX: y\n" + b"y" * 100 + b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 100 + b"\nX: y\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X:\n" * 9 + b"\r\n\r\n", 400),
    ],
)
def test_a_head_fills_its_bounds_and_not_a_byte_more(data: bytes, status: int | None) -> None:
    """Without it, memory would be a client's to fill, or a request that fits would be refused if it came slowly."""
    for pieces in fragmentations(data):
        verdict, _ = feed_request(pieces, LIMIT)
        assert status == (verdict.status if isinstance(verdict, Refusal) else None)
        assert verdict is not None
        if isinstance(verdict, Refusal):
            assert verdict.is_too_large is (status in (414, 431))


@pytest.mark.parametrize("data", [b"", b"\r", b"\r\n", b"G", b"GET / HTTP/1.1\r\nHost: a\r\n", b"GET / HTTP/1.1\r\nHo"])
def test_an_unfinished_head_is_neither_accepted_nor_refused(data: bytes) -> None:
    """Without it, a request in two packets would be refused after the first."""
    assert parse_request(data, LIMITS) == (None, 0)


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\nH", b"{", b"\r\n\r", b"\rG", b"GET / HTTP/3.0\r\n", b"GET /\r\n", b"GET / HTTP/1.1\r\nA: b\nB"],
)
def test_what_no_further_byte_can_mend_is_refused_at_once(data: bytes) -> None:
    """Without it, a broken client would learn of its fault only by a timeout."""
    verdict, _ = parse_request(data, LIMITS)
    assert isinstance(verdict, Refusal)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"X: a\rb", "field line 3 holds a bare CR"),
        (b" b", "field line 3 is folded"),
        (b"X", "field line 3 has no colon"),
        (b"X : a", "field line 3 has space before the colon"),
        (b"X(: a", "field line 3 has a bad name"),
        (b"X: \x01", "the value of field line 3 holds a control byte"),
    ],
)
def test_a_refusal_says_which_line_is_wrong_and_how_without_repeating_it(line: bytes, words: str) -> None:
    """Without it, the author of a client would have to guess, or an attacker's bytes would come back in the answer."""
    verdict, _ = parse_request(get(b"A: b", line), LIMITS)
    assert verdict == Refusal(400, words)


def test_names_with_underscores_are_treated_as_the_table_says() -> None:
    """Without it, `X_User` would reach a server that cannot tell it from `X-User`."""
    data = get(b"A_b: 1", b"C-d: with_underscore", b"_e: 2")
    dropped = accept(data)
    assert [dropped.first(name) for name in (b"a_b", b"c-d", b"_e")] == [None, b"with_underscore", None]
    allowed = accept(data, HeadLimits(underscores="allow"))
    assert [allowed.first(name) for name in (b"a_b", b"c-d", b"_e")] == [b"1", b"with_underscore", b"2"]
    verdict, _ = parse_request(data, HeadLimits(underscores="reject"))
    assert isinstance(verdict, Refusal)
    assert verdict.status == 400
    accept(get(b"C-d: with_underscore"), HeadLimits(underscores="reject"))


def test_many_tokens_and_spaces_cost_no_more_than_their_bytes() -> None:
    """Without it, one head of 30 KB could keep a worker busy for seconds."""
    tokens = b",".join(b"x%x" % number for number in range(5000))
    head = accept(get(b"Connection: " + tokens, b"X1: a", b"X2: a" + b" " * 200 + b"b"))
    assert head.first(b"x1") is None
    # Were any step quadratic, these would take minutes.
    wide = HeadLimits(section=4 * 1024 * 1024)
    accept(get(b"Connection: a" + b" " * 1_000_000 + b"b", b"X: a" + b" " * 1_000_000 + b"b"), wide)
    accept(get(b"Connection: " + b",".join(b"x%x" % number for number in range(100_000))), wide)
