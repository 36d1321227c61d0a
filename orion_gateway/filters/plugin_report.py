"""What the admin API shows of a plug-in: calls, time, overruns, failures, and whether it is disabled. Pure, bounded."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orion_gateway.filters.filter import Report


@dataclass(slots=True)
class PluginReport:
    """What happened since the last report of a worker, or, merged, since the gateway started."""

    use: str
    calls: int = 0
    seconds: float = 0.0
    """On the event loop, all calls together."""
    slowest: float = 0.0
    """The longest call, in seconds on the event loop."""
    overruns: int = 0
    failures: int = 0
    """Calls that raised, or did not return in time."""
    left_out: int = 0
    """Exchanges that were refused or went on without it, because it was disabled."""
    disabled: int = 0
    """How often a worker disabled it; again each time when it was tried and failed."""
    enabled: int = 0
    """How often a worker enabled it again."""
    reason: str = ""
    """Why it was disabled the last time."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.calls or self.left_out or self.disabled or self.enabled)

    def merge(self, newer: Report) -> PluginReport:
        """Return both in one."""
        assert isinstance(newer, PluginReport)
        merged = PluginReport(newer.use)
        for field in fields(PluginReport)[1:-1]:
            setattr(merged, field.name, getattr(self, field.name) + getattr(newer, field.name))
        merged.slowest = max(self.slowest, newer.slowest)
        merged.reason = newer.reason or self.reason
        return merged

    def document(self) -> Mapping[str, object]:
        """Return it as the admin API shows it. Times are milliseconds."""
        return {
            "plugin": self.use,
            "calls": self.calls,
            "mean_ms": round(self.seconds / self.calls * 1000, 3) if self.calls else 0.0,
            "slowest_ms": round(self.slowest * 1000, 3),
            "overruns": self.overruns,
            "failures": self.failures,
            "left_out": self.left_out,
            "disabled": self.disabled,
            "enabled": self.enabled,
            "reason": self.reason,
        }
