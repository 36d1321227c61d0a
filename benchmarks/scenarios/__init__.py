"""The scenarios: the only list. A new one is a file and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.scenarios.small_get import SMALL_GET

if TYPE_CHECKING:
    from benchmarks.scenarios.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = (SMALL_GET,)
