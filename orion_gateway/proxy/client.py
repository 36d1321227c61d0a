"""What the connection of a client offers to the exchange that is served on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from orion_gateway.http1.fields import Peer


class Client:
    """The client's side of an exchange. `now` is monotonic seconds."""

    __slots__ = ("blocked_since", "is_closed", "keep_alive", "peer", "transport")

    blocked_since: float
    """Since when the client has taken nothing although bytes wait for it; 0 while writing is free."""
    is_closed: bool
    """Nothing is written any more: it was closed from here, or is gone."""
    keep_alive: bool
    """Whether the connection serves another request behind this one."""
    peer: Peer
    transport: asyncio.Transport

    def connection_field(self) -> bytes:
        """Return the Connection line of the response in progress, or nothing where the version's default is meant."""
        raise NotImplementedError

    def adjust_reading(self) -> None:
        """Read, or stop reading, as the exchange and the bytes that wait ask for."""
        raise NotImplementedError

    def open_tunnel(self) -> bytes:
        """Read everything that comes as content of the exchange from now on; return what had come behind its head."""
        raise NotImplementedError

    def end_exchange(self, now: float, keep: bool) -> None:
        """The exchange has ended; go on with the next request or end the connection."""
        raise NotImplementedError

    def cut(self, now: float, *, is_framed: bool) -> None:
        """End a message that must not look complete. Without framing only a reset says so."""
        raise NotImplementedError

    def note_progress(self, now: float) -> None:
        """Look whether the client has taken something of what waits for it."""
        raise NotImplementedError

    @property
    def is_closing(self) -> bool:
        """Whether writing is pointless: uvloop raises on a transport that is gone."""
        return self.is_closed or self.transport.is_closing()
