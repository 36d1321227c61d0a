"""Eject endpoints whose attempts fail, for a time that grows (Envoy's outlier detection by consecutive errors).

Rule 1: `consecutive_failures` failed attempts in a row, in the order in which they are told, eject an endpoint.
Rule 2: it stays out for `ejection` seconds times the number of its ejections so far, at most `max_ejection`. The number
stops growing where the time does, so that forgiving shows at once.
Rule 3: every `interval` that an endpoint spends in, one of its earlier ejections is forgiven.
Rule 4: at most the share `max_ejected` of the endpoints is out at the same time, rounded down; one always may be.
Rule 5: who is kept in by rule 4 alone waits, and is ejected as soon as there is room; a success ends the waiting. The
one that has failed longest goes first. So of two endpoints that both fail, each gets its turn to show that it is well.

What is told of an endpoint that is out (its last attempts, or what panic sent there) is no verdict. Back in, it starts
with a clean slate. An ejection ends early only when active checks turned the endpoint from down to up.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orion_gateway.values import OutlierRules

_ROUNDING = 1e-9
"""29 % of 100 endpoints are 29, although 0.29 * 100 is a little less."""


@dataclass(slots=True)
class _Track:
    """What is known of one endpoint. Times are monotonic seconds."""

    failures: int = 0
    """In a row; 0 while it is out."""
    times: int = 0
    """Ejections that are not forgiven yet."""
    total: int = 0
    until: float = 0.0
    """When its ejection ends; 0 while it is in."""
    due: float = inf
    """When its ejection ends, or while it is in: when one of the earlier ones is forgiven."""


class Outliers:
    """The ejections of one service. Endpoints are named by their place in the service, from 0."""

    def __init__(self, rules: OutlierRules, count: int) -> None:
        self.allowed = max(1, int(rules.max_ejected * count + _ROUNDING))
        """How many endpoints may be out at the same time."""
        self.ejected = 0
        """How many are."""
        self.next_due = inf
        """When `advance` must be called next, in monotonic seconds."""
        self._rules = rules
        self._tracks = [_Track() for _ in range(count)]
        self._waiting: dict[int, None] = {}
        # (due, endpoint); an entry counts while it says what the track says, and the first one always does.
        self._dues: list[tuple[float, int]] = []

    def take_attempt(self, endpoint: int, succeeded: bool, now: float) -> bool:
        """Take the verdict of one attempt; return whether any endpoint became or ceased to be suspect or ejected."""
        has_changed = self.advance(now)
        track = self._tracks[endpoint]
        if track.until:
            return has_changed
        if succeeded:
            if not track.failures:
                return has_changed
            track.failures = 0
            self._waiting.pop(endpoint, None)
            return True
        track.failures += 1
        if track.failures >= self._rules.consecutive_failures:
            self._waiting[endpoint] = None
            has_changed |= self._eject_waiting(now)
        return has_changed or track.failures == 1

    def end_ejection(self, endpoint: int, now: float) -> bool:
        """Let an endpoint in again that active checks turned from down to up; return whether anything changed."""
        has_changed = self.advance(now)
        if not self._tracks[endpoint].until:
            return has_changed
        self._let_in(endpoint, now)
        self._eject_waiting(now)
        return True

    def advance(self, now: float) -> bool:
        """Do what time does: end ejections, forgive earlier ones, eject who waited; return whether anything changed."""
        has_changed = False
        while self.next_due <= now:
            due, endpoint = heappop(self._dues)
            track = self._tracks[endpoint]
            if track.until:
                self._let_in(endpoint, due)
                has_changed = True
            else:
                track.times -= 1
                self._plan(endpoint, due + self._rules.interval if track.times else inf)
        if has_changed:
            self._eject_waiting(now)
        return has_changed

    def is_ejected(self, endpoint: int) -> bool:
        """Whether it is out."""
        return self._tracks[endpoint].until > 0

    def is_suspect(self, endpoint: int) -> bool:
        """Whether its failures are being counted: the next success must be told."""
        return self._tracks[endpoint].failures > 0

    def is_waiting(self, endpoint: int) -> bool:
        """Whether it would be out if there were room."""
        return endpoint in self._waiting

    def ejected_until(self, endpoint: int) -> float:
        """Return when its ejection ends, in monotonic seconds; 0 when it is in."""
        return self._tracks[endpoint].until

    def failures(self, endpoint: int) -> int:
        """Return how many attempts in a row have failed; 0 while it is out."""
        return self._tracks[endpoint].failures

    def times(self, endpoint: int) -> int:
        """Return how many of its ejections are not forgiven: what the time of the last or next one is measured by."""
        return self._tracks[endpoint].times

    def total(self, endpoint: int) -> int:
        """Return how often it was ejected since the start."""
        return self._tracks[endpoint].total

    def _eject_waiting(self, now: float) -> bool:
        """Eject who waits, as far as there is room; return whether anybody was."""
        has_ejected = False
        while self._waiting and self.ejected < self.allowed:
            endpoint = next(iter(self._waiting))
            del self._waiting[endpoint]
            self._eject(endpoint, now)
            has_ejected = True
        return has_ejected

    def _eject(self, endpoint: int, now: float) -> None:
        rules, track = self._rules, self._tracks[endpoint]
        if rules.ejection * track.times < rules.max_ejection:
            track.times += 1
        track.failures = 0
        track.total += 1
        track.until = now + min(rules.ejection * track.times, rules.max_ejection)
        self.ejected += 1
        self._plan(endpoint, track.until)

    def _let_in(self, endpoint: int, now: float) -> None:
        self._tracks[endpoint].until = 0.0
        self.ejected -= 1
        self._plan(endpoint, now + self._rules.interval)

    def _plan(self, endpoint: int, due: float) -> None:
        """Say when something happens to an endpoint next; what was said before does not hold any more."""
        self._tracks[endpoint].due = due
        if due < inf:
            heappush(self._dues, (due, endpoint))
        while self._dues and self._tracks[self._dues[0][1]].due != self._dues[0][0]:
            heappop(self._dues)
        self.next_due = self._dues[0][0] if self._dues else inf
