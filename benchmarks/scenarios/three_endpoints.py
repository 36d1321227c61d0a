"""A service of three endpoints; each request goes to the one with the fewest in flight."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.scenarios.scenario import Work
from benchmarks.scenarios.small_get import SMALL_GET

THREE_ENDPOINTS = replace(
    SMALL_GET,
    letter="i",
    name="three_endpoints",
    summary="three endpoints, fewest requests in flight first; ids, forwarded fields, access log",
    work=Work(endpoints=3),
)
