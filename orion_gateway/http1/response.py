"""Parse and judge response heads (RFC 9110, RFC 9112), as strictly as requests: an ambiguous answer is none."""

import re

from orion_gateway.http1.connection import judge_codings, judge_connection, judge_length
from orion_gateway.http1.grammar import STATUS_LINE
from orion_gateway.http1.kinds import (
    CONNECTION,
    CONTENT_LENGTH,
    DATE,
    KEEP_ALIVE,
    REQUEST_ID,
    TRANSFER_ENCODING,
    UPGRADE,
)
from orion_gateway.http1.parsed import Framing, HeadLimits, Refusal, ResponseHead
from orion_gateway.http1.scan import ResponseScan, find_head_end, scan_response
from orion_gateway.http1.section import find_line_end, find_section_fault

_KEEP_ALIVE_TIMEOUT = re.compile(rb"(?:^|[ ,;])timeout=([0-9]{1,6})(?:$|[ ,;])")
_NONE, _LENGTH, _CHUNKED, _UNTIL_CLOSE = Framing.NONE, Framing.LENGTH, Framing.CHUNKED, Framing.UNTIL_CLOSE


def parse_response(
    data: bytes, limits: HeadLimits, method: bytes, seen: int = 0
) -> tuple[ResponseHead | Refusal | None, int]:
    """Parse and judge the response head at the start of `data` as the answer to `method`; return it and its length.

    Returns `(None, 0)` while it is unfinished. The status of a Refusal is always 502.
    """
    end = find_head_end(data, seen - 3 if seen > 3 else 0)
    if end == 0:
        return _find_fault(data, 0, limits, seen), 0
    raw = data if end == len(data) else data[:end]
    scan = scan_response(raw)
    if (
        scan is None
        or scan.fields_start - 2 > limits.request_line
        or end - scan.fields_start - 2 > limits.section
        or scan.fields > limits.fields
    ):
        return _find_fault(data, end, limits), end
    head = ResponseHead.__new__(ResponseHead)
    head.begin(raw, scan.fields_start, scan.minor, scan.status, scan.reason)
    refusal = _judge(head, scan, method)
    return head if refusal is None else refusal, end


def _find_fault(data: bytes, end: int, limits: HeadLimits, seen: int = 0) -> Refusal | None:
    """Return the first fault in a head; `end` is 0 while it is unfinished, and there may be none so far."""
    if data[:5] != b"HTTP/"[: len(data)]:
        return Refusal(502, "the response does not start with a status line")
    fields_start = find_line_end(data, 0, limits.request_line)
    if fields_start is None:
        return Refusal(502, "the status line is too long", is_too_large=True)
    if fields_start == 0:
        return None
    if seen < fields_start and re.fullmatch(STATUS_LINE, data[:fields_start]) is None:
        return Refusal(502, "the status line is malformed")
    return _as_answer(find_section_fault(data, fields_start, end, limits, seen))


def _as_answer(refusal: Refusal | None) -> Refusal | None:
    return None if refusal is None else Refusal(502, refusal.message, refusal.is_too_large)


def _judge(head: ResponseHead, scan: ResponseScan, method: bytes) -> Refusal | None:
    raw = head.raw
    cuts = head.cuts
    codings: bytes | None = None
    upgrade = b""
    for line in scan.lines:
        kind = line.kind
        if kind == DATE:
            head.has_date = True
        elif kind == REQUEST_ID:
            head.has_request_id = True
        else:
            cuts.append(line)
            if kind == CONTENT_LENGTH:
                refusal = _as_answer(judge_length(head, line))
                if refusal is not None:
                    return refusal
            elif kind == CONNECTION:
                value = line.lower_value(raw)
                head.connection = head.connection + b"," + value if head.connection else value
            elif kind == TRANSFER_ENCODING:
                value = line.lower_value(raw)
                codings = value if codings is None else codings + b"," + value
            elif kind == UPGRADE:
                upgrade = upgrade + b"," + line.lower_value(raw) if upgrade else line.lower_value(raw)
            elif kind == KEEP_ALIVE:
                timeout = _KEEP_ALIVE_TIMEOUT.search(line.lower_value(raw))
                head.keep_alive_timeout = int(timeout[1]) if timeout else None
    if head.connection:
        judge_connection(head, upgrade)
    refusal = None if codings is None else _as_answer(judge_codings(head, codings))
    if refusal is not None:
        return refusal
    status = head.status
    if status < 200 and (codings is not None or head.content_length > 0):
        # It has none (RFC 9112, section 6.3, rule 1), but llhttp believes the fields where it does not know the status.
        return Refusal(502, "an interim response announces content")
    if method == b"HEAD" or status < 200 or status in (204, 304):
        # No body whatever the fields say (RFC 9112, section 6.3, rule 1), and no Content-Length on 1xx and 204
        # (RFC 9110, section 8.6).
        head.framing = _NONE
        if status < 200 or status == 204:
            head.content_length = -1
    elif codings is not None:
        head.framing = _CHUNKED
    elif head.content_length >= 0:
        head.framing = _LENGTH
    else:
        head.framing = _UNTIL_CLOSE
    return None
