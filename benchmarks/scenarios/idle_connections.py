"""Many clients that have asked once and keep their connection, while others go on asking at a moderate rate."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.loads import Offered
from benchmarks.scenarios.scenario import Work
from benchmarks.scenarios.small_get import SMALL_GET

IDLE_CONNECTIONS = replace(
    SMALL_GET,
    letter="k",
    name="idle_connections",
    summary="8,000 idle keep-alive connections beside 2,000 requests/s; ids, forwarded fields, access log",
    loads=(Offered(2000),),
    work=Work(connections=8192),
    idle=8000,
)
