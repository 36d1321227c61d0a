"""Judge whether the networks that one filter lets through and refuses fit each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.config.addresses import read_network
from orion_gateway.config.ip_access_filter import LIST_FILES
from orion_gateway.config.lookup import items_at, node_at, read_as, text_of, written_in
from orion_gateway.config.nodes import begin_of

if TYPE_CHECKING:
    from orion_gateway.config.addresses import Network
    from orion_gateway.config.nodes import MappingNode, Node, Report


def check_ip_access(table: MappingNode, report: Report) -> None:
    """Report what does not fit within one filter."""
    # A key that does not exist was meant to say it.
    if table.entries.keys() <= {"enforce"}:
        hint = f"write one of allow, deny, {' and '.join(LIST_FILES)}"
        report(begin_of(table), "E0104", "nothing says who is let through and who is not", help=hint)
    allow_file, deny_file = (node_at(table, name) for name in LIST_FILES)
    if deny_file is not None and text_of(deny_file) is not None and text_of(allow_file) == text_of(deny_file):
        report(deny_file.span, "E0305", "this is the list of those who are let through, too", help="deny wins")
    denied: dict[Network, Node] = {}
    for node in items_at(table, "deny"):
        if (network := read_as(node, read_network)) is not None:
            denied.setdefault(network, node)
            _check_denied(node, network, report)
    for node in items_at(table, "allow"):
        if (network := read_as(node, read_network)) is not None:
            _check_allowed(node, network, denied, report)


def _check_denied(node: Node, network: Network, report: Report) -> None:
    if network.prefixlen:
        return
    other = "::/0" if network.version == 4 else "0.0.0.0/0"
    hint = f"deny wins, whatever allow says: leave this out and write whom you allow (allow: [{other}] for the others)"
    report(node.span, "E0305", f"this refuses every IPv{network.version} client", help=hint)


def _check_allowed(node: Node, network: Network, denied: dict[Network, Node], report: Report) -> None:
    """Report a network that `deny` takes away again, wholly."""
    for length in sorted({other.prefixlen for other in denied if other.version == network.version}, reverse=True):
        # A wider one that refuses all of a family has its own finding.
        if not 0 < length <= network.prefixlen:
            continue
        other = denied.get(network.supernet(new_prefix=length))
        if other is None:
            continue
        where = f"the other is at {other.span.place}"
        if length == network.prefixlen:
            report(node.span, "E0305", f'"{written_in(node)}" is denied, too', help=f"deny wins; {where}")
        else:
            message = f'"{written_in(node)}" is denied with all of "{written_in(other)}"'
            report(node.span, "W0302", message, help=f"deny wins, also over what is narrower; {where}")
        return
