"""`compress` and `transform` out of a table."""

from __future__ import annotations

import pickle
from pathlib import Path

from orion_gateway.config.load import load_table
from orion_gateway.filter_assembly import build_filters
from orion_gateway.filters.compress import CompressRules
from orion_gateway.filters.json_edits import JsonEdits
from orion_gateway.filters.transform import TransformRules

TABLE = Path(__file__).parent / "config" / "good" / "content_filters.yaml"


def test_rules_are_what_the_table_says() -> None:
    """An edit would reach another member than the one that is written, or none."""
    first, second, tidy, last = (use.rules for use in build_filters(load_table(TABLE, {}), 0))
    assert first == CompressRules((("br", 5), ("gzip", 5)), 0, ("text/*", "+json", "application/json"))
    assert isinstance(second, CompressRules)
    assert (second.levels, second.min_size) == ((("zstd", 3), ("br", 4), ("gzip", 5)), 1024)
    assert {"text/*", "+json", "+xml", "application/json"} <= set(second.types)
    edits = JsonEdits(
        rename=(
            (("user", "mail"), "email"),
            (("items", None, "sku"), "code"),
            (("first",), "second"),
            (("second",), "first"),
        ),
        drop=(("role",), ("items", None, "internal"), ("a.b",), (None, "secret"), ("*",), ("[x",)),
        add=(
            (("role",), "member"),
            (("meta", "source"), "gateway"),
            (("tags",), ["a", 1, 1.5, True, {"b": "c"}]),
        ),
        map=(
            (("status",), (("1", "active"), ("0", "closed"), ("true", "yes"))),
            (("tags", None), (("old", "new"),)),
        ),
    )
    assert tidy == TransformRules(edits, None, 64 * 1024, passes_on_error=True)
    assert last == TransformRules(None, JsonEdits(drop=(("password_hash",),)), 1024 * 1024, passes_on_error=False)


def test_rules_travel_to_workers() -> None:
    """No worker would start."""
    rules = [use.rules for use in build_filters(load_table(TABLE, {}), 0)]
    assert pickle.loads(pickle.dumps(rules)) == rules
