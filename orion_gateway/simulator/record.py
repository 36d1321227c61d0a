"""What happened in a simulation, in columns: one row per request, attempt, check, and change of a standing or circuit.

Times are seconds since the beginning. Services, endpoints and gateways are numbers: positions in `services`, among the
endpoints of the service, and among the gateways.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple


class Try(IntEnum):
    """What kind of attempt it was."""

    FIRST = 0
    RETRY = 1
    TRIAL = 2
    """Of a half-open circuit; never retried."""


class Look(IntEnum):
    """How an endpoint looks to a gateway, worst last."""

    UP = 0
    WARMING = 1
    """Back, and growing to its full share."""
    UNKNOWN = 2
    EJECTED = 3
    DOWN = 4


class Lane(IntEnum):
    """The state of a circuit, what is most worth seeing last."""

    CLOSED = 0
    RAMP = 1
    """Closed again, and letting through an ever larger share."""
    OPEN = 2
    HALF_OPEN = 3


class Deed(IntEnum):
    """What an endpoint really does, worst last."""

    ANSWER = 0
    SLOW = 1
    RECOVER = 2
    FAIL = 3
    RESET = 4
    HANG = 5
    REFUSE = 6


class Change(NamedTuple):
    """At `at` an endpoint began to look like `look` to a gateway; for a circuit `endpoint` is 0 and `look` a `Lane`."""

    at: float
    gateway: int
    service: int
    endpoint: int
    look: int


@dataclass(frozen=True, slots=True)
class Known:
    """A service as the record knows it. `weights` are those of its endpoints, `names` what to call them."""

    name: str
    names: tuple[str, ...]
    weights: tuple[int, ...]
    seen: int
    """How many (gateway, endpoint) pairs there are: fewer than all with subsets."""
    has_circuit: bool


@dataclass(slots=True)
class Record:
    """What happened. `duration` is for how long load came; requests that ended later are not in it."""

    title: str
    duration: float
    seed: int
    gateways: int
    workers: int
    services: tuple[Known, ...]
    methods: tuple[str, ...]
    # One row per request that ended, in the order of the ends.
    begun: array[float] = field(default_factory=lambda: array("d"))
    ended: array[float] = field(default_factory=lambda: array("d"))
    service: array[int] = field(default_factory=lambda: array("h"))
    method: array[int] = field(default_factory=lambda: array("b"))
    status: array[int] = field(default_factory=lambda: array("h"))
    is_refused: array[int] = field(default_factory=lambda: array("b"))
    sent: array[int] = field(default_factory=lambda: array("b"))
    """How many endpoints have seen the request."""
    # One row per attempt, in the order of their beginnings.
    tried_at: array[float] = field(default_factory=lambda: array("d"))
    tried_service: array[int] = field(default_factory=lambda: array("h"))
    tried_endpoint: array[int] = field(default_factory=lambda: array("l"))
    tried_kind: array[int] = field(default_factory=lambda: array("b"))
    # One row per health check.
    checked_at: array[float] = field(default_factory=lambda: array("d"))
    checked_service: array[int] = field(default_factory=lambda: array("h"))
    checked_endpoint: array[int] = field(default_factory=lambda: array("l"))
    standings: list[Change] = field(default_factory=list)
    circuits: list[Change] = field(default_factory=list)
    panics: list[Change] = field(default_factory=list)
    """When panic began (`look` is 1) and ended (0)."""
    deeds: list[Change] = field(default_factory=list)
    """What endpoints really did (`look` is a `Deed`), by turns; `gateway` is 0."""
    offered_at: array[float] = field(default_factory=lambda: array("d"))
    """When requests came, also those that had not ended at the end."""
    offered_service: array[int] = field(default_factory=lambda: array("h"))
    offered_method: array[int] = field(default_factory=lambda: array("b"))
    most_waiting: dict[tuple[int, int], int] = field(default_factory=dict)
    """By service and endpoint: the most requests that ever waited at once."""
