"""Measure a record: the figures that expectations and summaries are made of, each over a span of time.

A request belongs to the moment it came, an attempt to the moment it began. `None` means that there is nothing to
measure: nobody asked, or it never happened.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Literal

from orion_gateway.simulator.record import Lane, Look, Try

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from orion_gateway.simulator.record import Change, Record

SAFE = frozenset(["GET", "HEAD", "OPTIONS", "TRACE"])


@dataclass(frozen=True, slots=True)
class Scope:
    """What of a record is looked at; None is everything. Both ends of the span of time are included."""

    service: int | None = None
    endpoint: int | None = None
    method: int | None = None
    since: float = 0.0
    until: float = float("inf")


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure: its unit, what it needs to be told, and how it is taken."""

    unit: Literal["%", "s", "x", ""]
    meaning: str
    take: Callable[[Record, Scope], float | None]
    needs: Literal["", "service", "endpoint"] = ""
    takes_method: bool = False


def each_request(record: Record, scope: Scope) -> Iterator[int]:
    """Yield the rows of the requests that came in the scope and have ended."""
    begun, service, method = record.begun, record.service, record.method
    for row in range(len(begun)):
        if (
            scope.since <= begun[row] <= scope.until
            and (scope.service is None or service[row] == scope.service)
            and (scope.method is None or method[row] == scope.method)
        ):
            yield row


def each_attempt(record: Record, scope: Scope) -> Iterator[int]:
    """Yield the rows of the attempts that began in the scope."""
    at, service, endpoint = record.tried_at, record.tried_service, record.tried_endpoint
    for row in range(bisect_left(at, scope.since), bisect_right(at, scope.until)):
        if (scope.service is None or service[row] == scope.service) and (
            scope.endpoint is None or endpoint[row] == scope.endpoint
        ):
            yield row


def count_offered(record: Record, scope: Scope) -> int:
    """Return how many requests came."""
    at, service, method = record.offered_at, record.offered_service, record.offered_method
    rows = range(bisect_left(at, scope.since), bisect_right(at, scope.until))
    if scope.service is None and scope.method is None:
        return len(rows)
    return sum(
        (scope.service is None or service[row] == scope.service)
        and (scope.method is None or method[row] == scope.method)
        for row in rows
    )


def _share(record: Record, scope: Scope, is_meant: Callable[[int], bool]) -> float | None:
    count = meant = 0
    for row in each_request(record, scope):
        count += 1
        meant += is_meant(row)
    return meant / count if count else None


def _client_errors(record: Record, scope: Scope) -> float | None:
    return _share(record, scope, lambda row: record.status[row] >= 500)


def _succeeded(record: Record, scope: Scope) -> float | None:
    return _share(record, scope, lambda row: record.status[row] < 400)


def _refused(record: Record, scope: Scope) -> float:
    return sum(record.is_refused[row] for row in each_request(record, scope))


def _retries(record: Record, scope: Scope) -> float:
    return sum(record.tried_kind[row] == Try.RETRY for row in each_attempt(record, scope))


def _trials(record: Record, scope: Scope) -> float:
    return sum(record.tried_kind[row] == Try.TRIAL for row in each_attempt(record, scope))


def _attempts(record: Record, scope: Scope) -> float:
    return sum(1 for _ in each_attempt(record, scope))


def _upstream_load(record: Record, scope: Scope) -> float | None:
    offered = count_offered(record, scope)
    return _attempts(record, scope) / offered if offered else None


def _repeated_unsafe(record: Record, scope: Scope) -> float:
    unsafe = {number for number, method in enumerate(record.methods) if method not in SAFE}
    return sum(record.method[row] in unsafe and record.sent[row] > 1 for row in each_request(record, scope))


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that at least `share` of the values do not exceed; None without values."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None


def _latency(share: float) -> Callable[[Record, Scope], float | None]:
    def take(record: Record, scope: Scope) -> float | None:
        rows = (row for row in each_request(record, scope) if record.status[row] < 500)
        return percentile([record.ended[row] - record.begun[row] for row in rows], share)

    return take


def _refusal_p99(record: Record, scope: Scope) -> float | None:
    rows = (row for row in each_request(record, scope) if record.is_refused[row])
    return percentile([record.ended[row] - record.begun[row] for row in rows], 0.99)


def _changes(changes: Sequence[Change], scope: Scope, look: int | None = None) -> list[Change]:
    """Return the changes in the scope, to `look` if given; how things stood at the start is no change."""
    return [
        change
        for change in changes
        if change.at > 0
        and scope.since <= change.at <= scope.until
        and (scope.service is None or change.service == scope.service)
        and (scope.endpoint is None or change.endpoint == scope.endpoint)
        and (look is None or change.look == look)
    ]


