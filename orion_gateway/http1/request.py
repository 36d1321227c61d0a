"""Parse and judge request heads (RFC 9110, RFC 9112).

Refused is whatever two parsers could read differently: a request is forwarded only when there is one way to read it.
"""

import re

from orion_gateway.http1.connection import judge_codings, judge_connection, judge_length
from orion_gateway.http1.fields import HOP_BY_HOP, TOKEN, any_spelling
from orion_gateway.http1.parsed import Framing, HeadLimits, Refusal, RequestHead, split_list
from orion_gateway.http1.section import SECTION, find_line_end, find_section_fault
from orion_gateway.http1.target import judge_target

_REQUEST_LINE = rb"(" + TOKEN + rb"++) ([\x21-\x7e]++) HTTP/1\.([01])\r\n"
_REQUEST_HEAD = re.compile(_REQUEST_LINE + SECTION)
_VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]")
_NUMBER = re.compile(rb"[0-9]{1,18}")
_UNDERSCORE_NAME = re.compile(rb"\n[^:\r_]*+_[^\r]*+\r")

# The fields on which something depends, found in the lower-case copy of the head. The look-ahead skips most others.
_SPECIAL = re.compile(
    rb"\n(?=[cefhkmptuvx])("
    + b"|".join(
        [
            rb"host|expect|via|forwarded|traceparent",
            *map(any_spelling, sorted(HOP_BY_HOP | {b"content-length", b"max-forwards", b"x-request-id"})),
            rb"x[-_.](?:forwarded|orion)[-_.][^:]*+",
        ]
    )
    + rb"): *+([^\r]*+)\r"
)


def parse_request(data: bytes, limits: HeadLimits, seen: int = 0) -> tuple[RequestHead | Refusal | None, int]:
    """Parse and judge the request head at the start of `data`; return it and the number of bytes it took.

    Returns `(None, 0)` while it is unfinished; `seen` bytes of `data` were already there at the last call and are not
    searched again. One empty line before the request line is skipped (RFC 9112, section 2.2).
    """
    start = 2 if data.startswith(b"\r\n") else 0
    end = data.find(b"\r\n\r\n", seen - 3 if seen > start + 3 else start) + 4
    if end < 4:
        return _find_fault(data, start, 0, limits, seen), 0
    match = _REQUEST_HEAD.fullmatch(data, start, end)
    if match is None:
        return _find_fault(data, start, end, limits), end
    method, target, minor = match.groups()
    raw = data[start:end]
    fields_start = match.end(3) + 2 - start
    if (
        fields_start - 2 > limits.request_line
        or len(raw) - fields_start - 2 > limits.section
        or raw.count(b"\n", fields_start) - 1 > limits.fields
    ):
        return _find_fault(data, start, end, limits), end
    head = RequestHead(raw, raw.lower(), fields_start, 1 if minor == b"1" else 0, method, target)
    return _judge(head, limits) or head, end


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
    if re.fullmatch(_REQUEST_LINE, line) is not None:
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


def _judge(head: RequestHead, limits: HeadLimits) -> Refusal | None:
    hosts = 0
    expectations: list[bytes] = []
    upgrade = b""
    codings: list[bytes] = []
    cuts = head.cuts
    for found in _SPECIAL.finditer(head.folded, head.fields_start - 1):
        name, value = found.groups()
        value = value.rstrip(b" ")
        span = (found.start() + 1, found.end() + 1)
        # Only spaces are taken off: no value that counts has a tab beside it, and parsers disagree about one.
        if name == b"host":
            hosts += 1
            start = found.start(2)
            head.host = head.raw[start : start + len(value)]
            cuts.append(span)
        elif name == b"connection":
            head.connection_tokens += split_list(value)
            cuts.append(span)
        elif name == b"content-length":
            refusal = judge_length(head, value)
            if refusal is not None:
                return refusal
            cuts.append(span)
        elif name == b"transfer-encoding":
            codings.append(value)
            cuts.append(span)
        elif name == b"te":
            # HTTP/1.0 has no trailers to answer with.
            head.trailers = head.trailers or (head.minor == 1 and b"trailers" in split_list(value))
            cuts.append(span)
        elif name == b"upgrade":
            upgrade = upgrade + b"," + value if upgrade else value
            cuts.append(span)
        elif name == b"expect":
            expectations += split_list(value)
        elif name == b"via":
            head.via += b"," + value
        elif name == b"forwarded" or (name.startswith(b"x-forwarded-") and b"_" not in name and b"." not in name):
            head.claims.setdefault(name, []).append(span)
        elif name == b"traceparent":
            # A repeated traceparent is no valid one (W3C Trace Context, section 3.2); case counts in it.
            start = found.start(2)
            head.traceparent = head.raw[start : start + len(value)] if head.traceparent is None else b""
        elif name == b"x-request-id":
            start = found.start(2)
            head.request_id = head.raw[start : start + len(value)] if head.request_id is None else b""
        elif name == b"max-forwards":
            if _NUMBER.fullmatch(value):
                head.max_forwards = int(value) if head.max_forwards < 0 else min(int(value), head.max_forwards)
        else:  # hop-by-hop, or another spelling of a managed name
            cuts.append(span)
    if codings:
        refusal = judge_codings(head, codings)
        if refusal is not None:
            return refusal
        head.framing = Framing.CHUNKED
    elif head.content_length > 0:
        head.framing = Framing.LENGTH
    if head.connection_tokens:
        judge_connection(head, upgrade)
        if upgrade and head.framing is not Framing.NONE and b"upgrade" in head.connection_tokens:
            # Servers disagree on whether what follows is the content or already the other protocol.
            return Refusal(400, "a request to upgrade cannot have content")
    if b"_" in head.raw and _UNDERSCORE_NAME.search(head.folded, head.fields_start - 1):
        refusal = _judge_underscores(head, limits)
        if refusal is not None:
            return refusal
    if expectations:
        refusal = _judge_expectations(head, expectations)
        if refusal is not None:
            return refusal
    return judge_target(head, hosts)


def _judge_expectations(head: RequestHead, expectations: list[bytes]) -> Refusal | None:
    if any(expectation != b"100-continue" for expectation in expectations):
        return Refusal(417, "the only expectation known is 100-continue")
    # RFC 9110, section 10.1.1: ignored in HTTP/1.0; without content there is nothing to wait for.
    head.expects_continue = head.minor == 1 and head.framing is not Framing.NONE
    if not head.expects_continue:
        head.remove(b"expect")
    return None


def _judge_underscores(head: RequestHead, limits: HeadLimits) -> Refusal | None:
    if limits.underscores == "allow":
        return None
    for found in _UNDERSCORE_NAME.finditer(head.folded, head.fields_start - 1):
        if limits.underscores == "reject":
            return Refusal(400, "a field name holds an underscore")
        head.cuts.append((found.start() + 1, found.end() + 1))
    return None
