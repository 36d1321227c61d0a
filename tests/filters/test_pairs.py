"""Every filter before and behind every other: what each promises holds in company."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from orion_gateway.assembly import build_routes
from orion_gateway.config.load import load_table
from orion_gateway.filters import FILTERS
from tests.filters.pairs import (
    CONTENT,
    PROMISES,
    Draft,
    Promise,
    check_content,
    expect_request,
    expect_response,
    order,
)
from tests.harness.gateway import EXAMPLE, make_service
from tests.harness.message import Message, read_message

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orion_gateway.values import Route
    from tests.harness.fixtures import StartGateway
    from tests.harness.gateway import Gateway
    from tests.harness.wire import Endpoint

PAIRS = [(first, second) for first in PROMISES for second in PROMISES]


@dataclass(frozen=True)
class Seen:
    """What came of a request: what the endpoint and the other service were asked, and what the client got."""

    upstream: Message | None
    client: Message
    copy: Message | None = None


def test_every_kind_of_filter_has_a_promise() -> None:
    """A new filter would not be looked at beside the others."""
    assert {promise.kind for promise in PROMISES} == set(FILTERS)


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Route]:
    """All routes by name, read from one table: they are made as those of users are."""
    path: Path = tmp_path_factory.mktemp("pairs") / "routes.yaml"
    service = {"endpoints": [{"url": "http://127.0.0.1:1"}]}
    table = {
        "version": 1,
        "listeners": [{"name": "http", "bind": "127.0.0.1:8080"}],
        "services": {"users": service, "shadow": service},
        "routes": [
            {"name": _name(pair), "match": {"path": "/" + _name(pair)}, "service": "users", **_keys(pair)}
            for pair in PAIRS
        ],
    }
    path.write_text(json.dumps(table))  # which is YAML, too
    return {route.name: route for route in build_routes(load_table(path, {}))}


def _name(pair: tuple[Promise, Promise]) -> str:
    return "-".join(promise.name for promise in pair)


def _keys(pair: tuple[Promise, Promise]) -> dict[str, object]:
    entries = [promise.entry for promise in pair if promise.entry is not None]
    return {"filters": entries, **pair[1].keys, **pair[0].keys}


@pytest.mark.parametrize("pair", PAIRS, ids=_name)
async def test_each_of_two_filters_keeps_its_promise(
    start_gateway: StartGateway,
    make_endpoint: Callable[[], Endpoint],
    routes: dict[str, Route],
    pair: tuple[Promise, Promise],
) -> None:
    """One filter would undo what another one does, or stand in its way, and only who uses both would find out."""
    endpoint, other = make_endpoint(), make_endpoint()
    services = make_service(endpoint.port), make_service(other.port, name="shadow")
    gateway = await start_gateway(*services, routes=[routes[_name(pair)]])
    first, second = order(pair)
    seen = await _exchange(gateway, endpoint, other, pair)
    if first.answers or second.answers:
        assert seen.upstream is None
        answering = first if first.answers else second
        answering.check_client(seen.client, is_local=False)
        if answering is second:
            first.check_client(seen.client, is_local=True)
        return
    assert seen.upstream is not None
    assert seen.client.status == 200
    for promise in pair:
        promise.check_upstream(seen.upstream)
        promise.check_client(seen.client, is_local=False)
    check_content(seen.upstream, expect_request(first, second))
    check_content(seen.client, expect_response(first, second))
    if seen.copy is not None:
        assert (seen.copy.start, seen.copy.content) == (seen.upstream.start, seen.upstream.content)


async def _exchange(gateway: Gateway, endpoint: Endpoint, other: Endpoint, pair: tuple[Promise, Promise]) -> Seen:
    request, response = Draft([(b"Host", EXAMPLE.encode())]), Draft()
    for promise in pair:
        promise.ask(request)
        promise.answer(response)
    client = await gateway.ask(request.render(b"%b /%b HTTP/1.1" % (request.method, _name(pair).encode())))
    if any(promise.answers for promise in pair):
        answer = await read_message(client)
        assert not endpoint.has_visitor()
        assert not other.has_visitor()
        return Seen(None, answer)
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(_answer(endpoint, response))
        copied = group.create_task(_answer(other, response)) if any(promise.copies for promise in pair) else None
        answer = await read_message(client)
    return Seen(asked.result(), answer, None if copied is None else copied.result())


async def _answer(endpoint: Endpoint, response: Draft) -> Message:
    wire = await endpoint.accept()
    asked = await read_message(wire)
    await wire.send(response.render(b"HTTP/1.1 200 OK"))
    return asked


def test_content_that_is_not_what_was_expected_is_found() -> None:
    """Every pair would pass, whatever comes of the content."""
    whole = Message(b"", (), CONTENT)
    check_content(whole, expect_request(PROMISES[0], PROMISES[0]))
    for message in (Message(b"", (), CONTENT[:-1]), Message(b"", ((b"content-encoding", b"br"),), CONTENT)):
        with pytest.raises(AssertionError):
            check_content(message, expect_request(PROMISES[0], PROMISES[0]))
