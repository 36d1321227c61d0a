"""What concerns the gateway as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lint.tables import codes

if TYPE_CHECKING:
    from pathlib import Path

LOCAL = 'listeners: [{name: http, bind: "127.0.0.1:8080"}]'
OPEN = 'listeners: [{name: http, bind: "0.0.0.0:8080"}]'
TOKENS = "tokens: [{token: '${ADMIN_TOKEN:-}0123456789abcdef', may: [read]}]"


@pytest.mark.parametrize(
    ("gateway", "listeners", "expected"),
    [
        ("{}", LOCAL, []),
        ("{}", OPEN, ["3 N0407"]),
        ("{limits: {per_client: 100}}", OPEN, []),
        ("{}", 'listeners: [{name: http, bind: "[::]:8080"}]', ["3 N0407"]),
        ("{admin: {bind: '10.0.0.1:9900'}}", LOCAL, ["2 W0405"]),
        ("{admin: {bind: '10.0.0.1:9900', " + TOKENS + "}}", LOCAL, []),
        ("{admin: {bind: 'localhost:9900'}}", LOCAL, []),
        ("{admin: {bind: '[::1]:9900'}}", LOCAL, []),
        ("{admin: {bind: 'unix:/run/admin.sock'}}", LOCAL, []),
        ("{trusted_proxies: [10.0.0.0/8, 0.0.0.0/0]}", LOCAL, ["2 W0406"]),
        ("{trusted_proxies: ['::/0']}", LOCAL, ["2 W0406"]),
        ("{environment: development}", LOCAL, []),
        ("{environment: development, limits: {per_client: 1}}", OPEN, ["2 W0407"]),
        ("{access_log: {path: 'off'}}", LOCAL, ["2 N0406"]),
    ],
)
def test_what_opens_the_gateway_is_told(tmp_path: Path, gateway: str, listeners: str, expected: list[str]) -> None:
    """A setting from a first try would go into production, and be found by somebody else."""
    assert codes(tmp_path, f"version: 1\ngateway: {gateway}\n{listeners}\n") == expected


def test_the_table_of_this_repository_is_fine() -> None:
    """The table that newcomers learn from would teach them what the audit warns of."""
    from pathlib import Path

    from orion_gateway.assembly import build_routes
    from orion_gateway.lint import lint
    from orion_gateway.loading import read_route_table
    from orion_gateway.routing.table import RouteTable

    loaded = read_route_table(Path(__file__).parents[2] / "config" / "routes.yaml", {})
    assert lint(loaded, RouteTable(build_routes(loaded)), is_audit=True) == []
