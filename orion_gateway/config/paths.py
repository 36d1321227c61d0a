"""The kinds of paths: patterns that routes match, prefixes and paths that rewrites use.

The rules are those that the codec has for request paths, so that no pattern is accepted that no request can match:
no dot segments, no encoded NUL or backslash (RFC 3986, sections 3.3 and 6.2.2). Characters beyond ASCII stand for their
percent-encoded UTF-8.
"""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import quote, unquote_to_bytes

from orion_gateway.config.kinds import Kind, fail, read_text

PARAMETER = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*\}")
PATH_CHARACTERS = re.compile(r"[A-Za-z0-9/._~!$&'()*+,;=:@%\u00a1-\U0010ffff-]*")
BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
FORBIDDEN_ESCAPE = re.compile(r"%(00|5[Cc])")


class PathError(ValueError):
    """A path is malformed. `message` says how, `suggestion` what was probably meant."""

    def __init__(self, message: str, suggestion: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.suggestion = suggestion
        self.hint = hint


def judge_literal_path(path: str) -> None:
    """Judge an absolute path without parameters or wildcards.

    Raises:
        PathError: no request could have it.
    """
    if not path.startswith("/"):
        raise PathError('a path begins with "/"', suggestion=f"/{path}" if path[:1].isalnum() else "")
    if "?" in path or "#" in path:
        raise PathError("a path has no query and no fragment", suggestion=re.split(r"[?#]", path, maxsplit=1)[0])
    if not PATH_CHARACTERS.fullmatch(path):
        raise PathError("a character here must be percent-encoded", suggestion=quote(path, safe="/._~!$&'()*+,;=:@%-"))
    if BAD_ESCAPE.search(path):
        raise PathError('a "%" here is not followed by two hexadecimal digits', hint="a literal percent sign is %25")
    if FORBIDDEN_ESCAPE.search(path):
        raise PathError("%00 and %5C are refused in every request path")
    for segment in path.split("/"):
        if segment.lower().replace("%2e", ".").split(";")[0] in {".", ".."}:
            raise PathError("a dot segment is refused in every request path")


def split_pattern(pattern: str) -> tuple[tuple[str, ...], bool]:
    """Return the segments of a path pattern, and whether it ends in `/**`."""
    segments = tuple(pattern.split("/")[1:])
    return (segments[:-1], True) if segments[-1] == "**" else (segments, False)


def judge_pattern(pattern: str) -> None:
    """Judge a path pattern: literal segments, `{name}` for one whole segment, and a final `/**`.

    Raises:
        PathError: it is malformed, or no request could match it.
    """
    if not pattern.startswith("/"):
        judge_literal_path(pattern)
    segments, _ = split_pattern(pattern)
    names: set[str] = set()
    literal: list[str] = []
    for segment in segments:
        if PARAMETER.fullmatch(segment):
            if segment in names:
                raise PathError("the same parameter stands here twice")
            names.add(segment)
            literal.append("x")
        elif "{" in segment or "}" in segment:
            hint = "for parts of a segment use path_regex"
            raise PathError("a parameter is a whole segment, such as /users/{id}", hint=hint)
        elif segment == "**":
            raise PathError("** stands only at the end, as the last segment")
        elif "*" in segment:
            hint = "one segment is {name}, everything below is a final /**; for more use path_regex"
            raise PathError("a * inside a path is no wildcard", hint=hint)
        else:
            literal.append(segment)
    judge_literal_path("/" + "/".join(literal))


def covers_prefix(pattern: str, prefix: str) -> bool | None:
    """Return whether all paths that the pattern takes begin with the segments of the prefix; `None`: only some do."""
    segments, is_open = split_pattern(pattern)
    wanted = tuple(prefix.split("/")[1:])
    is_certain = True
    for index, segment in enumerate(wanted):
        if index >= len(segments):
            return None if is_open else False
        if PARAMETER.fullmatch(segments[index]):
            is_certain = False
        elif unquote_to_bytes(segments[index]) != unquote_to_bytes(segment):
            return False
    return True if is_certain else None


def read_path_pattern(value: object) -> str:
    """Return a path pattern."""
    text = read_text(value, "a path such as /users/{id} or /api/**")
    try:
        judge_pattern(text)
    except PathError as error:
        raise fail("E0205", error.message, suggestion=error.suggestion, hint=error.hint) from None
    return text


def read_prefix(value: object) -> str:
    """Return a prefix that ends at the end of a segment, without a final `/`."""
    text = read_text(value, "a path such as /api")
    try:
        judge_literal_path(text)
    except PathError as error:
        raise fail("E0205", error.message, suggestion=error.suggestion, hint=error.hint) from None
    if text == "/":
        raise fail("E0205", 'nothing is left to strip from the prefix "/"', hint="remove strip_prefix")
    if text.endswith("*"):
        raise fail("E0205", "a prefix is written without wildcards", suggestion=text.rstrip("*").rstrip("/"))
    if text.endswith("/"):
        raise fail("E0205", "a prefix ends with a segment", suggestion=text.rstrip("/"))
    return text


def params_of(pattern: str) -> list[str]:
    """Return the names of the parameters in a path pattern."""
    return [segment[1:-1] for segment in split_pattern(pattern)[0] if PARAMETER.fullmatch(segment)]


PATH_SCHEMA = {"type": "string", "pattern": "^/"}
PathPattern = Annotated[str, Kind("path pattern", read_path_pattern, PATH_SCHEMA)]
Prefix = Annotated[str, Kind("path", read_prefix, PATH_SCHEMA)]
