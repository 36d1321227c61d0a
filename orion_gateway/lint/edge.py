"""What concerns the gateway as a whole: who may reach it, whom it believes, what it tells and what it keeps."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orion_gateway.config.addresses import Bind
    from orion_gateway.config.errors import Finding
    from orion_gateway.lint.rule import Subject


def is_loopback(bind: Bind) -> bool:
    """Return whether only this machine can connect to an address: a Unix socket, or loopback."""
    if bind.path or bind.host == "localhost":
        return True
    try:
        return ip_address(bind.host).is_loopback
    except ValueError:
        return False


def find_open_admin(subject: Subject) -> Iterator[Finding]:
    """Yield a warning when the admin API can be reached from elsewhere and nobody needs a token."""
    admin = subject.loaded.config.gateway.admin
    if not is_loopback(admin.bind) and not admin.tokens:
        message = "whoever reaches this address reads /metrics and /health: routes, services and their load"
        hint = "bind it to loopback or a Unix socket, or give it `tokens` and a network of its own"
        yield subject.finding(("gateway", "admin", "bind"), "W0405", message, hint)


def find_trust_in_everybody(subject: Subject) -> Iterator[Finding]:
    """Yield a warning for each trusted network that holds all addresses."""
    for number, network in enumerate(subject.loaded.config.gateway.trusted_proxies):
        if network.prefixlen == 0:
            message = f"{network} is every client: each may say who it is, and so pass lists and limits of addresses"
            hint = "name the networks of your proxies"
            yield subject.finding(("gateway", "trusted_proxies", number), "W0406", message, hint)


def find_development(subject: Subject) -> Iterator[Finding]:
    """Yield a warning when clients on other machines see what is only for developers."""
    config = subject.loaded.config
    if config.gateway.environment != "development":
        return
    open_listener = next((listener for listener in config.listeners if not is_loopback(listener.bind)), None)
    if open_listener is not None:
        message = f'clients of "{open_listener.name}" see addresses and details of errors: this is "development"'
        yield subject.finding(("gateway", "environment"), "W0407", message, "set ORION_ENV to production")


def find_silent_log(subject: Subject) -> Iterator[Finding]:
    """Yield a note when nothing is logged about exchanges."""
    if subject.loaded.config.gateway.access_log.path == "off":
        message = "after an attack nobody can say who asked for what"
        yield subject.finding(("gateway", "access_log", "path"), "N0406", message, "write it, if only a sample")


def find_unlimited_listeners(subject: Subject) -> Iterator[Finding]:
    """Yield a note for each listener on all addresses while one client may have all connections."""
    config = subject.loaded.config
    if config.gateway.limits.per_client is not None:
        return
    for number, listener in enumerate(config.listeners):
        if listener.bind.host in {"0.0.0.0", "::"}:  # noqa: S104 (compared, not bound)
            message = f'one client of "{listener.name}" may take all connections'
            hint = "set `gateway.limits.per_client`, or bind it to a network that you know"
            yield subject.finding(("listeners", number, "bind"), "N0407", message, hint)
