"""Put values of the request into texts of the table: `${request.host}`, `${request.header.X-Tenant}` and so on.

A text is compiled once into pieces, and filled in by one pass: what a client sent is never read as a template itself.
A value is written as the place asks for where it goes (`Writing`), so that it can break out of none: a value for a
field holds no CR, LF or NUL, one for a URL cannot lead elsewhere, one for HTML or JSON is escaped.

- `method`, `scheme`, `host`, `path`, `query`, `target`: as the client sent them, path and query percent-encoded.
- `id`, `client`: the id of the request, and the client's address through the proxies that are trusted.
- `header.NAME`, `cookie.NAME`: the first of that name. What a filter changed before is read as it changed it.
- `query.NAME`: the first parameter of that name, decoded. `param.NAME`: what `{NAME}` of the route's path took, as
  received.

What is missing is empty, and so is a parameter of the query whose decoded value holds control characters: to drop only
these would make another word of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote_from_bytes, unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from orion_gateway.filters.filter import Exchange

Writing = Literal["text", "field", "url", "cookie", "html", "json"]
"""How values are written: as they are; in a field; in a URL; in a field whose syntax is that of cookies; escaped."""

_REFERENCE = re.compile(rb"\$\{request\.([^}]*)\}")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_NOT_IN_COOKIES = re.compile(rb"[^!#-+\--:<-\[\]-~]")
"""What is no cookie-octet of RFC 6265, section 4.1.1."""

_HOST_FOLLOWS = re.compile(rb"[/\\]{2}")
_SCHEME = re.compile(rb"[^/\\?#]*:")

_HTML = {0x26: "&amp;", 0x3C: "&lt;", 0x3E: "&gt;", 0x22: "&quot;", 0x27: "&#39;"}
_JSON = {
    **{code: f"\\u{code:04x}" for code in (*range(0x20), 0x26, 0x27, 0x3C, 0x3E, 0x7F, 0x2028, 0x2029)},
    0x22: '\\"',
    0x5C: "\\\\",
}
"""Besides what JSON asks for, what could end a string or an element in a script."""


def writing_in_field(name: str) -> Writing:
    """Return how values are written into the field of this name."""
    match name.lower():
        case "location" | "content-location":
            return "url"
        case "cookie" | "set-cookie":
            return "cookie"
    return "field"


def writing_in_content(content_type: str) -> Writing:
    """Return how values are written into content of this type."""
    kind = content_type.partition(";")[0].strip().lower()
    if "html" in kind or "xml" in kind:
        return "html"
    return "json" if "json" in kind or "javascript" in kind or "ecmascript" in kind else "text"


class Template:
    """A text of the table whose references are known. What is no reference stays as it is written."""

    __slots__ = ("_is_guarded", "_pieces", "_writing", "constant")

    def __init__(self, text: bytes, writing: Writing) -> None:
        self._pieces: list[bytes | Callable[[Exchange], bytes]] = []
        self._writing = writing
        end = 0
        for found in _REFERENCE.finditer(text):
            value = _compile_value(found[1], writing)
            if value is not None:
                self._add(text[end : found.start()])
                self._pieces.append(value)
                end = found.end()
        self._add(text[end:])
        has_values = any(callable(piece) for piece in self._pieces)
        self.constant = None if has_values else text
        """The text when it holds no references, else None."""
        begin = self._pieces[0] if self._pieces else b""
        leads_on = begin == b"/" or (callable(begin) and begin is not _PLAIN[b"scheme"])
        self._is_guarded = writing == "url" and has_values and leads_on

    def fill(self, exchange: Exchange) -> bytes:
        """Return the text with the values of this exchange."""
        if self.constant is not None:
            return self.constant
        filled = b"".join([piece if piece.__class__ is bytes else piece(exchange) for piece in self._pieces])  # type: ignore[operator]
        if self._writing == "field":
            return filled.strip(b" \t")
        if self._is_guarded:
            # RFC 3986, section 4.2: `//` would begin a host, and browsers read `\` as `/`. `/.` stays on this one.
            if _HOST_FOLLOWS.match(filled):
                return b"/." + filled
            # As there: a colon in the first segment would end a scheme.
            if _SCHEME.match(filled):
                return b"./" + filled
        return filled

    def _add(self, literal: bytes) -> None:
        if literal:
            self._pieces.append(literal)


def _compile_value(name: bytes, writing: Writing) -> Callable[[Exchange], bytes] | None:
    """Return what reads a value and writes it, or None when there is no such value."""
    group, _, rest = name.partition(b".")
    is_url = False
    if name in _PLAIN:
        read, is_url = _PLAIN[name], name in _IN_URLS
    elif rest and group in _GROUPS:
        read, is_url = _GROUPS[group](rest), group == b"param"
    else:
        return None
    if writing == "url" and not is_url:
        return lambda exchange: quote_from_bytes(read(exchange), safe="").encode("ascii")
    if writing in _WRITERS:
        write = _WRITERS[writing]
        return lambda exchange: write(read(exchange))
    return read


def _read_client(exchange: Exchange) -> bytes:
    address = exchange.client_address()
    return b"" if address is None else str(address).encode("ascii")


def _header(name: bytes) -> Callable[[Exchange], bytes]:
    lower = name.lower()
    return lambda exchange: exchange.request.first(lower) or b""


def _cookie(name: bytes) -> Callable[[Exchange], bytes]:
    mark = name + b"="

    def read(exchange: Exchange) -> bytes:
        for line in exchange.request.values(b"cookie"):
            if mark in line:
                for pair in line.split(b";"):
                    stripped = pair.strip(b" \t")
                    if stripped.startswith(mark):
                        return stripped[len(mark) :]
        return b""

    return read


def _query(name: bytes) -> Callable[[Exchange], bytes]:
    def read(exchange: Exchange) -> bytes:
        query = exchange.request.query
        for pair in query.split(b"&") if query else ():
            key, _, value = pair.partition(b"=")
            if key == name or (_is_coded(key) and _decode(key) == name):
                decoded = _decode(value) if _is_coded(value) else value
                return b"" if _CONTROL.search(decoded) else decoded
        return b""

    return read


def _param(name: bytes) -> Callable[[Exchange], bytes]:
    key = name.decode()
    return lambda exchange: exchange.params.get(key, b"")


def _is_coded(text: bytes) -> bool:
    return b"%" in text or b"+" in text


def _decode(text: bytes) -> bytes:
    """Decode as HTML forms encode (WHATWG URL, section 5.1)."""
    return unquote_to_bytes(text.replace(b"+", b" "))


def _write_html(value: bytes) -> bytes:
    return value.decode(errors="replace").translate(_HTML).encode()


def _write_json(value: bytes) -> bytes:
    return value.decode(errors="replace").translate(_JSON).encode()


def _write_cookie(value: bytes) -> bytes:
    return _NOT_IN_COOKIES.sub(lambda found: b"%%%02X" % found[0][0], value)


_PLAIN: dict[bytes, Callable[[Exchange], bytes]] = {
    b"client": _read_client,
    b"host": lambda exchange: exchange.request.host,
    b"id": lambda exchange: exchange.request_id(),
    b"method": lambda exchange: exchange.method,
    b"path": lambda exchange: exchange.request.path,
    b"query": lambda exchange: exchange.request.query,
    b"scheme": lambda exchange: exchange.scheme,
    b"target": lambda exchange: exchange.request.target,
}
_GROUPS: dict[bytes, Callable[[bytes], Callable[[Exchange], bytes]]] = {
    b"cookie": _cookie,
    b"header": _header,
    b"param": _param,
    b"query": _query,
}
_IN_URLS = frozenset([b"host", b"path", b"query", b"scheme", b"target"])
"""What stands in a URL as the client sent it, being a part of one."""

_WRITERS: dict[str, Callable[[bytes], bytes]] = {"cookie": _write_cookie, "html": _write_html, "json": _write_json}
