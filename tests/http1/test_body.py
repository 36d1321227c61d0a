"""Where bodies end, and how they are written out again."""

from collections.abc import Iterable, Sequence
from random import Random

import pytest

from orion_gateway.http1.body import (
    BodyRefused,
    ChunkedBody,
    LengthBody,
    NoBody,
    Payload,
    UntilCloseBody,
    encode_chunk,
    encode_last_chunk,
)
from orion_gateway.http1.head import Framing
from tests.http1.feeding import accept, accept_response, cut, feed_body, fragmentations

NEXT = b"GET /next"


def test_no_body_takes_nothing() -> None:
    """Without it, the next pipelined request would be swallowed."""
    body = NoBody()
    assert body.done
    assert body.end()
    assert body.feed(NEXT) == ((), NEXT)


@pytest.mark.parametrize("payload", [b"h", b"hello", b"0\r\n\r\n", bytes(range(256)) * 3])
def test_a_body_of_known_length_ends_there(payload: bytes) -> None:
    """Without it, a byte of the body would be taken for a request, or one of the next request for content."""
    for pieces in fragmentations(payload + NEXT):
        body = LengthBody(len(payload))
        assert feed_body(body, pieces) == (payload, NEXT)
        assert body.done
        assert body.end()


def test_a_body_of_length_0_is_over_at_once() -> None:
    """Without it, an empty answer would wait for a byte that never comes, or write an empty piece."""
    body = LengthBody(0)
    assert body.done
    assert body.feed(b"") == ((), b"")
    assert body.feed(NEXT) == ((), NEXT)


@pytest.mark.parametrize("size", range(5))
def test_a_body_cut_short_is_not_complete(size: int) -> None:
    """Without it, half an answer would be passed off as a whole one."""
    body = LengthBody(5)
    feed_body(body, [b"hello"[:size]])
    assert not body.done
    assert not body.end()


def test_until_close_takes_everything() -> None:
    """Without it, an HTTP/1.0 answer would be cut at its first packet."""
    body = UntilCloseBody()
    assert feed_body(body, [b"hello", b"0\r\n\r\n"]) == (b"hello0\r\n\r\n", b"")
    assert not body.done
    assert body.end()
    assert body.done


def test_payload_is_passed_on_without_a_copy() -> None:
    """Without it, a large body would cost a copy of each packet."""
    data = b"x" * 1000
    (piece,), _ = LengthBody(1000).feed(data)
    assert piece is data
    (view,), _ = ChunkedBody().feed(b"3e8\r\n" + data)
    assert isinstance(view, memoryview)


