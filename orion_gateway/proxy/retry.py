"""Decide whether a failed attempt may be repeated.

Pure: `exchange` makes the attempt and tells what happened; this module answers. Without configured retries there is one
case left: a kept-alive connection that the endpoint closed while the request was on its way (RFC 9112, section 9.3.1).
"""

from __future__ import annotations

# RFC 9110, section 9.2.2.
IDEMPOTENT = frozenset([b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"])


def may_repeat_on_fresh_connection(
    method: bytes, *, was_reused: bool, answered: bool, has_content: bool, repeated: bool
) -> bool:
    """Say whether an attempt whose connection was lost may be made once more on a fresh connection.

    `answered`: a byte of the response has come. `has_content`: the request has content, which is not kept and cannot be
    sent again. `repeated`: it was repeated before.
    """
    return was_reused and not answered and not has_content and not repeated and method in IDEMPOTENT
