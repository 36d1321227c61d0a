"""Judge what of the filters that shape fits together: origins and credentials of `cors`, and what a `fault` does.

Like all checks these read the nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.config.lookup import is_true, items_at, mapping_at, node_at, text_of
from orion_gateway.config.nodes import ListNode, MappingNode, ScalarNode
from orion_gateway.config.shared_checks import WITHOUT_CONTENT

if TYPE_CHECKING:
    from orion_gateway.config.nodes import Node, Report


def check_cors(holder: Node, report: Report) -> None:
    """Report what does not fit in a `cors` filter."""
    cors = mapping_at(holder, "cors")
    if cors is None:
        return
    for origin in items_at(cors, "origins"):
        if isinstance(origin, MappingNode) and len(origin.entries) > 1:
            report(origin.keys[list(origin.entries)[1]], "E0305", "an origin must be said in exactly one way")
    if not is_true(node_at(cors, "credentials")):
        return
    if star := _star_in(cors, "origins"):
        hint = "name the origins: every page that a user visits could act in his name"
        report(star.span, "W0307", "every origin may use the credentials of your users", help=hint)
    if star := _star_in(cors, "expose"):
        hint = "name the fields: with credentials a browser takes * for the name of a field"
        report(star.span, "W0302", "* exposes nothing where credentials are allowed", help=hint)


def _star_in(cors: MappingNode, name: str) -> Node | None:
    """Return what says `*` for a list of a filter, if anything does."""
    node = node_at(cors, name)
    for entry in node.items if isinstance(node, ListNode) else [node]:
        if text_of(entry) == "*" or text_of(node_at(entry, "exact")) == "*":
            return entry
    return None


def check_fault(holder: Node, report: Report) -> None:
    """Report what does not fit in a `fault` filter."""
    fault = mapping_at(holder, "fault")
    if fault is None:
        return
    if "delay" not in fault.entries and "abort" not in fault.entries:
        assert isinstance(holder, MappingNode)
        report(holder.keys["fault"], "E0104", "nothing says what this fault does", help="write delay, abort, or both")
    status, body = node_at(fault, "abort", "status"), node_at(fault, "abort", "body")
    if isinstance(status, ScalarNode) and status.value in WITHOUT_CONTENT and body is not None and text_of(body):
        hint = "leave the body out (RFC 9110, section 15)"
        report(body.span, "E0305", f"a response with status {status.value} has no content", help=hint)