CHUNKED: dict[str, tuple[bytes, bytes, bytes]] = {
    "empty": (b"0\r\n\r\n", b"", b""),
    "one chunk": (b"5\r\nhello\r\n0\r\n\r\n", b"hello", b""),
    "two chunks": (b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", b"hello!", b""),
    "hex in both cases": (b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", b"0123456789" * 2, b""),
    "leading zeros": (b"000000000000005\r\nhello\r\n000\r\n\r\n", b"hello", b""),
    "payload like framing": (b"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", b"\r\n0\r\n\r\n", b""),
    "extension": (b"5;a\r\nhello\r\n0;b=c\r\n\r\n", b"hello", b""),
    "extensions": (b"5;a=b;c;d=e\r\nhello\r\n0\r\n\r\n", b"hello", b""),
    "quoted extension": (b'5;a="b c;\\" \t";d\r\nhello\r\n0\r\n\r\n', b"hello", b""),
    "trailer": (b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n", b"hello", b"X-Sum: 1\r\n"),
    "trailers": (b"0\r\nA:b\r\nC: \xff\r\n\r\n", b"", b"A:b\r\nC: \xff\r\n"),
    "trailers that may not be": (
        b"0\r\nHost: b\r\nA: 1\r\ncontent-TYPE: x\r\nTE: trailers\r\nx-forwarded-for: 1\r\nX_Y: 1\r\n"
        b"X.Orion.Subject: root\r\nX-Named: 1\r\nB: 2\r\n\r\n",
        b"",
        b"A: 1\r\nB: 2\r\n",
    ),
}


@pytest.mark.parametrize("name", CHUNKED)
def test_chunks_are_read_however_they_arrive(name: str) -> None:
    """Without it, an upload in many packets would be refused or changed."""
    data, payload, trailers = CHUNKED[name]
    for pieces in fragmentations(data + NEXT):
        body = ChunkedBody(1000, [b"x-named"])
        assert feed_body(body, pieces) == (payload, NEXT)
        assert body.done
        assert body.end()
        assert body.trailers == trailers


@pytest.mark.parametrize("name", CHUNKED)
def test_chunks_cut_short_are_not_complete(name: str) -> None:
    """Without it, a truncated answer would be kept by caches as a whole one."""
    data, _, _ = CHUNKED[name]
    for end in range(len(data)):
        body = ChunkedBody()
        feed_body(body, [data[:end]])
        assert not body.done
        assert not body.end()


MALFORMED: dict[str, bytes] = {
    **{
        f"size {size!r}": size + b"\r\nhello\r\n0\r\n\r\n"
        for size in (
            b"",
            b"+5",
            b"-5",
            b"0x5",
            b"5h",
            b" 5",
            b"5 ",
            b"5\t",
            b"5_0",
            b"5,",
            b"g",
            b"5\x00",
            b"\x0b5",
            b"5\xe9",
            b"0000000000000005",
            b"ffffffffffffffff",
            b"5;",
            b"5;=",
            b"5;a=",
            b"5;a b",
            b"5 ;a",
            b"5; a",
            b"5;a =b",
            b"5;a= b",
            b"5;;a",
            b'5;a="b',
            b'5;a="\x00"',
            b'5;a="b"c',
            b"5;a=\x01",
            b"5\r",
            b"5;a\rb",
            b"5;" + b"a" * 300,
        )
    },
    "size ends in a bare LF": b"5\nhello\r\n0\r\n\r\n",
    "chunk ends in a bare LF": b"5\r\nhello\n0\r\n\r\n",
    "chunk ends in a bare CR": b"5\r\nhello\r0\r\n\r\n",
    "chunk ends in CR CR LF": b"5\r\nhello\r\r\n0\r\n\r\n",
    "chunk is longer than it says": b"4\r\nhello\r\n0\r\n\r\n",
    "chunk is shorter than it says": b"6\r\nhello\r\n0\r\n\r\n",
    "chunk ends in a space": b"5\r\nhello \r\n0\r\n\r\n",
    "extension ends in a bare LF": b"5;a\nhello\r\n0\r\n\r\n",
    "last chunk ends in a bare LF": b"0\n\r\n",
    "body ends in a bare LF": b"0\r\n\n",
    "body ends in a bare CR": b"0\r\n\rGET\r\n",
    "trailer ends in a bare LF": b"0\r\nA: b\n\r\n",
    "trailer with a bare CR": b"0\r\nA: b\rc\r\n\r\n",
    "trailer with NUL": b"0\r\nA: \x00\r\n\r\n",
    "trailer without a colon": b"0\r\nA\r\n\r\n",
    "trailer with space before the colon": b"0\r\nA : b\r\n\r\n",
    "trailer folded": b"0\r\nA: b\r\n c\r\n\r\n",
    "trailer without a name": b"0\r\n: b\r\n\r\n",
    "length in trailers": b"0\r\nContent-LENGTH: 5\r\n\r\n",
    "coding in trailers": b"0\r\nA: b\r\ntransfer-encoding: chunked\r\n\r\n",
    "a request for trailers": b"0\r\nGET / HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_chunks_are_refused_however_they_arrive(name: str) -> None:
    """Without it, two parsers could find two ends of one body, and a request in between."""
    for pieces in fragmentations(MALFORMED[name]):
        with pytest.raises(BodyRefused):
            feed_body(ChunkedBody(), pieces)


def test_lines_fill_their_bounds_and_not_a_byte_more() -> None:
    """Without it, an endless line would fill the memory, or one that fits would depend on how it was cut."""
    extension = b";" + b"a" * 252
    for data, max_trailers, is_accepted in (
        (b"0" + extension + b"\r\n\r\n", 0, True),
        (b"0" + extension + b"a\r\n\r\n", 0, False),
        (b"0\r\n\r\n", 0, True),
        (b"0\r\nA: b\r\n\r\n", 6, True),
        (b"0\r\nA: b\r\n\r\n", 5, False),
        (b"0\r\nA: b\r\nC: d\r\n\r\n", 12, True),
        (b"0\r\nA: b\r\nC: d\r\n\r\n", 11, False),
        (b"0\r\nA: b\r\nC:\r\n\r\n", 7, False),
        (b"0\r\nA: " + b"b" * 1000, 100, False),
        (b"0" * 300, 0, False),
        (b"1;" + b"a" * 300, 0, False),
    ):
        for pieces in fragmentations(data):
            body = ChunkedBody(max_trailers)
            if is_accepted:
                feed_body(body, pieces)
                assert body.done
            else:
                with pytest.raises(BodyRefused):
                    feed_body(body, pieces)


def test_all_extensions_together_are_bounded() -> None:
    """Without it, a client could send gigabytes that are no payload and count for no limit."""
    chunk = b"1;" + b"a" * 199 + b"\r\nx\r\n"
    body = ChunkedBody()
    assert feed_body(body, [chunk] * 81)[0] == b"x" * 81
    with pytest.raises(BodyRefused, match="extensions"):
        body.feed(chunk)


def test_tiny_chunks_are_read_in_one_pass() -> None:
    """Without it, an upload in chunks of one byte would keep a worker busy."""
    pieces, rest = ChunkedBody().feed(b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n")
    assert (b"".join(pieces), rest) == (b"x" * 20_000, b"")


def test_the_head_decides_what_its_trailers_may_hold() -> None:
    """Without it, a field that Connection names would travel on behind the body (RFC 9110, section 7.6.1)."""
    fields = b"Connection: X-Hop\r\nTransfer-Encoding: chunked\r\n\r\n"
    for head in (accept(b"POST / HTTP/1.1\r\nHost: a\r\n" + fields), accept_response(b"HTTP/1.1 200 OK\r\n" + fields)):
        assert head.framing is Framing.CHUNKED
        body = head.body(100)
        assert isinstance(body, ChunkedBody)
        feed_body(body, [b"0\r\nX-Hop: 1\r\nX-End: 2\r\n\r\n"])
        assert body.trailers == b"X-End: 2\r\n"
        with pytest.raises(BodyRefused):
            feed_body(head.body(5), [b"0\r\nX-End: 2\r\n\r\n"])


def encode(payloads: Iterable[Sequence[Payload]], trailers: bytes = b"") -> bytes:
    """Return payloads as one chunk each, and the end."""
    return b"".join(piece for payload in payloads for piece in encode_chunk(payload)) + encode_last_chunk(trailers)


def test_chunks_are_written_plainly() -> None:
    """Without it, an empty packet would end the body for the other side."""
    assert encode([[b"hello"], [], [b""], [memoryview(b"0123456789"), b"abcdef"]]) == (
        b"5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"
    )
    assert encode([], b"A: b\r\n") == b"0\r\nA: b\r\n\r\n"


def test_what_is_written_is_read_again() -> None:
    """Without it, the endpoint would get another body than the client sent."""
    rng = Random(1)
    for _ in range(200):
        payloads = [
            [rng.randbytes(rng.randrange(20)) for _ in range(rng.randrange(3))] for _ in range(rng.randrange(5))
        ]
        received = feed_body(ChunkedBody(), cut(encode(payloads, b"A: b\r\n") + NEXT, rng, 10))
        assert received == (b"".join(map(b"".join, payloads)), NEXT)
