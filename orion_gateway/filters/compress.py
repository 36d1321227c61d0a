"""Compress responses for clients that accept it.

What may be compressed is decided from the heads alone (`may_compress`); how the pieces go on is decided by
`CompressedStream`: content of unknown length is flushed with every piece, so that nothing waits here; content of known
length is gathered into portions. Large portions are compressed in a thread.

A client that does not accept a coding gets the same head but for the coding, with Vary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orion_gateway.filters.accept_encoding import choose_encoding
from orion_gateway.filters.encoders import ENCODERS
from orion_gateway.filters.filter import STREAM, BodyStream, Filter
from orion_gateway.filters.media_type import MediaTypes, media_type_of
from orion_gateway.filters.recoded import add_vary, list_words, mark_changed, revalidate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from orion_gateway.filters.encoders import Encoder
    from orion_gateway.filters.filter import Content, Exchange, Facilities, RequestHead, ResponseHead

EVENT_STREAM = "text/event-stream"
"""Never compressed: whatever stands between may hold events back, and they are small."""

AT_ONCE = 16 * 1024
"""Bytes that are compressed in the event loop: 0.05 to 0.55 ms, by coding and level. Going to a thread and back costs
0.08 ms, and for less content that would be most of the work."""

PORTION = 64 * 1024
"""Bytes of content of known length that are gathered before they go to a thread."""

WITHOUT_CONTENT = frozenset((204, 205, 304))


@dataclass(frozen=True, slots=True)
class CompressRules:
    """What is compressed, and how."""

    levels: tuple[tuple[str, int], ...]
    """The codings in the order of preference, each with its level."""
    min_size: int
    """Bytes of content below which it is left as it is, where its length is known."""
    types: tuple[str, ...]
    """Media types, `type/*` and `+syntax`."""


def may_compress(response: ResponseHead, types: MediaTypes, min_size: int) -> bool:
    """Say whether this response is one to compress for clients that accept it. The request has no part in it."""
    status = response.status
    if status < 200 or status in WITHOUT_CONTENT or status == 206:
        return False
    if 0 <= response.content_length < max(min_size, 1):
        return False
    media_type = media_type_of(response)
    if media_type not in types or media_type == EVENT_STREAM:
        return False
    if response.first(b"content-encoding") is not None or response.first(b"content-range") is not None:
        return False
    # RFC 9111, section 5.2.2.6.
    return b"no-transform" not in list_words(response.values(b"cache-control"))


class Compress(Filter):
    """Compresses responses."""

    response_body = STREAM

    def __init__(self, rules: CompressRules, facilities: Facilities) -> None:
        self._encodings = tuple(encoding for encoding, _ in rules.levels)
        self._min_size = rules.min_size
        self._types = MediaTypes(rules.types)
        self._levels = dict(rules.levels)
        self._facilities = facilities
        for encoding, level in rules.levels:
            # The library is read now, and not in the middle of the first response.
            ENCODERS[encoding](level, None)

    def on_request(self, exchange: Exchange) -> None:
        """Choose the coding now: what a filter behind this one makes of Accept-Encoding is for the endpoint."""
        encoding = self._choose(exchange.request)
        if encoding is not None:
            exchange.state[self] = encoding

    def _choose(self, request: RequestHead) -> str | None:
        values = request.values(b"accept-encoding")
        if not values:
            return None
        encoding = choose_encoding(values[0] if len(values) == 1 else b",".join(values), self._encodings)
        # A client may ask for content as it is, too (RFC 9111, section 5.2.1.6).
        if encoding is None or b"no-transform" in list_words(request.values(b"cache-control")):
            return None
        return encoding

    def on_response(self, exchange: Exchange) -> None:
        """Make the head say what the content will be. HEAD gets the head that GET would get."""
        response = exchange.response
        assert response is not None
        encoding = exchange.state.get(self)
        if not may_compress(response, self._types, self._min_size):
            exchange.state.pop(self, None)
            revalidate(exchange)
            if response.status == 304:
                # It says no media type. A cache takes its Vary for that of the 200, which must have been the same
                # (RFC 9110, section 15.4.5), and one that lost Accept-Encoding would give coded content to everybody.
                add_vary(response, b"Accept-Encoding")
            return
        add_vary(response, b"Accept-Encoding")
        if isinstance(encoding, str):
            response.set(b"Content-Encoding", encoding.encode())
            mark_changed(exchange)

    def open_response(self, exchange: Exchange) -> BodyStream | None:
        """Compress the content that `on_response` has promised to compress."""
        encoding, response = exchange.state.get(self), exchange.response
        if not isinstance(encoding, str):
            return None
        assert response is not None
        return CompressedStream(
            encoding, self._levels[encoding], self._facilities, is_flushed=response.content_length < 0
        )


class CompressedStream(BodyStream):
    """The content of one response on its way through an encoder.

    At most a portion and what came with it is held. The encoder is at work in one place at a time: the exchange feeds
    the next piece only when the one before is through.
    """

    def __init__(self, encoding: str, level: int, facilities: Facilities, *, is_flushed: bool) -> None:
        self._make = ENCODERS[encoding]
        self._level = level
        self._facilities = facilities
        self._is_flushed = is_flushed
        self._encoder: Encoder | None = None
        self._waiting: list[bytes] = []
        self._size = 0

    def feed(self, pieces: Sequence[Content]) -> Sequence[Content] | Awaitable[Sequence[Content]]:
        """Take content. Of unknown length: all of it goes on. Of known length: a portion at a time."""
        self._waiting += map(bytes, pieces)
        self._size += sum(map(len, pieces))
        if not self._size or (not self._is_flushed and self._size < PORTION):
            return ()
        encoder = self._encoder
        if encoder is None:
            encoder = self._encoder = self._make(self._level, None)
        encode = encoder.flush if self._is_flushed else encoder.feed
        data = self._take()
        if len(data) <= AT_ONCE:
            return _listed(encode(data))
        return self._encode_aside(lambda: encode(data))

    def end(self) -> Sequence[Content] | Awaitable[Sequence[Content]]:
        """Compress what waits, and end the coding."""
        data, encoder = self._take(), self._encoder
        if encoder is None:
            encoder = self._make(self._level, len(data))
        elif not self._is_flushed:
            # It still holds some of what it was fed.
            return self._encode_aside(lambda: encoder.finish(data))
        if len(data) <= AT_ONCE:
            return _listed(encoder.finish(data))
        return self._encode_aside(lambda: encoder.finish(data))

    def close(self) -> None:
        """Let go of what waits."""
        self._take()
        self._encoder = None

    def _take(self) -> bytes:
        data = self._waiting[0] if len(self._waiting) == 1 else b"".join(self._waiting)
        self._waiting.clear()
        self._size = 0
        return data

    async def _encode_aside(self, work: Callable[[], bytes]) -> Sequence[Content]:
        return _listed(await self._facilities.run(work))


def _listed(data: bytes) -> Sequence[Content]:
    return (data,) if data else ()
