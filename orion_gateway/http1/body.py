"""Find where a message body ends, and write bodies out again with framing of our own.

Pure: bytes in, slices of payload out. Whatever the sender's framing was, what is sent on is framed anew from the
payload (RFC 9112, sections 6 and 7), so that two parsers behind each other can never see two different messages.
Payload is never joined or copied: what comes out are the received bytes or views of them.
"""

import re
from collections.abc import Iterable, Sequence
from enum import Enum, auto

from orion_gateway.http1.fields import TOKEN, is_allowed_in_trailers
from orion_gateway.http1.scan import scan_size

Payload = bytes | memoryview

_MAX_CHUNK_LINE = 256
_MAX_EXTENSION_BYTES = 16 * 1024
_CHUNK_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,15}+)"
    rb"((?:;" + TOKEN + rb"++(?:=(?:" + TOKEN + rb'++|"(?:[\t \x21\x23-\x5b\x5d-\x7e]|\\[\t\x20-\x7e])*+"))?)*+)\r\n'
)
_TRAILER_LINE = re.compile(rb"(" + TOKEN + rb"++):[\t\x20-\x7e\x80-\xff]*+\r\n")
_FRAMING = (b"content-length", b"transfer-encoding")


class BodyRefused(Exception):  # noqa: N818 (it is a verdict about a message, not an error of ours)
    """The framing of a body is malformed or exceeds a bound; the message says how. The connection is beyond repair."""


class Body:
    """The rest of a message whose head has been read."""

    __slots__ = ("done",)

    def __init__(self) -> None:
        self.done = False
        """Whether the last byte of the message has been fed."""

    def feed(self, data: bytes) -> tuple[Sequence[Payload], bytes]:
        """Return the payload in `data` and the bytes behind the message's end (empty unless `done`).

        Raises BodyRefused when the framing is broken.
        """
        raise NotImplementedError

    def end(self) -> bool:
        """Take the end of the connection; return whether the message was complete."""
        return self.done


class NoBody(Body):
    """A message without content: the next byte belongs to the next message."""

    __slots__ = ()

    def __init__(self) -> None:
        self.done = True

    def feed(self, data: bytes) -> tuple[Sequence[Payload], bytes]:
        """Return everything as lying behind the message."""
        return (), data


class LengthBody(Body):
    """A body of a known number of bytes (RFC 9112, section 6.3, rule 6)."""

    __slots__ = ("remaining",)

    def __init__(self, length: int) -> None:
        self.remaining = length
        self.done = length == 0

    def feed(self, data: bytes) -> tuple[Sequence[Payload], bytes]:
        """Return payload up to the length, and what lies behind it."""
        size = len(data)
        remaining = self.remaining
        if size < remaining:
            self.remaining = remaining - size
            return (data,), b""
        self.done = True
        self.remaining = 0
        if remaining == 0:
            return (), data
        if size == remaining:
            return (data,), b""
        return (memoryview(data)[:remaining],), data[remaining:]


class UntilCloseBody(Body):
    """A response body that ends with the connection (RFC 9112, section 6.3, rule 8)."""

    __slots__ = ()

    def feed(self, data: bytes) -> tuple[Sequence[Payload], bytes]:
        """Return everything as payload."""
        return (data,), b""

    def end(self) -> bool:
        """Return True: the end of the connection is the end of the message."""
        self.done = True
        return True


class _Due(Enum):
    """The line that a chunked body expects next, when no payload is."""

    SIZE = auto()
    CHUNK_END = auto()
    TRAILER = auto()


_SIZE, _CHUNK_END, _TRAILER = _Due


