"""Find a cookie in the Cookie fields of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def find_cookie(values: Sequence[bytes], name: bytes) -> bytes:
    """Return the value of the first cookie of this name in the Cookie fields (RFC 6265, section 4.2), or nothing."""
    for value in values:
        for pair in value.split(b";"):
            found, separator, content = pair.partition(b"=")
            if separator and found.strip() == name:
                return content.strip()
    return b""
