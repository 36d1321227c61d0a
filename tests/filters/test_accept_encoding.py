"""Which coding a client gets, by what it says it accepts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.filters.accept_encoding import LONGEST, choose_encoding

ALL = ("zstd", "br", "gzip")


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        (None, None),
        ("", None),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "br"),
        ("GZip", "gzip"),
        ("x-gzip", "gzip"),
        ("deflate, compress", None),
        # Weights.
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("gzip ; q=0.8 ,\tbr;Q=0.9", "br"),
        ("gzip;q=0", None),
        ("br;q=0, gzip;q=0.001", "gzip"),
        ("zstd;q=0.000, br", "br"),
        # `*` is every coding that is not named.
        ("*", "zstd"),
        ("*;q=0", None),
        ("gzip, *;q=0", "gzip"),
        ("zstd;q=0, *", "br"),
        ("gzip;q=0.5, *;q=0.1", "gzip"),
        # Content as it is, which is a choice like the others once it is named.
        ("identity", None),
        ("identity;q=1, gzip;q=0.5", None),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity;q=0, gzip;q=0.1", "gzip"),
        ("identity;q=0", None),
        ("identity;q=0, *", "zstd"),
        ("gzip;q=0.2, *;q=0.5, br;q=0, zstd;q=0", None),
        # Twice: the lower weight counts.
        ("gzip, gzip;q=0", None),
        ("gzip;q=0, x-gzip", None),
        # Empty elements are allowed.
        (", gzip ,, br;q=0.1,", "gzip"),
        # Malformed: content as it is.
        ("gzip;q=2", None),
        ("gzip;q=1.001", None),
        ("gzip;q=0.1234", None),
        ("gzip;q=", None),
        ("gzip;q=-1, br", None),
        ("gzip;q = 1", None),
        ("gzip;level=1", None),
        ("gzip br", None),
        ('"gzip"', None),
        ("gzip;", None),
        ("gzip, br, caf\xe9", None),
        (f"gzip{' ' * LONGEST}", None),
    ],
)
def test_the_client_gets_what_it_likes_best(accepted: str | None, chosen: str | None) -> None:
    """It would be sent what it cannot read, or more bytes than it had to be."""
    assert choose_encoding(None if accepted is None else accepted.encode("latin-1"), ALL) == chosen


def test_the_gateway_prefers_in_its_own_order_among_equals() -> None:
    """The order in the table would mean nothing."""
    assert choose_encoding(b"br, gzip", ("gzip", "br")) == "gzip"
    assert choose_encoding(b"br, gzip;q=0.9", ("gzip", "br")) == "br"
    assert choose_encoding(b"zstd, br", ("gzip",)) is None


WEIGHTS = st.dictionaries(st.sampled_from([*ALL, "*", "identity", "deflate"]), st.integers(0, 1000), max_size=6)


@given(WEIGHTS, st.permutations(ALL))
def test_nothing_refused_is_chosen_and_nothing_better_left(weights: dict[str, int], offered: list[str]) -> None:
    """A client would get a coding that it refuses, or not its best."""
    field = ",".join(f"{coding};q={weight // 1000}.{weight % 1000:03}" for coding, weight in weights.items())
    chosen = choose_encoding(field.encode(), tuple(offered))
    rated = {coding: weights.get(coding, weights.get("*", 0)) for coding in offered}
    if chosen is None:
        identity = weights.get("identity", weights.get("*", 0))
        assert max(rated.values()) == 0 or max(rated.values()) < identity
    else:
        assert rated[chosen] == max(rated.values()) > 0


@given(st.binary(max_size=60))
def test_whatever_a_client_sends_is_an_answer(accepted: bytes) -> None:
    """A client could make the filter fail."""
    assert choose_encoding(accepted, ALL) in {None, *ALL}
