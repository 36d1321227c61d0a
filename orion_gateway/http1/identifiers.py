"""Choose the ids that a request carries on: X-Request-Id and W3C Trace Context. Random bytes are handed in."""

import re

from orion_gateway.http1.fields import ForwardedRules
from orion_gateway.http1.parsed import RequestHead
from orion_gateway.http1.write import begin_writing, write_hex

_REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")
# No all-zero ids; version 00 ends behind the flags, a later one may go on (W3C Trace Context, sections 3.2.2 and 4.3).
_IDS = rb"-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
_TRACEPARENT = re.compile(rb"00" + _IDS + rb"|(?!00|ff)[0-9a-f]{2}" + _IDS + rb"(?:-[\x21-\x7e]*)?")


_NO_TRACE = b"0" * 32
_NO_SPAN = b"0" * 16


class Identifiers:
    """The ids that a request carries on: request id, trace id in hex, and a `traceparent` when one had to be made."""

    __slots__ = ("new_traceparent", "request_id", "trace_id")

    def __init__(self, request_id: bytes, trace_id: bytes, new_traceparent: bytes | None) -> None:
        self.request_id = request_id
        self.trace_id = trace_id
        self.new_traceparent = new_traceparent


UNKNOWN = Identifiers(b"", b"", None)
"""The ids of a request for which none were chosen yet."""


def is_request_id(value: bytes) -> bool:
    """Say whether a request id may be kept: 1 to 128 visible ASCII characters."""
    return _REQUEST_ID.fullmatch(value) is not None


def is_traceparent(value: bytes) -> bool:
    """Say whether a `traceparent` is valid (W3C Trace Context, section 3.2)."""
    return _TRACEPARENT.fullmatch(value) is not None


def choose_identifiers(head: RequestHead, rules: ForwardedRules, random: bytes, is_trusted: bool) -> Identifiers:
    """Keep the ids that may be kept and make the others from 24 random bytes.

    A request id is kept from a trusted peer; a valid `traceparent` from anybody, unchanged: the gateway records no
    span of its own between. A new one is marked sampled, so that samplers behind that follow their parent
    (OpenTelemetry's default) go on recording.
    """
    trace = write_hex(random, 0, 16)
    if trace == _NO_TRACE:  # all zeros are no valid id
        trace = _NO_TRACE[1:] + b"1"
    kept = head.request_id
    request_id = kept if kept is not None and is_trusted and is_request_id(kept) else trace
    if head.traceparent is not None and is_traceparent(head.traceparent):
        return _gather(request_id, head.traceparent[3:35], None)
    if not rules.traceparent:
        return _gather(request_id, b"", None)
    span = write_hex(random, 16, 24)
    if span == _NO_SPAN:
        span = _NO_SPAN[1:] + b"1"
    parent = begin_writing(55)
    parent.put(b"00-")
    parent.put(trace)
    parent.put(b"-")
    parent.put(span)
    parent.put(b"-03")
    return _gather(request_id, trace, parent.take())


def _gather(request_id: bytes, trace_id: bytes, new_traceparent: bytes | None) -> Identifiers:
    ids = Identifiers.__new__(Identifiers)  # typed code calls `__init__` as slowly as Python does
    ids.request_id = request_id
    ids.trace_id = trace_id
    ids.new_traceparent = new_traceparent
    return ids
