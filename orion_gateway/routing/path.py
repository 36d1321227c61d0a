"""Judge the path of a request target and cut it into the segments that routes are compared with.

Whatever an endpoint could read as another path than the one judged here is refused: dot segments in every spelling,
broken percent-encoding, bytes outside of visible ASCII, backslash, NUL. Whether `%2F` and empty segments are accepted
depends on the route, so they are only noted. Splitting off the query string is left to the caller; nothing is changed
in what is sent on.

Each segment is percent-decoded exactly once (RFC 3986, section 2.4): `/%61` is matched as `/a`, and `%252e%252e`
becomes `%2e%2e`, which is no dot segment. `%2F` alone is not decoded, or a segment could turn into two; it is kept as
`%2F` in upper case.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from orion_gateway.routing.plain import split_plain

_find_forbidden = re.compile(rb"[^!-~]|[\\#?]|%00|%5[Cc]").search
_find_broken_encoding = re.compile(rb"%(?![0-9A-Fa-f]{2})").search
_split_encoded_slashes = re.compile(rb"%2[Ff]").split


class PathRefused(Exception):  # noqa: N818 (it is a verdict about a request, not an error of ours)
    """The path is answered with 400. `message` says why, fit for the client."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class JudgedPath:
    """A path that may be matched: `raw` as received, `segments` decoded.

    `/` has one empty segment, `/a/` has two (`a` and an empty one). `has_empty_segments` says that another one than the
    last is empty (`//`), `has_parameters` that there is a `;`.
    """

    __slots__ = ("has_empty_segments", "has_encoded_slash", "has_parameters", "raw", "segments")

    def __init__(
        self,
        raw: bytes,
        segments: list[bytes],
        has_encoded_slash: bool,
        has_empty_segments: bool,
        has_parameters: bool = False,
    ) -> None:
        self.raw = raw
        self.segments = segments
        self.has_encoded_slash = has_encoded_slash
        self.has_empty_segments = has_empty_segments
        self.has_parameters = has_parameters

    @property
    def decoded(self) -> bytes:
        """The decoded segments joined by `/`: what `path_regex` is matched with."""
        return b"/" + b"/".join(self.segments)

    def without_parameters(self) -> JudgedPath:
        """Return the path that an endpoint sees which drops the parameters of segments before it reads them."""
        segments = [
            b"%2F".join([piece.partition(b";")[0] for piece in segment.split(b"%2F")]) for segment in self.segments
        ]
        # What was only parameters leaves an empty segment, and who drops the one drops the other.
        segments = [segment for segment in segments[:-1] if segment] + segments[-1:]
        return JudgedPath(self.raw, segments, self.has_encoded_slash, False)


def judge_path(path: bytes) -> JudgedPath:
    """Return what `path`, a raw path without its query string, means to routes.

    Raises PathRefused when it is one that nobody may forward (RFC 3986, section 3.3; "Matching" of the route table).
    """
    segments = split_plain(path)
    if segments is None:
        return _judge_closely(path)
    # Nearly every path comes by here, and compiled, a call of the class costs as much as the splitting.
    judged = JudgedPath.__new__(JudgedPath)
    judged.raw = path
    judged.segments = segments
    judged.has_encoded_slash = judged.has_empty_segments = judged.has_parameters = False
    return judged


def _judge_closely(path: bytes) -> JudgedPath:
    if not path.startswith(b"/"):
        raise PathRefused("the path does not start with '/'")
    if forbidden := _find_forbidden(path):
        raise PathRefused(f"the path contains {_name_bytes(forbidden[0])}")
    if _find_broken_encoding(path):
        raise PathRefused("the path contains a '%' that is not followed by two hexadecimal digits")
    encoded = path[1:].split(b"/")
    segments = [_decode_segment(segment) for segment in encoded]
    has_encoded_slash = any(len(_split_encoded_slashes(segment)) > 1 for segment in encoded)
    has_parameters = any(b";" in segment for segment in segments)
    return JudgedPath(path, segments, has_encoded_slash, b"" in segments[:-1], has_parameters)


def _decode_segment(segment: bytes) -> bytes:
    # What stands between two `%2F` is judged as a segment of its own: an endpoint may decode it into one.
    pieces = [unquote_to_bytes(piece) for piece in _split_encoded_slashes(segment)]
    for piece in pieces:
        # RFC 3986, section 3.3: parameters after `;` belong to the segment; servers exist that drop them first.
        if piece.partition(b";")[0] in (b".", b".."):
            raise PathRefused("the path contains a dot segment")
    return b"%2F".join(pieces)


def _name_bytes(found: bytes) -> str:
    if len(found) == 1 and not 0x21 <= found[0] <= 0x7E:
        return f"the byte 0x{found[0]:02x}"
    return f"'{found.decode('ascii')}'"
