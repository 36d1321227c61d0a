"""What is wrong with a table that only the filters can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orion_gateway.config.load import load_table
from orion_gateway.filters.filter import Filter
from orion_gateway.loading import find_left_out, tell
from tests.lint.tables import HEAD, Authenticating

if TYPE_CHECKING:
    from pathlib import Path

KINDS = {"request_headers": Authenticating, "response_headers": Filter}


@pytest.mark.parametrize(
    ("defaults", "filters", "is_wrong"),
    [
        ("[auth]", "[other]", True),
        ("[other, auth]", "[other]", True),
        ("[{request_headers: {}}]", "[other]", True),
        ("[auth]", "[auth, other]", False),
        ("[auth]", "[defaults, other]", False),
        ("[auth]", "none", False),
        ("[other]", "[{response_headers: {}}]", False),
        ("none", "[other]", False),
    ],
)
def test_a_list_that_leaves_out_what_authenticates_is_an_error(
    tmp_path: Path, defaults: str, filters: str, is_wrong: bool
) -> None:
    """Somebody adds a filter to one route, and with that lets everybody in."""
    path = tmp_path / "routes.yaml"
    route = f"  - {{name: r, respond: {{}}, filters: {filters}}}\n"
    path.write_text(f"{HEAD}defaults: {{filters: {defaults}}}\nroutes:\n{route}", encoding="utf-8")
    errors = list(find_left_out(load_table(path, {}), KINDS))
    assert [(error.line, error.code) for error in errors] == ([(7, "E0307")] if is_wrong else [])
    assert all('the filters of the route "r" leave out' in error.message for error in errors)


def test_what_a_kind_declares_is_asked_of_its_class_or_of_who_speaks_for_it() -> None:
    """A plug-in that authenticates would not be known for it, or one that nobody knows be taken for harmless."""

    def maker() -> Filter:
        return Filter()

    kinds: dict[str, object] = {"known": Authenticating, "unknown": maker}
    assert tell(kinds, "known", None, "authenticates") is True
    assert tell(kinds, "known", None, "stores") is False
    assert tell(kinds, "unknown", None, "authenticates") is None
    maker.declares = lambda rules: rules  # type: ignore[attr-defined]
    assert tell(kinds, "unknown", Authenticating, "authenticates") is True
