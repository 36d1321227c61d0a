"""An answer whose length is not known beforehand: 16 KiB in chunks."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.scenarios.large_response import LINE
from benchmarks.scenarios.small_get import SMALL_GET

CHUNKED = replace(
    SMALL_GET,
    letter="f",
    name="chunked_16k",
    summary="answers of 16 KiB in chunks; ids, forwarded fields, access log",
    body=LINE * 256,
    chunked=True,
)
