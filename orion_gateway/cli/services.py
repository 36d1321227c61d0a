"""`orion services`: how the services and endpoints of the running gateway stand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from orion_gateway.cli.gateway import ask_gateway, lay_out, socket_option
from orion_gateway.cli.live import describe_circuit
from orion_gateway.cli.table import config_option

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@click.command()
@click.argument("name", required=False)
@socket_option
@config_option
@click.option("--json", "as_json", is_flag=True, help="Write what the admin API answers.")
def command(name: str | None, admin_socket: Path | None, config: Path, *, as_json: bool) -> None:
    """Say how the services of the running gateway stand, or the one called NAME.

    Exit codes: 0 fine, 1 there is no such service, 2 no gateway runs.
    """
    path = "/services" if name is None else f"/services/{quote(name, safe='')}"
    document = ask_gateway(config, admin_socket, "GET", path)
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    for service in document["services"] if name is None else [document]:
        click.echo("\n".join(_render(service)))


def _render(service: dict[str, Any]) -> Iterator[str]:
    words = [service["status"], service["load_balancer"]]
    if service["circuit"] is not None:
        words.append(f"circuit {describe_circuit(service['circuit'])}")
    if service["panic"]:
        words.append("panic: fewer than half are well")
    yield f"{service['name']}: {', '.join(words)}"
    rows = [["ENDPOINT", "HEALTH", "TAKES", "WEIGHT", "IN FLIGHT", "CHECK", "EJECTED"]]
    rows += [
        [
            endpoint["url"],
            endpoint["health"] or "",
            "yes" if endpoint["eligible"] else f"no: {_object(endpoint)}",
            str(endpoint["weight"]),
            str(endpoint["in_flight"]),
            "" if endpoint["last_check"] is None else endpoint["last_check"]["why"],
            str(endpoint["ejections"] or ""),
        ]
        for endpoint in service["endpoints"]
    ]
    yield from (f"  {line}" for line in lay_out(rows))


def _object(endpoint: dict[str, Any]) -> str:
    until = endpoint["ejected_until"]
    return f"{endpoint['why_not']} until {until}" if until else str(endpoint["why_not"])
