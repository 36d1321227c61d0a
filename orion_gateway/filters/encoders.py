"""Compressors of one shape over three libraries: content in, coded content out.

The libraries are imported where an encoder is first asked for. zstd is that of the standard library from Python 3.14
on, and before it the same module as a backport.
"""

from __future__ import annotations

import sys
import zlib
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WINDOW_BITS = 18
"""How far back zstd and br look for what they have seen: 256 KiB. More needs more memory for every response under way
(zstd promises at most 8 MiB, RFC 9659) and is worth little for texts."""


MOST_SPARE = 16
"""Compressors of zstd that are kept for other responses, per level: making one costs three times what 4 KiB cost."""

_SPARE: dict[int, deque[Any]] = {}


class Encoder(Protocol):
    """A content coding at work on one response. Used by one thread at a time."""

    def feed(self, data: bytes) -> bytes:
        """Take content; return what is ready, which may be nothing."""

    def flush(self, data: bytes) -> bytes:
        """Take content; return enough for the client to have all of it so far."""

    def finish(self, data: bytes) -> bytes:
        """Take the last of the content; return everything that is left."""


class Gzip:
    """RFC 1952, by zlib."""

    def __init__(self, level: int, size: int | None) -> None:
        self._compressor = zlib.compressobj(level, zlib.DEFLATED, 16 + zlib.MAX_WBITS)

    def feed(self, data: bytes) -> bytes:
        """Take content; return what is ready."""
        return self._compressor.compress(data)

    def flush(self, data: bytes) -> bytes:
        """Take content; return enough for all of it to be decoded."""
        return self._compressor.compress(data) + self._compressor.flush(zlib.Z_SYNC_FLUSH)

    def finish(self, data: bytes) -> bytes:
        """Take the last; return the rest."""
        return self._compressor.compress(data) + self._compressor.flush()


class Brotli:
    """RFC 7932, by its reference implementation."""

    def __init__(self, level: int, size: int | None) -> None:
        import brotli

        self._compressor = brotli.Compressor(quality=level, lgwin=WINDOW_BITS)

    def feed(self, data: bytes) -> bytes:
        """Take content; return what is ready."""
        return bytes(self._compressor.process(data))

    def flush(self, data: bytes) -> bytes:
        """Take content; return enough for all of it to be decoded."""
        return bytes(self._compressor.process(data) + self._compressor.flush())

    def finish(self, data: bytes) -> bytes:
        """Take the last; return the rest."""
        return bytes(self._compressor.process(data) + self._compressor.finish())


class Zstandard:
    """RFC 8878, by its reference implementation."""

    def __init__(self, level: int, size: int | None) -> None:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd

        self._spare = _SPARE.setdefault(level, deque(maxlen=MOST_SPARE))
        try:
            self._compressor: zstd.ZstdCompressor = self._spare.pop()
        except IndexError:
            parameter = zstd.CompressionParameter
            options: dict[int, int] = {parameter.compression_level: level, parameter.window_log: WINDOW_BITS}
            self._compressor = zstd.ZstdCompressor(options=options)
        # Tables as small as the content: a third less time for 1 KiB.
        self._compressor.set_pledged_input_size(size)

    def feed(self, data: bytes) -> bytes:
        """Take content; return what is ready."""
        return self._compressor.compress(data)

    def flush(self, data: bytes) -> bytes:
        """Take content; return enough for all of it to be decoded."""
        return self._compressor.compress(data, self._compressor.FLUSH_BLOCK)

    def finish(self, data: bytes) -> bytes:
        """Take the last; return the rest."""
        rest = self._compressor.compress(data, self._compressor.FLUSH_FRAME)
        # A frame that was cut off is not finished, and its compressor is never used again.
        self._spare.append(self._compressor)
        return rest


ENCODERS: Mapping[str, Callable[[int, int | None], Encoder]] = {"zstd": Zstandard, "br": Brotli, "gzip": Gzip}
"""By the name of the coding: what makes an encoder of a level, for content of a size when all of it is there."""
