"""Downloads: answers of 64 KiB and of 1 MiB."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.scenarios.small_get import SMALL_GET

LINE = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-\n"

RESPONSE_64K = replace(
    SMALL_GET,
    letter="e",
    name="response_64k",
    summary="answers of 64 KiB; ids, forwarded fields, access log",
    body=LINE * 1024,
)

RESPONSE_1M = replace(
    SMALL_GET,
    letter="e",
    name="response_1m",
    summary="answers of 1 MiB; ids, forwarded fields, access log",
    body=LINE * 16_384,
)
