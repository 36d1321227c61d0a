"""Fixtures over the harness; a directory's `conftest.py` imports what its tests use."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Protocol

import pytest
import pytest_asyncio
import uvloop

from orion_gateway.proxy.plane import PlaneSettings
from tests.harness.gateway import Gateway, make_route, make_service
from tests.harness.wire import Endpoint

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    from orion_gateway.values import Route, Service

__all__ = [
    "StartGateway",
    "deaf_port",
    "endpoint",
    "gateway",
    "make_endpoint",
    "pytest_asyncio_loop_factories",
    "start_gateway",
]


class StartGateway(Protocol):
    """Start a gateway that the test's end stops. Without services it has none; without routes one that takes all."""

    async def __call__(
        self,
        *services: Service,
        routes: Sequence[Route] = ...,
        settings: PlaneSettings = ...,
    ) -> Gateway:
        """Start it."""


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run on the loop that the gateway runs on: its transports behave differently from asyncio's in a dozen places."""
    return {"uvloop": uvloop.new_event_loop}


@pytest_asyncio.fixture
async def start_gateway() -> AsyncIterator[StartGateway]:
    """Start gateways; at the end each must be back to nothing open and nothing in flight."""
    started: list[Gateway] = []

    async def start(*services: Service, routes: Sequence[Route] = (), settings: PlaneSettings | None = None) -> Gateway:
        gateway = Gateway(routes or [make_route()], services, settings or PlaneSettings())
        await gateway.start()
        started.append(gateway)
        return gateway

    yield start
    for gateway in started:
        await gateway.stop()


@pytest.fixture
def make_endpoint() -> Iterator[Callable[..., Endpoint]]:
    """Open listening addresses that the test answers on."""
    opened: list[Endpoint] = []

    def make(receive_buffer: int = 0) -> Endpoint:
        endpoint = Endpoint(receive_buffer)
        opened.append(endpoint)
        return endpoint

    yield make
    for endpoint in opened:
        endpoint.close()


@pytest.fixture
def endpoint(make_endpoint: Callable[..., Endpoint]) -> Endpoint:
    """Return one listening address."""
    return make_endpoint()


@pytest.fixture
def deaf_port() -> Iterator[Callable[[], int]]:
    """Make a port whose queue of connections is full: connecting to it hangs."""
    held: list[socket.socket] = []

    def make() -> int:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        for _ in range(2):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            held.append(filler)
        held.append(listener)
        return port

    yield make
    for sock in held:
        sock.close()


@pytest_asyncio.fixture
async def gateway(start_gateway: StartGateway, endpoint: Endpoint) -> Gateway:
    """A gateway with one route that sends everything to `endpoint`."""
    return await start_gateway(make_service(endpoint.port))
