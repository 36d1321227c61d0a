"""Clients without keep-alive: each request comes on a new connection and asks for its end."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.scenarios.small_get import SMALL_GET

NEW_CONNECTIONS = replace(
    SMALL_GET,
    letter="g",
    name="new_connections",
    summary="a new connection per request; ids, forwarded fields, access log",
    fields=(("Connection", "close"), *(field for field in SMALL_GET.fields if field[0] != "Connection")),
)
