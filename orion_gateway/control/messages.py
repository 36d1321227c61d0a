"""What the supervisor and its workers say to each other. Plain values; see `channel` for how they travel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orion_gateway.proxy.plane import PlaneSettings
    from orion_gateway.routing.table import RouteTable
    from orion_gateway.telemetry.access_log import AccessLogSettings
    from orion_gateway.telemetry.metrics import Delta
    from orion_gateway.values import Service


@dataclass(frozen=True, slots=True)
class ListenerPlace:
    """A listening socket that the worker has inherited: its descriptor, and the port it says to others (0: none)."""

    name: str
    descriptor: int
    port: int


@dataclass(frozen=True, slots=True)
class Drain:
    """Stop accepting and leave when every exchange has ended; after `timeout` seconds what is left is cut.

    Idle connections are closed over `spread` seconds. Said again, the shorter time holds.
    """

    timeout: float
    spread: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One generation of everything a worker needs. The table is compiled once, by the supervisor."""

    generation: int
    table: RouteTable
    services: tuple[Service, ...]
    settings: PlaneSettings
    access_log: AccessLogSettings
    listeners: tuple[ListenerPlace, ...]
    workers: int
    descriptors: int
    """How many descriptors each worker may have."""
    max_connections: int | None
    """Client connections that the whole gateway may have; None: as many as the descriptors carry."""
    max_per_client: int | None
    """Connections that one client may have with this worker."""
    orphan_drain: Drain
    """How to leave when the supervisor is gone."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Report now instead of at the next second; `number` comes back in the report."""

    number: int


@dataclass(frozen=True, slots=True)
class Serving:
    """The worker accepts connections under this generation."""

    generation: int


@dataclass(frozen=True, slots=True)
class Report:
    """What was counted since the last report. It is the heartbeat too. `answers`: the number of the Ask, or 0."""

    delta: Delta
    answers: int = 0


@dataclass(frozen=True, slots=True)
class Drained:
    """The worker leaves; `cut` exchanges had to be cut."""

    cut: int


Message = Snapshot | Drain | Ask | Serving | Report | Drained
