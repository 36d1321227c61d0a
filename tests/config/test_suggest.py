"""Suggestions for mistyped words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.config.keys import keys_of, strip_annotation
from orion_gateway.config.model import Config
from orion_gateway.config.reference import sections_of
from orion_gateway.config.suggest import closest, count_edits
from orion_gateway.config.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator


def typos_of(word: str) -> Iterator[str]:
    """Yield the word with every single letter dropped, doubled, replaced, and every pair of neighbours swapped."""
    for at in range(len(word)):
        yield word[:at] + word[at + 1 :]
        yield word[:at] + word[at] + word[at:]
        yield word[:at] + "q" + word[at + 1 :]
        yield word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :]


@pytest.mark.parametrize("model", [model for _, model in sections_of(Config)], ids=lambda model: model.__name__)
def test_every_single_typo_of_every_key_suggests_that_key(model: type[Table]) -> None:
    """A user with a typo would have to read the manual."""
    keys = keys_of(model)
    for key in keys:
        for typo in typos_of(key):
            if typo not in keys:
                assert closest(typo, keys) == key, typo


def test_a_word_that_resembles_nothing_gets_no_suggestion() -> None:
    """A user would be sent in a wrong direction."""
    assert closest("plugins", ["routes", "services", "listeners"]) == ""
    assert closest("x", []) == ""


def test_case_and_dashes_do_not_hide_a_word() -> None:
    """Somebody who knows the word from another program would not be helped."""
    assert closest("load-balancer", ["load_balancer"]) == "load_balancer"
    assert closest("GET", ["get"]) == "get"


@pytest.mark.parametrize(
    ("one", "other", "edits"),
    [("", "", 0), ("", "abc", 3), ("abc", "acb", 1), ("abc", "abd", 1), ("abcd", "badc", 2), ("kitten", "sitting", 3)],
)
def test_a_swap_of_neighbours_is_one_edit(one: str, other: str, edits: int) -> None:
    """The most frequent typo would count double and miss its suggestion."""
    assert count_edits(one, other) == edits


@given(st.text(alphabet="abc", max_size=8), st.text(alphabet="abc", max_size=8))
def test_the_count_of_edits_is_the_same_both_ways(one: str, other: str) -> None:
    """A suggestion would depend on which word is the mistyped one."""
    edits = count_edits(one, other)
    assert edits == count_edits(other, one)
    assert (edits == 0) == (one == other)
    assert abs(len(one) - len(other)) <= edits <= max(len(one), len(other))


def test_annotations_are_seen_through() -> None:
    """Keys below an optional mapping would get no suggestion."""
    assert strip_annotation(int | None) is int
