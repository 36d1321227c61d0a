"""Messages to attack parsers with: valid ones, known smuggling vectors, and what grows when both are mixed and damaged.

The generators draw from a `Random`, so that Hypothesis (through `randoms()`) and `fuzz` use the same ones.
"""

from random import Random

METHODS = (
    b"GET",
    b"GET",
    b"GET",
    b"POST",
    b"POST",
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"PATCH",
    b"PURGE",
    b"BREW",
)
TARGETS = (
    b"/",
    b"/",
    b"/a/b?c=d",
    b"/?",
    b"//a",
    b"/%2e%2e/x?q=%00",
    b"*",
    b"http://a/x",
    b"http://A:80",
    b"http://a?x",
    b"https://a/",
    b"http://u@a/",
    b"a:80",
    b"/a#b",
    b"/\x80",
    b"/{}|\\^`<>\"'",
    b"",
)
VERSIONS = (
    (b"HTTP/1.1",) * 12 + (b"HTTP/1.0",) * 3 + (b"HTTP/2.0", b"HTTP/1.2", b"http/1.1", b"HTTP/1.1 ", b"HTTP/01.1", b"")
)
STATUSES = (
    b"200",
    b"200",
    b"200",
    b"204",
    b"304",
    b"100",
    b"103",
    b"101",
    b"404",
    b"500",
    b"599",
    b"99",
    b"600",
    b"2000",
)
REASONS = (b" OK", b" OK", b" ", b"", b" Not \xe9", b" a\tb", b"  x")

