"""Accept from a socket that several workers share, in small portions, and survive running out of descriptors.

Who may connect is the door's decision; what happens on a connection is its protocol's.

For clients that come back for every request accepting is half of the work, so two detours of the usual way are left
out. The usual `accept` makes an object that asks the system twice for what is known here. And waiting for a connection
in a task takes three turns of the loop, although uvloop does all of it in the first step and only then waits for
`connection_made`: here the first step is made at once, and the last one when a whole portion has begun.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    Beginning = Coroutine[Any, None, object]

_PORTION = 16
"""Connections accepted in a row: small enough that one worker cannot take a whole burst from the others."""

_EXHAUSTED = frozenset([errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
_PAUSE = 0.1
"""Seconds until accepting is tried again when descriptors or memory ran out."""


class Door(Protocol):
    """Who decides about the connections of a listener. A client is its address, empty for a Unix socket."""

    def admit(self, client: str) -> bool:
        """Take an accepted connection into account; return whether it may stay."""

    def begin(self, client: str) -> asyncio.Protocol:
        """Return the protocol of an admitted connection."""

    def give_up(self, client: str) -> None:
        """An admitted connection was gone before it began."""


class Acceptor:
    """Accepts from one listening socket while it is told to."""

    def __init__(self, listener: socket.socket, door: Door) -> None:
        """`listener` is non-blocking; the acceptor closes it."""
        self._listener = listener
        self._family = listener.family
        # What `accept` of the standard library is built upon; typeshed does not list it.
        self._take: Callable[[], tuple[int, Any]] = listener._accept  # type: ignore[attr-defined]
        self._door = door
        self._is_accepting = False
        self._loop = asyncio.get_running_loop()
        self._retry: asyncio.TimerHandle | None = None

    def resume(self) -> None:
        """Accept from now on."""
        self._retry = None
        if not self._is_accepting:
            self._is_accepting = True
            self._loop.add_reader(self._listener, self._accept)

    def pause(self) -> None:
        """Leave connections in the queue from now on."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._is_accepting:
            self._is_accepting = False
            self._loop.remove_reader(self._listener)

    def close(self) -> None:
        """Take what waits in the queue, then accept nothing more."""
        while self._is_accepting and self._accept():
            pass
        self.pause()
        self._listener.close()

    def _accept(self) -> bool:
        """Accept a portion; return whether there may be more."""
        begun: list[Beginning] = []
        try:
            for _ in range(_PORTION):
                if not self._is_accepting:
                    return False
                try:
                    descriptor, address = self._take()
                except (BlockingIOError, ConnectionAbortedError):
                    return False
                except OSError as error:
                    if error.errno not in _EXHAUSTED:
                        raise
                    self.pause()
                    self._retry = self._loop.call_later(_PAUSE, self.resume)
                    return False
                self._begin(descriptor, "" if self._family == socket.AF_UNIX else address[0], begun)
            return True
        finally:
            if begun:
                # uvloop has put every `connection_made` before this.
                self._loop.call_soon(_finish, begun)

    def _begin(self, descriptor: int, client: str, begun: list[Beginning]) -> None:
        door = self._door
        if not door.admit(client):
            os.close(descriptor)
            return
        accepted = cast("socket.socket", _Accepted(descriptor, self._family))
        beginning = self._loop.connect_accepted_socket(lambda: door.begin(client), accepted)
        try:
            beginning.send(None)
        except Exception as error:
            os.close(descriptor)
            door.give_up(client)
            if not isinstance(error, OSError):
                raise
        else:
            begun.append(beginning)


class _Accepted:
    """An accepted connection as far as uvloop wants to know it. uvloop closes the descriptor once it has opened it."""

    __slots__ = ("_descriptor", "family")

    type = socket.SOCK_STREAM

    def __init__(self, descriptor: int, family: int) -> None:
        self._descriptor = descriptor
        self.family = family

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def close(self) -> None:
        """uvloop says that it has closed the descriptor."""


def _finish(begun: list[Beginning]) -> None:
    """Make the last step of connections that have begun."""
    for beginning in begun:
        try:
            beginning.send(None)
        except StopIteration:
            continue
        raise AssertionError("uvloop waits for more than connection_made")
