"""The peers by name, in the order they are shown: the only list. A new one is a file and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.peers import aiohttp_proxy, direct, nginx, orion, relay

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.peers.peer import Peer

PEERS: Mapping[str, Peer] = {
    "direct": direct.prepare,
    "relay": relay.prepare,
    "nginx": nginx.prepare,
    "orion": orion.prepare,
    "aiohttp": aiohttp_proxy.prepare,
}
