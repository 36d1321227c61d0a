"""The contract of a scenario: what is asked and what the upstream answers. Plain data; who asks whom is the suite's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of exchange.

    `fields` are the request's header fields besides Host. `body` is the content of every answer; it stands in nginx's
    configuration between single quotes, so it may hold neither those nor `$` or a backslash.
    """

    name: str
    summary: str
    target: str
    fields: tuple[tuple[str, str], ...]
    body: str
