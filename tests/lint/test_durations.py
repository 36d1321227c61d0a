"""Durations that cut each other off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from orion_gateway.filters.filter import Filter
from orion_gateway.lint.durations import find_cut_off
from tests.lint.tables import PLAIN, found, read, with_other

if TYPE_CHECKING:
    from pathlib import Path

HEAD = 'version: 1\nlisteners: [{name: http, bind: "127.0.0.1:8080"}]\n'


def table(service: str, route: str) -> str:
    endpoints = "endpoints: [{url: 'http://127.0.0.1:1'}]"
    return HEAD + f"services: {{s: {{{endpoints}, {service}}}}}\nroutes:\n  - {{name: r, service: s, {route}}}\n"


@pytest.mark.parametrize(
    ("service", "route", "expected"),
    [
        ("timeouts: {response: 3s}", "timeouts: {total: 2s}", "timeouts.response (3s)"),
        ("timeouts: {response: 2s}", "timeouts: {total: 2s}", None),
        ("timeouts: {connect: 2s}", "timeouts: {total: 1s}", "timeouts.connect (2s)"),
        ("timeouts: {response: 2s}", "timeouts: {total: 3s}", None),
        ("slow_start: off", "timeouts: {total: 1s}", None),
        ("timeouts: {response: off}", "timeouts: {total: 1s}", None),
        ("connections: {queue_timeout: 5s}", "timeouts: {total: 5s}", "queue_timeout (5s)"),
        ("connections: {queue_timeout: 5s}", "timeouts: {total: 6s}", None),
        (
            "retries: {max: 5, on: [response_timeout]}",
            "timeouts: {response: 2s, total: 5s}",
            "timeouts.total (5s) leaves time for 2 further attempts after timeouts.response (2s), not 5",
        ),
        ("retries: {max: 2, on: [response_timeout]}", "timeouts: {response: 2s, total: 5s}", None),
        ("retries: {max: 5, on: [response_timeout, 503]}", "timeouts: {response: 2s, total: 5s}", None),
    ],
)
def test_what_the_deadline_makes_impossible_is_told(
    tmp_path: Path, service: str, route: str, expected: str | None
) -> None:
    """Somebody would tune a timeout that never ends anything."""
    shown = found(find_cut_off, read(tmp_path, table(service, route), PLAIN))
    assert [line.split()[1] for line in shown] == (["W0306"] if expected else [])
    assert all(expected is not None and expected in line for line in shown)


@dataclass(frozen=True)
class Holding:
    """The rules of a filter that holds requests."""

    delay: float


@pytest.mark.parametrize(("delay", "count"), [(2.0, 1), (0.5, 0)])
def test_a_filter_that_holds_requests_beyond_the_deadline_is_told(tmp_path: Path, delay: float, count: int) -> None:
    """An experiment with a delay would show nothing but timeouts."""
    text = "routes:\n  - {name: r, service: s, timeouts: {total: 1s}, filters: [other]}\n"
    subject = read(tmp_path, text, with_other(Filter), {"other": Holding(delay)})
    assert len(found(find_cut_off, subject)) == count