def _first(changes: Sequence[Change]) -> float | None:
    return changes[0].at if changes else None


def _find_back(record: Record, scope: Scope) -> list[Change]:
    """Return when endpoints came back after they were down or ejected."""
    away: set[tuple[int, int, int]] = set()
    back = []
    for change in record.standings:
        at = (change.gateway, change.service, change.endpoint)
        if change.look in (Look.DOWN, Look.EJECTED):
            away.add(at)
        elif change.look in (Look.UP, Look.WARMING) and at in away:
            away.remove(at)
            back.append(change)
    return _changes(back, scope)


def _find_closings(record: Record, scope: Scope) -> list[Change]:
    """Return when circuits closed again, with or without a ramp."""
    before: dict[tuple[int, int], int] = {}
    closings = []
    for change in record.circuits:
        was = before.get((change.gateway, change.service), Lane.CLOSED)
        before[change.gateway, change.service] = change.look
        if change.look in (Lane.CLOSED, Lane.RAMP) and was in (Lane.OPEN, Lane.HALF_OPEN):
            closings.append(change)
    return _changes(closings, scope)


def _share_of_normal(record: Record, scope: Scope) -> float | None:
    """Return the share of its normal share that an endpoint gets in the first second after it came back."""
    assert scope.service is not None
    assert scope.endpoint is not None
    back = _first(_find_back(record, scope))
    if back is None:
        return None
    first_second = Scope(scope.service, None, None, back, back + 1.0)
    got = all_of_it = 0
    for row in each_attempt(record, first_second):
        all_of_it += 1
        got += record.tried_endpoint[row] == scope.endpoint
    weights = record.services[scope.service].weights
    normal = all_of_it * weights[scope.endpoint] / sum(weights)
    return got / normal if normal else None


def _checks_per_second(record: Record, scope: Scope) -> float | None:
    """Return how many checks a second an endpoint answers, on average over the endpoints meant."""
    at, service, endpoint = record.checked_at, record.checked_service, record.checked_endpoint
    checks = sum(
        (scope.service is None or service[row] == scope.service)
        and (scope.endpoint is None or endpoint[row] == scope.endpoint)
        for row in range(bisect_left(at, scope.since), bisect_right(at, scope.until))
    )
    meant = 1
    if scope.endpoint is None:
        meant = sum(len(known.names) for number, known in enumerate(record.services) if scope.service in (None, number))
    span = min(scope.until, record.duration) - scope.since
    return checks / meant / span if meant and span > 0 else None


def _most_waiting(record: Record, scope: Scope) -> float:
    return max(
        (
            most
            for (service, endpoint), most in record.most_waiting.items()
            if scope.service in (None, service) and scope.endpoint in (None, endpoint)
        ),
        default=0,
    )


MEASURES: dict[str, Measure] = {
    "client_errors": Measure("%", "Requests that clients saw fail (5xx).", _client_errors, takes_method=True),
    "succeeded": Measure("%", "Requests answered below 400.", _succeeded, takes_method=True),
    "refused": Measure("", "Requests that an open circuit refused.", _refused, takes_method=True),
    "retries": Measure("", "Attempts after the first.", _retries),
    "upstream_load": Measure("x", "Attempts for each request that came.", _upstream_load),
    "attempts": Measure("", "Attempts at all.", _attempts),
    "latency_p50": Measure("s", "Median time of requests without an error.", _latency(0.50), takes_method=True),
    "latency_p99": Measure("s", "99th percentile of the same.", _latency(0.99), takes_method=True),
    "refusal_p99": Measure("s", "99th percentile of the time to refuse.", _refusal_p99, takes_method=True),
    "trials": Measure("", "Attempts under a permit of a half-open circuit.", _trials),
    "repeated_unsafe": Measure(
        "", "Requests that are not safe (POST …) and were seen by endpoints more than once.", _repeated_unsafe
    ),
    "circuit_opens_at": Measure(
        "s", "When a circuit first opens.", lambda r, s: _first(_changes(r.circuits, s, Lane.OPEN)), "service"
    ),
    "circuit_closes_at": Measure(
        "s", "When a circuit first closes again.", lambda r, s: _first(_find_closings(r, s)), "service"
    ),
    "circuit_openings": Measure(
        "", "How often circuits open.", lambda r, s: len(_changes(r.circuits, s, Lane.OPEN)), "service"
    ),
    "ejected_at": Measure(
        "s", "When it is first ejected.", lambda r, s: _first(_changes(r.standings, s, Look.EJECTED)), "service"
    ),
    "ejections": Measure("", "How often that is.", lambda r, s: len(_changes(r.standings, s, Look.EJECTED)), "service"),
    "down_at": Measure(
        "s", "When checks first call it down.", lambda r, s: _first(_changes(r.standings, s, Look.DOWN)), "service"
    ),
    "back_at": Measure(
        "s", "When it is first back after it was down or ejected.", lambda r, s: _first(_find_back(r, s)), "service"
    ),
    "standing_changes": Measure(
        "", "How often its standing changes.", lambda r, s: len(_changes(r.standings, s)), "service"
    ),
    "panics": Measure(
        "",
        "How often ejections were ignored because too few endpoints were left.",
        lambda r, s: len(_changes(r.panics, s, 1)),
        "service",
    ),
    "share_of_normal": Measure(
        "%", "Of its normal share, what it gets in the first second after it came back.", _share_of_normal, "endpoint"
    ),
    "checks_per_second": Measure("", "Health checks an endpoint answers a second, on average.", _checks_per_second),
    "most_waiting": Measure("", "The longest queue at an endpoint.", _most_waiting),
}
"""Every figure by its name in `expect`. `needs` says what must be named."""


