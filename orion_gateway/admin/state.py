"""What the admin API may ask of and tell to the supervisor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orion_gateway.control.judge import Judge
    from orion_gateway.control.messages import Explained
    from orion_gateway.control.reports import FilterReports
    from orion_gateway.explanation.answer import Answer, Asked
    from orion_gateway.telemetry.totals import Totals
    from orion_gateway.values import CircuitState, Service


@dataclass(frozen=True, slots=True)
class WorkerState:
    """How one worker stands. `pid` 0: it is being started."""

    number: int
    pid: int
    generation: int
    is_ready: bool


class GatewayState(Protocol):
    """The gateway as the admin API sees it."""

    totals: Totals

    @property
    def is_draining(self) -> bool:
        """Whether the gateway is stopping."""

    @property
    def generation(self) -> int:
        """The generation of the table in force."""

    @property
    def worker_states(self) -> Sequence[WorkerState]:
        """Every worker."""

    @property
    def services(self) -> Sequence[Service]:
        """The services of the table in force, without the gateway's own."""

    @property
    def addresses(self) -> Sequence[tuple[str, str]]:
        """Name and address of every listener."""

    @property
    def judge(self) -> Judge:
        """How the services stand; to be read."""

    @property
    def reports(self) -> FilterReports:
        """What filters have reported; to be read."""

    async def collect(self) -> None:
        """Bring the totals up to date."""

    def begin_drain(self) -> None:
        """Stop as one SIGTERM does; said again, nothing changes."""

    def force_circuit(self, service: str, state: CircuitState | None) -> None:
        """Hold the circuit of a service in a state; None: let it judge by itself again."""

    def reset_circuit(self, service: str) -> None:
        """Close the circuit of a service and forget what was counted."""

    def find_answer(self, asked: Asked) -> Answer:
        """Return what becomes of a request under the table in force."""

    async def explain(self, service: str, key: bytes, token: bytes) -> Mapping[int, Explained]:
        """Ask every worker how it would balance a request now; those that answer in time are in the result."""
