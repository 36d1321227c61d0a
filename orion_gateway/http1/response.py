"""Parse and judge response heads (RFC 9110, RFC 9112), as strictly as requests: an ambiguous answer is none."""

import re

from orion_gateway.http1.connection import judge_codings, judge_connection, judge_length
from orion_gateway.http1.fields import HOP_BY_HOP
from orion_gateway.http1.parsed import Framing, HeadLimits, Refusal, ResponseHead, split_list
from orion_gateway.http1.section import SECTION, find_line_end, find_section_fault

# The space behind the status may be missing when there is no reason phrase: many servers leave it out.
_STATUS_LINE = rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: ([\t\x20-\x7e\x80-\xff]*+))?\r\n"
_RESPONSE_HEAD = re.compile(_STATUS_LINE + rb"()" + SECTION)
_SPECIAL = re.compile(
    rb"\n(?=[chkptu])(" + b"|".join(map(re.escape, sorted(HOP_BY_HOP | {b"content-length"}))) + rb"): *+([^\r]*+)\r"
)
_KEEP_ALIVE_TIMEOUT = re.compile(rb"(?:^|[ ,;])timeout=([0-9]{1,6})(?:$|[ ,;])")


def parse_response(
    data: bytes, limits: HeadLimits, method: bytes, seen: int = 0
) -> tuple[ResponseHead | Refusal | None, int]:
    """Parse and judge the response head at the start of `data` as the answer to `method`; return it and its length.

    Returns `(None, 0)` while it is unfinished. The status of a Refusal is always 502.
    """
    end = data.find(b"\r\n\r\n", seen - 3 if seen > 3 else 0) + 4
    if end < 4:
        return _find_fault(data, 0, limits, seen), 0
    match = _RESPONSE_HEAD.fullmatch(data, 0, end)
    if match is None:
        return _find_fault(data, end, limits), end
    minor, status, reason, _ = match.groups()
    fields_start = match.start(4)
    if (
        fields_start - 2 > limits.request_line
        or end - fields_start - 2 > limits.section
        or data.count(b"\n", fields_start, end) - 1 > limits.fields
    ):
        return _find_fault(data, end, limits), end
    raw = data[:end]
    head = ResponseHead(raw, raw.lower(), fields_start, 1 if minor == b"1" else 0, int(status), reason or b"")
    head.has_date = b"\ndate:" in head.folded
    head.has_request_id = b"\nx-request-id:" in head.folded
    return _judge(head, method) or head, end


def _find_fault(data: bytes, end: int, limits: HeadLimits, seen: int = 0) -> Refusal | None:
    """Return the first fault in a head; `end` is 0 while it is unfinished, and there may be none so far."""
    if data[:5] != b"HTTP/"[: len(data)]:
        return Refusal(502, "the response does not start with a status line")
    fields_start = find_line_end(data, 0, limits.request_line)
    if fields_start is None:
        return Refusal(502, "the status line is too long", is_too_large=True)
    if fields_start == 0:
        return None
    if seen < fields_start and re.fullmatch(_STATUS_LINE, data[:fields_start]) is None:
        return Refusal(502, "the status line is malformed")
    return _as_answer(find_section_fault(data, fields_start, end, limits, seen))


def _as_answer(refusal: Refusal | None) -> Refusal | None:
    return None if refusal is None else Refusal(502, refusal.message, refusal.is_too_large)


def _judge(head: ResponseHead, method: bytes) -> Refusal | None:
    codings: list[bytes] = []
    upgrade = b""
    for found in _SPECIAL.finditer(head.folded, head.fields_start - 1):
        name, value = found.groups()
        value = value.rstrip(b" ")
        head.cuts.append((found.start() + 1, found.end() + 1))
        if name == b"content-length":
            refusal = _as_answer(judge_length(head, value))
            if refusal is not None:
                return refusal
        elif name == b"connection":
            head.connection_tokens += split_list(value)
        elif name == b"transfer-encoding":
            codings.append(value)
        elif name == b"upgrade":
            upgrade = upgrade + b"," + value if upgrade else value
        elif name == b"keep-alive":
            timeout = _KEEP_ALIVE_TIMEOUT.search(value)
            head.keep_alive_timeout = int(timeout[1]) if timeout else None
    if head.connection_tokens:
        judge_connection(head, upgrade)
    refusal = _as_answer(judge_codings(head, codings)) if codings else None
    if refusal is not None:
        return refusal
    status = head.status
    if status < 200 and (codings or head.content_length > 0):
        # It has none (RFC 9112, section 6.3, rule 1), but llhttp believes the fields where it does not know the status.
        return Refusal(502, "an interim response announces content")
    if method == b"HEAD" or status < 200 or status in (204, 304):
        # No body whatever the fields say (RFC 9112, section 6.3, rule 1), and no Content-Length on 1xx and 204
        # (RFC 9110, section 8.6).
        head.framing = Framing.NONE
        if status < 200 or status == 204:
            head.content_length = -1
    elif codings:
        head.framing = Framing.CHUNKED
    elif head.content_length >= 0:
        head.framing = Framing.LENGTH
    else:
        head.framing = Framing.UNTIL_CLOSE
    return None
