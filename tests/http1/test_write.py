"""Bytes put one behind the other: both builds write the same."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.http1.builds import PURE, RUNNING, Codec

places = st.integers(-5, 40)
puts = (
    st.tuples(st.just("put"), st.binary(max_size=300))
    | st.tuples(st.just("put_part"), st.binary(max_size=30), places, places)
    | st.tuples(st.just("put_number"), st.integers(0, 2**63 - 1))
)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.integers(-1, 600), st.lists(puts, max_size=30))
def test_both_builds_write_the_same(room: int, calls: list[tuple[Any, ...]]) -> None:
    """Without it, a head could hold other bytes than the specification writes, or those behind its memory."""
    written = set()
    for codec in (RUNNING, PURE):
        writer = codec.write.begin_writing(room)
        for name, *arguments in calls:
            getattr(writer, name)(*arguments)
        written.add(writer.take())
    assert len(written) == 1


@pytest.mark.parametrize("number", [0, 9, 10, 200, 2**31, 2**63 - 1])
def test_numbers_are_written_in_decimal(number: int) -> None:
    """Every length of a body is one."""
    writer = RUNNING.write.begin_writing(0)
    writer.put_number(number)
    assert writer.take() == str(number).encode()


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.binary(max_size=30), places, places)
def test_hexadecimal_is_that_of_python(data: bytes, start: int, end: int) -> None:
    """Ids are made of it."""
    for codec in (RUNNING, PURE):
        assert codec.write.write_hex(data, start, end) == data[max(start, 0) : max(end, 0)].hex().encode()


def test_only_bytes_are_written() -> None:
    """None, where a field is missing, must be an error and no memory of something else."""

    def write(codec: Codec) -> None:
        writer = codec.write.begin_writing(8)
        writer.put(None)
        writer.take()

    for codec in (RUNNING, PURE):
        with pytest.raises(TypeError):
            write(codec)
