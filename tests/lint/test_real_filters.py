"""The rules about filters, on the filters that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.filters import FILTERS
from orion_gateway.lint.chains import find_unenforced_filters
from tests.lint.tables import codes, found, read

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """version: 1
gateway: {security_headers: {}}
listeners: [{name: http, bind: "127.0.0.1:8080"}]
services: {s: {endpoints: [{url: "http://127.0.0.1:1"}]}}
"""


def test_faults_and_delays_beyond_the_deadline_are_told(tmp_path: Path) -> None:
    """The rules would hold for the filters of their tests only."""
    table = (
        HEAD
        + "routes:\n  - name: r\n    service: s\n    timeouts: {total: 1s}\n    filters:\n      - fault: {delay: 2s}\n"
    )
    assert codes(tmp_path, table, FILTERS) == ["10 N0405", "10 W0306"]


def test_expressions_for_origins_are_tried(tmp_path: Path) -> None:
    """The filter keeps expressions elsewhere than the rule looks for them, and nobody notices."""
    table = HEAD + (
        "routes:\n  - name: r\n    service: s\n    filters:\n"
        "      - cors: {origins: [{regex: 'https://.*'}], credentials: true}\n"
        "      - cors: {origins: [{regex: 'https://a.example[.]org'}]}\n"
    )
    assert codes(tmp_path, table, FILTERS) == ["9 W0307", "10 W0403"]


def test_a_filter_that_stands_before_every_list_has_its_place(tmp_path: Path) -> None:
    """What is found about one filter would be shown at another one."""
    table = HEAD + "routes:\n  - {name: r, service: s, filters: [{fault: {abort: {status: 503}}}]}\n"
    subject = read(tmp_path, table, FILTERS)
    assert [link.place[-1] for link in subject.chains[0]] == ["security_headers", 0]
    assert found(find_unenforced_filters, subject) == ['6 N0405 "fault" does harm on purpose']


def test_a_mirror_stands_behind_every_list_and_has_its_place(tmp_path: Path) -> None:
    """`orion check` would end with a traceback on every table that has a mirror."""
    table = HEAD + "routes:\n  - {name: r, service: s, filters: [{fault: {abort: 503}}], mirror: {service: s}}\n"
    subject = read(tmp_path, table, FILTERS)
    assert [link.place[-1] for link in subject.chains[0]] == ["security_headers", 0, "mirror"]
    assert codes(tmp_path, table, FILTERS) == ["6 N0405", "6 W0308"]
