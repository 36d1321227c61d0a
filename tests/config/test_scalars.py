"""Unquoted scalars by YAML 1.2."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.config.scalars import resolve


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("tRUE", "tRUE"),
        ("", None),
        ("~", None),
        ("null", None),
        ("012", 12),
        ("0o14", 12),
        ("0x1F", 31),
        ("-7", -7),
        ("+7", 7),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("1.2.3", "1.2.3"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("2001-12-14", "2001-12-14"),
        ("0b1", "0b1"),
        (".", "."),
        ("-", "-"),
        ("٣", "٣"),
        ("9" * 101, "9" * 101),
    ],
)
def test_a_scalar_means_what_yaml_1_2_says(text: str, value: object) -> None:
    """A country code, a version or a time of day would turn into something else."""
    found = resolve(text)
    assert (type(found), found) == (type(value), value)


def test_not_a_number_is_a_number() -> None:
    """`.nan` would be text in one place and a number in another."""
    found = resolve(".nan")
    assert isinstance(found, float)
    assert math.isnan(found)


@given(st.integers(min_value=-(10**30), max_value=10**30))
def test_every_integer_is_read_back(number: int) -> None:
    """A number would be another one than was written."""
    assert resolve(str(number)) == number
    assert resolve(f"{number:+d}") == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_read_back(number: float) -> None:
    """A number would be another one than was written."""
    assert resolve(repr(number)) == number


@given(st.text())
def test_whatever_is_written_has_a_meaning(text: str) -> None:
    """A strange scalar would crash the loader; text that is no number must stay as it is."""
    found = resolve(text)
    assert found is None or isinstance(found, bool | int | float) or found == text
