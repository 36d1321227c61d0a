"""What a client's connection asks its worker for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orion_gateway.proxy.downstream import Downstream
    from orion_gateway.proxy.plane import DataPlane


class Keeper:
    """Keeps the connections of one listener in one worker, and tells them what is in force."""

    __slots__ = ("is_draining", "listener", "plane", "port")

    def __init__(self, listener: str, port: int, plane: DataPlane) -> None:
        """`listener` is its name, `port` the number that X-Forwarded-Port says, 0 for a Unix socket."""
        self.listener = listener
        self.port = port
        self.plane = plane
        """The plane in force."""
        self.is_draining = False
        """Whether every answer is the last one on its connection."""

    def remember(self, connection: Downstream) -> None:
        """A connection has begun."""
        raise NotImplementedError

    def forget(self, connection: Downstream) -> None:
        """A connection is gone."""
        raise NotImplementedError
