"""How services stand, from end to end: real processes, two workers, and the commands that people use."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from orion_gateway.cli import main
from tests.control.running import Gateway, Upstream, running, table, until
from tests.harness.wire import refusing_port

if TYPE_CHECKING:
    from collections.abc import Iterator


def make_table(live: int, dead: int) -> str:
    """Return a table with a service of which one endpoint is dead; it has everything that can be judged."""
    service = f"""\
  upstream:
    endpoints: [{{url: "http://127.0.0.1:{live}"}}, {{url: "http://127.0.0.1:{dead}"}}]
    health_check: {{path: /health, interval: 1s, timeout: 1s}}
    outlier_detection: {{}}
    circuit_breaker: {{open_for: 60s}}
    retries: {{max: 1}}
"""
    text = table(workers=2, upstream=live)
    line = next(line for line in text.splitlines() if line.startswith("  upstream:"))
    return text.replace(line + "\n", service)


def orion(gateway: Gateway, *arguments: str) -> tuple[int, str]:
    """Run a command with the gateway's table; return its exit code and what it says."""
    result = CliRunner().invoke(main, [*arguments, "-c", str(gateway.directory / "routes.yaml")])
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    """A gateway with two workers; one of the two endpoints of its service refuses connections."""
    upstream = Upstream()
    upstream.release()
    with running(make_table(upstream.port, refusing_port()), workers=2) as gateway:
        yield gateway
    upstream.close()


def services(gateway: Gateway) -> Any:
    """Return what `orion services` says of the service."""
    code, said = orion(gateway, "services", "upstream", "--json")
    assert code == 0, said
    return json.loads(said)


def test_a_dead_endpoint_is_found_and_no_request_fails_for_it(gateway: Gateway) -> None:
    """Half of the requests would fail as long as the endpoint is down."""
    until(lambda: gateway.admin("/health/ready")[0] == 200, "a first verdict of the service")
    until(lambda: gateway.events("endpoint down"), "the verdict about the dead endpoint")
    assert [gateway.get("/up/a")[0] for _ in range(20)] == [200] * 20
    live, dead = services(gateway)["endpoints"]
    assert (live["eligible"], live["health"]) == (True, "up")
    assert (dead["eligible"], dead["why_not"]) == (False, "down")
    assert "refused" in dead["last_check"]["why"]
    assert gateway.metric("orion_endpoint_up", service="upstream") == 1
    assert json.loads(gateway.admin("/health")[1])["services"]["upstream"]["status"] == "degraded"


def test_the_live_explanation_has_the_view_of_both_workers(gateway: Gateway) -> None:
    """People would see what the table says, and not what is."""
    code, said = orion(gateway, "explain", "--live", "GET", "/up/a", "--json")
    assert code == 0, said
    live = json.loads(said)["live"]
    assert ([worker["number"] for worker in live["workers"]], live["silent"]) == ([1, 2], [])
    for worker in live["workers"]:
        assert [candidate["is_eligible"] for candidate in worker["candidates"]] == [True, False]
        assert worker["budget"] > 0
    code, said = orion(gateway, "explain", "--live", "GET", "/up/a")
    assert (code, said.splitlines()[1].partition(" (")[0]) == (0, "taken by route up")
    assert "no: down" in said


def test_a_circuit_that_is_held_open_refuses_in_every_worker_until_it_is_let_go(gateway: Gateway) -> None:
    """A service could not be shut by hand, or only in one worker."""
    code, said = orion(gateway, "circuit", "upstream", "open")
    assert (code, said.splitlines()[0].partition(", since")[0]) == (0, "upstream: open, forced")
    assert [gateway.get("/up/a")[0] for _ in range(20)] == [503] * 20
    until(lambda: gateway.metric("orion_circuit_refused_total", service="upstream") == 20, "the refused to be told")
    assert gateway.metric("orion_circuit_state", service="upstream", state="open") == 1
    code, said = orion(gateway, "circuit", "upstream", "reset")
    assert (code, said.partition(",")[0]) == (0, "upstream: closed")
    assert [gateway.get("/up/a")[0] for _ in range(20)] == [200] * 20


def test_the_first_request_after_a_trial_closes_the_circuit(gateway: Gateway) -> None:
    """A half-open circuit would never close because permits get lost between the processes."""
    orion(gateway, "circuit", "upstream", "open")
    orion(gateway, "circuit", "upstream", "auto")
    state = ""
    statuses: list[int] = []
    while state != "closed" and len(statuses) < 50:
        statuses.append(gateway.get("/up/a")[0])
        state = services(gateway)["circuit"]["state"]
    assert (state, statuses) == ("closed", [200, 200])


def test_without_the_service_a_command_says_which_name_is_wrong(gateway: Gateway) -> None:
    """Whoever mistypes would wait for a state that never comes."""
    assert orion(gateway, "circuit", "users") == (1, "orion: The table has no service 'users'.\n")
