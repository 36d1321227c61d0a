"""Query strings as forms write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.routing.query import split_query


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        (b"", []),
        (b"&&", []),
        (b"a", [(b"a", b"")]),
        (b"a=1&b=2&a=3", [(b"a", b"1"), (b"b", b"2"), (b"a", b"3")]),
        (b"a=b=c", [(b"a", b"b=c")]),
        (b"%61+b=c%26d%3D", [(b"a b", b"c&d=")]),
        (b"a=%zz;b", [(b"a", b"%zz;b")]),
        (b"=1", [(b"", b"1")]),
    ],
)
def test_names_and_values_are_decoded(query: bytes, parameters: list[tuple[bytes, bytes]]) -> None:
    """A condition would not see a value that an endpoint sees."""
    assert [(parameter.name, parameter.value) for parameter in split_query(query)] == parameters


@given(
    st.lists(st.sampled_from([b"a", b"=", b"%3d", b"+", b"%26", b"\xff"]), min_size=1).map(b"".join), st.integers(0, 3)
)
def test_nothing_but_empty_parameters_is_lost(part: bytes, empty: int) -> None:
    """A rewritten query string would lose what it should keep."""
    query = b"&" * empty + part + b"&" * (empty + 1) + part
    assert [parameter.raw for parameter in split_query(query)] == [part, part]
