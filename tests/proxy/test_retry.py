"""When an attempt on a kept connection may be made again."""

from __future__ import annotations

import pytest

from orion_gateway.proxy.retry import may_repeat_on_fresh_connection

GOOD = {"was_reused": True, "answered": False, "has_content": False, "repeated": False}


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"])
def test_idempotent_methods_may(method: bytes) -> None:
    """A kept connection that closed meanwhile must not be an error for who only reads."""
    assert may_repeat_on_fresh_connection(method, **GOOD)


@pytest.mark.parametrize("method", [b"POST", b"PATCH", b"get", b"LOCK"])
def test_others_may_not(method: bytes) -> None:
    """Nobody wants to pay twice."""
    assert not may_repeat_on_fresh_connection(method, **GOOD)


@pytest.mark.parametrize("bad", [{"was_reused": False}, {"answered": True}, {"has_content": True}, {"repeated": True}])
def test_one_reason_against_it_is_enough(bad: dict[str, bool]) -> None:
    """Each of these would send something twice that may have had an effect."""
    assert not may_repeat_on_fresh_connection(b"GET", **GOOD | bad)
