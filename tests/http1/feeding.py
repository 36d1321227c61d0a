"""Give messages to the codec as connections do: in pieces, the unfinished rest kept and not searched again."""

import zlib
from collections.abc import Iterable, Iterator
from enum import Enum
from random import Random
from typing import cast

from orion_gateway.http1.body import Body
from orion_gateway.http1.head import HeadLimits, Refusal, RequestHead, ResponseHead, parse_request, parse_response
from orion_gateway.http1.scan import Line
from tests.http1.builds import RUNNING, Codec

LIMITS = HeadLimits()
Fields = list[tuple[bytes, bytes]]


def cut(data: bytes, rng: Random, count: int) -> list[bytes]:
    """Cut data at random places into at most `count` pieces, none of them empty."""
    places = sorted({rng.randrange(1, len(data)) for _ in range(count - 1)}) if len(data) > 1 else []
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]


def fragmentations(data: bytes) -> Iterator[list[bytes]]:
    """Yield ways in which a network may deliver data: whole, byte by byte, and in random cuts, always the same ones."""
    yield [data]
    yield [data[i : i + 1] for i in range(len(data))]
    rng = Random(zlib.crc32(data))
    for count in (2, 3, 5, 20):
        yield cut(data, rng, count)


def feed_request(
    pieces: Iterable[bytes], limits: HeadLimits = LIMITS, codec: Codec = RUNNING
) -> tuple[RequestHead | Refusal | None, bytes]:
    """Parse a request head that comes in pieces; return the verdict and what of the last piece lies behind it."""
    buffer, seen = b"", 0
    for piece in pieces:
        buffer += piece
        head, used = codec.head.parse_request(buffer, limits, seen)
        if head is not None:
            return head, buffer[used:]
        seen = len(buffer)
    return None, buffer


def feed_response(
    pieces: Iterable[bytes], method: bytes = b"GET", limits: HeadLimits = LIMITS, codec: Codec = RUNNING
) -> tuple[ResponseHead | Refusal | None, bytes]:
    """Parse a response head that comes in pieces; return the verdict and what of the last piece lies behind it."""
    buffer, seen = b"", 0
    for piece in pieces:
        buffer += piece
        head, used = codec.head.parse_response(buffer, limits, method, seen)
        if head is not None:
            return head, buffer[used:]
        seen = len(buffer)
    return None, buffer


def feed_body(body: Body, pieces: Iterable[bytes]) -> tuple[bytes, bytes]:
    """Read a body that comes in pieces; return its payload and the bytes behind it. Raises BodyRefused."""
    payload, rest = b"", b""
    for piece in pieces:
        if body.done:
            rest += piece
            continue
        slices, rest = body.feed(piece)
        payload += b"".join(slices)
    return payload, rest


def list_fields(section: bytes) -> Fields:
    """Return lower-case names and values of the lines of a well-formed section, an empty line at its end or not."""
    lines = [line.partition(b":") for line in section.split(b"\r\n") if line]
    return [(name.lower(), value.strip(b" \t")) for name, _, value in lines]


def describe(verdict: RequestHead | ResponseHead | Refusal | None) -> object:
    """Return what must be the same however a head arrived: everything judged, or the status of the refusal."""
    if verdict is None:
        return None
    if hasattr(verdict, "is_too_large"):  # a Refusal of either build
        refusal = cast("Refusal", verdict)
        return refusal.status, refusal.is_too_large
    slots = [name for kind in type(verdict).__mro__ for name in getattr(kind, "__slots__", ())]
    return {name: _describe(getattr(verdict, name)) for name in slots}


def _describe(value: object) -> object:
    """Return the same for what says the same, be it of one build or the other."""
    match value:
        case list():
            return list(map(_describe, value))
        case dict():
            return {key: _describe(lines) for key, lines in value.items()}
        case Enum():
            return value.name
    return describe_line(cast("Line", value)) if hasattr(value, "value_end") else value


def describe_line(line: Line) -> tuple[int, int, int, int, int]:
    """Return everything that a line says."""
    return line.kind, line.start, line.end, line.value_start, line.value_end


def accept(data: bytes, limits: HeadLimits = LIMITS) -> RequestHead:
    """Return the head of a request that must be accepted."""
    head, used = parse_request(data, limits)
    assert isinstance(head, RequestHead), head
    assert used == len(data)
    return head


def accept_response(data: bytes, method: bytes = b"GET", limits: HeadLimits = LIMITS) -> ResponseHead:
    """Return the head of a response that must be accepted."""
    head, used = parse_response(data, limits, method)
    assert isinstance(head, ResponseHead), head
    assert used == len(data)
    return head
