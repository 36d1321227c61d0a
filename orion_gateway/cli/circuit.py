"""`orion circuit`: how the circuit of a service stands; hold it in a state, let it go, or reset it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from orion_gateway.cli.gateway import ask_gateway, socket_option
from orion_gateway.cli.live import describe_circuit
from orion_gateway.cli.table import config_option

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_STATES = {"open": "open", "close": "closed", "half-open": "half_open", "auto": "auto"}


@click.command()
@click.argument("name")
@click.argument("action", required=False, type=click.Choice([*_STATES, "reset"]))
@socket_option
@config_option
@click.option("--json", "as_json", is_flag=True, help="Write what the admin API answers.")
def command(name: str, action: str | None, admin_socket: Path | None, config: Path, *, as_json: bool) -> None:
    """Say how the circuit of the service NAME stands in the running gateway, after ACTION if one is given.

    open, close and half-open hold it in that state whatever happens; auto gives it back to its rules; reset closes it
    and forgets what was counted.

    Exit codes: 0 fine, 1 there is no such circuit, 2 no gateway runs.
    """
    path = f"/circuits/{quote(name, safe='')}"
    if action is None:
        document = ask_gateway(config, admin_socket, "GET", path)
    elif action == "reset":
        document = ask_gateway(config, admin_socket, "POST", f"{path}/reset")
    else:
        document = ask_gateway(config, admin_socket, "POST", path, {"state": _STATES[action]})
    click.echo(json.dumps(document, indent=2) if as_json else "\n".join(_render(document)))


def _render(circuit: dict[str, Any]) -> Iterator[str]:
    window, totals = circuit["window"], circuit["totals"]
    yield f"{circuit['service']}: {describe_circuit(circuit)}, since {circuit['since']}"
    yield f"  last {window['seconds']:g} s: {window['successes']} succeeded, {window['failures']} failed"
    yield f"  in all: {totals['successes']} succeeded, {totals['failures']} failed, {totals['refused']} refused"
    for transition in circuit["transitions"]:
        yield f"  {transition['at']}  {transition['from']} -> {transition['to']}: {transition['why']}"
