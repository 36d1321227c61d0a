"""Hashes are the same everywhere and evenly spread."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.balancer.hashing import hash_key, scale, spread


def test_a_hash_does_not_change_with_a_release() -> None:
    """During a rolling upgrade old and new gateways must agree on who owns a key."""
    assert [hash_key(b""), hash_key(b"a")] == [-1970711489451281740, 4681665781835383343]


@given(st.binary(max_size=40))
def test_a_hash_is_a_signed_64_bit_number_and_never_zero(value: bytes) -> None:
    """0 means that a request is bound to nothing."""
    assert -(2**63) <= hash_key(value) < 2**63
    assert hash_key(value) != 0


def test_a_stream_is_the_published_one() -> None:
    """The points of an endpoint must be where every other gateway has them (SplitMix64's reference output)."""
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert spread(1234567, 3) == [(number >> 11) / 2**53 for number in published]


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 20))
def test_a_longer_stream_continues_a_shorter_one(seed: int, count: int) -> None:
    """With half the points an endpoint must keep those of the other half."""
    assert spread(seed, 20)[:count] == spread(seed, count)


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_hash_has_a_place_from_0_to_below_1(number: int) -> None:
    """A key at the very end of the ring must not fall off it."""
    assert 0.0 <= scale(number) < 1.0
