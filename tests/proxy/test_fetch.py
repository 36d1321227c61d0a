"""Requests that the gateway itself makes: what services are sent, what comes back, and what is left behind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orion_gateway.breaker.news import TrialAsked, TrialEnded, Verdicts
from orion_gateway.discovery.news import AttemptTold
from orion_gateway.filters.filter import Fetch, Fetched
from orion_gateway.proxy.fetch import Fetcher
from orion_gateway.values import CircuitRules, CircuitState, CircuitView, OutlierRules, Verdict
from tests.harness.gateway import make_service
from tests.harness.wire import refusing_port, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness.fixtures import StartGateway
    from tests.harness.gateway import Gateway
    from tests.harness.wire import Endpoint, Wire

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
SOON = 0.25
"""A timeout that passes while the test waits for it."""


def ask(gateway: Gateway, method: bytes = b"GET", target: bytes = b"/keys", **more: object) -> asyncio.Task[Fetched]:
    """Begin a fetch from the service `users`."""
    request = Fetch("users", method, target, **more)  # type: ignore[arg-type]
    return asyncio.get_running_loop().create_task(Fetcher(gateway.plane.pools, b"orion-1").fetch(request))


async def take(endpoint: Endpoint, response: bytes = OK) -> tuple[Wire, bytes]:
    """Accept a connection and answer; return the head that came."""
    wire = await endpoint.accept()
    head = await wire.read_head()
    await wire.send(response)
    return wire, head


async def test_a_service_is_sent_one_whole_request(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """An identity provider that gets half a request, or another Host, refuses every login."""
    gateway = await start_gateway(make_service(endpoint.port, base_path="/base"))
    fetched = ask(gateway, b"POST", b"/check?x=1", headers=[(b"X-Request-Id", b"7"), (b"Host", b"idp")], content=b"abc")
    wire = await endpoint.accept()
    assert await wire.read_head() == (
        b"POST /base/check?x=1 HTTP/1.1\r\nHost: idp\r\n"
        b"X-Request-Id: 7\r\nVia: 1.1 orion-1\r\nContent-Length: 3\r\n\r\n"
    )
    assert await wire.read(3) == b"abc"
    await wire.send(OK.replace(b"\r\n\r\n", b"\r\nX-User: 9 \r\nKeep-Alive: x\r\n\r\n"))
    answer = await fetched
    assert (answer.status, answer.content, answer.is_truncated, answer.error) == (200, b"hi", False, "")
    assert answer.headers == [(b"content-length", b"2"), (b"x-user", b"9")]
    assert 0.0 < answer.waited <= answer.duration
    assert gateway.counts() == {"idle": 1, "busy": 0, "opening": 0, "queued": 0}


async def test_the_endpoint_is_asked_by_its_own_name_and_framing_is_the_gateways(
    start_gateway: StartGateway, endpoint: Endpoint
) -> None:
    """A given Content-Length or Transfer-Encoding would let a copied head smuggle a second request."""
    gateway = await start_gateway(make_service(endpoint.port))
    given = [
        (b"Content-Length", b"9"),
        (b"transfer-encoding", b"chunked"),
        (b"Connection", b"close"),
        (b"Expect", b"x"),
    ]
    fetched = ask(gateway, headers=[*given, (b"Via", b"1.1 a, 1.1 orion-1")])
    _, head = await take(endpoint)
    host = b"Host: 127.0.0.1:%d\r\n" % endpoint.port
    assert head == b"GET /keys HTTP/1.1\r\n" + host + b"Via: 1.1 a, 1.1 orion-1\r\n\r\n"
    assert (await fetched).status == 200


@pytest.mark.parametrize(
    ("response", "content"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK, b"hi"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
)
async def test_every_framing_is_read_and_the_connection_kept(
    start_gateway: StartGateway, endpoint: Endpoint, response: bytes, content: bytes
) -> None:
    """Each fetch would otherwise cost a new connection to the service."""
    gateway = await start_gateway(make_service(endpoint.port))
    fetched = ask(gateway)
    wire, _ = await take(endpoint, response)
    assert (await fetched).content == content
    again = ask(gateway)
    await wire.read_head()
    await wire.send(OK)
    assert (await again).content == b"hi"


async def test_an_answer_to_head_has_no_content(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """Its Content-Length is about another request: waiting for that content would end in a timeout."""
    gateway = await start_gateway(make_service(endpoint.port))
    fetched = ask(gateway, b"HEAD")
    await take(endpoint, OK[:-2])
    answer = await fetched
    assert (answer.status, answer.content) == (200, b"")
    assert gateway.counts()["idle"] == 1


async def test_content_may_end_with_the_connection(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """Old servers answer so; the connection is gone then, and no failure."""
    gateway = await start_gateway(make_service(endpoint.port))
    fetched = ask(gateway)
    wire, _ = await take(endpoint, b"HTTP/1.0 200 OK\r\n\r\nabc")
    wire.end()
    assert (await fetched).content == b"abc"
    assert gateway.counts()["idle"] == 0


@pytest.mark.parametrize("framing", [b"Content-Length: 5\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n5\r\n"])
async def test_content_is_bounded(start_gateway: StartGateway, endpoint: Endpoint, framing: bytes) -> None:
    """A service that answers without end must not fill the worker's memory."""
    gateway = await start_gateway(make_service(endpoint.port))
    fetched = ask(gateway, limit=3)
    wire, _ = await take(endpoint, b"HTTP/1.1 200 OK\r\n" + framing + b"abcd")
    answer = await fetched
    assert (answer.status, answer.content, answer.is_truncated) == (200, b"abc", True)
    assert [place.in_flight for place in gateway.endpoints] == [0]
    # Little follows: it is read away, and the connection serves again.
    await wire.send(b"e" if framing.startswith(b"Content") else b"e\r\n0\r\n\r\n")
    await until(lambda: gateway.counts()["idle"] == 1)


