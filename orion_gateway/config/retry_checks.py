"""Judge whether retries fit: methods that must not be repeated, and hedges that nobody could get.

Retries are written on a service, in `defaults` and on a route, and the closest key counts, so that they are looked at
together. Like all checks these read the nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.config.failure_words import SAFE_METHODS, UNSAFE_TO_REPEAT, read_hedge
from orion_gateway.config.lookup import items_at, mapping_at, node_at, read_as, text_of, written_in
from orion_gateway.config.nodes import ListNode, MappingNode, begin_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orion_gateway.config.nodes import Node, Report


def check_retries(root: MappingNode, report: Report) -> None:
    """Report what does not fit in the retries of all services, the defaults and all routes."""
    for layers in _each_stack(root):
        for retries in layers:
            _check_methods(retries, report)
        _check_hedge(layers, report)


def _each_stack(root: MappingNode) -> Iterator[list[MappingNode]]:
    """Yield the retries that count together, the closest first: of each service alone, and of each route."""
    defaults = node_at(root, "defaults", "retries")
    services = mapping_at(root, "services")
    yield _stack(defaults)
    for service in services.entries.values() if services else ():
        yield _stack(node_at(service, "retries"))
    for route in items_at(root, "routes"):
        asked = (node_at(route, "service"), *(node_at(target, "service") for target in items_at(route, "split", "to")))
        for name in filter(None, map(text_of, asked)):
            below = node_at(services, name, "retries")
            yield _stack(node_at(route, "retries"), defaults, below)


def _stack(*nodes: Node | None) -> list[MappingNode]:
    """Return the mappings down to the first `off`, which ends what is below it."""
    stack: list[MappingNode] = []
    for node in nodes:
        if isinstance(node, MappingNode):
            stack.append(node)
        elif node is not None:
            break
    return stack


def _closest(layers: list[MappingNode], key: str) -> Node | None:
    return next((layer.entries[key] for layer in layers if key in layer.entries), None)


def _check_methods(retries: MappingNode, report: Report) -> None:
    for node in items_at(retries, "methods"):
        if text_of(node) in UNSAFE_TO_REPEAT:
            message = f"a repeated {written_in(node)} may do twice what was asked for once"
            hint = "leave it out: a request of which nothing was sent is repeated whatever its method"
            report(node.span, "W0305", message, help=hint)


def _check_hedge(layers: list[MappingNode], report: Report) -> None:
    hedge, methods = _closest(layers, "hedge"), _closest(layers, "methods")
    if hedge is None or not isinstance(methods, ListNode) or read_as(hedge, read_hedge) is None:
        return
    if not any(text_of(node) in SAFE_METHODS for node in methods.items):
        hint = (
            f"a hedge is for {', '.join(SAFE_METHODS)}: write one of them, or leave out the hedge at {hedge.span.place}"
        )
        report(begin_of(methods), "E0305", "none of these methods can be hedged", help=hint)
