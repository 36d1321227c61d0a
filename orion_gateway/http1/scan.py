"""Read the grammar of a head: its first line, and the field lines on which something depends (RFC 9110, RFC 9112).

The one part of the codec that is written twice: here with regular expressions, which specify it, and in `scan.pyx` as
one loop over the bytes. Both accept the same heads and find the same lines. What is wrong with the others is explained
by `section`; what the lines mean is judged by `request` and `response`.
"""

import re
from collections.abc import Iterator

from orion_gateway.http1.grammar import REQUEST_LINE, SECTION, STATUS_LINE
from orion_gateway.http1.kinds import CLAIM, KINDS_IN_REQUESTS, KINDS_IN_RESPONSES, MANAGED, OTHER

_REQUEST = re.compile(REQUEST_LINE + SECTION)
_RESPONSE = re.compile(STATUS_LINE + rb"()" + SECTION)


def _any_spelling(name: bytes) -> bytes:
    return name.replace(b"-", b"[-_.]")


# Both are matched against the head in lower case. The look-ahead skips most other fields.
_LINE = rb"): *+([^\r]*+)\r"
_IN_REQUESTS = re.compile(
    rb"\n(?=[cefhkmptuvx])("
    + b"|".join(map(_any_spelling, sorted(KINDS_IN_REQUESTS)))
    + rb"|x[-_.](?:forwarded|orion)[-_.][^:]*+"
    + _LINE
)
_IN_RESPONSES = re.compile(
    rb"\n(?=[cdhkptux])(" + b"|".join(map(re.escape, sorted(KINDS_IN_RESPONSES))) + rb"|x-orion-[^:._]*+" + _LINE
)
_UNDERSCORE_NAME = re.compile(rb"\n[^:\r_]*+_[^\r]*+\r")
_ODD_NAME = re.compile(rb"\n[^:\r_.]*+[_.][^\r:]*+:")
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15}+)\r\n")
_NAME_AND_PORT = re.compile(rb"[A-Za-z0-9._~!$&'()*+;=-]++(?::([0-9]{1,5}+))?")


class Line:
    """A field line: what it is, where it stands in the head, with its CRLF, and where its value, without spaces around.

    Only spaces are taken off the value: none that counts has a tab beside it, and parsers disagree about one.
    """

    __slots__ = ("end", "kind", "start", "value_end", "value_start")

    def __init__(self, kind: int, start: int, end: int, value_start: int, value_end: int) -> None:
        self.kind = kind
        self.start = start
        self.end = end
        self.value_start = value_start
        self.value_end = value_end

    def value(self, raw: bytes) -> bytes:
        """Return the value; `raw` is the head."""
        return raw[self.value_start : self.value_end]

    def lower_value(self, raw: bytes) -> bytes:
        """Return the value in lower case; `raw` is the head."""
        return raw[self.value_start : self.value_end].lower()

    def number(self, raw: bytes) -> int:
        """Return the value as a number if it is 1 to 18 digits, else -1; `raw` is the head."""
        value = self.value(raw)
        return int(value) if value.isdigit() and len(value) <= 18 else -1  # of ASCII only, as values are bytes


class RequestScan:
    """A well-formed request head. `fields` counts its field lines; `lines` are those that are not OTHER."""

    __slots__ = ("fields", "fields_start", "has_odd_names", "has_underscores", "lines", "method", "minor", "target")

    def __init__(self, method: bytes, target: bytes, minor: int, fields_start: int) -> None:
        self.method = method
        self.target = target
        self.minor = minor
        self.fields_start = fields_start
        self.fields = 0
        self.has_underscores = False
        """Whether a field name holds `_`."""
        self.has_odd_names = False
        """Whether a field name holds `_` or `.`, which programs may take for `-`."""
        self.lines: list[Line] = []


