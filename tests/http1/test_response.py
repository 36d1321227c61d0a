"""Which response heads are accepted, with which meaning, and which become a 502."""

from collections.abc import Mapping

import pytest

from orion_gateway.http1.body import ChunkedBody, LengthBody, NoBody, UntilCloseBody
from orion_gateway.http1.head import Framing, HeadLimits, Refusal, ResponseHead, parse_response
from tests.http1.feeding import LIMITS, accept_response, describe, feed_response, fragmentations

LENGTH_5 = b"Content-Length: 5"
CHUNKED = b"Transfer-Encoding: chunked"


def answer(*lines: bytes, status: bytes = b"HTTP/1.1 200 OK") -> bytes:
    """Return a response head with these field lines."""
    return status + b"\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


REFUSED: dict[str, bytes] = {
    # The status line (RFC 9112, section 4).
    "no status line": answer(status=b"Content-Type: text/html"),
    "HTTP/0.9": b"<html>\r\n\r\n",
    "empty line first": b"\r\n" + answer(),
    "lower case": answer(status=b"http/1.1 200 OK"),
    "HTTP/2.0": answer(status=b"HTTP/2.0 200 OK"),
    "HTTP/1.2": answer(status=b"HTTP/1.2 200 OK"),
    "two digits": answer(status=b"HTTP/1.1 20 OK"),
    "four digits": answer(status=b"HTTP/1.1 2000 OK"),
    "no status": answer(status=b"HTTP/1.1"),
    "status 0xx": answer(status=b"HTTP/1.1 099 OK"),
    "status 6xx": answer(status=b"HTTP/1.1 600 OK"),
    "signed status": answer(status=b"HTTP/1.1 +20 OK"),
    "two spaces": answer(status=b"HTTP/1.1  200 OK"),
    "no space before the reason": answer(status=b"HTTP/1.1 200OK"),
    "NUL in the reason": answer(status=b"HTTP/1.1 200 O\x00K"),
    "bare CR in the reason": answer(status=b"HTTP/1.1 200 O\rK"),
    "bare LF behind the status line": b"HTTP/1.1 200 OK\nA: b\r\n\r\n",
    # Field lines: response splitting (RFC 9112, sections 2.2 and 5).
    "bare LF behind a field": b"HTTP/1.1 200 OK\r\nA: b\nSet-Cookie: c\r\n\r\n",
    "bare CR in a value": answer(b"A: b\rSet-Cookie: c"),
    "NUL in a value": answer(b"A: \x00"),
    "DEL in a value": answer(b"A: \x7f"),
    "folded": answer(b"A: b", b" c"),
    "folded first line": answer(b" A: b"),
    "space before the colon": answer(b"Content-Length : 5"),
    "no colon": answer(b"A"),
    "bad name": answer(b"A(: b"),
    # Framing (RFC 9112, section 6.3).
    "length twice, the same": answer(LENGTH_5, LENGTH_5),
    "length twice, different": answer(LENGTH_5, b"Content-Length: 6"),
    "list of lengths": answer(b"Content-Length: 5, 5"),
    "length that is no number": answer(b"Content-Length: five"),
    "signed length": answer(b"Content-Length: +5"),
    "empty length": answer(b"Content-Length:"),
    "length with a tab": answer(b"Content-Length: 5\t"),
    "length and chunked": answer(LENGTH_5, CHUNKED),
    "chunked and length": answer(CHUNKED, LENGTH_5),
    "chunked twice": answer(CHUNKED, CHUNKED),
    "unknown coding": answer(b"Transfer-Encoding: gzip, chunked"),
    "coding that is not chunked": answer(b"Transfer-Encoding: gzip"),
    "coding with a tab": answer(b"Transfer-Encoding: chunked\t"),
    "chunked in HTTP/1.0": answer(CHUNKED, status=b"HTTP/1.0 200 OK"),
    "interim response with a length": answer(LENGTH_5, status=b"HTTP/1.1 100 Continue"),
    "interim response in chunks": answer(CHUNKED, status=b"HTTP/1.1 103 Early Hints"),
    "ambiguous framing where there is no body": answer(LENGTH_5, CHUNKED, status=b"HTTP/1.1 304 Not Modified"),
}

