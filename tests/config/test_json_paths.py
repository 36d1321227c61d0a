"""Paths into JSON documents as the table writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.config.json_paths import join_json_path, split_json_path


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("a", ("a",)),
        ("a.b.c", ("a", "b", "c")),
        ("items.*.name", ("items", None, "name")),
        ("*", (None,)),
        ("*.*.a", (None, None, "a")),
        (r"a\.b.c", ("a.b", "c")),
        (r"\*.a", ("*", "a")),
        (r"a*.**", ("a*", "**")),
        (r"a\\.b", ("a\\", "b")),
        (r"\/x.\$.y", ("/x", "$", "y")),
        ("with space.\u00e9", ("with space", "\u00e9")),
        ("[x].@type", ("[x]", "@type")),
    ],
)
def test_a_path_names_what_it_says(text: str, steps: tuple[str | None, ...]) -> None:
    """Another member than the one that is written would be dropped."""
    assert split_json_path(text) == steps


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "a\\", r"a\b", ".".join("a" * 65)])
def test_what_is_no_path_is_refused(text: str) -> None:
    """A mistake would be a path that never leads anywhere."""
    with pytest.raises(ValueError, match=r"^"):
        split_json_path(text)


@given(st.lists(st.none() | st.text(min_size=1), min_size=1, max_size=5).map(tuple))
def test_every_name_can_be_written(path: tuple[str | None, ...]) -> None:
    """Members with unusual names could not be reached, or an error would suggest a wrong path."""
    assert split_json_path(join_json_path(path)) == path