class ResponseScan:
    """A well-formed response head. `fields` counts its field lines; `lines` are those that are not OTHER."""

    __slots__ = ("fields", "fields_start", "lines", "minor", "reason", "status")

    def __init__(self, minor: int, status: int, reason: bytes, fields_start: int) -> None:
        self.minor = minor
        self.status = status
        self.reason = reason
        self.fields_start = fields_start
        self.fields = 0
        self.lines: list[Line] = []


def find_head_end(data: bytes, start: int) -> int:
    """Return where the first empty line that follows a line at or behind `start` ends; 0 while there is none."""
    end = data.find(b"\r\n\r\n", start)
    return end + 4 if end >= 0 else 0


def scan_request(raw: bytes) -> RequestScan | None:
    """Read a request head that ends with its empty line; None when it is malformed."""
    match = _REQUEST.fullmatch(raw)
    if match is None:
        return None
    method, target, minor = match.groups()
    scan = RequestScan(method, target, int(minor), match.end(3) + 2)
    scan.fields = raw.count(b"\n", scan.fields_start) - 1
    scan.has_underscores = b"_" in raw and _UNDERSCORE_NAME.search(raw, scan.fields_start - 1) is not None
    scan.has_odd_names = _ODD_NAME.search(raw, scan.fields_start - 1) is not None
    for found in _IN_REQUESTS.finditer(raw.lower(), scan.fields_start - 1):
        name = found[1]
        kind = KINDS_IN_REQUESTS.get(name, MANAGED)
        if name.startswith(b"x-forwarded-") and b"_" not in name and b"." not in name:
            kind = CLAIM
        scan.lines.append(_take_line(kind, found))
    return scan


def scan_response(raw: bytes) -> ResponseScan | None:
    """Read a response head that ends with its empty line; None when it is malformed."""
    match = _RESPONSE.fullmatch(raw)
    if match is None:
        return None
    minor, status, reason, _ = match.groups()
    scan = ResponseScan(int(minor), int(status), reason or b"", match.start(4))
    scan.fields = raw.count(b"\n", scan.fields_start) - 1
    for found in _IN_RESPONSES.finditer(raw.lower(), scan.fields_start - 1):
        scan.lines.append(_take_line(KINDS_IN_RESPONSES.get(found[1], MANAGED), found))
    return scan


def find_lines(raw: bytes, fields_start: int, name: bytes) -> list[Line]:
    """Return the field lines of a lower-case name, as OTHER."""
    return list(_find(raw, fields_start, name))


def find_line(raw: bytes, fields_start: int, name: bytes) -> Line | None:
    """Return the first of `find_lines`, or None."""
    return next(_find(raw, fields_start, name), None)


def is_name_and_port(authority: bytes) -> bool:
    """Say whether this is a host name or an IPv4 address, and perhaps a port.

    Percent-encoding is refused, and so is a comma: a list of hosts would have one.
    """
    match = _NAME_AND_PORT.fullmatch(authority)
    return match is not None and (match[1] is None or int(match[1]) <= 65535)


def scan_size(data: bytes, position: int) -> tuple[int, int] | None:
    """Return the size of a chunk whose line at `position` says nothing else, and where the line ends.

    None when the line is not there as a whole, has extensions, or is malformed: `body` reads it with care then.
    """
    match = _SIZE_LINE.match(data, position)
    return None if match is None else (int(match[1], 16), match.end())


def _take_line(kind: int, found: re.Match[bytes]) -> Line:
    start = found.start(2)
    return Line(kind, found.start() + 1, found.end() + 1, start, start + len(found[2].rstrip(b" ")))


def _find(raw: bytes, fields_start: int, name: bytes) -> Iterator[Line]:
    lower, mark = raw.lower(), b"\n%b:" % name
    position = lower.find(mark, fields_start - 1)
    while position >= 0:
        end = raw.index(b"\n", position + 1)
        value = raw[position + len(mark) : end - 1].lstrip(b" ")
        start = end - 1 - len(value)
        yield Line(OTHER, position + 1, end + 1, start, start + len(value.rstrip(b" ")))
        position = lower.find(mark, end)
