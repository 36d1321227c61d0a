"""`orion explain --live`: ask the running gateway what becomes of a request, and show how its service stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orion_gateway.cli.gateway import ask_gateway, lay_out

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def explain_live(
    config: Path,
    admin_socket: Path | None,
    method: str,
    url: str,
    fields: tuple[tuple[bytes, bytes], ...],
    listener: str | None,
    client: str,
) -> dict[str, Any]:
    """Return the document of the running gateway; leaves when there is none or when it refuses."""
    headers: dict[str, list[str]] = {}
    for name, value in fields:
        headers.setdefault(name.decode("utf-8", "replace"), []).append(value.decode("utf-8", "replace"))
    body: dict[str, object] = {"method": method, "url": url, "headers": headers, "client": client}
    if listener is not None:
        body["listener"] = listener
    return ask_gateway(config, admin_socket, "POST", "/explain", body)


def render_live(live: dict[str, Any] | None) -> Iterator[str]:
    """Yield what a person wants to know of the service that takes the request."""
    if live is None:
        return
    yield f"service {live['service']} now: {live['load_balancer']}{', panic' if live['panic'] else ''}"
    if (circuit := live["circuit"]) is not None:
        yield f"  circuit {describe_circuit(circuit)}"
    if (key := live["key"]) is not None:
        yield f"  bound by {key['source']}: {key['value'] or 'nothing of it in the request'}"
    for worker in live["workers"]:
        yield f"  worker {worker['number']}: {worker['budget']:g} retries left, {worker['queued']} queued"
        if worker["bound_to"] is not None:
            yield f"    its cookie binds the client to {worker['bound_to']}"
        if worker["home"] is not None:
            yield f"    its key belongs to {worker['home']}"
        rows = [["ENDPOINT", "TAKES", "SCORE", "IN FLIGHT", "WEIGHT", "SHARE"]]
        rows += [
            [
                candidate["url"],
                _describe_taking(candidate),
                "" if candidate["score"] is None else f"{candidate['score']:.4g}",
                str(candidate["in_flight"]),
                str(candidate["weight"]),
                f"{candidate['share']:.0%}",
            ]
            for candidate in worker["candidates"]
        ]
        yield from (f"    {line}" for line in lay_out(rows))
    if live["silent"]:
        yield f"  no answer in time from worker {', '.join(map(str, live['silent']))}"


def _describe_taking(candidate: dict[str, Any]) -> str:
    return ": ".join(filter(None, ["yes" if candidate["is_eligible"] else "no", candidate["why"]]))


def describe_circuit(circuit: dict[str, Any]) -> str:
    """Say in a few words how a circuit stands."""
    words = circuit["state"].replace("_", " ")
    if circuit["forced"]:
        return f"{words}, forced"
    if circuit["state"] == "open" and circuit["retry_at"]:
        return f"{words} until {circuit['retry_at']}"
    if circuit["state"] == "half_open":
        trials = circuit["trials"]
        return f"{words}, {trials['succeeded']} of {trials['needed']} trials succeeded, {trials['out']} under way"
    if circuit["failures_in_a_row"]:
        return f"{words}, {circuit['failures_in_a_row']} failures in a row"
    return str(words)
