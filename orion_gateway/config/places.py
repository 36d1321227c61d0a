"""Tell where every setting of a table is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.config.nodes import ListNode, MappingNode, Node, begin_of

if TYPE_CHECKING:
    from orion_gateway.config.source import Span
    from orion_gateway.values import Place

Location = tuple[str | int, ...]


class Places:
    """Where every setting of the table is written."""

    def __init__(self, root: Node) -> None:
        self._root = root

    def at(self, location: Location) -> Place:
        """Return the place of a setting: its key in a mapping, its beginning in a list.

        `location` is a path through the model, such as `("routes", 3, "timeouts", "response")`. What is not written has
        the place of its nearest parent that is.
        """
        return self.span(location).place

    def is_written(self, location: Location) -> bool:
        """Whether the setting itself is written in the table."""
        return len(self._follow(location)[1]) == len(location)

    def span(self, location: Location) -> Span:
        """Return the piece of the source that `at` is the beginning of."""
        return self._follow(location)[0]

    def node(self, location: Location) -> Node:
        """Return the node of a setting, or that of its nearest parent that is written."""
        return self._follow(location)[2]

    def _follow(self, location: Location) -> tuple[Span, Location, Node]:
        node: Node = self._root
        span = begin_of(node)
        for depth, step in enumerate(location):
            if isinstance(node, MappingNode) and step in node.entries:
                assert isinstance(step, str)
                span = node.keys[step]
                node = node.entries[step]
            elif isinstance(node, ListNode) and isinstance(step, int) and step < len(node.items):
                node = node.items[step]
                span = begin_of(node)
            else:
                return span, location[:depth], node
        return span, location, node
