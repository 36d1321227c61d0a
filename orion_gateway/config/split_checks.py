"""Judge whether routes that split their requests fit the table: services that exist, shares, cookies.

Like all checks these read the nodes, and leave out what is not of the expected type: the model has reported it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.config.lookup import find_equal, items_at, mapping_at, node_at, text_of, written_in
from orion_gateway.config.nodes import ScalarNode
from orion_gateway.config.shared_checks import check_reference

if TYPE_CHECKING:
    from orion_gateway.config.nodes import MappingNode, Node, Report


def check_split(route: Node, services: MappingNode | None, report: Report, *, are_services_known: bool) -> None:
    """Report what does not fit in the split of a route, if it has one."""
    split = mapping_at(route, "split")
    if split is None:
        return
    targets = items_at(split, "to")
    names = [node_at(target, "service") for target in targets]
    if are_services_known:
        for name in names:
            check_reference(name, "service", list(services.entries) if services else [], report)
    for name, first in find_equal(names):
        hint = f"the other is at {first.span.place}; give one of them the weight of both"
        report(name.span, "E0302", f'"{written_in(name)}" is in this split twice', help=hint)
    _check_weights(targets, report)
    _check_cookie(node_at(split, "sticky"), services, names, report)


def _check_weights(targets: list[Node], report: Report) -> None:
    weights = [node_at(target, "weight") for target in targets]
    if targets and all(isinstance(weight, ScalarNode) and weight.value == 0 for weight in weights):
        first = weights[0]
        assert first is not None
        report(first.span, "E0305", "no service of this split gets any request: every weight is 0")


def _check_cookie(cookie: Node | None, services: MappingNode | None, names: list[Node | None], report: Report) -> None:
    """Report a cookie that a service of the split uses for its endpoints: each would undo what the other bound."""
    text = text_of(cookie)
    if cookie is None or text is None:
        return
    for name in filter(None, map(text_of, names)):
        other = node_at(services, name, "load_balancer", "sticky", "cookie")
        if other is not None and text_of(other) == text:
            message = f'the service "{name}" binds clients to its endpoints by this cookie'
            report(cookie.span, "E0305", message, help=f"it is at {other.span.place}; name another one here")
            return
