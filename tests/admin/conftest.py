"""What the tests of the admin API share."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from orion_gateway.admin.state import WorkerState
from orion_gateway.telemetry.totals import Totals
from orion_gateway.values import Service


@dataclass
class Gateway:
    """A gateway whose state the test sets (`admin.state.GatewayState`)."""

    totals: Totals = field(default_factory=Totals)
    is_draining: bool = False
    generation: int = 7
    worker_states: list[WorkerState] = field(default_factory=lambda: [WorkerState(1, 4711, 7, is_ready=True)])
    services: list[Service] = field(default_factory=list)
    addresses: list[tuple[str, str]] = field(default_factory=lambda: [("http", "127.0.0.1:8080")])
    collected: int = 0

    async def collect(self) -> None:
        self.collected += 1

    def begin_drain(self) -> None:
        self.is_draining = True


@pytest.fixture
def state() -> Gateway:
    """A gateway that is fine."""
    return Gateway()
