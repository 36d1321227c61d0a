"""The health resources of a backend: `/health/live`, `/health/ready` and `/health`.

Live: the loop answers, nothing is asked. Ready: every required check passes, else 503 so that no traffic comes.
`/health` runs all checks and names each: unhealthy (503) when a required one fails, degraded (200) when another does.
What a check means belongs to the backend that lists it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import structlog
from aiohttp import web

from .clock import utc_now
from .replies import Answer, Time, answer

CHECK_TIMEOUT = 2.0
"""Seconds after which a check has failed."""

log = structlog.get_logger()


class Health(Enum):
    """How well a backend or one of its dependencies does."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Check:
    """One dependency: `ask` returns why it cannot be used, or None when it can."""

    name: str
    ask: Callable[[], Awaitable[str | None]]
    required: bool = True


class CheckResult(Answer):
    """What one check found, and how long it took in milliseconds."""

    status: Health
    required: bool
    duration_ms: float
    error: str | None = None


class HealthReport(Answer):
    """The answer of all three resources; `checks` is empty for live."""

    status: Health
    service: str
    timestamp: Time
    checks: dict[str, CheckResult]


def judge(results: Sequence[CheckResult]) -> Health:
    """Return the verdict over all checks."""
    failed = [result for result in results if result.status is not Health.HEALTHY]
    if any(result.required for result in failed):
        return Health.UNHEALTHY
    return Health.DEGRADED if failed else Health.HEALTHY


async def run_check(check: Check, timeout: float = CHECK_TIMEOUT) -> CheckResult:  # noqa: ASYNC109 - the caller's bound
    """Ask one dependency, for at most `timeout` seconds; a check that raises has failed."""
    started = time.perf_counter()
    try:
        async with asyncio.timeout(timeout):
            error = await check.ask()
    except TimeoutError:
        error = f"no answer in {timeout:g} s"
    except Exception:
        log.exception("health check failed", check=check.name)
        error = "the check itself failed"
    return CheckResult(
        status=Health.UNHEALTHY if error else Health.HEALTHY,
        required=check.required,
        duration_ms=round((time.perf_counter() - started) * 1000, 3),
        error=error,
    )


def add_health(app: web.Application, service: str, checks: Sequence[Check]) -> None:
    """Add the three resources to an application."""

    async def report(_request: web.Request) -> web.Response:
        return await _report(service, checks)

    async def ready(_request: web.Request) -> web.Response:
        return await _report(service, [check for check in checks if check.required])

    async def live(_request: web.Request) -> web.Response:
        return await _report(service, [])

    app.router.add_get("/health", report)
    app.router.add_get("/health/ready", ready)
    app.router.add_get("/health/live", live)


async def _report(service: str, checks: Sequence[Check]) -> web.Response:
    results = await asyncio.gather(*(run_check(check) for check in checks))
    verdict = judge(results)
    named = {check.name: result for check, result in zip(checks, results, strict=True)}
    report = HealthReport(status=verdict, service=service, timestamp=utc_now(), checks=named)
    return answer(report, 503 if verdict is Health.UNHEALTHY else 200, {"Cache-Control": "no-store"})
