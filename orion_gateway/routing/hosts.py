"""Bring the host of a request into the form in which the table writes hosts, and say which hosts come first.

Whether the host is well formed was judged before; here case, port and one final dot stop mattering.
"""

from __future__ import annotations


def normalise_host(host: bytes) -> bytes:
    """Return a host as sent (`API.example.com.:8080`, `[::1]:80`) in lower case, without port and final dot."""
    name = host.lower()
    if name.startswith(b"["):
        return name[: name.find(b"]") + 1]
    return name.partition(b":")[0].removesuffix(b".")


def table_host(host: str) -> bytes:
    """Return a host of the table as `normalise_host` would; an IPv6 address may stand there without brackets."""
    return (f"[{host}]" if ":" in host and not host.startswith("[") else host).encode()


def host_rank(host: str | None) -> tuple[int, int]:
    """Return where routes of this host come: exact ones, then wildcards, longest first, then no host at all."""
    if host is None:
        return (2, 0)
    return (1, -len(host)) if host.startswith("*.") else (0, 0)


def fitting_rank(hosts: tuple[str, ...], name: bytes) -> tuple[int, int] | None:
    """Return the best rank of a route's hosts that take a normalised `name`, None when none does."""
    if not hosts:
        return host_rank(None)
    return min((host_rank(host) for host in hosts if _takes(host, name)), default=None)


def _takes(host: str, name: bytes) -> bool:
    if not host.startswith("*."):
        return table_host(host) == name
    label, _, parent = name.partition(b".")
    return bool(label) and table_host(host[2:]) == parent
