"""Judge clients by their address: `deny` wins, and where something is allowed all else is refused.

The address is the client's own as far as proxies are trusted, never what an untrusted peer says about itself. A client
without one, behind a Unix socket, cannot be judged and is refused: a deny list that some are never compared to would be
none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, cast

from orion_gateway.filters.filter import Filter
from orion_gateway.filters.networks import NetworkSet
from orion_gateway.values import Reply

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from orion_gateway.filters.filter import Exchange, Facilities

REFUSED = Reply(403, message="Clients with your address are not let through here.")


@dataclass(frozen=True, slots=True)
class IpAccessRules:
    """Who is let through. What the files hold is not here: it comes with `take_file`."""

    allow: NetworkSet = field(default_factory=NetworkSet)
    deny: NetworkSet = field(default_factory=NetworkSet)
    allow_file: str = ""
    """The path of a list of further networks, empty for none."""
    deny_file: str = ""


class IpAccess(Filter):
    """Refuses clients by their address."""

    decides: ClassVar[bool] = True

    def __init__(self, rules: IpAccessRules, facilities: Facilities) -> None:
        self._rules = rules
        self.files = tuple(path for path in (rules.allow_file, rules.deny_file) if path)
        self._missing = set(self.files)
        self._denied = _present(rules.deny)
        self._allowed = _present(rules.allow)
        self._allows_all = not rules.allow and not rules.allow_file

    def take_file(self, path: str, content: object) -> None:
        """Take the networks of a list."""
        networks = cast("NetworkSet", content)
        rules = self._rules
        if path == rules.deny_file:
            self._denied = _present(rules.deny, networks)
        if path == rules.allow_file:
            self._allowed = _present(rules.allow, networks)
        self._missing.discard(path)

    def on_request(self, exchange: Exchange) -> Reply | None:
        """Refuse the request, or let it go on."""
        why = self.judge(exchange.client_address())
        if why:
            exchange.note(f"ip_access: {why}")
            return REFUSED
        return None

    def judge(self, address: IPv4Address | IPv6Address | None) -> str:
        """Say why a client is refused, nothing for one that is let through; None is a client without an address."""
        if self._missing:
            # An exception and no verdict: a guard that cannot judge must not look as if it had.
            raise RuntimeError(f"the lists {', '.join(sorted(self._missing))} have not come")
        if address is None:
            return "no address"
        for networks in self._denied:
            if address in networks:
                return "denied"
        if self._allows_all:
            return ""
        for networks in self._allowed:
            if address in networks:
                return ""
        return "not allowed"


def _present(*sets: NetworkSet) -> tuple[NetworkSet, ...]:
    """Return those that hold something."""
    return tuple(networks for networks in sets if networks)