ACCEPTED: dict[str, tuple[bytes, bytes, Mapping[str, object]]] = {
    "length": (
        b"GET",
        answer(LENGTH_5),
        {"status": 200, "reason": b"OK", "framing": Framing.LENGTH, "content_length": 5},
    ),
    "length 0": (b"GET", answer(b"Content-Length: 0"), {"framing": Framing.LENGTH, "content_length": 0}),
    "chunked": (b"GET", answer(CHUNKED), {"framing": Framing.CHUNKED, "is_keep_alive": True}),
    "until close": (b"GET", answer(), {"framing": Framing.UNTIL_CLOSE}),
    "reason missing": (b"GET", answer(status=b"HTTP/1.1 404 "), {"status": 404, "reason": b""}),
    "space and reason missing": (b"GET", answer(status=b"HTTP/1.1 404"), {"status": 404, "reason": b""}),
    "reason over 0x7f": (b"GET", answer(status=b"HTTP/1.1 200 \xc3\xa9\t!"), {"reason": b"\xc3\xa9\t!"}),
    "HEAD with length": (b"HEAD", answer(LENGTH_5), {"framing": Framing.NONE, "content_length": 5}),
    "HEAD in chunks": (b"HEAD", answer(CHUNKED), {"framing": Framing.NONE, "content_length": -1}),
    "HEAD without framing": (b"HEAD", answer(), {"framing": Framing.NONE}),
    "100": (
        b"POST",
        answer(b"Content-Length: 0", status=b"HTTP/1.1 100 Continue"),
        {"framing": Framing.NONE, "content_length": -1},
    ),
    "101": (b"GET", answer(status=b"HTTP/1.1 101 Switching Protocols"), {"framing": Framing.NONE}),
    "204": (
        b"GET",
        answer(LENGTH_5, status=b"HTTP/1.1 204 No Content"),
        {"framing": Framing.NONE, "content_length": -1},
    ),
    "204 in chunks": (b"GET", answer(CHUNKED, status=b"HTTP/1.1 204 No Content"), {"framing": Framing.NONE}),
    "304": (
        b"GET",
        answer(LENGTH_5, status=b"HTTP/1.1 304 Not Modified"),
        {"framing": Framing.NONE, "content_length": 5},
    ),
    "HTTP/1.0": (b"GET", answer(status=b"HTTP/1.0 200 OK"), {"minor": 0, "is_keep_alive": False}),
    "HTTP/1.0 keep-alive": (
        b"GET",
        answer(b"Connection: keep-alive", status=b"HTTP/1.0 200 OK"),
        {"is_keep_alive": True},
    ),
    "close": (b"GET", answer(b"Connection: x, Close"), {"is_keep_alive": False}),
    "idle time": (b"GET", answer(b"Keep-Alive: timeout=5, max=9"), {"keep_alive_timeout": 5}),
    "no idle time": (b"GET", answer(b"Keep-Alive: max=9"), {"keep_alive_timeout": None}),
    "idle time that is no number": (b"GET", answer(b"Keep-Alive: timeout=x"), {"keep_alive_timeout": None}),
    "upgrade": (b"GET", answer(b"Connection: upgrade", b"Upgrade: WebSocket"), {"upgrade": b"websocket"}),
    "upgrade twice": (b"GET", answer(b"Connection: upgrade", b"Upgrade: a", b"Upgrade: b"), {"upgrade": b"a,b"}),
    "upgrade that Connection does not list": (b"GET", answer(b"Upgrade: websocket"), {"upgrade": b""}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_malformed_or_ambiguous_answer_is_a_502_however_it_arrives(name: str) -> None:
    """Without it, an endpoint could make the gateway give one client's answer to another, or split an answer in two."""
    for pieces in fragmentations(REFUSED[name]):
        verdict, _ = feed_response(pieces)
        assert isinstance(verdict, Refusal), pieces
        assert (verdict.status, verdict.is_too_large) == (502, False)


@pytest.mark.parametrize("name", ACCEPTED)
def test_an_answer_means_the_same_however_it_arrives(name: str) -> None:
    """Without it, a client would get another answer when the network cut it differently."""
    method, data, expected = ACCEPTED[name]
    whole = accept_response(data, method)
    assert {attribute: getattr(whole, attribute) for attribute in expected} == expected
    for pieces in fragmentations(data + b"next"):
        verdict, rest = feed_response(pieces, method)
        assert describe(verdict) == describe(whole)
        assert b"next".startswith(rest)


@pytest.mark.parametrize(
    ("method", "data", "body"),
    [
        (b"GET", answer(LENGTH_5), LengthBody),
        (b"GET", answer(CHUNKED), ChunkedBody),
        (b"GET", answer(), UntilCloseBody),
        (b"HEAD", answer(), NoBody),
    ],
)
def test_the_framing_chooses_the_reader_of_the_content(method: bytes, data: bytes, body: type) -> None:
    """Without it, an answer would be cut short or never end."""
    assert type(accept_response(data, method).body(100)) is body


@pytest.mark.parametrize(
    ("data", "is_too_large"),
    [
        (b"HTTP/1.1 200 " + b"x" * 17 + b"\r\nA: " + b"y" * 35 + b"\r\n\r\n", None),
        (b"HTTP/1.1 200 " + b"x" * 18 + b"\r\n\r\n", True),
        (b"HTTP/1.1 200 " + b"x" * 500, True),
        (b"HTTP/1.1 200 OK\r\nA: " + b"y" * 36 + b"\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nA: " + b"y" * 500, True),
        (b"HTTP/1.1 200 OK\r\n" + b"A:b\r\n" * 3 + b"\r\n", None),
        (b"HTTP/1.1 200 OK\r\n" + b"A:b\r\n" * 4 + b"\r\n", True),
        (b"HTTP/1.1 200 OK\r\nA:b\n" + b"y" * 500, False),
        (b"HTTP/1.1 999 OK\r\n" + b"y" * 500, False),
        (b"SSH-2.0-OpenSSH" + b"y" * 500, False),
    ],
)
def test_an_answer_fills_its_bounds_and_not_a_byte_more(data: bytes, is_too_large: bool | None) -> None:
    """Without it, an endpoint could fill a worker's memory, or the log would name the wrong reason for a 502."""
    limits = HeadLimits(request_line=30, section=40, fields=3)
    for pieces in fragmentations(data):
        verdict, _ = feed_response(pieces, limits=limits)
        assert verdict is not None
        assert is_too_large == (verdict.is_too_large if isinstance(verdict, Refusal) else None)


@pytest.mark.parametrize("data", [b"", b"H", b"HTTP/", b"HTTP/1.1 200 OK\r\nA: b\r\n"])
def test_an_unfinished_answer_is_neither_accepted_nor_refused(data: bytes) -> None:
    """Without it, an answer in two packets would be a 502."""
    assert parse_response(data, LIMITS, b"GET") == (None, 0)


def test_a_websocket_is_granted_alone_or_not_at_all() -> None:
    """Without it, a tunnel would open to an endpoint that speaks another protocol inside."""
    fields = (b"Connection: Upgrade", b"Upgrade: ")
    verdicts = [
        accept_response(answer(fields[0], fields[1] + p)) for p in (b"websocket", b"WebSocket", b"websocket, x", b"")
    ]
    assert all(isinstance(head, ResponseHead) for head in verdicts)
    assert [head.is_websocket() for head in verdicts] == [True, True, False, False]
