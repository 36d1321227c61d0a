"""What the table says of a plug-in: plain values, so that a worker can make it anew."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orion_gateway.filters.budget_watch import WatchRules

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class PluginRules:
    """Which plug-in, with which keys, and how far it is trusted. Times are seconds."""

    use: str
    """`module:factory`."""
    folder: str
    """That of the table, which is searched last."""
    keys: Mapping[str, object] = field(default_factory=dict)
    """The plug-in's own, as the table has them."""
    timeout: float | None = 5.0
    """How long a hook may wait."""
    budget: float | None = 0.005
    """How long the hooks of one call may keep the event loop, all steps together."""
    blocked: float = 0.05
    """After how long in one step the log says what holds the loop up."""
    watch: WatchRules | None = field(default_factory=WatchRules)
    """When it is disabled; None: never."""
