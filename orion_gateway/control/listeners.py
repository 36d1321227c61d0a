"""Listening sockets as the supervisor has them: opened before any worker, closed when accepting ends.

All workers share one socket per listener, so a connection that waits in its queue is never bound to a worker that died,
hangs or drains: any other one takes it. How they accept is `acceptor`'s business.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

_BACKLOG = 4096
PUBLIC, PRIVATE = 0o666, 0o600
"""Modes of Unix sockets: everybody may connect, or only this user."""


class Listener:
    """A named listening socket and, for a Unix socket, its file."""

    def __init__(self, name: str, bind: str, mode: int = PUBLIC) -> None:
        """Listen on `host:port`, `[host]:port` or `unix:/path`; port 0 is any free one, `mode` is for Unix sockets.

        A Unix socket whose owner is gone is replaced. Raises OSError when the address cannot be bound.
        """
        self.name = name
        self._bind = bind
        self._path: Path | None = None
        self._identity: tuple[int, int, int] | None = None
        if bind.startswith("unix:"):
            self._path = Path(bind.removeprefix("unix:"))
            self.socket = _open_unix(self._path, mode)
            self._identity = _identify(self._path)
        else:
            self.socket = _open_tcp(bind)

    @property
    def port(self) -> int:
        """The port, 0 for a Unix socket."""
        return 0 if self._path else int(self.socket.getsockname()[1])

    @property
    def address(self) -> str:
        """Where it listens, with the port that the system chose for port 0."""
        return self._bind if self._path else f"{self._bind.rpartition(':')[0]}:{self.port}"

    def close(self) -> None:
        """Stop listening and remove the file; a file that another process has put there since is left alone."""
        # First the file: once the socket is closed, the next gateway may take the path for its own.
        if self._path and self._identity and _identify(self._path) == self._identity:
            self._path.unlink(missing_ok=True)
        self._identity = None
        self.socket.close()


def _open_tcp(bind: str) -> socket.socket:
    host, _, port = bind.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # `[::]` takes IPv4 too, as users of other gateways expect; mapped addresses are unwrapped per connection.
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listening.bind((host, int(port)))
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


def _open_unix(path: Path, mode: int) -> socket.socket:
    _clear(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The mode is right from the first moment on: between bind and chmod others could connect.
    old = os.umask(0o777 & ~mode)
    try:
        listening.bind(str(path))
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(old)
    return listening


def _clear(path: Path) -> None:
    """Remove a socket that was left behind by a process that was killed. Raises OSError for anything else."""
    try:
        is_socket = stat.S_ISSOCK(path.stat().st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise FileExistsError(errno.EEXIST, "a file is there that is no socket")
    with socket.socket(socket.AF_UNIX) as probe:
        # A live one whose queue is full must not make us wait.
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:
            pass
    raise OSError(errno.EADDRINUSE, "another process listens there")


def _identify(path: Path) -> tuple[int, int, int] | None:
    """Tell a file from its successor of the same path, which may have got the same inode; None when there is none."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_ctime_ns
