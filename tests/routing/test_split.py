"""Which service takes a request of a route that splits its traffic."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.routing.split import Splitter, make_token
from orion_gateway.values import Split, Target

if TYPE_CHECKING:
    from collections.abc import Sequence

COOKIE = "release"


class Drawn(Random):
    """A source of randomness that says what it is told to."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self._value = value

    def random(self) -> float:
        return self._value


def split(*weights: int, cookie: str | None = None) -> Split:
    return Split(tuple(Target(f"v{number}", weight) for number, weight in enumerate(weights)), cookie)


def cookies_of(service: str) -> Sequence[bytes]:
    return [b"a=1; %b=%b" % (COOKIE.encode(), make_token(service))]


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=6).filter(any))
def test_the_shares_are_those_of_the_weights_to_the_last_draw(weights: list[int]) -> None:
    """A canary of 1 % would get some other share, and what is concluded from it would be wrong."""
    splitter, total = Splitter(split(*weights)), sum(weights)
    found = Counter(splitter.choose((), Drawn((draw + 0.5) / total)) for draw in range(total))
    assert found == Counter({number: weight for number, weight in enumerate(weights) if weight})
    # The first and the last number that a source of randomness can give.
    assert splitter.choose((), Drawn(0.0)) == min(found)
    assert splitter.choose((), Drawn(1.0 - 2.0**-53)) == max(found)


def test_many_draws_come_close_to_the_weights() -> None:
    """The draws of a real source would lean to one side."""
    splitter, rng, count = Splitter(split(90, 9, 1)), Random(5), 100_000
    found = Counter(splitter.choose((), rng) for _ in range(count))
    for number, share in enumerate((0.9, 0.09, 0.01)):
        deviation = (count * share * (1 - share)) ** 0.5
        assert abs(found[number] - count * share) < 4 * deviation


def test_a_client_keeps_its_service_while_that_has_any_weight() -> None:
    """A person would see the old and the new page in turn."""
    one_in_a_thousand = Splitter(split(999, 1, cookie=COOKIE))
    assert {one_in_a_thousand.choose(cookies_of("v1"), Random(seed)) for seed in range(50)} == {1}


@pytest.mark.parametrize(
    "cookies",
    [
        cookies_of("v1"),  # its weight is 0
        cookies_of("gone"),
        [b"release=; release=%b" % make_token("v1")],
        [b"release=v0"],
        [b"other=%b" % make_token("v0")],
        [],
    ],
)
def test_who_has_no_service_with_weight_is_drawn_one(cookies: Sequence[bytes]) -> None:
    """A rollback by weight 0 would leave those on the broken release who had the bad luck to get it."""
    splitter = Splitter(split(1, 0, 1, cookie=COOKIE))
    assert splitter.find_assigned(cookies) is None
    assert {splitter.choose(cookies, Random(seed)) for seed in range(50)} == {0, 2}


def test_a_split_without_a_cookie_looks_at_none() -> None:
    """A cookie without a name would be somebody's assignment."""
    assert Splitter(split(1, 1)).find_assigned([b"=%b" % make_token("v0")]) is None


def test_a_token_is_the_same_everywhere_and_does_not_show_the_name() -> None:
    """Another worker or gateway would assign the client anew, or tell it what is being tried."""
    token = make_token("payments-rewrite")
    assert token == b"a28f42bc1a62274f"
    asked = "from orion_gateway.routing.split import make_token; print(make_token('payments-rewrite').decode())"
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True).stdout
    assert said.strip() == token
    assert len({make_token(f"v{number}") for number in range(1000)}) == 1000
