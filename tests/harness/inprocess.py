"""A worker's data plane without sockets: bytes go in at both ends, what comes out goes nowhere. For measurements."""

from __future__ import annotations

import asyncio
import time
from random import Random
from typing import TYPE_CHECKING

from orion_gateway.proxy.downstream import Downstream
from orion_gateway.proxy.keeper import Keeper
from orion_gateway.proxy.plane import DataPlane, PlaneSettings
from orion_gateway.proxy.upstream import UpstreamConnection
from orion_gateway.routing.table import RouteTable
from orion_gateway.telemetry.access_log import AccessLogSettings, open_access_log
from orion_gateway.values import Endpoint, Service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orion_gateway.values import Route

REQUEST = (
    b"GET /api/v1/users/42?full=1 HTTP/1.1\r\nHost: api.example.com\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    b"Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Referer: https://www.example.com/some/page\r\nCookie: session=abcdefghijklmnopqrstuvwxyz; theme=dark; _ga=1\r\n"
    b"Connection: keep-alive\r\nUpgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\n"
    b"Sec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\n\r\n"
)
RESPONSE = (
    b"HTTP/1.1 200 OK\r\nServer: x\r\nDate: Sun, 22 Nov 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 12\r\nConnection: keep-alive\r\n\r\nhello world\n"
)


class Nowhere(asyncio.Transport):
    """A transport that takes everything and does nothing."""

    def write(self, data: object) -> None: ...

    def writelines(self, pieces: object) -> None: ...

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0


class Door(Keeper):
    """A listener without a socket."""

    def remember(self, connection: Downstream) -> None: ...

    def forget(self, connection: Downstream) -> None: ...


class InProcess:
    """One client and one endpoint of the service `app`, each on a connection that stands. Made within a loop."""

    def __init__(self, routes: Sequence[Route], services: Sequence[Service] = ()) -> None:
        rng = Random(1)
        self.endpoint = Endpoint("http://127.0.0.1:1", "127.0.0.1:1", "127.0.0.1", 1)
        self.log = open_access_log(AccessLogSettings(path="/dev/null"), rng)
        app = Service("app", (self.endpoint,))
        table = RouteTable(routes)
        self.plane = DataPlane(table, [app, *services], PlaneSettings(), self.log, rng, lambda news: None)
        self.client = Downstream(Door("http", 8080, self.plane))
        self.client.connection_made(Nowhere({"peername": ("127.0.0.1", 1)}))
        pool = self.plane.pools["app"]
        self.upstream = UpstreamConnection(pool, self.endpoint, self.plane.head_limits)
        self.upstream.connection_made(Nowhere())
        pool.take_back(self.upstream, time.monotonic(), is_clean=True)

    def exchange(self) -> None:
        """Make the exchange that all figures are about."""
        self.client.data_received(REQUEST)
        self.upstream.data_received(RESPONSE)

    async def exchange_once(self, request: bytes, response: bytes) -> None:
        """Make an exchange whose filters may wait, or answer by themselves."""
        client, upstream = self.client, self.upstream
        client.data_received(request)
        # What a filter waits for comes in later turns of the loop; nothing tells of it here.
        while upstream.attempt is None and client.exchange is not None:  # noqa: ASYNC110
            await asyncio.sleep(0)
        if upstream.attempt is not None:
            upstream.data_received(response)
        while client.exchange is not None:  # noqa: ASYNC110
            await asyncio.sleep(0)

    def close(self) -> None:
        """Close the log and the filters."""
        self.plane.close_filters()
        self.log.close()
