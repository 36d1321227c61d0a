"""Listening sockets: opened or refused for a reason, and nothing left behind."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from orion_gateway.control.listeners import PRIVATE, Listener


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A path for a Unix socket, short enough for one."""
    here = Path.cwd()
    os.chdir(tmp_path)
    yield Path("s.sock")
    os.chdir(here)


def connects(address: str | tuple[str, int]) -> bool:
    """Say whether somebody listens there."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as client:
        return client.connect_ex(address) == 0


def test_port_0_is_told_as_the_port_that_was_chosen() -> None:
    """Nobody would know where the gateway listens."""
    listener = Listener("http", "127.0.0.1:0")
    port = listener.port
    assert listener.address == f"127.0.0.1:{port}"
    assert connects(("127.0.0.1", port))
    listener.close()
    listener.close()
    assert not connects(("127.0.0.1", port))


def test_the_ipv6_wildcard_takes_ipv4_too() -> None:
    """Half of the clients could not connect."""
    listener = Listener("http", "[::]:0")
    assert listener.address == f"[::]:{listener.port}"
    assert connects(("127.0.0.1", listener.port))
    listener.close()


def test_an_address_in_use_is_refused() -> None:
    """Two gateways would share a port without knowing of each other."""
    listener = Listener("http", "127.0.0.1:0")
    with pytest.raises(OSError, match="Address already in use"):
        Listener("other", listener.address)
    listener.close()


@pytest.mark.parametrize(("mode", "expected"), [(None, 0o666), (PRIVATE, 0o600)])
def test_a_unix_socket_has_its_mode_from_the_start(mode: int | None, expected: int, path: Path) -> None:
    """Clients could not connect, or strangers use the admin API."""
    old = os.umask(0o077)
    try:
        listener = Listener("http", f"unix:{path}") if mode is None else Listener("admin", f"unix:{path}", mode)
        assert os.umask(0o077) == 0o077, "the umask is not put back"
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == expected
    assert (listener.port, listener.address) == (0, f"unix:{path}")
    assert connects(str(path))
    listener.close()
    assert not path.exists()


def test_a_socket_left_behind_is_replaced(path: Path) -> None:
    """After a crash the gateway would not start until somebody removed a file."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    listener = Listener("http", f"unix:{path}")
    assert connects(str(path))
    listener.close()


@pytest.mark.parametrize("backlog", [10, 0])
def test_a_live_socket_is_refused_even_when_its_queue_is_full(backlog: int, path: Path) -> None:
    """A second gateway would take the first one's place, or hang at its start."""
    with socket.socket(socket.AF_UNIX) as live, socket.socket(socket.AF_UNIX) as waiting:
        live.bind(str(path))
        live.listen(backlog)
        waiting.connect(str(path))
        with pytest.raises(OSError, match="another process listens there"):
            Listener("http", f"unix:{path}")
        assert path.exists()


def test_a_file_that_is_no_socket_is_not_removed(path: Path) -> None:
    """A mistyped path would cost somebody a file."""
    path.write_text("precious")
    with pytest.raises(OSError, match="no socket"):
        Listener("http", f"unix:{path}")
    assert path.read_text() == "precious"


def test_a_directory_that_is_missing_is_an_error_and_leaves_the_umask(path: Path) -> None:
    """Later files would get the mode of sockets."""
    old = os.umask(0o027)
    try:
        with pytest.raises(FileNotFoundError):
            Listener("http", f"unix:missing/{path}")
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(old)


def test_the_socket_of_the_next_gateway_is_left_alone(path: Path) -> None:
    """A gateway that drains would remove the socket of its successor."""
    first = Listener("http", f"unix:{path}")
    path.unlink()
    second = Listener("http", f"unix:{path}")
    first.close()
    assert connects(str(path))
    second.close()


def test_the_file_goes_also_when_somebody_else_closed_the_socket(path: Path) -> None:
    """A web server that closes what it serves on would leave the file behind."""
    listener = Listener("admin", f"unix:{path}")
    listener.socket.close()
    listener.close()
    assert not path.exists()
