"""The model of what keeps a service answering while its endpoints fail: balancing, checks, ejection, circuits."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from orion_gateway.config.answers import RespondConfig
from orion_gateway.config.failure_words import (
    IDEMPOTENT_METHODS,
    Backoff,
    BoundedLoad,
    CheckHost,
    CheckPath,
    CookieName,
    Few,
    Hedge,
    KeyOfRequest,
    Port,
    RetryCondition,
    Statuses,
    TripShare,
)
from orion_gateway.config.http_words import Method
from orion_gateway.config.kinds import Count, Duration, Name, Period, QueueLength, Share, choice, size
from orion_gateway.config.table import REQUIRED, OrText, Table, key, section
from orion_gateway.values import RetryRules

POLICY_NAMES = (
    "round_robin",
    "weighted_round_robin",
    "least_connections",
    "random",
    "power_of_two",
    "ewma",
    "consistent_hash",
    "maglev",
)
HASHING_POLICIES = ("consistent_hash", "maglev")
"""The policies that bind a request to an endpoint by its key."""

POLICY = choice(*POLICY_NAMES)


class StickyConfig(Table):
    """Binds a client to the endpoint that answered it first."""

    cookie: CookieName = key(
        REQUIRED,
        "The cookie that names the endpoint; the gateway sets it.",
        "lb",
    )


class LoadBalancerConfig(Table):
    """How an endpoint is chosen, with options. `round_robin` alone means the same as `{policy: round_robin}`."""

    policy: Annotated[str, POLICY] = key(
        "round_robin",
        "`round_robin`: in turn, smoothly by weight (`weighted_round_robin` is the same); `least_connections`: the one "
        "with the fewest requests in flight, per worker; `random`; `power_of_two`: the less busy of two drawn at "
        "random; `ewma`: the one that answers fastest; `consistent_hash` and `maglev`: always the same one for the "
        "same `key`.",
        "consistent_hash",
    )
    # From here on `key` is this field and no longer the function.
    key: KeyOfRequest | None = Field(
        None,
        description="What a request is bound by: the client's address, its path, a field or a cookie. Needed by "
        "`consistent_hash` and `maglev`.",
        examples=["header:X-Session-Id"],
    )
    bounded_load: BoundedLoad = Field(
        "off",
        description="How many times the average load an endpoint may have before a request bound to it goes on to the "
        "next one; for `consistent_hash` and `maglev`.",
        examples=[1.25],
        validate_default=True,
    )
    sticky: StickyConfig | None = Field(
        None,
        description="Binds each client to one endpoint by a cookie, as long as that endpoint can be used.",
        examples=[{"cookie": "lb"}],
    )


LoadBalancer = Annotated[LoadBalancerConfig, OrText("policy", POLICY)]


class HealthCheckConfig(Table):
    """Asks every endpoint regularly whether it is well."""

    path: CheckPath = key(REQUIRED, "What is asked for, with GET.", "/health/ready")
    interval: Period = key("10s", "From one check of an endpoint to the next, give or take a little.", "5s")
    timeout: Period = key("5s", "How long an answer may take.", "2s")
    rise: Few = key(2, "Good answers in a row after which an endpoint that was down is up.", 1)
    fall: Few = key(3, "Bad or missing answers in a row after which an endpoint that was up is down.", 2)
    status: Statuses = key("200-399", "Statuses of good answers: numbers and ranges.", "200,204")
    host: CheckHost | None = key(None, "The Host of the check. Left out: the endpoint's.", "users.internal")
    port: Port | None = key(None, "The port that is asked. Left out: the endpoint's.", 9000)


class OutlierConfig(Table):
    """Takes an endpoint out for a while when its requests keep failing."""

    consecutive_failures: Count = key(
        5, "Failures in a row (5xx, timeout, no connection) after which it is ejected.", 3
    )
    interval: Period = key("10s", "For every so long without an ejection one of the earlier ones is forgiven.", "30s")
    ejection: Period = key("30s", "How long it is out the first time; times the number of ejections later.", "10s")
    max_ejection: Period = key("5m", "How long it is out at most.", "2m")
    max_ejected: Share = key("50%", "Most of a service's endpoints that are out at a time; one may always be.", "30%")


class FallbackConfig(Table):
    """What answers while the circuit is open; exactly one of the keys."""

    respond: RespondConfig | None = key(
        None, "A fixed response.", {"status": 200, "headers": {"Content-Type": "application/json"}, "body": "[]"}
    )
    service: Name | None = key(None, "Another service, which has its own endpoints and circuit.", "users-archive")


class CircuitConfig(Table):
    """Stops asking a service that keeps failing, answers at once instead, and tries again after a while."""

    trip: Annotated[Literal["consecutive", "error_rate"], choice("consecutive", "error_rate")] = key(
        "consecutive",
        "What opens it: `consecutive`: so many failures in a row; `error_rate`: too large a share of failures.",
        "error_rate",
    )
    failure_threshold: Count = key(5, "Failures in a row that open it, for `consecutive`.", 10)
    threshold: TripShare = key("50%", "Share of failures in the window that opens it, for `error_rate`.", "30%")
    success_threshold: Count = key(2, "Successful trials that close it again.", 3)
    open_for: Period = key("60s", "How long it stays open before trials begin.", "30s")
    minimum_requests: Count = key(10, "Requests there must be in the window before it may open.", 20)
    window: Period = key("60s", "How far back requests are counted.", "30s")
    half_open_requests: Count = key(1, "Trials at a time, over all workers.", 3)
    fallback: FallbackConfig | None = key(
        None,
        "What answers while it is open. Left out: 503 with Retry-After.",
        {"respond": {"status": 200, "body": "[]"}},
    )


class BudgetConfig(Table):
    """How many retries and hedges a service may get, so that they do not finish it off when it struggles."""

    share: Share = key("20%", "Share of the requests.", "10%")
    min: QueueLength = key(3, "So many per second are always allowed.", 1)


RETRY_MEANINGS = {
    "max": "Further attempts of one request, on other endpoints first.",
    "on": "What is repeated: `connect_failure`, `reset_before_response` (the connection ended before an answer began), "
    "`response_timeout`, and statuses.",
    "methods": "Methods that are repeated. When nothing of a request was sent, every method is.",
    "backoff": "How long to wait: at random up to the first duration, doubled for each attempt up to the second.",
    "buffer": "Bodies up to this size are kept, so that they can be sent again.",
    "retry_after": "The longest Retry-After that is waited for; an answer that asks for more is passed on.",
    "hedge": "For safe methods, a second attempt when the answer does not come: after the time in which 95 % of the "
    "route's answers come (`p95`), or a duration. The first answer counts.",
}
RETRY_EXAMPLES: dict[str, Any] = {
    "max": 2,
    "on": ["connect_failure", 503],
    "methods": ["GET", "HEAD"],
    "backoff": "50ms..1s",
    "buffer": "1MiB",
    "retry_after": "3s",
    "hedge": "p95",
}


def _first(name: str, default: Any) -> Any:
    """Return the field of a service's retries."""
    return key(default, RETRY_MEANINGS[name], RETRY_EXAMPLES[name])


