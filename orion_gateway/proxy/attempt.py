"""What a connection to an endpoint, and the pool that hands it out, tell whoever makes an attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.telemetry.finished import Finished

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orion_gateway.http1.body import Payload
    from orion_gateway.http1.parsed import ResponseHead
    from orion_gateway.proxy.upstream import UpstreamConnection
    from orion_gateway.values import Endpoint, Reason


class Attempt(Finished):
    """One try at an endpoint, made by what the log reads in the end.

    After `end_response` or `lose_upstream` it is told nothing more. `now` is monotonic seconds.
    """

    __slots__ = ("key", "tried", "wanted")

    key: int
    """The hash of what the request is bound to, 0 for nothing."""
    tried: list[Endpoint] | None
    """Endpoints that have failed it already."""
    wanted: Endpoint | None
    """The endpoint that the client is bound to."""

    def take_trial(self, permit: int, now: float) -> None:
        """The circuit is half open, and the supervisor has answered: the number of a permit, 0 for none."""
        raise NotImplementedError

    def begin_connecting(self, endpoint: Endpoint, now: float) -> None:
        """An endpoint was chosen and a place on it taken."""
        raise NotImplementedError

    def take_connection(self, connection: UpstreamConnection, now: float) -> None:
        """The connection stands; the request may be written."""
        raise NotImplementedError

    def lose_upstream(self, reason: Reason, now: float) -> None:
        """There will be no (further) answer from this endpoint."""
        raise NotImplementedError

    def take_interim(self, head: ResponseHead, now: float) -> None:
        """A 1xx head other than 101 has come."""
        raise NotImplementedError

    def take_response_head(self, head: ResponseHead, now: float) -> None:
        """The final head (or 101) has come."""
        raise NotImplementedError

    def take_response(self, pieces: Sequence[Payload]) -> None:
        """Content has come."""
        raise NotImplementedError

    def flush_response(self, now: float) -> None:
        """Nothing more has come for now: what was taken may go out."""
        raise NotImplementedError

    def end_response(self, now: float) -> None:
        """The message is complete."""
        raise NotImplementedError

    def block_request(self, now: float) -> None:
        """The endpoint does not take more of the request now."""
        raise NotImplementedError

    def unblock_request(self, now: float) -> None:
        """It takes more again."""
        raise NotImplementedError
