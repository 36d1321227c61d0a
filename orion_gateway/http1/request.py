"""Parse and judge request heads (RFC 9110, RFC 9112).

Refused is whatever two parsers could read differently: a request is forwarded only when there is one way to read it.
"""

import re

from orion_gateway.http1.connection import judge_codings, judge_connection, judge_length, list_lines
from orion_gateway.http1.fields import TOKEN
from orion_gateway.http1.grammar import REQUEST_LINE
from orion_gateway.http1.kinds import (
    CLAIM,
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    HOST,
    MAX_FORWARDS,
    REQUEST_ID,
    TE,
    TRACEPARENT,
    TRACESTATE,
    TRANSFER_ENCODING,
    UPGRADE,
    VIA,
)
from orion_gateway.http1.parsed import Framing, HeadLimits, Refusal, RequestHead, split_list
from orion_gateway.http1.scan import RequestScan, find_head_end, scan_request
from orion_gateway.http1.section import find_line_end, find_section_fault
from orion_gateway.http1.target import judge_target

_VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]")
_NONE, _LENGTH, _CHUNKED = Framing.NONE, Framing.LENGTH, Framing.CHUNKED


def parse_request(data: bytes, limits: HeadLimits, seen: int = 0) -> tuple[RequestHead | Refusal | None, int]:
    """Parse and judge the request head at the start of `data`; return it and the number of bytes it took.

    Returns `(None, 0)` while it is unfinished; `seen` bytes of `data` were already there at the last call and are not
    searched again. One empty line before the request line is skipped (RFC 9112, section 2.2).
    """
    start = 2 if data.startswith(b"\r\n") else 0
    end = find_head_end(data, seen - 3 if seen > start + 3 else start)
    if end == 0:
        return _find_fault(data, start, 0, limits, seen), 0
    raw = data if end - start == len(data) else data[start:end]
    scan = scan_request(raw)
    if (
        scan is None
        or scan.fields_start - 2 > limits.request_line
        or len(raw) - scan.fields_start - 2 > limits.section
        or scan.fields > limits.fields
    ):
        return _find_fault(data, start, end, limits), end
    head = RequestHead.__new__(RequestHead)
    head.begin(raw, scan.fields_start, scan.minor, scan.method, scan.target)
    refusal = _judge(head, scan, limits)
    return head if refusal is None else refusal, end


def _find_fault(data: bytes, start: int, end: int, limits: HeadLimits, seen: int = 0) -> Refusal | None:
    """Return the first fault in a head; `end` is 0 while it is unfinished, and there may be none so far."""
    if data == b"\r":
        return None  # the first half of an empty line
    if start < len(data) and re.match(TOKEN, data[start : start + 1]) is None:
        return Refusal(400, "the request line does not start with a method")
    fields_start = find_line_end(data, start, limits.request_line)
    if fields_start is None:
        return Refusal(414, "the request line is too long", is_too_large=True)
    if fields_start == 0:
        return None
    if seen < fields_start:
        refusal = _judge_request_line(data[start:fields_start])
        if refusal is not None:
            return refusal
    return find_section_fault(data, fields_start, end, limits, seen)


