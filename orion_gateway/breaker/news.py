"""What the gates of a worker tell the supervisor's circuits: frozen values that can be pickled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orion_gateway.values import Verdict


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What came of exchanges admitted under `epoch`, since this gate told the last time.

    The successes came before the failures. `refused` exchanges never were: the circuit did not let them through.
    """

    service: str
    epoch: int
    successes: int = 0
    failures: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class TrialAsked:
    """An exchange waits for leave to try the service. The answer is a permit, or 0."""

    service: str
    epoch: int


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """A trial is over, or was not made after all (a verdict that is none)."""

    service: str
    permit: int
    verdict: Verdict


GateNews = Verdicts | TrialAsked | TrialEnded
