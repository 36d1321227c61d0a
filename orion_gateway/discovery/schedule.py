"""Say which endpoint is checked next, and when: pure, so that 10,000 hung endpoints can be tried on virtual time.

Every endpoint is due at once at first, then `interval` (10 % more or less, at random) after its last check began. A
check that cannot begin when it is due begins later; none is made up for. What holds checks back:

- `at_once` are in flight over all, and `per_service` of one service: its hung endpoints do not take all places.
- Endpoints whose last check ran into its timeout share `slow` of the places; the others are for who answers.
- `per_second` checks begin, after a first `burst`: at the start 10,000 endpoints are spread over 10 seconds.

Of the services that have something due, the one with the fewest checks in flight is next (max-min fairness): those
whose checks hang have many, so that a place that becomes free serves the well ones first. Equals take turns. Within a
service the order is that of being due, slow and prompt endpoints apart: which of them are next is drawn, so that
neither waits for the other to have nothing to do.

So the checks of a service that is well come later by one timeout at worst, when others have just begun to hang and hold
all places. Beside hung ones of its own service a well endpoint waits until it is known which of them hang: once, for
40 s when 1,000 of 2,000 begin to hang together, in all services alike, for 5 s every 10 s.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

_JITTER = 0.1


@dataclass(frozen=True, slots=True)
class Limits:
    """How many checks there may be at a time and per second."""

    at_once: int = 256
    per_service: int = 64
    slow: int = 128
    per_second: float = 1000.0
    burst: int = 64
    """At least 1."""


@dataclass(slots=True)
class Turn:
    """The next check of one endpoint: both named by their place. Times are monotonic seconds."""

    service: int
    endpoint: int
    due: float
    began: float = 0.0
    is_slow: bool = False
    """The last check ran into its timeout."""


class Schedule:
    """The checks of all services, given as (number of endpoints, interval in seconds) each."""

    def __init__(self, services: Sequence[tuple[int, float]], limits: Limits, now: float) -> None:
        self.in_flight = 0
        self._limits = limits
        self._intervals = [interval for _, interval in services]
        self._in_flight = [0] * len(services)
        self._slow_in_flight = 0
        # Not due yet: (due, order of entry, turn).
        self._sleeping: list[tuple[float, int, Turn]] = []
        self._entered = 0
        # Due and not begun; the line of the slow ones is the second.
        self._lines = tuple(_Line(len(services), limits.per_service) for _ in range(2))
        # The generic cell rate algorithm: a check may begin when this is less than the burst's worth ahead of now.
        self._paid_until = now
        for service, (count, _) in enumerate(services):
            for endpoint in range(count):
                self._sleep(Turn(service, endpoint, due=now))

    def begin_next(self, now: float, rng: Random) -> Turn | None:
        """Return whose check begins now, or None: see `next_due` and, with checks in flight, `end`."""
        self._wake(now)
        if self.in_flight >= self._limits.at_once or now < self._next_paid():
            return None
        # At random, and not by turns: turns can fall in step with a service that has room only every other time.
        is_slow_first = rng.random() < 0.5
        for is_slow in (is_slow_first, not is_slow_first):
            service = self._find(is_slow)
            if service is not None:
                turn = self._lines[is_slow].take(service, self._in_flight[service])
                self._begin(turn, now)
                return turn
        return None

    def end(self, turn: Turn, has_timed_out: bool, now: float, rng: Random) -> None:
        """Take that a check has ended, and plan the next one of its endpoint."""
        self._count(turn, -1)
        turn.is_slow = has_timed_out
        interval = self._intervals[turn.service] * rng.uniform(1 - _JITTER, 1 + _JITTER)
        turn.due = max(now, turn.began + interval)
        self._sleep(turn)

    @property
    def next_due(self) -> float:
        """When `begin_next` may have something though no check ends before; inf if never."""
        if self.in_flight >= self._limits.at_once:
            return inf
        is_anybody_due = any(self._find(is_slow) is not None for is_slow in (False, True))
        earliest = -inf if is_anybody_due else self._sleeping[0][0] if self._sleeping else inf
        return max(earliest, self._next_paid())

    def _next_paid(self) -> float:
        return self._paid_until - (self._limits.burst - 1) / self._limits.per_second

    def _sleep(self, turn: Turn) -> None:
        # The order of entry decides between equals: turns themselves cannot be compared.
        self._entered += 1
        heappush(self._sleeping, (turn.due, self._entered, turn))

    def _wake(self, now: float) -> None:
        while self._sleeping and self._sleeping[0][0] <= now:
            turn = heappop(self._sleeping)[2]
            self._lines[turn.is_slow].add(turn, self._in_flight[turn.service])

    def _find(self, is_slow: bool) -> int | None:
        if is_slow and self._slow_in_flight >= self._limits.slow:
            return None
        return self._lines[is_slow].find()

    def _begin(self, turn: Turn, now: float) -> None:
        turn.began = now
        self._count(turn, 1)
        self._paid_until = max(self._paid_until, now) + 1 / self._limits.per_second

    def _count(self, turn: Turn, change: int) -> None:
        before = self._in_flight[turn.service]
        self._in_flight[turn.service] = before + change
        for line in self._lines:
            line.move(turn.service, before, before + change)
        self.in_flight += change
        self._slow_in_flight += change * turn.is_slow


class _Line:
    """Checks that are due, by service, and the services by rank: by how many checks they have in flight.

    Who stands past the last rank has as many as it may have and is not found.
    """

    def __init__(self, services: int, ranks: int) -> None:
        self._turns: list[deque[Turn]] = [deque() for _ in range(services)]
        self._ranks: list[OrderedDict[int, None]] = [OrderedDict() for _ in range(ranks)]

    def add(self, turn: Turn, rank: int) -> None:
        """Let a check wait, behind those of its service."""
        turns = self._turns[turn.service]
        turns.append(turn)
        if len(turns) == 1:
            self._enter(turn.service, rank)

    def find(self) -> int | None:
        """Return the service that is next."""
        return next((next(iter(rank)) for rank in self._ranks if rank), None)

    def take(self, service: int, rank: int) -> Turn:
        """Take the first check of a service."""
        turns = self._turns[service]
        turn = turns.popleft()
        if not turns:
            del self._ranks[rank][service]
        return turn

    def move(self, service: int, before: int, after: int) -> None:
        """Take that a service stands elsewhere; among its equals it comes last."""
        if self._turns[service]:
            if before < len(self._ranks):
                del self._ranks[before][service]
            self._enter(service, after)

    def _enter(self, service: int, rank: int) -> None:
        if rank < len(self._ranks):
            self._ranks[rank][service] = None
