"""Undo content codings that are there as a whole, never to more than a limit: little content may unfold to gigabytes.

Pure. The libraries are imported where their coding is first met.
"""

from __future__ import annotations

import sys
import zlib
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_WINDOW_BITS = 23
"""8 MiB, the largest window that a zstd coding may ask a reader to keep (RFC 9659, section 3)."""

Undone = bytes | Literal["too large", "coding"]
"""Content, or why there is none: it is above the limit; its coding is unknown, broken or cut."""


def decode(content: bytes, coding: bytes, limit: int) -> Undone:
    """Undo a content coding, a lower-case name, to at most `limit` bytes."""
    if coding in (b"", b"identity"):
        return content if len(content) <= limit else "too large"
    read = _READERS.get(coding)
    return "coding" if read is None else read(content, limit)


def _inflate(content: bytes, limit: int) -> Undone:
    reader = zlib.decompressobj(wbits=47)  # gzip or zlib, by what its head says
    try:
        decoded = reader.decompress(content, limit + 1)
    except zlib.error:
        return "coding"
    return _judge(decoded, limit, is_over=reader.eof)


def _read_brotli(content: bytes, limit: int) -> Undone:
    import brotli

    reader = brotli.Decompressor()
    try:
        decoded: bytes = reader.process(content, output_buffer_limit=limit + 1)
    except brotli.error:
        return "coding"
    return _judge(decoded, limit, is_over=reader.is_finished())


def _read_zstandard(content: bytes, limit: int) -> Undone:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

    reader = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_BITS})
    try:
        decoded = reader.decompress(content, limit + 1)
    except zstd.ZstdError:
        return "coding"
    return _judge(decoded, limit, is_over=reader.eof)


def _judge(decoded: bytes, limit: int, *, is_over: bool) -> Undone:
    if len(decoded) > limit:
        return "too large"
    return decoded if is_over else "coding"


_READERS: Mapping[bytes, Callable[[bytes, int], Undone]] = {
    b"br": _read_brotli,
    b"deflate": _inflate,
    b"gzip": _inflate,
    b"x-gzip": _inflate,
    b"zstd": _read_zstandard,
}
