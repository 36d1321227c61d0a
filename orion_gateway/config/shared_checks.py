"""Checks of what stands in several parts of a table: names that refer, field names, fixed responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.config.lookup import mapping_at, node_at, text_of, written_in
from orion_gateway.config.nodes import MappingNode, Node, ScalarNode
from orion_gateway.config.suggest import closest

if TYPE_CHECKING:
    from orion_gateway.config.nodes import Report

WITHOUT_CONTENT = {204, 205, 304}


def check_reference(node: Node | None, what: str, known: list[str], report: Report) -> None:
    """Report a name that nothing has; `what` says what was named."""
    text = text_of(node)
    if node is None or text is None or text in known:
        return
    listed = f"{what}s here: {', '.join(known)}" if known else f"the table has no {what}s"
    report(node.span, "E0301", f'no {what} is named "{written_in(node)}"', closest(text, known), listed)


def check_equal_fields(node: MappingNode, group: str, report: Report) -> None:
    """Report names of fields that differ only by case."""
    fields = mapping_at(node, group)
    seen: set[str] = set()
    for name in fields.entries if fields else ():
        if name.lower() in seen:
            assert fields is not None
            report(fields.keys[name], "E0302", f'the field "{name}" stands here twice', help="field names ignore case")
        seen.add(name.lower())


def check_respond(holder: Node | None, report: Report) -> None:
    """Report what does not fit in the fixed response of a route or a fallback."""
    respond = mapping_at(holder, "respond")
    if respond is None:
        return
    status, body = node_at(respond, "status"), node_at(respond, "body")
    if isinstance(status, ScalarNode) and status.value in WITHOUT_CONTENT and text_of(body):
        hint = "leave the body out (RFC 9110, section 15)"
        report(respond.keys["body"], "E0305", f"a response with status {status.value} has no content", help=hint)
    check_equal_fields(respond, "headers", report)
