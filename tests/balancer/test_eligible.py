"""Who may take traffic: rules 1 to 4 of the module."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.balancer.eligible import choose_eligible
from orion_gateway.values import Endpoint, Health, Standing

UP, DOWN, UNKNOWN = Standing(), Standing(Health.DOWN), Standing(Health.UNKNOWN)
EJECTED = Standing(is_ejected=True)
LETTERS = {"u": UP, "d": DOWN, "?": UNKNOWN, "e": EJECTED, "0": UP}
Panic = Literal["passive", "use_all"]


def judge(letters: str, panic: Panic) -> tuple[str, bool, list[str]]:
    """Return the letters of the eligible ones, whether there is panic, and why not. `0` is a weight of 0."""
    endpoints = [
        Endpoint(url=f"http://{number}", authority=letter, weight=int(letter != "0"))
        for number, letter in enumerate(letters)
    ]
    chosen = choose_eligible(endpoints, [LETTERS[letter] for letter in letters], panic)
    return "".join(endpoint.authority for endpoint in chosen.endpoints), chosen.is_panic, chosen.why


@pytest.mark.parametrize(
    ("letters", "panic", "eligible", "is_panic"),
    [
        ("", "passive", "", False),
        ("u", "passive", "u", False),
        ("uuu", "passive", "uuu", False),
        ("uud", "passive", "uu", False),
        ("uue", "passive", "uu", False),
        # Half is left: no panic. Under half: ejection is ignored, what is down stays out.
        ("ue", "passive", "u", False),
        ("uudd", "passive", "uu", False),
        ("uee", "passive", "uee", True),
        ("ude", "passive", "ue", True),
        ("udd", "passive", "u", True),
        ("uddd", "use_all", "u", True),
        ("e", "passive", "e", True),
        ("ee", "passive", "ee", True),
        ("ed", "passive", "e", True),
        # Nobody is up: what is down is used only by who asked for it.
        ("dd", "passive", "", True),
        ("dd", "use_all", "dd", True),
        ("ed", "use_all", "e", True),
        # Not checked yet: better than nothing, worse than one that is up.
        ("??", "passive", "??", False),
        ("?u", "passive", "u", False),
        ("?d", "passive", "?", False),
        ("?dd", "passive", "?", True),
        ("?e", "passive", "?", False),
        ("?dd", "use_all", "?", True),
        # Weight 0 takes no part, and does not count as lost.
        ("0", "use_all", "", False),
        ("u0", "passive", "u", False),
        ("ue000", "passive", "u", False),
        ("d0", "use_all", "d", True),
    ],
)
def test_who_is_eligible(letters: str, panic: Panic, eligible: str, is_panic: bool) -> None:
    """Two failing endpoints of three would leave one with the load of all; one that is down would answer nobody."""
    assert judge(letters, panic)[:2] == (eligible, is_panic)


def test_everybody_else_is_told_why_not() -> None:
    """`orion explain` answers "why does nothing go to that machine" with this."""
    assert judge("uude?0", "passive") == ("uu", False, ["", "", "down", "ejected", "unknown", "weight 0"])
    assert judge("ude", "passive")[2] == ["", "down", ""]
    assert judge("dd", "use_all")[2] == ["", ""]


@given(st.text("ud?e0", max_size=12), st.sampled_from(["passive", "use_all"]))
def test_eligible_and_why_agree(letters: str, panic: Panic) -> None:
    """And a service that has an endpoint which is not down is never left without one."""
    eligible, _, why = judge(letters, panic)
    assert eligible == "".join(letter for letter, reason in zip(letters, why, strict=True) if not reason)
    assert "0" not in eligible
    assert bool(eligible) == bool(set(letters) & (set("u?e") if panic == "passive" else set("u?ed")))