LENGTHS = (
    b"5\t",
    b"\t5",
    b" 5 ",
    b"0",
    b"3",
    b"5",
    b"5",
    b"05",
    b"+5",
    b"-5",
    b"5,5",
    b"5, 6",
    b"0x5",
    b"5_0",
    b" ",
    b"",
    b"5 5",
    b"1e1",
    b"9" * 20,
)
CODINGS = (
    b"chunked",
    b"chunked",
    b"chunked",
    b"Chunked",
    b" chunked\t",
    b"\tchunked",
    b"xchunked",
    b"chunked, chunked",
    b"gzip, chunked",
    b"chunked, gzip",
    b"identity",
    b"chunked,",
    b",chunked",
    b"chunked;q=1",
    b'"chunked"',
    b"chunked\x0b",
    b"\x0cchunked",
    b"chunked\x00",
    b"chunk\r\n ed",
    b"chu nked",
    b"",
)
HOSTS = (
    b"a",
    b"a",
    b"a",
    b"A:80",
    b"a:80",
    b"b",
    b"",
    b"a b",
    b"a,b",
    b"a/",
    b"u@a",
    b"[::1]:8",
    b"[::g]",
    b"a:99999",
    b"a:",
)
CONNECTIONS = (
    b"close",
    b"keep-alive",
    b"Keep-Alive, Close",
    b"upgrade",
    b"Upgrade, HTTP2-Settings",
    b"x-forwarded-for, Host, content-length",
    b"transfer-encoding",
    b",,",
    b"",
)
VALUES = (
    b"",
    b"1",
    b"a b",
    b" a\tb ",
    b"caf\xc3\xa9",
    b"a\x00b",
    b"a\x01b",
    b"a\rb",
    b"a\nb",
    b"a\r\n b",
    b"\x7f",
    b"a: b",
    b"x" * 300,
)
NAMES = (
    b"X-A",
    b"Accept",
    b"Cookie",
    b"x_y",
    b"X-Forwarded-For",
    b"TE",
    b"Trailer",
    b"Via",
    b"Keep-Alive",
    b"Proxy-Connection",
)
BAD_NAMES = (b"X A", b"", b" X", b"\tX", b"X\x00", b"X(", b"\xe9", b"X-\x80", b'"X"')
SEPARATORS = (b": ",) * 20 + (b":", b":\t", b":  ", b" : ", b" :", b"\t:", b"")
ENDS = (b"\r\n",) * 400 + (b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n ", b"\r\n\t", b"\n\n", b" \r\n", b"\x0b\r\n")
SIZES = (
    b"%x",
    b"%x",
    b"%x",
    b"%X",
    b"0%x",
    b"%x;a",
    b"%x;a=b",
    b'%x;a="b;\\""',
    b"%x ",
    b" %x",
    b"0x%x",
    b"+%x",
    b"%x;",
    b"%x;=",
    b"%x\t",
)
TRAILERS = (
    b"X-T: 1\r\n",
    b"Content-Length: 5\r\n",
    b"X-T : 1\r\n",
    b" X: 1\r\n",
    b"X\n",
    b"Host: b\r\n",
    b"x.forwarded.for: 1\r\n",
)
BYTES = (
    b"\r",
    b"\n",
    b"\r\n",
    b"\x00",
    b" ",
    b"\t",
    b":",
    b",",
    b";",
    b"\x0b",
    b"\x7f",
    b"\x80",
    b"0",
    b"5",
    b"a",
    b"_",
    b"#",
    b"\r\n\r\n",
)


def make_requests(rng: Random) -> bytes:
    """Make one to three requests behind each other, valid or not quite."""
    data = b"".join(_request(rng) for _ in range(rng.choice((1, 1, 2, 3))))
    return _damage(rng, data)


def make_response(rng: Random) -> bytes:
    """Make an interim response or none, a final one, and what may follow it, valid or not quite."""
    parts = [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"] if rng.random() < 0.1 else []
    end = b"\r\n" if rng.random() < 0.8 else rng.choice(ENDS)
    version = rng.choice(VERSIONS) if rng.random() < 0.3 else b"HTTP/1.1"
    parts += [version, b" ", rng.choice(STATUSES), rng.choice(REASONS), end]
    parts.append(_section_and_body(rng, []))
    if rng.random() < 0.2:
        parts.append(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    return _damage(rng, b"".join(parts))


def _request(rng: Random) -> bytes:
    is_plain = rng.random() < 0.7
    version = b"HTTP/1.1" if is_plain else rng.choice(VERSIONS)
    target = b"/x" if is_plain else rng.choice(TARGETS)
    space = b" " if rng.random() < 0.98 else rng.choice((b"  ", b"\t", b""))
    line = rng.choice(METHODS) + space + target + b" " + version + rng.choice(ENDS)
    lead = b"" if rng.random() < 0.97 else rng.choice((b"\r\n", b"\r\n\r\n", b"\n", b" ", b"\r"))
    hosts = (
        [b"Host: a"]
        if rng.random() < 0.85
        else [b"Host" + rng.choice(SEPARATORS) + rng.choice(HOSTS)] * rng.choice((0, 1, 1, 2))
    )
    return lead + line + _section_and_body(rng, hosts)


def _section_and_body(rng: Random, lines: list[bytes]) -> bytes:
    framing = rng.choice(("none", "length", "length", "chunked", "chunked", "wild"))
    body = b""
    if framing == "length":
        body = b"hello"[: rng.randrange(6)]
        lines.append(b"Content-Length: %d" % len(body))
    elif framing == "chunked":
        body = _chunks(rng)
        lines.append(b"Transfer-Encoding: chunked")
    elif framing == "wild":
        for _ in range(rng.choice((1, 2))):
            name, values = rng.choice(
                ((b"Content-Length", LENGTHS), (b"transfer-encoding", CODINGS), (b"Content-Length", LENGTHS))
            )
            lines.append(name + rng.choice(SEPARATORS) + rng.choice(values))
        body = rng.choice((b"", b"hello", _chunks(rng), b"hello" + _chunks(rng)))
    for _ in range(rng.choice((0, 1, 2, 4))):
        lines.insert(rng.randrange(len(lines) + 1), _field(rng))
    return b"".join(line + rng.choice(ENDS) for line in lines) + rng.choice(ENDS) + body


def _field(rng: Random) -> bytes:
    if rng.random() < 0.15:
        return b"Connection: " + rng.choice(CONNECTIONS)
    if rng.random() < 0.05:
        return rng.choice((b"Upgrade: websocket", b"Upgrade: h2c", b"Expect: 100-continue", b"Expect: x"))
    name = rng.choice(NAMES) if rng.random() < 0.95 else rng.choice(BAD_NAMES)
    value = b"v" if rng.random() < 0.6 else rng.choice(VALUES)
    return name + rng.choice(SEPARATORS) + value


def _chunks(rng: Random) -> bytes:
    parts = []
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        size = rng.choice((1, 2, 10, 16))
        said = size if rng.random() < 0.95 else size + rng.choice((-1, 1))
        form = rng.choice(SIZES) if rng.random() < 0.3 else b"%x"
        parts += [form % said, rng.choice(ENDS), b"abcdefghijklmnop"[:size], rng.choice(ENDS)]
    form = b"0" if rng.random() < 0.9 else rng.choice((b"00", b"0;a=b", b"0 ", b"", b"0x0", b"-0"))
    trailers = rng.choice(TRAILERS) * rng.choice((1, 1, 2)) if rng.random() < 0.2 else b""
    return b"".join(parts) + form + rng.choice(ENDS) + trailers + rng.choice(ENDS)


def _damage(rng: Random, data: bytes) -> bytes:
    """Change a few bytes, most often none."""
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2))):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0:
                data = data[:at] + rng.choice(BYTES) + data[at:]
            case 1:
                data = data[:at] + data[at + 1 :]
            case 2:
                data = data[:at] + rng.choice(BYTES) + data[at + 1 :]
            case 3:
                end = at + rng.randrange(20)
                data = data[:end] + data[at:]
            case 4 if rng.random() < 0.3:
                data = data[:at]
    return data
