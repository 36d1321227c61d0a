"""What the supervisor and its workers say to each other. Plain values; see `channel` for how they travel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orion_gateway.breaker.news import GateNews
    from orion_gateway.discovery.news import AttemptTold
    from orion_gateway.filters.filter import Report as FilterReport
    from orion_gateway.proxy.plane import PlaneSettings
    from orion_gateway.routing.table import RouteTable
    from orion_gateway.telemetry.access_log import AccessLogSettings
    from orion_gateway.telemetry.metrics import Delta
    from orion_gateway.values import CircuitView, Service, Standing


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
class FileChanged:
    """What a file of the table's filters holds from now on, ready for use. Files go ahead of the first snapshot."""

    path: str
    content: object


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
class FilterReports:
    """What filters have to tell since the last message: route (empty: all that name the filter), filter, report.

    Sent ahead of the Report of the same moment.
    """

    items: tuple[tuple[str, str, FilterReport], ...]


@dataclass(frozen=True, slots=True)
class Drained:
    """The worker leaves; `cut` exchanges had to be cut."""

    cut: int


@dataclass(frozen=True, slots=True)
class News:
    """What the gates and pools of a worker have to tell, in the order in which it happened.

    One message per turn of the worker's event loop, so that a storm of failures is not a storm of messages.
    """

    items: tuple[GateNews | AttemptTold, ...]


@dataclass(frozen=True, slots=True)
class StandingsChanged:
    """How the endpoints of a service stand from now on, in the order of the service."""

    service: str
    standings: tuple[Standing, ...]


@dataclass(frozen=True, slots=True)
class CircuitChanged:
    """What a worker must know of a service's circuit from now on."""

    service: str
    view: CircuitView


@dataclass(frozen=True, slots=True)
class TrialAnswer:
    """The answer to a worker that asked for a trial: the number of its permit, or 0."""

    service: str
    permit: int


@dataclass(frozen=True, slots=True)
class Explain:
    """Say how the next request of this service would be balanced; `number` comes back in the answer.

    `key` is what its policy binds the request to and `token` that of its sticky cookie, empty when there is none.
    """

    number: int
    service: str
    key: bytes = b""
    token: bytes = b""


@dataclass(frozen=True, slots=True)
class CandidateSeen:
    """One endpoint as a worker's chooser sees it (`balancer.chooser.Candidate`). `score` None: nothing is compared."""

    url: str
    is_eligible: bool
    why: str
    score: float | None
    in_flight: int
    weight: int
    share: float


@dataclass(frozen=True, slots=True)
class Explained:
    """How a service looks to one worker at this moment."""

    number: int
    candidates: tuple[CandidateSeen, ...]
    is_panic: bool
    bound_to: str | None
    """The endpoint that the sticky cookie names, if it may be used."""
    home: str | None
    """The endpoint that a hashing policy binds the request's key to."""
    circuit: CircuitView | None
    budget: float
    """Retries and hedges that are left."""
    queued: int
    """Exchanges that wait for a place."""


Message = (
    Snapshot
    | Drain
    | FileChanged
    | Ask
    | Serving
    | Report
    | FilterReports
    | Drained
    | News
    | StandingsChanged
    | CircuitChanged
    | TrialAnswer
    | Explain
    | Explained
)