def _judge_request_line(line: bytes) -> Refusal | None:
    if re.fullmatch(REQUEST_LINE, line) is not None:
        return None
    if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
        return Refusal(400, "the request line holds a bare CR or LF")
    parts = line[:-2].split(b" ")
    if len(parts) != 3:
        return Refusal(400, "the request line is not a method, a target and a version, with one space between")
    method, target, version = parts
    if re.fullmatch(TOKEN + rb"+", method) is None:
        return Refusal(400, "the method is not a token")
    if re.fullmatch(rb"[\x21-\x7e]+", target) is None:
        return Refusal(400, "the request target holds a byte that must be percent-encoded")
    if _VERSION.fullmatch(version):
        return Refusal(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
    return Refusal(400, "the version is malformed")


def _judge(head: RequestHead, scan: RequestScan, limits: HeadLimits) -> Refusal | None:
    raw = head.raw
    cuts = head.cuts
    head.has_odd_names = scan.has_odd_names
    hosts = 0
    expectations: bytes | None = None
    codings: bytes | None = None
    upgrade = b""
    for line in scan.lines:
        kind = line.kind
        if kind == HOST:
            hosts += 1
            head.host = line.value(raw)
            cuts.append(line)
        elif kind == CONNECTION:
            value = line.lower_value(raw)
            head.connection = head.connection + b"," + value if head.connection else value
            cuts.append(line)
        elif kind == CONTENT_LENGTH:
            refusal = judge_length(head, line)
            if refusal is not None:
                return refusal
            cuts.append(line)
        elif kind == TRANSFER_ENCODING:
            value = line.lower_value(raw)
            codings = value if codings is None else codings + b"," + value
            cuts.append(line)
        elif kind == TE:
            # HTTP/1.0 has no trailers to answer with.
            head.trailers = head.trailers or (head.minor == 1 and b"trailers" in split_list(line.lower_value(raw)))
            cuts.append(line)
        elif kind == UPGRADE:
            upgrade = upgrade + b"," + line.lower_value(raw) if upgrade else line.lower_value(raw)
            cuts.append(line)
        elif kind == EXPECT:
            value = line.lower_value(raw)
            expectations = value if expectations is None else expectations + b"," + value
        elif kind == VIA:
            head.via += b"," + line.lower_value(raw)
        elif kind == CLAIM:
            name = raw[line.start : raw.index(b":", line.start)].lower()
            if head.claims is None:
                head.claims = {}
            head.claims.setdefault(name, []).append(line)
        elif kind == TRACEPARENT:
            # A repeated traceparent is no valid one (W3C Trace Context, section 3.2); case counts in it.
            head.traceparent = line.value(raw) if head.traceparent is None else b""
        elif kind == TRACESTATE:
            head.has_tracestate = True
        elif kind == REQUEST_ID:
            head.request_id = line.value(raw) if head.request_id is None else b""
        elif kind == MAX_FORWARDS:
            number = line.number(raw)
            if number >= 0:
                head.max_forwards = number if head.max_forwards < 0 else min(number, head.max_forwards)
        else:  # hop-by-hop, or another spelling of a managed name
            cuts.append(line)
    if codings is not None:
        refusal = judge_codings(head, codings)
        if refusal is not None:
            return refusal
        head.framing = _CHUNKED
    elif head.content_length > 0:
        head.framing = _LENGTH
    if head.connection:
        judge_connection(head, upgrade)
        if upgrade and head.framing is not _NONE and b"upgrade" in head.connection_tokens:
            # Servers disagree on whether what follows is the content or already the other protocol.
            return Refusal(400, "a request to upgrade cannot have content")
    if scan.has_underscores:
        refusal = _judge_underscores(head, limits)
        if refusal is not None:
            return refusal
    if expectations is not None:
        refusal = _judge_expectations(head, expectations)
        if refusal is not None:
            return refusal
    return judge_target(head, hosts)


def _judge_expectations(head: RequestHead, expectations: bytes) -> Refusal | None:
    if any(expectation != b"100-continue" for expectation in split_list(expectations)):
        return Refusal(417, "the only expectation known is 100-continue")
    # RFC 9110, section 10.1.1: ignored in HTTP/1.0; without content there is nothing to wait for.
    head.expects_continue = head.minor == 1 and head.framing is not _NONE
    if not head.expects_continue:
        head.remove(b"expect")
    return None


def _judge_underscores(head: RequestHead, limits: HeadLimits) -> Refusal | None:
    if limits.underscores == "reject":
        return Refusal(400, "a field name holds an underscore")
    if limits.underscores == "drop":
        head.cuts += [line for name, line in list_lines(head) if b"_" in name]
    return None
