"""Reading a scenario: everything wrong is said at its place, with what would be right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orion_gateway.config.errors import TableErrors, render_concise
from tests.simulator.running import LOAD, read_text

if TYPE_CHECKING:
    from pathlib import Path

UP = "upstreams: [{service: orders, "


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        ("durations: 10s\n", 'unknown key "durations" (did you mean "duration"?)'),
        ("load: []\nduration: 5s\n", "at least one entry is needed here"),
        ("duration: 10 sec\n" + LOAD[14:], 'expected a duration such as 250ms, 5s, 1m or 2h, not "10 sec"'),
        (
            LOAD.replace("100/s", "100"),
            'expected a rate such as 200/s or 30/m, not the number 100 (did you mean "100/s"?)',
        ),
        (
            LOAD.replace("route: orders", "route: order"),
            'no route of the table is named "order" (did you mean "orders"?)',
        ),
        (LOAD.replace("route: orders", "route: old"), 'the route "old" forwards to no service'),
        (LOAD.replace("100/s}]", "100/s}], methods: {GET: 80%}"), "the shares of the methods must add up to 100%"),
        (LOAD.replace("100/s}", "1/s}, {at: 0s, rate: 2/s}"), "expected a later time than that of the entry before"),
        (LOAD + "gateways: 0\n", "expected a whole number from 1 to 10000, not the number 0"),
        (LOAD + "upstreams: [{service: order}]\n", 'no service of the table is named "order" (did you mean "orders"?)'),
        (LOAD + UP + "endpoints: 2}]\n", 'the service "orders" has 2 endpoints'),
        (LOAD + UP + "endpoints: al}]\n", 'a share such as 20%, not "al" (did you mean "all"?)'),
        (LOAD + UP + "timeline: [{at: 1s, does: hangs}]}]\n", 'not "hangs" (did you mean "hang"?)'),
        (LOAD + UP + "timeline: [{at: 1s, does: hang, share: 5%}]}]\n", '"share" means nothing when it does hang'),
        (LOAD + UP + "timeline: [{at: 1s, does: slow, factor: 5, latency: 1s}]}]\n", 'either "factor" or "latency"'),
        (LOAD + UP + "timeline: [{at: 1s, does: flap, period: 0s}]}]\n", "expected a duration longer than nothing"),
        (LOAD + UP + "timeline: [{at: 1s, does: hang}, {at: 1s, does: answer}]}]\n", "expected a later time"),
        (LOAD + "services: {orders: {endpoints: {count: 5, subset: 6}}}\n", "expected at most the count, 5"),
        (LOAD + "services: {order: {endpoints: {count: 5}}}\n", 'no service of the table is named "order"'),
        (LOAD + "gateways: 1000\nservices: {orders: {endpoints: {count: 10000}}}\n", "10,001,000 pairs"),
        (LOAD + "expect: [{what: client_error, at_most: 1%}]\n", '(did you mean "client_errors"?)'),
        (LOAD + "expect: [{what: client_errors}]\n", "a limit is missing"),
        (
            LOAD + "expect: [{what: client_errors, at_most: 5s}]\n",
            'expected a share such as 0.1%, which "client_errors"',
        ),
        (LOAD + "expect: [{what: client_errors, at_most: few}]\n", 'a duration such as 5s, not "few"'),
        (LOAD + "expect: [{what: client_errors, method: PUT, at_most: 1%}]\n", "no load has the method PUT"),
        (LOAD + "expect: [{what: attempts, method: GET, at_most: 1}]\n", '"attempts" cannot be told apart by method'),
        (LOAD + "expect: [{what: ejected_at, at_most: 1s}]\n", '"ejected_at" must say of which "service"'),
        (LOAD + "expect: [{what: share_of_normal, service: orders, at_most: 1%}]\n", 'must say of which "endpoint"'),
        (LOAD + "expect: [{what: ejections, service: orders, endpoint: 2, at_most: 1}]\n", "has 2 endpoints"),
        (
            LOAD + "expect: [{what: ejections, service: order, at_most: 1}]\n",
            'no service of the table is named "order"',
        ),
        ("- a\n", "a scenario is a mapping of keys and values"),
        ("a: [b\n", "is not closed"),
    ],
)
def test_a_mistake_is_said_at_its_place(tmp_path: Path, scenario: str, said: str) -> None:
    """Somebody who writes a scenario would have to guess what is wrong with it."""
    with pytest.raises(TableErrors) as raised:
        read_text(tmp_path, scenario)
    shown = [render_concise(finding) for finding in raised.value.findings]
    assert any(said in line for line in shown), shown
    assert all(line.startswith(f"{tmp_path}/scenario.yaml:") for line in shown)
    assert not raised.value.is_missing


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    """Mistakes would be found one run at a time."""
    with pytest.raises(TableErrors) as raised:
        read_text(tmp_path, LOAD + UP + "endpoints: 7}]\nexpect: [{what: retries}]\n")
    assert [finding.code for finding in raised.value.findings] == ["E0203", "E0104"]


@pytest.mark.parametrize("content", [None, b"\xff", b"#" * ((1 << 20) + 1)])
def test_a_file_that_cannot_be_read_is_told_apart(tmp_path: Path, content: bytes | None) -> None:
    """A script could not tell a wrong path from a wrong scenario."""
    from tests.simulator.running import SERVICE, read_both

    (tmp_path / "table.yaml").write_text(SERVICE.format(keys=""), encoding="utf-8")
    if content is not None:
        (tmp_path / "scenario.yaml").write_bytes(content)
    with pytest.raises(TableErrors) as raised:
        read_both(tmp_path / "table.yaml", tmp_path / "scenario.yaml")
    assert raised.value.is_missing
