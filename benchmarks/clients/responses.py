"""Tell where a response ends, for clients that ask one thing at a time per connection."""

from __future__ import annotations

import re

LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked[ \t]*\r\n", re.IGNORECASE)
LAST_CHUNK = b"\r\n0\r\n\r\n"


class ResponseError(Exception):
    """What came is no answer that could be counted; the text says why."""


def is_complete(received: bytes, body_bytes: int) -> bool:
    """Return whether a whole answer of status 200 is there, with content of `body_bytes`.

    Raises ResponseError when it is another answer. A chunked one is complete with its last chunk: its content may not
    hold that mark itself, and no trailer section is understood.
    """
    head, found, content = received.partition(b"\r\n\r\n")
    if not found:
        return False
    if head[:12] not in (b"HTTP/1.1 200", b"HTTP/1.0 200"):
        raise ResponseError(f"answered {head[:60]!r}")
    head += b"\r\n"
    length = LENGTH.search(head)
    if length is not None:
        if int(length[1]) != body_bytes:
            raise ResponseError(f"content of {int(length[1])} bytes instead of {body_bytes}")
        return len(content) >= body_bytes
    if CHUNKED.search(head) is None:
        raise ResponseError("an answer that ends with its connection")
    if not (b"\r\n" + content).endswith(LAST_CHUNK):
        return False
    if (held := _count_content(content)) != body_bytes:
        raise ResponseError(f"chunks of {held} bytes instead of {body_bytes}")
    return True


def _count_content(chunks: bytes) -> int:
    total = at = 0
    try:
        while size := int(chunks[at : (end := chunks.index(b"\r\n", at))].partition(b";")[0], 16):
            total, at = total + size, end + size + 4
    except ValueError:
        raise ResponseError("chunks that are none") from None
    return total