async def test_exactly_the_limit_is_whole(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """A document of just the allowed size must not be called cut."""
    gateway = await start_gateway(make_service(endpoint.port))
    fetched = ask(gateway, limit=2)
    await take(endpoint)
    answer = await fetched
    assert (answer.content, answer.is_truncated) == (b"hi", False)


async def test_a_timeout_ends_all_of_it(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """A service that takes a request and says nothing must not hold whoever waits for it."""
    service = make_service(endpoint.port, outliers=OutlierRules(), circuit=CircuitRules())
    gateway = await start_gateway(service)
    fetched = ask(gateway, timeout=SOON)
    wire = await endpoint.accept()
    answer = await fetched
    assert (answer.status, answer.error) == (0, "http_response_timeout")
    assert answer.duration > SOON / 2
    await wire.read_head()
    assert await wire.ends() in ("closed", "reset")
    assert gateway.news == [AttemptTold("users", 0, False), Verdicts("users", 0, 0, 1, 0)]


async def test_a_slow_end_is_a_timeout_too(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """Bytes that drip for ever would otherwise pass for an answer that is on its way."""
    gateway = await start_gateway(make_service(endpoint.port))
    fetched = ask(gateway, timeout=SOON)
    await take(endpoint, OK[:-1])
    assert (await fetched).error == "connection_read_timeout"


async def test_a_wait_for_a_place_is_bounded(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """A service at its cap must not collect fetches; their wait is no verdict about it."""
    gateway = await start_gateway(make_service(endpoint.port, max=1, circuit=CircuitRules()))
    first = ask(gateway)
    wire = await endpoint.accept()
    await wire.read_head()
    assert (await ask(gateway, timeout=SOON)).error == "queue_timeout"
    assert gateway.counts()["queued"] == 0
    assert gateway.news == []
    await wire.send(OK)
    assert (await first).status == 200


async def test_a_full_queue_refuses(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """Or a burst of fetches would wait where only clients should."""
    gateway = await start_gateway(make_service(endpoint.port, max=1, queue=0))
    first = ask(gateway)
    wire = await endpoint.accept()
    assert (await ask(gateway)).error == "queue_full"
    await wire.send(OK)
    assert (await first).status == 200


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (b"nonsense\r\n\r\n", "http_protocol_error"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "http_response_incomplete"),
        (b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "http_upgrade_failed"),
        (b"", "connection_terminated"),
    ],
)
async def test_a_broken_answer_is_a_failure_of_the_endpoint(
    start_gateway: StartGateway, endpoint: Endpoint, response: bytes, error: str
) -> None:
    """Half a key set taken for a whole one would lock users out."""
    gateway = await start_gateway(make_service(endpoint.port, outliers=OutlierRules()))
    fetched = ask(gateway)
    wire, _ = await take(endpoint, response)
    wire.end()
    answer = await fetched
    assert (answer.status, answer.content, answer.error) == (0, b"", error)
    assert gateway.news == [AttemptTold("users", 0, False)]


async def test_a_refused_connection_is_not_tried_elsewhere(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """Whoever fetches repeats by itself if it wants to; two who repeat would ask four times."""
    gateway = await start_gateway(make_service(refusing_port(), endpoint.port))
    assert (await ask(gateway)).error == "connection_refused"
    assert not endpoint.has_visitor()


@pytest.mark.parametrize(("method", "error"), [(b"GET", ""), (b"POST", "connection_terminated")])
async def test_a_kept_connection_that_was_closed_costs_an_idempotent_fetch_nothing(
    start_gateway: StartGateway, endpoint: Endpoint, method: bytes, error: str
) -> None:
    """Services close idle connections at any moment; a POST may have been carried out, and is not sent twice."""
    gateway = await start_gateway(make_service(endpoint.port))
    first = ask(gateway)
    kept, _ = await take(endpoint)
    await first
    again = ask(gateway, method)
    await kept.read_head()
    kept.close()
    if not error:
        await take(endpoint)
    assert (await again).error == error


async def test_statuses_are_verdicts(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """A shadow that fails has its own circuit opened, and is left alone."""
    gateway = await start_gateway(make_service(endpoint.port, outliers=OutlierRules(), circuit=CircuitRules()))
    fetched = ask(gateway)
    await take(endpoint, OK.replace(b"200 OK", b"500 No"))
    answer = await fetched
    assert (answer.status, answer.error) == (500, "")
    assert gateway.news == [AttemptTold("users", 0, False), Verdicts("users", 0, 0, 1, 0)]


async def test_an_open_circuit_refuses(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """A service that is left alone must not be asked by the gateway itself either."""
    gateway = await start_gateway(make_service(endpoint.port, circuit=CircuitRules()))
    gateway.plane.take_circuit("users", CircuitView(CircuitState.OPEN, 1, retry_at=1e12))
    assert (await ask(gateway)).error == "circuit_open"
    assert not endpoint.has_visitor()
    assert gateway.news == []


@pytest.mark.parametrize("permit", [5, 0])
async def test_a_half_open_circuit_may_try_with_it(
    start_gateway: StartGateway, endpoint: Endpoint, permit: int
) -> None:
    """A service that only the gateway asks, such as a shadow, would otherwise stay shut for ever."""
    gateway = await start_gateway(make_service(endpoint.port, circuit=CircuitRules()))
    gateway.plane.take_circuit("users", CircuitView(CircuitState.HALF_OPEN, 1, has_permits=True))
    fetched = ask(gateway)
    await until(lambda: gateway.news == [TrialAsked("users", 1)])
    gateway.plane.take_trial_answer("users", permit)
    if permit:
        await take(endpoint)
        assert (await fetched).status == 200
        assert gateway.news[1:] == [TrialEnded("users", 5, Verdict.SUCCEEDED)]
    else:
        assert (await fetched).error == "circuit_open"


@pytest.mark.parametrize("stage", ["asking", "queued", "connecting", "waiting", "reading"])
async def test_whoever_is_cancelled_takes_the_fetch_along(
    start_gateway: StartGateway, make_endpoint: Callable[..., Endpoint], deaf_port: Callable[[], int], stage: str
) -> None:
    """A client that leaves must not leave requests of the gateway behind, nor a verdict about who was not at fault."""
    endpoint = make_endpoint()
    port = deaf_port() if stage == "connecting" else endpoint.port
    gateway = await start_gateway(make_service(port, max=1, outliers=OutlierRules(), circuit=CircuitRules()))
    wire: Wire | None = None
    if stage == "asking":
        gateway.plane.take_circuit("users", CircuitView(CircuitState.HALF_OPEN, 1, has_permits=True))
    if stage == "queued":
        busy = ask(gateway)
        wire = await endpoint.accept()
    fetched = ask(gateway)
    if stage == "asking":
        await until(lambda: gateway.pool().asking)
    elif stage in ("queued", "connecting"):
        await until(lambda: gateway.counts()["queued" if stage == "queued" else "opening"] == 1)
    else:
        wire = await endpoint.accept()
        await wire.read_head()
        if stage == "reading":
            await wire.send(OK[:-1])
            await until(lambda: gateway.counts()["busy"] == 1)
    fetched.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetched
    assert (gateway.counts()["queued"], gateway.counts()["opening"], gateway.pool().asking) == (0, 0, None)
    if stage == "queued":
        assert wire is not None
        await wire.send(OK)
        assert (await busy).status == 200
    elif wire is not None:
        assert await wire.ends() in ("closed", "reset")
    assert [place.in_flight for place in gateway.endpoints] == [0]
    if stage == "asking":
        gateway.plane.take_trial_answer("users", 5)
        assert gateway.news[1:] == [TrialEnded("users", 5, Verdict.ABANDONED)]
    else:
        assert gateway.news == []


async def test_a_pool_that_closes_answers_what_waits(start_gateway: StartGateway, deaf_port: Callable[[], int]) -> None:
    """A worker that leaves would otherwise wait for fetches that nobody wants any more."""
    gateway = await start_gateway(make_service(deaf_port(), max=1, circuit=CircuitRules()))
    connecting, queued = ask(gateway), ask(gateway)
    await until(lambda: gateway.counts()["queued"] == 1)
    gateway.pool().close()
    assert [(await task).error for task in (connecting, queued)] == ["destination_unavailable"] * 2
    assert gateway.news == []


@pytest.mark.parametrize(
    "request_",
    [
        Fetch("users", b"GET", b"/a b"),
        Fetch("users", b"GET", b"a"),
        Fetch("users", b"G T", b"/"),
        Fetch("users", b"GET", b"/", [(b"X", b"a\r\nY: b")]),
        Fetch("users", b"GET", b"/", [(b"X:", b"a")]),
    ],
)
async def test_what_would_become_another_request_is_not_sent(
    start_gateway: StartGateway, endpoint: Endpoint, request_: Fetch
) -> None:
    """A value of a client in a field of ours must never write a second field or request."""
    gateway = await start_gateway(make_service(endpoint.port))
    answer = await Fetcher(gateway.plane.pools).fetch(request_)
    assert (answer.status, answer.error) == (0, "http_request_error")
    assert not endpoint.has_visitor()


async def test_an_unknown_service_is_said(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """A plug-in that misspells a name gets an answer that says so, and no exception."""
    gateway = await start_gateway(make_service(endpoint.port))
    assert (await Fetcher(gateway.plane.pools).fetch(Fetch("user", b"GET", b"/"))).error == "destination_not_found"
