"""What a client sees of a circuit, and what the supervisor is told: the gate is real, its supervisor is the test."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from orion_gateway.breaker.news import TrialAsked, TrialEnded, Verdicts
from orion_gateway.values import (
    Balancing,
    CircuitRules,
    CircuitState,
    CircuitView,
    Health,
    Reason,
    Respond,
    RetryRules,
    Standing,
    ToService,
    Verdict,
    Websocket,
)
from tests.harness.gateway import EXAMPLE, make_route, make_service
from tests.harness.wire import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness.fixtures import StartGateway
    from tests.harness.gateway import Gateway
    from tests.harness.wire import Endpoint, Wire

HOST = b"Host: %b\r\n" % EXAMPLE.encode()
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
BROKEN = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\nno"
LATER = 1e12
"""A monotonic time that will not come."""


def set_circuit(gateway: Gateway, state: CircuitState, epoch: int, *, has_permits: bool = False) -> None:
    view = CircuitView(state, epoch, has_permits=has_permits, retry_at=LATER if state is CircuitState.OPEN else 0.0)
    gateway.plane.take_circuit("users", view)


async def answer(client: Wire) -> tuple[int, bytes]:
    head = await client.read_head()
    return int(head.split(b" ", 2)[1]), head


async def serve(endpoint: Endpoint, response: bytes) -> Wire:
    wire = await endpoint.accept()
    await wire.read_head()
    await wire.send(response)
    return wire


async def test_an_open_circuit_answers_at_once(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """503, when to come back, and not a byte for the service."""
    gateway = await start_gateway(make_service(endpoint.port, circuit=CircuitRules()))
    set_circuit(gateway, CircuitState.OPEN, 1)
    client = await gateway.ask(GET)
    status, head = await answer(client)
    assert status == 503
    assert b"\r\nRetry-After: " in head
    assert head.count(b"Retry-After") == 1
    assert b"error=destination_unavailable" in head
    assert gateway.counts() == {"idle": 0, "busy": 0, "opening": 0, "queued": 0}
    assert (gateway.records[0].reason, gateway.records[0].attempts) == (Reason.CIRCUIT_OPEN, 0)
    assert gateway.news == []


@pytest.mark.parametrize(
    ("response", "told"),
    [
        (BROKEN, [Verdicts("users", 0, 0, 1, 0)]),
        (OK, []),
        (OK.replace(b"200 OK", b"404 Not Found"), []),
    ],
)
async def test_failures_are_told_at_once(
    start_gateway: StartGateway, endpoint: Endpoint, response: bytes, told: list[Verdicts]
) -> None:
    """5xx is a failure and 4xx is none; a circuit without failures costs no message."""
    gateway = await start_gateway(make_service(endpoint.port, circuit=CircuitRules()))
    client = await gateway.ask(GET)
    await serve(endpoint, response)
    await answer(client)
    await until(lambda: len(gateway.records) == 1)
    assert gateway.news == told


async def test_a_client_that_leaves_is_no_verdict(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """Impatient clients must not open the circuit."""
    gateway = await start_gateway(make_service(endpoint.port, circuit=CircuitRules()))
    client = await gateway.ask(GET)
    await (await endpoint.accept()).read_head()
    client.close()
    await until(lambda: len(gateway.records) == 1)
    assert gateway.news == []


async def test_a_trial_waits_for_its_permit(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """The first request after the pause is the trial itself; others meanwhile are refused."""
    gateway = await start_gateway(
        make_service(endpoint.port, circuit=CircuitRules()), routes=[make_route(retries=RetryRules())]
    )
    set_circuit(gateway, CircuitState.HALF_OPEN, 2, has_permits=True)
    trial = await gateway.ask(GET)
    await until(lambda: gateway.news == [TrialAsked("users", 2)])
    other = await gateway.ask(GET)
    assert (await answer(other))[0] == 503
    gateway.plane.take_trial_answer("users", 7)
    await serve(endpoint, BROKEN.replace(b"500", b"503"))
    assert (await answer(trial))[0] == 503  # a trial is never repeated
    await until(lambda: gateway.news[-1] == TrialEnded("users", 7, Verdict.FAILED))


async def test_a_trial_that_is_not_granted_is_refused(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """Another worker was first."""
    gateway = await start_gateway(make_service(endpoint.port, circuit=CircuitRules()))
    set_circuit(gateway, CircuitState.HALF_OPEN, 2, has_permits=True)
    client = await gateway.ask(GET)
    await until(lambda: gateway.news != [])
    gateway.plane.take_trial_answer("users", 0)
    assert (await answer(client))[0] == 503


async def test_a_permit_whose_client_left_is_given_back(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """Or the circuit would stay half open until its deadline."""
    gateway = await start_gateway(make_service(endpoint.port, circuit=CircuitRules()))
    set_circuit(gateway, CircuitState.HALF_OPEN, 2, has_permits=True)
    client = await gateway.ask(GET)
    await until(lambda: gateway.news != [])
    client.close()
    await until(lambda: len(gateway.records) == 1)
    gateway.plane.take_trial_answer("users", 7)
    assert gateway.news[-1] == TrialEnded("users", 7, Verdict.ABANDONED)


async def test_a_fallback_answers_while_it_is_open(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """A page from the table instead of an error."""
    circuit = CircuitRules(fallback=Respond(200, (("X-Kind", "spare"),), b"later: ${request.path}"))
    gateway = await start_gateway(make_service(endpoint.port, circuit=circuit))
    set_circuit(gateway, CircuitState.OPEN, 1)
    client = await gateway.ask(GET)
    status, head = await answer(client)
    assert status == 200
    assert b"X-Kind: spare" in head
    assert await client.read(8) == b"later: /"
    assert gateway.records[0].line["notes"] == "circuit of users open"


async def test_another_service_answers_while_it_is_open(
    start_gateway: StartGateway, endpoint: Endpoint, make_endpoint: Callable[..., Endpoint]
) -> None:
    """An older or smaller one is better than none; it is judged by its own circuit."""
    spare = make_endpoint()
    gateway = await start_gateway(
        make_service(endpoint.port, circuit=CircuitRules(fallback=ToService("spare"))),
        make_service(spare.port, name="spare", circuit=CircuitRules()),
    )
    set_circuit(gateway, CircuitState.OPEN, 1)
    client = await gateway.ask(GET)
    await serve(spare, BROKEN)
    assert (await answer(client))[0] == 500
    await until(lambda: gateway.news == [Verdicts("spare", 0, 0, 1, 0)])


async def test_content_waits_for_the_permit(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """A POST can be the trial as well."""
    gateway = await start_gateway(make_service(endpoint.port, circuit=CircuitRules()))
    set_circuit(gateway, CircuitState.HALF_OPEN, 2, has_permits=True)
    client = await gateway.ask(b"POST / HTTP/1.1\r\n%bContent-Length: 6\r\n\r\nabc" % HOST)
    await until(lambda: gateway.news != [])
    await client.send(b"def")
    gateway.plane.take_trial_answer("users", 7)
    wire = await endpoint.accept()
    await wire.read_head()
    assert await wire.read(6) == b"abcdef"
    await wire.send(OK)
    assert (await answer(client))[0] == 200
    await until(lambda: gateway.news[-1] == TrialEnded("users", 7, Verdict.SUCCEEDED))


@pytest.mark.parametrize("fallback", ["page", "service", "none"])
async def test_a_circuit_that_opens_during_the_wait_is_open(
    start_gateway: StartGateway, endpoint: Endpoint, make_endpoint: Callable[..., Endpoint], fallback: str
) -> None:
    """Whoever waits to be repeated gets what everybody gets from then on."""
    spare = make_endpoint()
    answers: dict[str, Respond | ToService | None] = {
        "page": Respond(200, (), b"spare"),
        "service": ToService("spare"),
        "none": None,
    }
    gateway = await start_gateway(
        make_service(endpoint.port, circuit=CircuitRules(fallback=answers[fallback])),
        make_service(spare.port, name="spare"),
        routes=[make_route(retries=RetryRules(backoff=(1000.0, 1000.0)))],
    )
    client = await gateway.ask(b"PUT / HTTP/1.1\r\n%bContent-Length: 3\r\n\r\nabc" % HOST)
    await serve(endpoint, BROKEN.replace(b"500", b"503"))
    await until(lambda: gateway.endpoints[0].in_flight == 0)
    set_circuit(gateway, CircuitState.OPEN, 1)
    exchange = gateway.connection.exchange
    assert exchange is not None
    exchange.repeat(time.monotonic())
    if fallback == "service":
        wire = await spare.accept()
        await wire.read_until(b"abc")
        await wire.send(OK)
    status, head = await answer(client)
    assert status == (503 if fallback == "none" else 200)
    assert (b"Retry-After" in head) == (fallback == "none")
    await until(lambda: len(gateway.records) == 1)
    assert gateway.news == []


async def test_a_trial_that_is_answered_is_not_called_a_failed_repeat(
    start_gateway: StartGateway, endpoint: Endpoint
) -> None:
    """A 404 would not have been repeated under a closed circuit either."""
    service = make_service(endpoint.port, circuit=CircuitRules())
    gateway = await start_gateway(service, routes=[make_route(retries=RetryRules())])
    set_circuit(gateway, CircuitState.HALF_OPEN, 2, has_permits=True)
    client = await gateway.ask(GET)
    await until(lambda: gateway.news != [])
    gateway.plane.take_trial_answer("users", 7)
    await serve(endpoint, OK.replace(b"200 OK", b"404 Not Found"))
    assert (await answer(client))[0] == 404
    await until(lambda: len(gateway.records) == 1)
    assert "notes" not in gateway.records[0].line
    assert not any("refused" in name for name, _ in gateway.plane.take().counters)


async def test_a_websocket_is_a_good_trial_as_soon_as_it_stands(
    start_gateway: StartGateway, endpoint: Endpoint
) -> None:
    """It may last for hours, and a trial of which nobody hears for a minute counts as failed."""
    service = make_service(endpoint.port, circuit=CircuitRules())
    gateway = await start_gateway(service, routes=[make_route(websocket=Websocket())])
    set_circuit(gateway, CircuitState.HALF_OPEN, 2, has_permits=True)
    client = await gateway.ask(
        b"GET / HTTP/1.1\r\n%bConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" % HOST
    )
    await until(lambda: gateway.news != [])
    gateway.plane.take_trial_answer("users", 7)
    wire = await serve(
        endpoint,
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    )
    assert (await answer(client))[0] == 101
    ended = TrialEnded("users", 7, Verdict.SUCCEEDED)
    assert gateway.news[1:] == [ended]
    wire.close()
    await until(lambda: len(gateway.records) == 1)
    assert gateway.news[1:] == [ended]


async def test_a_queue_moves_when_endpoints_come_back(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """Nobody should have to wait for another request to end."""
    gateway = await start_gateway(make_service(endpoint.port, balancing=Balancing()))
    gateway.plane.take_standings("users", [Standing(Health.DOWN)])
    client = await gateway.ask(GET)
    assert (await answer(client))[0] == 503
    gateway.plane.take_standings("users", [Standing(Health.UP)])
    await client.read_until(b"}\n")
    await client.send(GET)
    await serve(endpoint, OK)
    assert (await answer(client))[0] == 200
