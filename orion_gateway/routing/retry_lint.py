"""Find retries and hedges that can never happen, because a timeout of their route ends the exchange before they begin.

Only what is certain is reported. That all attempts together may take longer than `timeouts.total` is no mistake: then
the deadline decides, and the last attempts are not made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orion_gateway.values import RetryRules, Route, UpstreamTimeouts


@dataclass(frozen=True, slots=True)
class Hopeless:
    """What route number `index` asks for in vain at a service: the key `on` or `hedge` of its retries, with `why`."""

    index: int
    service: str
    key: Literal["on", "hedge"]
    why: str


def find_hopeless_retries(routes: Sequence[Route]) -> list[Hopeless]:
    """Return the retries that no request can get, in the order of the table."""
    return [
        Hopeless(index, target.service, key, why)
        for index, route in enumerate(routes)
        for target in route.targets
        if target.retries is not None
        for key, why in _judge(target.retries, target.timeouts)
    ]


def _judge(rules: RetryRules, timeouts: UpstreamTimeouts) -> Iterator[tuple[Literal["on", "hedge"], str]]:
    total, response = timeouts.total, timeouts.response
    if "response_timeout" in rules.on:
        if response is None:
            yield "on", "response_timeout never happens: timeouts.response is off"
        elif total is not None and total <= response:
            why = f"timeouts.total ({total:g}s) leaves no time for a repeat after timeouts.response ({response:g}s)"
            yield "on", why
    if rules.hedge is None or rules.hedge.delay is None:
        return
    for name, limit in (("total", total), ("response", response)):
        if limit is not None and limit <= rules.hedge.delay:
            yield (
                "hedge",
                f"timeouts.{name} ({limit:g}s) ends every request before a hedge after {rules.hedge.delay:g}s",
            )
            return
