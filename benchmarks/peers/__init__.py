"""The peers by name, in the order they are shown: the only list. A new one is a file and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.peers import aiohttp_proxy, caddy, direct, envoy, haproxy, nginx, node, orion, relay

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.peers.peer import Peer

PEERS: Mapping[str, Peer] = {
    "direct": direct.prepare,
    "relay": relay.prepare,
    "nginx": nginx.prepare,
    "haproxy": haproxy.prepare,
    "orion": orion.prepare_compiled,
    "orion-guarded": orion.prepare_guarded,
    "orion-pure": orion.prepare_pure,
    "orion-other": orion.prepare_other,
    "envoy": envoy.prepare,
    "caddy": caddy.prepare,
    "node": node.prepare_http_proxy,
    "express": node.prepare_express,
    "aiohttp": aiohttp_proxy.prepare,
}

QUICK = ("direct", "nginx", "orion", "orion-pure")
"""Whom a quick run measures."""
