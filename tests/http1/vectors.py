"""Known attacks on framing, and what our codec reads in them.

From the published work on request smuggling (CL.TE, TE.CL, TE.TE, CL.0, 0.CL, chunk extensions, bare line ends) and the
advisories of aiohttp, Node.js, nginx, Traefik and Go that `reliability.md` lists.
"""

_EVIL = b"GET /evil HTTP/1.1\r\nHost: a\r\n\r\n"
_CHUNKED = b"Transfer-Encoding: chunked"


def _post(*lines: bytes, body: bytes = b"", target: bytes = b"/") -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: a\r\n" % target + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def _length(body: bytes) -> bytes:
    return b"Content-Length: %d" % len(body)


REQUEST_VECTORS: dict[str, tuple[bytes, list[bytes]]] = {
    "CL.TE": (_post(b"Content-Length: 6", _CHUNKED, body=b"0\r\n\r\n" + _EVIL), []),
    "TE.CL": (_post(_CHUNKED, b"Content-Length: 4", body=b"5c\r\n" + _EVIL + b"\r\n0\r\n\r\n"), []),
    "CL.CL": (_post(b"Content-Length: 0", _length(_EVIL), body=_EVIL), []),
    "CL list": (_post(b"Content-Length: 0, %d" % len(_EVIL), body=_EVIL), []),
    "CL with a plus": (_post(b"Content-Length: +0", body=_EVIL), []),
    "CL with an underscore (CVE-2023-47641)": (_post(b"Content-Length: 1_0", body=_EVIL), []),
    "CL in hexadecimal": (_post(b"Content-Length: 0x1", body=_EVIL), []),
    "CL over 64 bits": (_post(b"Content-Length: 18446744073709551616", body=_EVIL), []),
    "CL with a vertical tab": (_post(b"Content-Length:\x0b0", body=_EVIL), []),
    "CL with space before the colon": (_post(b"Content-Length : 0", body=_EVIL), []),
    "CL folded": (_post(b"Content-Length: 0", b" 5", body=_EVIL), []),
    "CL behind a bare CR": (_post(b"X: y\rContent-Length: 5", body=_EVIL), []),
    "CL behind a bare LF": (_post(b"X: y\nContent-Length: 5", body=_EVIL), []),
    "CL behind a NUL": (_post(b"X: y\x00Content-Length: 5", body=_EVIL), []),
    "CL as content_length": (_post(b"Content_Length: 5", body=_EVIL), [b"/", b"/evil"]),
    "CL removed by Connection": (_post(b"Connection: Content-Length", _length(_EVIL), body=_EVIL), [b"/"]),
    "CL of a GET": (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(_EVIL) + _EVIL, [b"/"]),
    "CL.0": (_post(_length(_EVIL), body=_EVIL), [b"/"]),
    "0.CL": (_post(b"Content-Length: 0", body=_EVIL), [b"/", b"/evil"]),
    "no CL": (_post(body=_EVIL), [b"/", b"/evil"]),
    **{
        f"TE.TE {line!r}": (_post(line, b"Content-Length: 4", body=b"0\r\n\r\n" + _EVIL), [])
        for line in (
            b"Transfer-Encoding: xchunked",
            b"Transfer-Encoding : chunked",
            b"Transfer-Encoding\t: chunked",
            b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
            b"Transfer-Encoding:\tchunked",
            b"Transfer-Encoding: chunked\t",
            b" Transfer-Encoding: chunked",
            b"X: x\nTransfer-Encoding: chunked",
            b"X: x\rTransfer-Encoding: chunked",
            b"Transfer-Encoding\r\n: chunked",
            b"Transfer-Encoding: chunked, identity",
            b"Transfer-Encoding: identity, chunked",
            b"Transfer-Encoding: chunked\x00",
            b"Transfer-Encoding: \x0bchunked",
            b"Transfer-Encoding: chunked;",
            b'Transfer-Encoding: "chunked"',
            b"Transfer-Encoding:\r\n chunked",
            b"Transfer-Encoding: ch\xc3\xbcnked",
            b"transfer-encoding: chunked, cow",
            b"Content-Encoding: x\r\nTransfer-Encoding: chunked",
        )
    },
    "TE as transfer_encoding": (_post(b"Transfer_Encoding: chunked", body=b"0\r\n\r\n"), [b"/"]),
    "TE in HTTP/1.0": (b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + _EVIL, []),
    "TE removed by Connection": (
        _post(b"Connection: Transfer-Encoding", _CHUNKED, body=b"5\r\nhello\r\n0\r\n\r\n"),
        [b"/"],
    ),
    "chunk size with a prefix (CVE-2024-23829)": (_post(_CHUNKED, body=b"0x5\r\nhello\r\n0\r\n\r\n" + _EVIL), []),
    "chunk size with a sign": (_post(_CHUNKED, body=b"+5\r\nhello\r\n0\r\n\r\n" + _EVIL), []),
    "chunk size with an underscore": (_post(_CHUNKED, body=b"1_0\r\nhello\r\n0\r\n\r\n" + _EVIL), []),
    "chunk size over 64 bits": (_post(_CHUNKED, body=b"10000000000000000\r\n" + _EVIL), []),
    "chunk size with space behind": (_post(_CHUNKED, body=b"5 \r\nhello\r\n0\r\n\r\n" + _EVIL), []),
    "chunk size ended by a bare LF": (_post(_CHUNKED, body=b"5\nhello\r\n0\r\n\r\n" + _EVIL), []),
    "chunk extension ended by a bare LF": (_post(_CHUNKED, body=b"5;a\nhello\r\n0\r\n\r\n" + _EVIL), []),
    "chunk extension with a bare CR": (_post(_CHUNKED, body=b"5;a\rb\r\nhello\r\n0\r\n\r\n" + _EVIL), []),
    "chunk ended by any two bytes": (_post(_CHUNKED, body=b"5\r\nhelloXX0\r\n\r\n" + _EVIL), []),
    "chunk without an end": (_post(_CHUNKED, body=b"5\r\nhello0\r\n\r\n" + _EVIL), []),
    "negative chunk size": (_post(_CHUNKED, body=b"-1\r\n\r\n0\r\n\r\n" + _EVIL), []),
    "trailers ended by a bare LF": (_post(_CHUNKED, body=b"0\r\nX: y\n\n" + _EVIL), []),
    "trailers ended by CR": (_post(_CHUNKED, body=b"0\r\n\r" + _EVIL), []),
    "request in a trailer": (_post(_CHUNKED, body=b"0\r\nX: GET /evil HTTP/1.1\r\nHost: b\r\n\r\n"), [b"/"]),
    "request in a chunk": (_post(_CHUNKED, body=b"%x\r\n" % len(_EVIL) + _EVIL + b"\r\n0\r\n\r\n"), [b"/"]),
    "extension that looks like an end": (_post(_CHUNKED, body=b'5;a="0"\r\nhello\r\n0\r\n\r\n'), [b"/"]),
    "head ended by bare LF": (b"GET / HTTP/1.1\nHost: a\n\n" + _EVIL, []),
    "head ended by CR LF LF": (b"GET / HTTP/1.1\r\nHost: a\r\n\n" + _EVIL, []),
    "head ended by LF CR LF": (b"GET / HTTP/1.1\r\nHost: a\n\r\n" + _EVIL, []),
    "request line in the target": (b"GET /x HTTP/1.1\r\nHost: a\r\nX: GET /evil HTTP/1.1\r\n\r\n", [b"/x"]),
    "two requests in one line": (b"GET /a HTTP/1.1 GET /evil HTTP/1.1\r\nHost: a\r\n\r\n", []),
    "HTTP/0.9 in between": (b"GET /\r\n" + _EVIL, []),
    "HTTP/1.1 twice in the version": (b"GET / HTTP/1.1HTTP/1.1\r\nHost: a\r\n\r\n", []),
    "space first": (b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", []),
    "Host twice (CVE-2026-34525)": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", []),
    "Host folded": (b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", []),
    "Host against the target": (b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", []),
    "upgrade with content (CVE-2026-69243)": (
        _post(b"Connection: Upgrade", b"Upgrade: websocket", _length(_EVIL), body=_EVIL),
        [],
    ),
    "upgrade to h2c with content": (
        _post(
            b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: x", _length(_EVIL), body=_EVIL
        ),
        [],
    ),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _EVIL, []),
    "CONNECT": (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n" + _EVIL, []),
    "empty line in between": (_post(_length(b"hello"), body=b"hello") + b"\r\n" + _EVIL, [b"/", b"/evil"]),
    "two empty lines in between": (_post(_length(b"hello"), body=b"hello") + b"\r\n\r\n" + _EVIL, [b"/"]),
    "behind close": (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + _EVIL, [b"/"]),
    "behind HTTP/1.0": (b"GET / HTTP/1.0\r\nHost: a\r\n\r\n" + _EVIL, [b"/"]),
}


def _answer(*lines: bytes, body: bytes = b"", status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\n" % status + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


_SPLIT = _answer(b"Content-Length: 4", body=b"evil")

RESPONSE_VECTORS: dict[str, tuple[bytes, list[bytes]]] = {
    "length twice (nginx-tests proxy_duplicate_headers)": (
        _answer(b"Content-Length: 0", _length(_SPLIT), body=_SPLIT),
        [],
    ),
    "length and chunked": (_answer(b"Content-Length: 5", _CHUNKED, body=b"0\r\n\r\n" + _SPLIT), []),
    "unknown coding": (_answer(b"Transfer-Encoding: gzip", body=_SPLIT), []),
    "chunked twice": (_answer(_CHUNKED, _CHUNKED, body=b"0\r\n\r\n" + _SPLIT), []),
    "chunked before a tab": (_answer(b"Transfer-Encoding: chunked\t", body=b"0\r\n\r\n" + _SPLIT), []),
    "bare LF in a value": (_answer(b"X: y\nContent-Length: 0", body=_SPLIT), []),
    "bare CR in a value": (_answer(b"X: y\rContent-Length: 0", body=_SPLIT), []),
    "bare CR in the reason": (_answer(b"Content-Length: 0", status=b"200 O\rK", body=_SPLIT), []),
    "folded": (_answer(b"X: y", b" Content-Length: 0", body=_SPLIT), []),
    "204 with a body": (_answer(b"Content-Length: 4", status=b"204 No Content", body=b"evil"), [b""]),
    "304 with a body": (_answer(b"Content-Length: 4", status=b"304 Not Modified", body=b"evil"), [b""]),
    "100 with a body": (_answer(b"Content-Length: 4", status=b"100 Continue", body=_SPLIT), []),
    "chunk size with a sign": (_answer(_CHUNKED, body=b"+5\r\nhello\r\n0\r\n\r\n" + _SPLIT), []),
    "chunk size ended by a bare LF": (_answer(_CHUNKED, body=b"5\nhello\r\n0\r\n\r\n" + _SPLIT), []),
    "answer behind an answer": (_answer(b"Content-Length: 5", body=b"hello" + _SPLIT), [b"hello"]),
    "answer in a chunk": (_answer(_CHUNKED, body=b"%x\r\n" % len(_SPLIT) + _SPLIT + b"\r\n0\r\n\r\n"), [_SPLIT]),
    "fewer bytes than announced": (_answer(b"Content-Length: 5", body=b"hell"), []),
    "no last chunk": (_answer(_CHUNKED, body=b"5\r\nhello\r\n"), []),
    "HTTP/0.9": (b"<html>evil</html>\r\n\r\n", []),
}
