"""Accept from a socket that several workers share, in small portions, and survive running out of descriptors.

Who may connect is the door's decision; what happens on a connection is its protocol's.
"""

from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import socket

_PORTION = 16
"""Connections accepted in a row: small enough that one worker cannot take a whole burst from the others."""

_EXHAUSTED = frozenset([errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
_PAUSE = 0.1
"""Seconds until accepting is tried again when descriptors or memory ran out."""


class Door(Protocol):
    """Who decides about the connections of a listener. A client is its address, empty for a Unix socket."""

    def admit(self, accepted: socket.socket) -> str | None:
        """Take an accepted connection into account; return its client, or None when it is to be closed."""

    def begin(self, client: str) -> asyncio.Protocol:
        """Return the protocol of an admitted connection."""

    def give_up(self, client: str) -> None:
        """An admitted connection was gone before it began."""


class Acceptor:
    """Accepts from one listening socket while it is told to."""

    def __init__(self, listener: socket.socket, door: Door) -> None:
        """`listener` is non-blocking; the acceptor closes it."""
        self._listener = listener
        self._door = door
        self._is_accepting = False
        self._retry: asyncio.TimerHandle | None = None
        self._connecting: set[asyncio.Task[None]] = set()

    def resume(self) -> None:
        """Accept from now on."""
        self._retry = None
        if not self._is_accepting:
            self._is_accepting = True
            asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def pause(self) -> None:
        """Leave connections in the queue from now on."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._is_accepting:
            self._is_accepting = False
            asyncio.get_running_loop().remove_reader(self._listener)

    def close(self) -> None:
        """Take what waits in the queue, then accept nothing more."""
        while self._is_accepting and self._accept():
            pass
        self.pause()
        self._listener.close()

    def _accept(self) -> bool:
        """Accept a portion; return whether there may be more."""
        for _ in range(_PORTION):
            if not self._is_accepting:
                return False
            try:
                accepted, _ = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return False
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self.pause()
                self._retry = asyncio.get_running_loop().call_later(_PAUSE, self.resume)
                return False
            client = self._door.admit(accepted)
            if client is None:
                accepted.close()
                continue
            accepted.setblocking(False)
            task = asyncio.get_running_loop().create_task(self._connect(accepted, client))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)
        return True

    async def _connect(self, accepted: socket.socket, client: str) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: self._door.begin(client), accepted)
        except OSError:
            accepted.close()
            self._door.give_up(client)
