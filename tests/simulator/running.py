"""Tables and scenarios for the tests: written as text, read as the command reads them, and run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orion_gateway.assembly import build_routes, build_services
from orion_gateway.config.load import load_table
from orion_gateway.simulator.read import read_scenario
from orion_gateway.simulator.run import run_scenario

if TYPE_CHECKING:
    from orion_gateway.simulator.record import Record
    from orion_gateway.simulator.scenario import Scenario
    from orion_gateway.values import Route, Service

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples" / "simulations"

SERVICE = """\
version: 1
listeners: [{{name: http, bind: "127.0.0.1:8080"}}]
services:
  orders:
    endpoints: [{{url: "http://10.0.0.1:8080"}}, {{url: "http://10.0.0.2:8080"}}]
    {keys}
  archive:
    endpoints: [{{url: "http://10.0.1.1:8080"}}]
routes:
  - {{name: orders, match: {{path: "/orders/**"}}, service: orders}}
  - {{name: old, match: {{path: "/old"}}, redirect: {{location: /new}}}}
"""

LOAD = "duration: 10s\nload: [{route: orders, rate: [{rate: 100/s}]}]\n"


def read_both(table: Path, scenario: Path) -> tuple[Scenario, tuple[Route, ...], dict[str, Service]]:
    """Return a scenario, and the routes and services of its table for one of its workers."""
    loaded = load_table(table, {})
    routes = build_routes(loaded)
    read = read_scenario(scenario, routes, build_services(loaded))
    return read, routes, build_services(loaded, read.workers)


def read_text(folder: Path, scenario: str, keys: str = "") -> tuple[Scenario, tuple[Route, ...], dict[str, Service]]:
    """Return the same for texts; `keys` are further keys of the service `orders`."""
    (folder / "table.yaml").write_text(SERVICE.format(keys=keys), encoding="utf-8")
    (folder / "scenario.yaml").write_text(scenario, encoding="utf-8")
    return read_both(folder / "table.yaml", folder / "scenario.yaml")


def run_text(folder: Path, scenario: str, keys: str = "") -> Record:
    """Return what happens in a scenario that is given as text."""
    return run_scenario(*read_text(folder, scenario, keys))
