"""Tables of 100 and of 10,000 routes, asked for in turn: neither the first nor the last route stands for all."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.scenarios.scenario import Work
from benchmarks.scenarios.small_get import SMALL_GET

ROUTES_100 = replace(
    SMALL_GET,
    letter="h",
    name="routes_100",
    summary="100 routes asked for in turn; ids, forwarded fields, access log",
    work=Work(routes=100),
)

ROUTES_10K = replace(
    SMALL_GET,
    letter="h",
    name="routes_10k",
    summary="1,000 of 10,000 routes asked for in turn; ids, forwarded fields, access log",
    work=Work(routes=10_000),
)
