"""Judge how a message travels over one connection: Connection, and its framing (RFC 9112, sections 6 and 9).

The same rules for requests and responses.
"""

import re

from orion_gateway.http1.fields import TOKEN
from orion_gateway.http1.kinds import OTHER
from orion_gateway.http1.parsed import Head, Refusal
from orion_gateway.http1.scan import Line

_CODING = re.compile(TOKEN + rb"+")
_FIELD = re.compile(rb"\n([^:\r]++):([^\r]*+)\r")

# What Connection cannot remove: its own options; what was judged already and is written anew; and what the gateway
# manages by rules of its own, which a client must not switch off. (RFC 9110, section 7.6.1, forbids to name fields that
# are meant for all recipients.)
_NOT_REMOVABLE = frozenset(
    [
        b"",
        b"close",
        b"connection",
        b"content-length",
        b"expect",
        b"forwarded",
        b"host",
        b"keep-alive",
        b"max-forwards",
        b"te",
        b"traceparent",
        b"tracestate",
        b"transfer-encoding",
        b"upgrade",
        b"via",
        b"x-request-id",
    ]
)


def judge_connection(head: Head, upgrade: bytes) -> None:
    """Apply the options of Connection, all lines of it taken: persistence, Upgrade, and the fields to remove."""
    if head.connection == b"keep-alive":  # as nearly always: there is nothing else to find in it
        head.is_keep_alive = True
        return
    tokens = head.connection_tokens
    if b"close" in tokens:  # whatever else is there (RFC 9112, section 9.3)
        head.is_keep_alive = False
    elif head.minor == 0:
        head.is_keep_alive = b"keep-alive" in tokens
    if upgrade and head.minor == 1 and b"upgrade" in tokens:
        head.upgrade = upgrade
    for token in tokens:
        if token not in _NOT_REMOVABLE:
            _remove_named(head, tokens)
            break


def _remove_named(head: Head, tokens: list[bytes]) -> None:
    names = {token for token in tokens if token not in _NOT_REMOVABLE and not token.startswith(b"x-forwarded-")}
    # One pass over the fields, not one per token: there can be thousands of tokens.
    head.cuts += [line for name, line in list_lines(head) if name in names]


def list_lines(head: Head) -> list[tuple[bytes, Line]]:
    """Return every field line with its lower-case name, as OTHER. For the few heads in which names are not known."""
    found = _FIELD.finditer(head.raw.lower(), head.fields_start - 1)
    return [
        (match[1], Line(OTHER, match.start() + 1, match.end() + 1, match.start(2), match.end(2))) for match in found
    ]


def judge_length(head: Head, line: Line) -> Refusal | None:
    """Judge one Content-Length and keep its value in the head. The status is that for a request."""
    if head.content_length >= 0:
        return Refusal(400, "Content-Length is given more than once")
    length = line.number(head.raw)
    if length < 0:
        return Refusal(400, "Content-Length is not a number")
    head.content_length = length
    return None


def judge_codings(head: Head, value: bytes) -> Refusal | None:
    """Judge the lower-case values of Transfer-Encoding, with a comma between. The status is that for a request."""
    # Not the tabs: llhttp does not know `chunked` before a tab, and finds another end of the message.
    codings = [coding.strip(b" ") for coding in value.split(b",")]
    if head.minor == 0:
        return Refusal(400, "Transfer-Encoding does not exist in HTTP/1.0")
    if head.content_length >= 0:
        return Refusal(400, "Content-Length and Transfer-Encoding stand together")
    if codings == [b"chunked"]:
        return None
    if codings[-1] != b"chunked" or codings.count(b"chunked") != 1:
        return Refusal(400, "Transfer-Encoding does not end in one chunked")
    for coding in codings:
        if _CODING.fullmatch(coding) is None:
            return Refusal(400, "Transfer-Encoding is malformed")
    return Refusal(501, "the only transfer coding known is chunked")
