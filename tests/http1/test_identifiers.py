"""Which ids a request keeps and which are made."""

import pytest

from orion_gateway.http1.fields import ForwardedRules
from orion_gateway.http1.head import choose_identifiers
from orion_gateway.http1.identifiers import is_traceparent
from tests.http1.feeding import accept

TRACE = b"0af7651916cd43dd8448eb211c80319c"
PARENT = b"b7ad6b7169203331"
VALID = b"00-" + TRACE + b"-" + PARENT + b"-01"
RANDOM = bytes(14) + b"\x12\x34" + bytes(7) + b"\x56"
MADE = b"%032x" % 0x1234
RULES = ForwardedRules()


@pytest.mark.parametrize(
    ("value", "is_valid"),
    [
        (VALID, True),
        (b"00-" + TRACE + b"-" + PARENT + b"-00", True),
        (b"cc-" + TRACE + b"-" + PARENT + b"-01", True),
        (b"cc-" + TRACE + b"-" + PARENT + b"-01-what-the-future-will-be-like", True),
        (b"cc-" + TRACE + b"-" + PARENT + b"-01.what", False),
        (VALID + b"-x", False),
        (VALID + b"-", False),
        (b"ff-" + TRACE + b"-" + PARENT + b"-01", False),
        (VALID.upper(), False),
        (b"00-" + b"0" * 32 + b"-" + PARENT + b"-01", False),
        (b"00-" + TRACE + b"-" + b"0" * 16 + b"-01", False),
        (b"00-" + TRACE[:-1] + b"-" + PARENT + b"-01", False),
        (b"00-" + TRACE + b"-" + PARENT + b"-1", False),
        (b"00-" + TRACE + b"-" + PARENT, False),
        (b"0-" + TRACE + b"-" + PARENT + b"-01", False),
        (b" " + VALID, False),
        (b"", False),
    ],
)
def test_a_traceparent_is_valid_or_begun_anew(value: bytes, is_valid: bool) -> None:
    """Without it, a trace would break at the gateway, or a broken one would spread."""
    assert is_traceparent(value) is is_valid


def choose(
    *lines: bytes, rules: ForwardedRules = RULES, random: bytes = RANDOM, trusted: bool = False
) -> tuple[bytes, bytes, bytes | None]:
    """Return request id, trace id and new traceparent for a request with these field lines."""
    head = accept(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n")
    ids = choose_identifiers(head, rules, random, trusted)
    return ids.request_id, ids.trace_id, ids.new_traceparent


NEW = b"00-" + MADE + b"-%016x-03" % 0x56


def test_a_request_id_is_kept_only_from_those_who_are_trusted() -> None:
    """Without it, a client could make its requests look like another's in the log."""
    assert choose(b"X-Request-Id: mine") == (MADE, MADE, NEW)
    assert choose(b"X-Request-Id: mine", trusted=True) == (b"mine", MADE, NEW)


@pytest.mark.parametrize("value", [b"", b"a b", b"caf\xc3\xa9", b"x" * 129, b"a\tb"])
def test_a_request_id_that_is_none_is_made_new(value: bytes) -> None:
    """Without it, an id could not be written to a log line or be as long as a page."""
    assert choose(b"X-Request-Id: " + value, trusted=True)[0] == MADE
    assert choose(b"X-Request-Id: a", b"X-Request-Id: a", trusted=True)[0] == MADE
    assert choose(b"X-Request-Id: " + b"x" * 128, trusted=True)[0] == b"x" * 128


def test_a_trace_is_continued_or_begun() -> None:
    """Without it, spans behind the gateway would belong to no trace."""
    assert choose() == (MADE, MADE, NEW)
    assert choose(b"traceparent: " + VALID) == (MADE, TRACE, None)
    assert choose(b"traceparent: nonsense") == (MADE, MADE, NEW)
    assert choose(b"traceparent: " + VALID, b"traceparent: " + VALID) == (MADE, MADE, NEW)


def test_a_trace_that_is_switched_off_is_not_begun() -> None:
    """Without it, `forwarded: {traceparent: false}` would not switch it off."""
    off = ForwardedRules(traceparent=False)
    assert choose(rules=off) == (MADE, b"", None)
    assert choose(b"traceparent: " + VALID, rules=off) == (MADE, TRACE, None)


def test_made_ids_are_never_the_forbidden_zeros() -> None:
    """Without it, one request in very many would carry ids that everybody must ignore."""
    request_id, trace, parent = choose(random=bytes(24))
    assert parent is not None
    assert is_traceparent(parent)
    assert request_id == trace != b"0" * 32
