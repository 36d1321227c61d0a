"""Say in the words of the table what pydantic found, at the place where it stands.

Nothing that came from a variable, a file or a secret is quoted: a message shows what the table itself says.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orion_gateway.config.keys import keys_of, model_at
from orion_gateway.config.model import Config
from orion_gateway.config.nodes import QUOTE_HELP, ListNode, MappingNode, Node, ScalarNode, begin_of, walk
from orion_gateway.config.suggest import closest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic_core import ErrorDetails

    from orion_gateway.config.places import Location, Places
    from orion_gateway.config.report import Report
    from orion_gateway.config.table import Table

LONGEST_SHOWN = 60


class Translator:
    """Says what pydantic found in the words of the table, at the place where it stands. `model` is that of the file."""

    def __init__(self, places: Places, report: Report, model: type[Table] = Config) -> None:
        self.places = places
        self.report = report
        self.model = model

    def report_all(self, errors: Sequence[ErrorDetails], root: Node) -> None:
        """Report every error, and every key without a value."""
        unknown = {error["loc"] for error in errors if error["type"] == "extra_forbidden"}
        nothing = [path for path, node in walk(root) if isinstance(node, ScalarNode) and node.value is None]
        reported: set[Location] = set(unknown)
        for error in errors:
            location = error["loc"]
            if error["type"] == "missing":
                self._report_missing(location, unknown)
            elif error["type"] == "extra_forbidden":
                self._report_unknown(location)
            elif location not in nothing and not self._is_only_consequence(error):
                reported.add(location)
                self._report_value(error)
        for path in nothing:
            if not any(path[:depth] in reported for depth in range(len(path) + 1)):
                self._report_nothing(path)

    def _keys_at(self, location: Location) -> list[str]:
        return keys_of(model_at(location, self.model))

    def _is_only_consequence(self, error: ErrorDetails) -> bool:
        """Whether a list counts as empty only because each of its entries is wrong, which is reported."""
        node = self.places.node(error["loc"])
        return error["type"] == "too_short" and isinstance(node, ListNode) and bool(node.items)

    def _report_missing(self, location: Location, unknown: set[Location]) -> None:
        parent, missing = location[:-1], str(location[-1])
        mistyped = (str(key[-1]) for key in unknown if key[:-1] == parent)
        if any(closest(key, self._keys_at(parent)) == missing for key in mistyped):
            return
        node = self.places.node(parent)
        if isinstance(node, MappingNode) and node.is_partial:
            return
        hint = f"keys here: {', '.join(self._keys_at(parent))}"
        self.report(self.places.span(parent), "E0104", f'the key "{missing}" is missing', help=hint)

    def _report_unknown(self, location: Location) -> None:
        word, keys = str(location[-1]), self._keys_at(location[:-1])
        hint, meant = f"keys here: {', '.join(keys)}", closest(word, keys)
        parent, value = self.places.node(location[:-1]), self.places.node(location)
        if isinstance(value, ScalarNode) and value.value is None and isinstance(parent, MappingNode) and parent.is_flow:
            hint = f'a "," ends a value inside {{…}}: {QUOTE_HELP} if the "," belongs to it'
        elif holders := [key for key in keys if word in self._keys_at((*location[:-1], key))]:
            hint = f'"{word}" is a key under "{holders[0]}"'
        elif "filters" in location[-3:-1] and word in self._keys_at(("routes", 0)):
            hint, meant = f'"{word}" is a key of the route itself, beside "filters"', ""
        self.report(self.places.span(location), "E0102", f'unknown key "{word}"', meant, hint)

    def _report_value(self, error: ErrorDetails) -> None:
        location = error["loc"]
        if location[-1:] == ("[key]",):
            span = self.places.span(location[:-1])
            shown = f'"{location[-2]}"'
            node: Node | None = None
        else:
            node = self.places.node(location)
            if isinstance(node, ScalarNode) and node.is_broken:
                return
            span = begin_of(node)
            shown = "" if span.source.is_hidden(node.span) else describe(node)
        code, message, suggestion, hint = self._explain(error, node)
        if message.startswith("expected") and shown:
            message = f"{message}, not {shown}"
        detail = error.get("ctx", {}).get("detail", "")
        if detail and not (isinstance(node, ScalarNode) and node.is_interpolated):
            message = f"{message}: {detail}"
        if span.source.is_hidden(span):
            suggestion = ""
        self.report(span, code, message, suggestion, hint)

    def _explain(self, error: ErrorDetails, node: Node | None) -> tuple[str, str, str, str]:
        """Return code, message, suggestion and help of an error in a value."""
        context = error.get("ctx", {})
        match error["type"]:
            case "model_type" | "model_attributes_type" | "dict_type":
                return "E0201", "expected a mapping", "", hint_at_colon(node)
            case "tuple_type":
                is_scalar = isinstance(node, ScalarNode) and not node.span.source.is_hidden(node.span)
                meant = f"[{node.raw}]" if is_scalar and isinstance(node, ScalarNode) else ""
                return "E0201", "expected a list", meant, ""
            case "too_short":
                return "E0203", "at least one entry is needed here", "", ""
        hint = context.get("help", "")
        if isinstance(node, MappingNode) and node.is_flow:
            hint = QUOTE_HELP
        return error["type"], context["message"], context["suggestion"], hint

    def _report_nothing(self, path: Location) -> None:
        parent = self.places.node(path[:-1])
        what = f'the key "{path[-1]}" has no value' if path and isinstance(path[-1], str) else "there is no value here"
        hint = "write one, or leave it out"
        if isinstance(parent, MappingNode) and parent.is_flow:
            hint = f'a "," ends a value inside {{…}}: {QUOTE_HELP} if the "," belongs to it'
        self.report(self.places.span(path), "E0201", what, help=hint)


def describe(node: Node) -> str:
    """Return how a message calls what is written: as it stands in the file, never what a variable held."""
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, ListNode):
        return "a list"
    value = node.value
    if isinstance(value, bool):
        return node.raw
    if isinstance(value, int | float):
        return f"the number {node.raw}"
    raw = node.raw if len(node.raw) <= LONGEST_SHOWN else f"{node.raw[:LONGEST_SHOWN]}…"
    return f'"{raw}"'.replace("\n", "\n")


def hint_at_colon(node: Node | None) -> str:
    """Return the help for `key:value`, which is text and no mapping."""
    is_pair = isinstance(node, ScalarNode) and re.match(r"[\w-]+:\S", node.raw)
    return 'a space belongs behind the ":" of a key' if is_pair else ""
