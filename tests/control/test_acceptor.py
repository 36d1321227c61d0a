"""Accepting: in portions, paused and resumed, and never ended by want of descriptors."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio

from orion_gateway.control.acceptor import Acceptor
from tests.control.at_work import eventually
from tests.harness.wire import settle, until


class Hall:
    """A door that lets in all clients, or none, and keeps their connections."""

    def __init__(self) -> None:
        self.is_open = True
        self.expected = "127.0.0.1"
        self.fault: Exception | None = None
        self.entered: list[asyncio.Transport] = []
        self.gave_up = 0

    def admit(self, client: str) -> bool:
        assert client == self.expected
        return self.is_open

    def begin(self, client: str) -> asyncio.Protocol:
        assert client == self.expected
        if self.fault is not None:
            raise self.fault
        hall = self

        class Guest(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                hall.entered.append(cast("asyncio.Transport", transport))

        return Guest()

    def give_up(self, client: str) -> None:
        self.gave_up += 1


class Poor(socket.socket):
    """A listening socket of a process that has run out of something, for the first accepts."""

    failures: list[int]

    def _accept(self) -> tuple[int, object]:
        if self.failures:
            raise OSError(self.failures.pop(0), "exhausted")
        return super()._accept()  # type: ignore[misc,no-any-return]


class Odd(socket.socket):
    """A listening socket that hands out descriptors of which no connection can be made, before it gives up."""

    odd: list[int]

    def _accept(self) -> tuple[int, object]:
        if self.odd:
            return self.odd.pop(), ("127.0.0.1", 1)
        return super()._accept()  # type: ignore[misc,no-any-return]


@pytest_asyncio.fixture
async def hall() -> AsyncIterator[Hall]:
    """A door; at the end its connections are closed."""
    hall = Hall()
    yield hall
    for transport in hall.entered:
        transport.abort()
    await settle()


def listening(kind: type[socket.socket] = socket.socket) -> socket.socket:
    """Return a listening socket."""
    listener = kind()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    listener.setblocking(False)
    return listener


def visit(listener: socket.socket, number: int = 1) -> list[socket.socket]:
    """Connect so often."""
    return [socket.create_connection(listener.getsockname(), timeout=5) for _ in range(number)]


async def test_a_pause_leaves_clients_in_the_queue_and_a_resume_takes_them(hall: Hall) -> None:
    """At the connection limit clients would be turned away instead of waiting a moment."""
    listener = listening()
    acceptor = Acceptor(listener, hall)
    acceptor.resume()
    clients = visit(listener, 3)
    await until(lambda: len(hall.entered) == 3)
    acceptor.pause()
    clients += visit(listener, 2)
    await settle()
    assert len(hall.entered) == 3
    acceptor.resume()
    acceptor.resume()
    await until(lambda: len(hall.entered) == 5)
    acceptor.close()
    for client in clients:
        client.close()


async def test_a_burst_is_taken_in_portions(hall: Hall) -> None:
    """One worker would take a whole burst from the others, and keep its clients waiting meanwhile."""
    listener = listening()
    clients = visit(listener, 40)
    acceptor = Acceptor(listener, hall)
    acceptor.resume()
    seen: list[int] = []
    while not seen or seen[-1] < 40:
        await asyncio.sleep(0)
        if len(hall.entered) not in seen[-1:]:
            seen.append(len(hall.entered))
    assert max(later - earlier for earlier, later in zip([0, *seen], seen, strict=False)) <= 32
    acceptor.close()
    for client in clients:
        client.close()


async def test_closing_takes_what_waits_in_the_queue_first(hall: Hall) -> None:
    """Clients that had connected would be reset by a shutdown."""
    listener = listening()
    acceptor = Acceptor(listener, hall)
    acceptor.resume()
    clients = visit(listener, 50)
    acceptor.close()
    await until(lambda: len(hall.entered) == 50)
    assert listener.fileno() < 0
    for client in clients:
        client.close()


async def test_who_is_not_admitted_is_closed_at_once(hall: Hall) -> None:
    """A client over its limit would wait for an answer that never comes."""
    listener = listening()
    acceptor = Acceptor(listener, hall)
    acceptor.resume()
    hall.is_open = False
    (client,) = visit(listener)
    client.setblocking(False)
    assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 1), 5) == b""
    assert not hall.entered
    client.close()
    acceptor.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # uvloop's, about its own handle
async def test_what_cannot_become_a_connection_is_closed_and_given_up(hall: Hall) -> None:
    """Its place would be taken for ever, and in the end nobody would be admitted."""
    listener = listening(Odd)
    assert isinstance(listener, Odd)
    reading, writing = os.pipe()
    listener.odd = [reading]
    acceptor = Acceptor(listener, hall)
    acceptor.resume()
    (client,) = visit(listener)
    await until(lambda: len(hall.entered) == 1)
    assert hall.gave_up == 1
    with pytest.raises(BrokenPipeError):  # nobody holds the other end any more
        os.write(writing, b"x")
    os.close(writing)
    acceptor.close()
    client.close()


async def test_a_protocol_that_cannot_be_made_leaves_nothing_open(hall: Hall) -> None:
    """A fault of ours must not cost a descriptor and a place each time, and must be seen."""
    listener = listening()
    faults: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context))
    hall.fault = ZeroDivisionError("a fault")
    acceptor = Acceptor(listener, hall)
    acceptor.resume()
    (client,) = visit(listener)
    client.setblocking(False)
    assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 1), 5) == b""
    assert hall.gave_up == 1
    assert [context["exception"] for context in faults] == [hall.fault]
    client.close()
    acceptor.close()


async def test_a_connection_that_is_closed_is_closed_for_the_client(hall: Hall) -> None:
    """A descriptor that nobody closes would be lost with every connection."""
    listener = listening()
    acceptor = Acceptor(listener, hall)
    acceptor.resume()
    (client,) = visit(listener)
    await until(lambda: len(hall.entered) == 1)
    hall.entered.pop().close()
    client.setblocking(False)
    assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 1), 5) == b""
    client.close()
    acceptor.close()


async def test_a_client_on_a_unix_socket_has_no_address(hall: Hall, tmp_path: Path) -> None:
    """All of them would share one limit per client."""
    hall.expected = ""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    listener.listen()
    listener.setblocking(False)
    acceptor = Acceptor(listener, hall)
    acceptor.resume()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "socket"))
        await until(lambda: len(hall.entered) == 1)
        hall.entered[0].write(b"hello")
        client.setblocking(False)
        assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 5), 5) == b"hello"
    acceptor.close()


@pytest.mark.parametrize("reason", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ECONNABORTED])
async def test_want_of_descriptors_is_survived(reason: int, hall: Hall) -> None:
    """One flood of connections, and the worker would never accept again, or spin."""
    listener = listening(Poor)
    assert isinstance(listener, Poor)
    listener.failures = [reason, reason]
    acceptor = Acceptor(listener, hall)
    acceptor.resume()
    clients = visit(listener, 2)
    await eventually(lambda: len(hall.entered) == 2)
    assert not listener.failures
    acceptor.close()
    for client in clients:
        client.close()


async def test_a_pause_is_not_undone_by_the_retry(hall: Hall) -> None:
    """A worker at its connection limit would accept all the same after descriptors ran out."""
    listener = listening(Poor)
    assert isinstance(listener, Poor)
    listener.failures = [errno.EMFILE]
    acceptor = Acceptor(listener, hall)
    acceptor.resume()
    (client,) = visit(listener)
    await until(lambda: not listener.failures)
    acceptor.pause()
    await asyncio.sleep(0.15)  # longer than the retry would take: what must not happen cannot be waited for
    assert not hall.entered
    acceptor.close()
    client.close()
