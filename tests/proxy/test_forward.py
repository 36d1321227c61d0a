"""What is decided about a request before an endpoint is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.values import Redirect, Rewrite
from tests.harness.gateway import EXAMPLE, make_route, make_service

if TYPE_CHECKING:
    from tests.harness.fixtures import StartGateway
    from tests.harness.wire import Endpoint


async def test_a_rewrite_that_gives_a_bad_path_is_refused(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """What an endpoint sees was judged, also when a rewrite made it out of good parts."""
    gateway = await start_gateway(
        make_service(endpoint.port),
        routes=[make_route("/{name}/**", rewrite=Rewrite(regex=("/x/(.*)", r"/\1/..")))],
    )
    client = await gateway.ask(b"GET /x/a HTTP/1.1\r\nHost: %b\r\n\r\n" % EXAMPLE.encode())
    assert b" 400 " in await client.read_head()
    assert not endpoint.has_visitor()


async def test_a_base_path_stands_before_the_target(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """An endpoint may live below a path of its server."""
    gateway = await start_gateway(make_service(endpoint.port, base_path="/v2"))
    await gateway.ask(b"GET /a?b HTTP/1.1\r\nHost: %b\r\n\r\n" % EXAMPLE.encode())
    assert (await (await endpoint.accept()).read_head()).startswith(b"GET /v2/a?b HTTP/1.1\r\n")


async def test_a_redirect_has_no_content_to_wait_for(start_gateway: StartGateway) -> None:
    """A POST to an old address is answered without reading what it carries."""
    gateway = await start_gateway(routes=[make_route("/**", Redirect("https://new.example${request.target}"))])
    client = await gateway.ask(b"POST /a HTTP/1.1\r\nHost: %b\r\nContent-Length: 5\r\n\r\n" % EXAMPLE.encode())
    head = await client.read_head()
    assert head.startswith(b"HTTP/1.1 308 ")
    assert b"Location: https://new.example/a\r\n" in head
