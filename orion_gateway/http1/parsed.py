"""What a parsed head holds: the received bytes, what was judged of them, and the edits to apply when it is rendered.

A field is found in the bytes only when somebody asks for it. `request` and `response` fill heads; `render` writes them
out again.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

from orion_gateway.http1.body import Body, ChunkedBody, LengthBody, NoBody, UntilCloseBody
from orion_gateway.http1.fields import HOP_BY_HOP
from orion_gateway.http1.scan import Line, find_line, find_lines

Underscores = Literal["drop", "allow", "reject"]

# Always cut, because rendering writes them anew from what was judged; routing and filters may read them all the same.
_WRITTEN_ANEW = HOP_BY_HOP | {b"content-length", b"host"}

_FIELD = re.compile(rb"(?<=\n)([^:\r]++):([^\r]*+)\r")


class HeadLimits:
    """Bounds of a head in bytes and fields, and what to do with field names that hold `_`.

    `request_line` (and status line) is counted without its line end, `section` is all field lines with theirs.
    """

    __slots__ = ("fields", "request_line", "section", "underscores")

    def __init__(
        self,
        request_line: int = 8 * 1024,
        section: int = 32 * 1024,
        fields: int = 128,
        underscores: Underscores = "drop",
    ) -> None:
        self.request_line = request_line
        self.section = section
        self.fields = fields
        self.underscores: Underscores = underscores

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HeadLimits) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def _values(self) -> tuple[object, ...]:
        return self.request_line, self.section, self.fields, self.underscores


@dataclass(frozen=True, slots=True)
class Refusal:
    """A head that is not accepted: the status to answer with, and what is wrong with it, without repeating its bytes.

    `is_too_large` tells a head that exceeds a bound from one that is malformed.
    """

    status: int
    message: str
    is_too_large: bool = False


class Framing(Enum):
    """How the end of a body is known."""

    NONE = auto()
    """There is none."""
    LENGTH = auto()
    CHUNKED = auto()
    UNTIL_CLOSE = auto()


_NAME = re.compile(rb"\n([^:\r]++):")
_AS_DASH = bytes.maketrans(b"_.", b"--")

# Bound once: looking a member up costs more than what is decided by it.
_NONE, _LENGTH, _CHUNKED, _UNTIL_CLOSE = Framing.NONE, Framing.LENGTH, Framing.CHUNKED, Framing.UNTIL_CLOSE


class Head:
    """A head as it was received, and what of it is not sent on or added."""

    __slots__ = (
        "added",
        "connection",
        "content_length",
        "cuts",
        "fields_start",
        "framing",
        "has_odd_names",
        "is_keep_alive",
        "minor",
        "raw",
        "upgrade",
    )

    def _begin(self, raw: bytes, fields_start: int, minor: int) -> None:
        """Fill what requests and responses share; `raw` runs to the end of the empty line."""
        self.raw = raw
        self.fields_start = fields_start
        self.minor = minor
        self.framing = _NONE
        self.content_length = -1
        """The value of Content-Length, or -1 when there is none or it must not be sent on."""
        self.has_odd_names = False
        """Whether a name of a request holds `_` or `.`, which programs behind the gateway may take for `-`."""
        self.is_keep_alive = minor == 1
        self.connection = b""
        """The lower-case values of Connection, with a comma between."""
        self.upgrade = b""
        """The lower-case value of Upgrade when Connection lists it, else empty."""
        self.cuts: list[Line] = []
        """Lines that are not sent on as they came."""
        self.added: tuple[bytes, ...] = ()
        """Lines to add, each ending in CRLF."""

    @property
    def connection_tokens(self) -> list[bytes]:
        """The lower-case options of Connection."""
        return split_list(self.connection) if self.connection else []

    def lines(self, name: bytes) -> list[Line]:
        """Return the received lines of a lower-case name, cut ones too."""
        return find_lines(self.raw, self.fields_start, name)

    def value_at(self, line: Line) -> bytes:
        """Return the value of a line without the white space around it."""
        return line.value(self.raw).strip(b" \t")

    def values(self, name: bytes) -> list[bytes]:
        """Return the values of all fields of a lower-case name, in order.

        A field that was removed, by an edit or because a client may not set it, is not seen: nobody decides on what the
        other side does not get. Host, framing and hop-by-hop fields are seen as received.
        """
        lines = find_lines(self.raw, self.fields_start, name)
        if lines and name not in _WRITTEN_ANEW:
            lines = [line for line in lines if not self._is_cut(line)]
        values = [self.value_at(line) for line in lines]
        if self.added:
            values += [line[len(name) + 1 :].strip() for line in self.added if _is_named(line, name)]
        return values

    def fields(self) -> list[tuple[bytes, bytes]]:
        """Return name, as it is written, and value of every field that `values` sees, in order.

        It walks the whole section: for the few who do not know which name they look for.
        """
        cut = {line.start for line in self.cuts}
        found = []
        for match in _FIELD.finditer(self.raw, self.fields_start - 1):
            name = match[1]
            if match.start(1) not in cut or name.lower() in _WRITTEN_ANEW:
                found.append((name, match[2].strip(b" \t")))
        for line in self.added:
            name, _, value = line.partition(b":")
            found.append((name, value.strip()))
        return found

    def field_values(self, name: bytes) -> list[bytes]:
        """Return `values`: the name under which routing knows it."""
        return self.values(name)

    def first(self, name: bytes) -> bytes | None:
        """Return the first of `values`, or None."""
        # The short way to the usual answer: logging asks this of every request.
        line = find_line(self.raw, self.fields_start, name)
        if line is not None:
            if not self._is_cut(line):
                return self.value_at(line)
        elif not self.added:
            return None
        values = self.values(name)
        return values[0] if values else None

    def remove(self, name: bytes) -> None:
        """Leave out every field of a lower-case name, received or added; of a request in every spelling.

        A client could otherwise slip `X.Tenant` past a filter that says X-Tenant.
        """
        self.cuts += find_lines(self.raw, self.fields_start, name)
        if self.has_odd_names:
            self._remove_spellings(name)
        for line in self.added:
            if _is_named(line, name):
                self.added = tuple([line for line in self.added if not _is_named(line, name)])
                break

    def add(self, name: bytes, value: bytes) -> None:
        """Add a field; the value must hold no CR, LF or NUL (the caller made it or has judged it).

        Host and the fields of framing are not for edits: rendering writes them.
        """
        self.added += (b"%b: %b\r\n" % (name, value),)

    def set(self, name: bytes, value: bytes) -> None:
        """Replace every field of this name, whatever its case, by one."""
        self.remove(name.lower())
        self.add(name, value)

    def _remove_spellings(self, name: bytes) -> None:
        plain = name.translate(_AS_DASH)
        for match in _NAME.finditer(self.raw.lower(), self.fields_start - 1):
            if match[1] != name and match[1].translate(_AS_DASH) == plain:
                self.cuts += find_lines(self.raw, self.fields_start, match[1])

    def _is_cut(self, line: Line) -> bool:
        start = line.start
        for cut in self.cuts:  # noqa: SIM110 (a generator would cost more than the few cuts there are)
            if cut.start == start:
                return True
        return False


class RequestHead(Head):
    """A request head: what was asked, of whom, and what of it concerns the way the message travels."""

    __slots__ = (
        "claims",
        "expects_continue",
        "has_tracestate",
        "host",
        "max_forwards",
        "method",
        "path",
        "query",
        "request_id",
        "target",
        "traceparent",
        "trailers",
        "via",
    )

    def __init__(self, raw: bytes, fields_start: int, minor: int, method: bytes, target: bytes) -> None:
        self.begin(raw, fields_start, minor, method, target)

    def begin(self, raw: bytes, fields_start: int, minor: int, method: bytes, target: bytes) -> None:
        """Fill a new head. Typed code can call this by itself, and `__init__` only as slowly as Python does."""
        self._begin(raw, fields_start, minor)
        self.method = method
        self.target = target
        """The target in origin form, or `*`."""
        self.path = target
        self.query = b""
        """What stands behind the first `?`, without it."""
        self.host = b""
        """The value of Host, else the authority of an absolute-form target, as received; empty without either."""
        self.expects_continue = False
        self.max_forwards = -1
        """The value of Max-Forwards (RFC 9110, section 7.6.2), or -1."""
        self.trailers = False
        """Whether the client asked for trailers (`TE: trailers`)."""
        self.request_id: bytes | None = None
        """The value of X-Request-Id; empty when it is repeated, None when there is none."""
        self.traceparent: bytes | None = None
        """The value of traceparent; empty when it is repeated, None when there is none."""
        self.has_tracestate = False
        self.via = b""
        """The values of Via in lower case, each behind a comma."""
        self.claims: dict[bytes, list[Line]] | None = None
        """Lines of Forwarded and X-Forwarded-*, by lower-case name: what the peer says about others; None without."""

    @property
    def version(self) -> bytes:
        """The protocol version as the request line said it."""
        return b"HTTP/1.1" if self.minor else b"HTTP/1.0"

    def is_websocket(self) -> bool:
        """Say whether Upgrade asks for a WebSocket, among other protocols perhaps."""
        return self.upgrade != b"" and b"websocket" in split_list(self.upgrade)

    def body(self, max_trailers: int) -> Body:
        """Return a fresh reader for the content of this request; its trailer section may have `max_trailers` bytes."""
        if self.framing is _LENGTH:
            return LengthBody(self.content_length)
        if self.framing is _CHUNKED:
            return ChunkedBody(max_trailers, self.connection_tokens)
        return NoBody()


class ResponseHead(Head):
    """A response head."""

    __slots__ = ("has_date", "has_request_id", "keep_alive_timeout", "reason", "status")

    def __init__(self, raw: bytes, fields_start: int, minor: int, status: int, reason: bytes) -> None:
        self.begin(raw, fields_start, minor, status, reason)

    def begin(self, raw: bytes, fields_start: int, minor: int, status: int, reason: bytes) -> None:
        """Fill a new head; see `RequestHead.begin`."""
        self._begin(raw, fields_start, minor)
        self.status = status
        self.reason = reason
        self.has_date = False
        self.has_request_id = False
        self.keep_alive_timeout: int | None = None
        """Seconds until the endpoint ends an idle connection (`Keep-Alive: timeout=n`, RFC 2068, section 19.7.1.1)."""

    def is_websocket(self) -> bool:
        """Say whether Upgrade grants a WebSocket and nothing else."""
        return self.upgrade == b"websocket"

    def body(self, max_trailers: int) -> Body:
        """Return a fresh reader for the content of this response; its trailer section may have `max_trailers` bytes."""
        if self.framing is _LENGTH:
            return LengthBody(self.content_length)
        if self.framing is _CHUNKED:
            return ChunkedBody(max_trailers, self.connection_tokens)
        if self.framing is _UNTIL_CLOSE:
            return UntilCloseBody()
        return NoBody()


def _is_named(line: bytes, name: bytes) -> bool:
    """Say whether a line that was added is of this lower-case name."""
    size = len(name)
    if len(line) <= size or line[size] != 0x3A:
        return False
    # Byte by byte: this is asked of every added line for every edit, and a slice in lower case costs two objects.
    for place in range(size):
        byte = line[place]
        if 0x41 <= byte <= 0x5A:
            byte |= 0x20
        if byte != name[place]:
            return False
    return True


def split_list(value: bytes) -> list[bytes]:
    """Return the elements of a comma-separated value without the space around them (RFC 9110, section 5.6.1)."""
    if b"," not in value:
        return [value.strip(b" \t")]
    return [element.strip(b" \t") for element in value.split(b",")]
