"""Content codings undone: all of those that browsers ask for, and none beyond its limit."""

from __future__ import annotations

import gzip
import sys
import zlib
from typing import TYPE_CHECKING

import brotli
import pytest

from orion_gateway.filters.decoders import decode

if TYPE_CHECKING:
    from collections.abc import Callable

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ENCODERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"br": brotli.compress,
    b"deflate": zlib.compress,
    b"gzip": gzip.compress,
    b"x-gzip": gzip.compress,
    b"zstd": zstd.compress,
    b"identity": bytes,
    b"": bytes,
}
WIDE: dict[int, int] = {
    zstd.CompressionParameter.window_log: 24,
    zstd.CompressionParameter.enable_long_distance_matching: 1,
}


@pytest.mark.parametrize("coding", ENCODERS)
@pytest.mark.parametrize("content", [b"", b'{"a": 1}', bytes(range(256)) * 100])
def test_content_is_undone(coding: bytes, content: bytes) -> None:
    """Answers to browsers could not be compared."""
    assert decode(ENCODERS[coding](content), coding, len(content)) == content


@pytest.mark.parametrize("coding", ENCODERS)
@pytest.mark.parametrize("size", [101, 100_000, 10_000_000])
def test_what_unfolds_beyond_the_limit_is_given_up(coding: bytes, size: int) -> None:
    """A few bytes of zeros would fill the worker's memory."""
    assert decode(ENCODERS[coding](bytes(size)), coding, 100) == "too large"


@pytest.mark.parametrize("coding", [b"br", b"deflate", b"gzip", b"zstd"])
def test_what_is_broken_or_cut_is_said(coding: bytes) -> None:
    """Half of a document is not the document."""
    whole = ENCODERS[coding](b"abc" * 100)
    assert decode(whole[:-3], coding, 1000) == "coding"
    assert decode(b"\xff\xff no", coding, 1000) == "coding"
    assert decode(b"", coding, 1000) == "coding"


@pytest.mark.parametrize("coding", [b"compress", b"gzip, br", b"aes128gcm"])
def test_unknown_codings_are_said(coding: bytes) -> None:
    """Coded bytes would be compared as if they were the content."""
    assert decode(b"abc", coding, 1000) == "coding"


def test_a_window_beyond_the_one_that_is_allowed_is_refused() -> None:
    """A head of a few bytes would make the reader keep what no browser keeps."""
    assert decode(zstd.compress(bytes(1 << 24) + b"x", options=WIDE), b"zstd", 1 << 25) == "coding"
