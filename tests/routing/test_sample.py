"""Texts that an expression matches, as examples for a person."""

from __future__ import annotations

import pytest

from orion_gateway.routing.sample import sample


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("/a.*", "/a"),
        ("/users/[0-9]+", "/users/0"),
        ("(?i)/A/b", "/A/b"),
        ("/v[0-9]+/.+", "/v0/x"),
        ("/(a|b)/x{2,3}?", "/a/xx"),
        ("[^/]+", "a"),
        (r"\d{3}\.json", "000.json"),
        ("a|/b", "a"),
        ("[[:alpha:]]x", "ax"),
        ("(?P<n>ab)+?", "ab"),
        (r"[\]q]", "]"),
        ("[]q]", "]"),
        ("^/x$", "/x"),
        ("", ""),
    ],
)
def test_a_sample_is_the_shortest_plain_match(expression: str, text: str) -> None:
    """A warning would say that a route is hidden, and not by which request that can be seen."""
    assert sample(expression) == text


@pytest.mark.parametrize("expression", ["é", "(", "a{1", "x{999}", r"\pN", "(?x"])
def test_an_expression_beyond_what_is_understood_has_none(expression: str) -> None:
    """A made-up text that does not match would send somebody looking for a mistake that is not there."""
    assert sample(expression) is None