class ChunkedBody(Body):
    """A body in chunks (RFC 9112, section 7.1), read strictly: exact CRLF, plain sizes, bounded lines and trailers."""

    __slots__ = ("_due", "_extension_room", "_line", "_remaining", "_removed", "_trailer_room", "trailers")

    def __init__(self, max_trailers: int = 32 * 1024, removed: Iterable[bytes] = ()) -> None:
        """`max_trailers` bounds the trailer section in bytes; `removed` are the lower-case names in Connection."""
        self.done = False
        self.trailers = b""
        """The lines of the trailer section that may be sent on (RFC 9110, section 6.5.1); complete when `done`."""
        self._due = _SIZE
        self._line = b""  # what has come of an unfinished line
        self._remaining = 0  # bytes of the current chunk still to come
        self._removed = removed
        self._extension_room = _MAX_EXTENSION_BYTES
        self._trailer_room = max_trailers

    def feed(self, data: bytes) -> tuple[Sequence[Payload], bytes]:
        """Return the payload slices in `data`, and what lies behind the last chunk and trailers."""
        pieces: list[Payload] = []
        view = memoryview(data)
        position = 0
        size = len(data)
        while position < size:
            if not self._remaining:
                position = self._read_line(data, position)
                if self.done:
                    return pieces, data[position:]
                continue
            end = min(size, position + self._remaining)
            pieces.append(view[position:end])
            self._remaining -= end - position
            position = end
            if not self._remaining:
                # Most often the line behind a chunk and the next plain size are there too: chunks may be tiny and many.
                plain = scan_size(data, position + 2) if data.startswith(b"\r\n", position) else None
                if plain is None:
                    self._due = _CHUNK_END
                else:
                    position = plain[1]
                    self._begin_chunk(plain[0])
        return pieces, b""

    def _read_line(self, data: bytes, position: int) -> int:
        """Read what is there of the line that is due; return where reading goes on."""
        due = self._due
        if due is _SIZE:
            plain = None if self._line else scan_size(data, position)
            if plain is not None:
                self._begin_chunk(plain[0])
                return plain[1]
            bound = _MAX_CHUNK_LINE
        elif due is _CHUNK_END:
            bound = 2
        else:
            bound = max(self._trailer_room, 2)
        stop = position + bound - len(self._line)
        end = data.find(b"\n", position, stop) + 1
        if end == 0:
            if len(data) >= stop:
                raise BodyRefused(_TOO_LONG[due])
            self._line += data[position:]
            return len(data)
        line, self._line = self._line + data[position:end], b""
        if due is _SIZE:
            self._take_size(line)
        elif due is _TRAILER:
            self._take_trailer(line)
        elif line == b"\r\n":
            self._due = _SIZE
        else:
            raise BodyRefused(_TOO_LONG[due])
        return end

    def _take_size(self, line: bytes) -> None:
        match = _CHUNK_LINE.fullmatch(line)
        if match is None:
            raise BodyRefused("a chunk size line is malformed")
        self._extension_room -= len(match[2])
        if self._extension_room < 0:
            raise BodyRefused(f"chunk extensions exceed {_MAX_EXTENSION_BYTES} bytes")
        self._begin_chunk(int(match[1], 16))

    def _begin_chunk(self, size: int) -> None:
        self._remaining = size
        if size == 0:
            self._due = _TRAILER
            self._removed = frozenset(self._removed)  # both it and the trailers may have thousands

    def _take_trailer(self, line: bytes) -> None:
        if line == b"\r\n":
            self.done = True
            return
        match = _TRAILER_LINE.fullmatch(line)
        if match is None:
            raise BodyRefused("the trailer section is malformed")
        self._trailer_room -= len(line)
        name = match[1].lower()
        if name in _FRAMING:
            # Dropping it would do, were there not parsers that take it for framing and refuse, or find another end.
            raise BodyRefused("the trailer section holds a field of framing")
        if is_allowed_in_trailers(name) and name not in self._removed:
            self.trailers += line


_TOO_LONG = {
    _SIZE: f"a chunk size line is longer than {_MAX_CHUNK_LINE} bytes",
    _CHUNK_END: "a chunk does not end in CRLF",
    _TRAILER: "the trailer section is too large",
}


def encode_chunk(pieces: Sequence[Payload]) -> list[Payload]:
    """Return payload pieces as one chunk to be written in a row; nothing for no payload, which would end the body."""
    size = 0
    for piece in pieces:
        size += len(piece)
    return [f"{size:x}\r\n".encode("ascii"), *pieces, b"\r\n"] if size else []


def encode_last_chunk(trailers: bytes = b"") -> bytes:
    """Return what ends a chunked body, with trailer lines as `ChunkedBody.trailers` gives them."""
    return b"0\r\n%b\r\n" % trailers
