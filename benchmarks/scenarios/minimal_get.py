"""The smallest request there is: Host and nothing else."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.scenarios.small_get import PLAIN_GET

MINIMAL_GET = replace(
    PLAIN_GET,
    letter="a",
    name="minimal_get",
    summary="small GET, header of 1 field; proxies add nothing and log nothing",
    target="/",
    fields=(),
)
