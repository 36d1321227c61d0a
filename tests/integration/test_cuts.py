"""However the network cuts what client and endpoint send, each request has its own answer with its own content."""

from __future__ import annotations

import asyncio
import contextlib

import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from orion_gateway.proxy.plane import PlaneSettings
from tests.harness.gateway import EXAMPLE, Gateway, make_route, make_service
from tests.harness.wire import Endpoint, Wire, settle
from tests.integration.chaos import read_content

_STREAM = (
    b"POST /1 HTTP/1.1\r\nHost: %(host)b\r\nContent-Length: 9\r\n\r\none\r\n\r\n\r\n"
    b"\r\nGET /2 HTTP/1.1\r\nHost: %(host)b\r\n\r\n"
    b"PUT /3 HTTP/1.1\r\nHost: %(host)b\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"4;x=y\r\nthre\r\n1\r\ne\r\n0\r\nX-T: 1\r\n\r\n"
    b"HEAD /4 HTTP/1.1\r\nHost: %(host)b\r\n\r\n"
    b"POST /5 HTTP/1.1\r\nHost: %(host)b\r\nConnection: close\r\nContent-Length: 4\r\n\r\nGET "
    % {b"host": EXAMPLE.encode()}
)
STREAM = _STREAM % {b"host": EXAMPLE.encode()}
ANSWERS = [b"/1 one\r\n\r\n\r\n", b"/2 ", b"/3 three", b"", b"/5 GET "]

cuts = st.lists(st.integers(1, 40), max_size=200)


async def send_cut(wire: Wire, data: bytes, sizes: list[int]) -> None:
    """Send in packets of these sizes, and the rest at once."""
    for size in sizes:
        await wire.send(data[:size])
        data = data[size:]
        await settle(1)
    await wire.send(data)


async def echo(endpoint: Endpoint, sizes: list[int]) -> None:
    """Answer each request with its target and its content, once with a length and once in chunks."""
    while True:
        wire = await endpoint.accept()
        with contextlib.suppress(EOFError):
            while head := await wire.read_head():
                target = head.split(b" ")[1]
                content = target + b" " + await read_content(wire, head)
                if target in (b"/2", b"/3"):
                    answer = b"Transfer-Encoding: chunked\r\n\r\n1\r\n%b\r\n%x;a=b\r\n%b\r\n0\r\nX-T: 1\r\n\r\n" % (
                        content[:1],
                        len(content) - 1,
                        content[1:],
                    )
                else:
                    answer = b"Content-Length: %d\r\n\r\n%b" % (len(content), b"" if head[:4] == b"HEAD" else content)
                await send_cut(wire, b"HTTP/1.1 200 OK\r\n" + answer, sizes)


async def exchange(client_sizes: list[int], endpoint_sizes: list[int]) -> list[bytes]:
    """Send the stream; return the content of the answers."""
    endpoint = Endpoint()
    gateway = Gateway([make_route()], [make_service(endpoint.port)], PlaneSettings())
    await gateway.start()
    serving = asyncio.ensure_future(echo(endpoint, endpoint_sizes))
    client = await gateway.connect()
    await send_cut(client, STREAM, client_sizes)
    contents = []
    for number in range(len(ANSWERS)):
        head = await client.read_head()
        assert head.startswith(b"HTTP/1.1 200 ")
        contents.append(b"" if number == 3 else await read_content(client, head))
    assert await client.ends() == "closed"
    serving.cancel()
    await gateway.stop()
    endpoint.close()
    return contents


@settings(max_examples=25, deadline=None)
@given(client_sizes=cuts, endpoint_sizes=cuts)
def test_content_stays_with_its_request(client_sizes: list[int], endpoint_sizes: list[int]) -> None:
    """A byte of a body taken for a request, or of one answer for another, is request smuggling by bad luck."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(exchange(client_sizes, endpoint_sizes)) == ANSWERS
