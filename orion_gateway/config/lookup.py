"""Look around in the tree of a table that may be partly wrong: what is not of the expected type counts as not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.config.nodes import ListNode, MappingNode, Node, ScalarNode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeVar

    T = TypeVar("T")


def node_at(node: Node | None, *path: str) -> Node | None:
    """Return what stands at a path of keys below a node."""
    for key in path:
        if not isinstance(node, MappingNode):
            return None
        node = node.entries.get(key)
    return node


def mapping_at(node: Node | None, *path: str) -> MappingNode | None:
    """Return the mapping at a path of keys."""
    found = node_at(node, *path)
    return found if isinstance(found, MappingNode) else None


def items_at(node: Node | None, *path: str) -> list[Node]:
    """Return the items of the list at a path of keys."""
    found = node_at(node, *path)
    return found.items if isinstance(found, ListNode) else []


def text_of(node: Node | None) -> str | None:
    """Return the text of a scalar that is text and whose variables were found."""
    if isinstance(node, ScalarNode) and not node.is_broken and isinstance(node.value, str):
        return node.text
    return None


def read_as(node: Node | None, kind: Callable[[object], T]) -> T | None:
    """Return what a kind reads from the node, or `None` where it refuses: the model reports that."""
    text = text_of(node)
    if text is None:
        return None
    try:
        return kind(text)
    except ValueError:
        return None


def is_true(node: Node | None) -> bool:
    """Whether a scalar says true."""
    return isinstance(node, ScalarNode) and node.text in {"true", "True", "TRUE"}


def written_in(node: Node) -> str:
    """Return a scalar as it stands in the file."""
    return node.raw if isinstance(node, ScalarNode) else ""


def find_equal(nodes: Iterable[Node | None]) -> Iterator[tuple[Node, Node]]:
    """Yield each node whose text another one before it has, with that first one."""
    first: dict[str, Node] = {}
    for node in nodes:
        text = text_of(node)
        if node is None or text is None:
            continue
        if text in first:
            yield node, first[text]
        else:
            first[text] = node
