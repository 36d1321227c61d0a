"""Hashes that are the same in every process and on every machine: what a key is bound to depends on nobody."""

from __future__ import annotations

from hashlib import blake2b

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB
_UNIT = 2.0**-53


def hash_key(value: bytes) -> int:
    """Return a number of 64 bits with a sign, never 0, evenly spread over all of them (BLAKE2b)."""
    return int.from_bytes(blake2b(value, digest_size=8).digest(), "big", signed=True) or 1


def spread(seed: int, count: int) -> list[float]:
    """Return the first `count` numbers from 0 to below 1 of the stream that begins with `seed`.

    It is SplitMix64 (Steele 2014): evenly spread, and a longer stream only continues a shorter one.
    """
    numbers = []
    state = seed & _MASK
    for _ in range(count):
        state = (state + _STEP) & _MASK
        mixed = ((state ^ (state >> 30)) * _FIRST) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * _SECOND) & _MASK
        numbers.append(scale(mixed ^ (mixed >> 31)))
    return numbers


def scale(number: int) -> float:
    """Return where a 64-bit number stands from 0 to below 1, those below 0 last: the 53 bits that a float holds."""
    return ((number & _MASK) >> 11) * _UNIT