def count_per_bin(at: Sequence[float], rows: Iterator[int] | range, width: float, bins: int) -> list[int]:
    """Return how many of the rows fall into each span of `width` seconds."""
    counts = [0] * bins
    for row in rows:
        counts[min(bins - 1, int(at[row] / width))] += 1
    return counts


def average_per_bin(
    changes: Sequence[Change], kinds: int, seen: int, duration: float, bins: int
) -> list[tuple[float, ...]]:
    """Return, for each of `bins` spans, how many of `seen` things were of each kind on average over the span.

    `changes` are of things that are told apart by gateway and endpoint, and say what each is from then on.
    """
    width = duration / bins
    # Two kinds change by one at a moment: that much of its span, and all of every span after it.
    areas = [[0.0] * (bins + 1) for _ in range(kinds)]
    steps = [[0] * (bins + 1) for _ in range(kinds)]
    looks: dict[tuple[int, int], int] = {}
    for change in changes:
        at = min(bins - 1, int(change.at / width))
        rest = (at + 1) - change.at / width
        key = (change.gateway, change.endpoint)
        before = looks.get(key)
        looks[key] = change.look
        for kind, by in ((change.look, 1), (before, -1)):
            if kind is not None:
                areas[kind][at] += by * rest
                steps[kind][at + 1] += by
    # What nobody has said anything about is as it always was: kind 0.
    counts = [0] * kinds
    counts[0] = seen - len(looks)
    averages = []
    for at in range(bins):
        counts = [count + steps[kind][at] for kind, count in enumerate(counts)]
        averages.append(tuple(max(0.0, count + areas[kind][at]) for kind, count in enumerate(counts)))
    return averages


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of the requests of a record, or of one service. Shares are parts of one, times seconds."""

    offered: int
    ended: int
    succeeded: int
    errors: dict[int, int]
    """By status."""
    refused: int
    attempts: int
    retries: int
    trials: int
    upstream_load: float | None
    latency_p50: float | None
    latency_p99: float | None
    checks: int

    @property
    def unfinished(self) -> int:
        """Return how many were still waiting at the end."""
        return self.offered - self.ended


def summarize(record: Record, service: int | None = None) -> Summary:
    """Return what came of everything."""
    scope = Scope(service)
    errors: dict[int, int] = {}
    ended = succeeded = refused = 0
    for row in each_request(record, scope):
        ended += 1
        status = record.status[row]
        refused += record.is_refused[row]
        if status >= 500:
            errors[status] = errors.get(status, 0) + 1
        else:
            succeeded += status < 400
    kinds = [0] * len(Try)
    for row in each_attempt(record, scope):
        kinds[record.tried_kind[row]] += 1
    offered = count_offered(record, scope)
    return Summary(
        offered=offered,
        ended=ended,
        succeeded=succeeded,
        errors=dict(sorted(errors.items())),
        refused=refused,
        attempts=sum(kinds),
        retries=kinds[Try.RETRY],
        trials=kinds[Try.TRIAL],
        upstream_load=sum(kinds) / offered if offered else None,
        latency_p50=_latency(0.50)(record, scope),
        latency_p99=_latency(0.99)(record, scope),
        checks=sum(service is None or one == service for one in record.checked_service),
    )
