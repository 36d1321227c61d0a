"""The contract of a load: a way of asking, and what is known of the answers afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from benchmarks.scenarios.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Target:
    """Who is asked: a port of loopback, over how many connections, from which core."""

    port: int
    connections: int
    core: int


@dataclass(frozen=True, slots=True)
class Answers:
    """What one round gave: answered requests, duration and latency percentiles in seconds.

    `errors` are of all kinds: connections refused or cut, timeouts, answers of status 400 and more. `unserved` requests
    were due in the round but could not be sent in it, since every connection was waiting for an answer. `lag` is how
    late the generator itself was, as a 99th percentile in seconds.
    """

    requests: int
    duration: float
    p50: float
    p90: float
    p95: float
    p99: float
    p999: float
    errors: int
    unserved: int = 0
    lag: float = 0.0


class Load(Protocol):
    """A way to ask."""

    @property
    def name(self) -> str:
        """What results call it."""

    @property
    def rate(self) -> int | None:
        """Offered requests per second; None when the next request waits for the answer to the last."""

    def put(self, target: Target, scenario: Scenario, seconds: int, seed: int) -> Answers:
        """Send the scenario's requests for `seconds`; rounds with the same `seed` are alike where chance plays a part.

        Raises NotInstalledError without its program, and ServingError when that fails or nothing was answered.
        """
