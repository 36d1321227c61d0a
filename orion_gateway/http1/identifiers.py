"""Choose the ids that a request carries on: X-Request-Id and W3C Trace Context. Random bits are handed in."""

import re
from dataclasses import dataclass

from orion_gateway.http1.fields import ForwardedRules
from orion_gateway.http1.parsed import RequestHead

_REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")
# No all-zero ids; version 00 ends behind the flags, a later one may go on (W3C Trace Context, sections 3.2.2 and 4.3).
_IDS = rb"-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
_TRACEPARENT = re.compile(rb"00" + _IDS + rb"|(?!00|ff)[0-9a-f]{2}" + _IDS + rb"(?:-[\x21-\x7e]*)?")


@dataclass(slots=True)
class Identifiers:
    """The ids that a request carries on: request id, trace id in hex, and a `traceparent` when one had to be made."""

    request_id: bytes
    trace_id: bytes
    new_traceparent: bytes | None


def is_request_id(value: bytes) -> bool:
    """Say whether a request id may be kept: 1 to 128 visible ASCII characters."""
    return _REQUEST_ID.fullmatch(value) is not None


def is_traceparent(value: bytes) -> bool:
    """Say whether a `traceparent` is valid (W3C Trace Context, section 3.2)."""
    return _TRACEPARENT.fullmatch(value) is not None


def choose_identifiers(head: RequestHead, rules: ForwardedRules, rng_bits: int, *, is_trusted: bool) -> Identifiers:
    """Keep the ids that may be kept and make the others from 192 random bits.

    A request id is kept from a trusted peer; a valid `traceparent` from anybody, unchanged: the gateway records no
    span of its own between. A new one is marked sampled, so that samplers behind that follow their parent
    (OpenTelemetry's default) go on recording.
    """
    trace = b"%032x" % (rng_bits >> 64 or 1)  # all zeros are no valid id
    kept = head.request_id
    request_id = kept if kept is not None and is_trusted and is_request_id(kept) else trace
    if head.traceparent is not None and is_traceparent(head.traceparent):
        return Identifiers(request_id, head.traceparent[3:35], None)
    if not rules.traceparent:
        return Identifiers(request_id, b"", None)
    return Identifiers(request_id, trace, b"00-%b-%016x-03" % (trace, rng_bits & 0xFFFFFFFFFFFFFFFF or 1))