def _own(name: str) -> Any:
    """Return the same field for a route or the defaults, where it is put over the one below."""
    left_out = f"{RETRY_MEANINGS[name]} Left out: what `defaults`, else the service, says."
    return key(None, left_out, RETRY_EXAMPLES[name])


class OwnRetries(Table):
    """Retries that are put over those of the service, each key on its own; what is left out stays as it is."""

    max: Few = _own("max")
    on: tuple[RetryCondition, ...] = _own("on")
    methods: tuple[Method, ...] = _own("methods")
    backoff: Backoff = _own("backoff")
    buffer: Annotated[int, size()] = _own("buffer")
    retry_after: Duration = _own("retry_after")
    hedge: Hedge = _own("hedge")

    model_config = ConfigDict(validate_default=False)

    def over(self, base: RetryRules) -> RetryRules:
        """Return `base` with what is written here put over it."""
        return _put_over(self, base)


class ServiceRetriesConfig(Table):
    """Repeats attempts that failed, on another endpoint if there is one."""

    max: Few = _first("max", 1)
    on: tuple[RetryCondition, ...] = _first("on", ["connect_failure", "reset_before_response", 502, 503, 504])
    methods: tuple[Method, ...] = _first("methods", list(IDEMPOTENT_METHODS))
    backoff: Backoff = _first("backoff", "25ms..250ms")
    buffer: Annotated[int, size()] = _first("buffer", "64KiB")
    retry_after: Duration = _first("retry_after", "1s")
    hedge: Hedge = _first("hedge", "off")
    budget: BudgetConfig = section(BudgetConfig, "How many retries and hedges there may be at all.", {"share": "10%"})

    def over(self, base: RetryRules) -> RetryRules:
        """Return `base` with what is written here put over it; the budget is none of a route's rules."""
        return _put_over(self, base)


def _put_over(written: OwnRetries | ServiceRetriesConfig, base: RetryRules) -> RetryRules:
    values: dict[str, Any] = {name: getattr(written, name) for name in written.model_fields_set if name != "budget"}
    if "on" in values:
        values["on"] = frozenset(values["on"])
    if "methods" in values:
        values["methods"] = frozenset(method.encode() for method in values["methods"])
    return replace(base, **values)
