"""Cookies in the Cookie fields of a request."""

from __future__ import annotations

import pytest

from orion_gateway.routing.cookies import find_cookie


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([b"s=1"], b"1"),
        ([b"other=2; s=1"], b"1"),
        ([b"other=2;s=1"], b"1"),
        ([b"other=2", b"s=1"], b"1"),
        ([b"s=a=b"], b"a=b"),
        ([b"xs=1; s2=3"], b""),
        ([b"s"], b""),
        ([], b""),
    ],
)
def test_a_cookie_is_found_by_its_whole_name(values: list[bytes], found: bytes) -> None:
    """A cookie whose name only ends alike is somebody else's."""
    assert find_cookie(values, b"s") == found
