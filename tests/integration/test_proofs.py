"""The promises about memory and slow clients, small enough for every run; `proofs` has them in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.values import Reason
from tests.harness.gateway import EXAMPLE
from tests.harness.wire import settle, until
from tests.integration.proofs import running, stream_down, stream_up

if TYPE_CHECKING:
    from tests.harness.gateway import Gateway
    from tests.harness.wire import Endpoint

SIZE = 64 * 2**20
GROWTH = 8 * 2**20
"""Bytes by which a worker may grow whatever the size of a message: buffers of two connections, and the allocator."""

SLOW = 200
REQUEST = f"GET / HTTP/1.1\r\nHost: {EXAMPLE}\r\n\r\n".encode()


async def test_content_of_any_size_passes_through_without_being_held(endpoint: Endpoint) -> None:
    """The real program, its real worker: a large file must not cost memory in either direction."""
    async with running(endpoint) as program:
        before = program.resident
        program.forget_peak()
        await stream_up(program, endpoint, SIZE)
        await stream_down(program, endpoint, SIZE)
        assert program.peak - before < GROWTH


async def test_slow_heads_are_all_closed_and_others_served(gateway: Gateway, endpoint: Endpoint) -> None:
    """Slowloris: bytes of a head, one at a time, on as many connections as possible."""
    slow = [await gateway.ask(REQUEST[:-2]) for _ in range(SLOW)]
    working = await gateway.connect()
    wire = None
    for _ in range(11):
        for client in slow:
            client.send_at_once(b"x")
        await working.send(REQUEST)
        wire = wire or await endpoint.accept()
        await wire.read_head()
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        await working.read_until(b"\r\n\r\nhi")
        await settle()
        gateway.pass_time(1.0)
    for client in slow:
        assert (await client.read_to_end()).startswith(b"HTTP/1.1 408 ")
        client.close()
    await until(lambda: len(gateway.connections) == 1)
    assert [record.reason for record in gateway.records].count(Reason.REQUEST_TIMEOUT) == SLOW
    assert [record.status for record in gateway.records].count(200) == 11
