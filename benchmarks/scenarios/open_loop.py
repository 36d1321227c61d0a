"""The request of `small_get` at rates that do not depend on the answers, latency counted from when it was due."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.loads import Offered
from benchmarks.scenarios.small_get import SMALL_GET

OPEN_LOOP = replace(
    SMALL_GET,
    letter="l",
    name="open_loop",
    summary="the request of c at offered rates, latency from the planned time; ids, forwarded fields, access log",
    loads=(Offered(5000), Offered(15_000)),
)
