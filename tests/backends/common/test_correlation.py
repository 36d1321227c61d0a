"""Which request ids are kept."""

import logging
from uuid import UUID

import pytest
import structlog
from aiohttp import web

from backends.common.correlation import choose_correlation_id, correlate
from tests.backends.conftest import Serve


@pytest.mark.parametrize("received", ["a", "req-1:2/3", "~" * 128, "!"])
def test_a_visible_id_of_1_to_128_characters_is_kept(received: str) -> None:
    """A request could not be followed from the gateway's log into the backend's."""
    assert choose_correlation_id([received]) == received


@pytest.mark.parametrize("received", [[], [""], ["x" * 129], ["a b"], ["a\tb"], ["é"], ["a", "b"], ["a\n"]])
def test_any_other_id_is_replaced_by_a_new_one(received: list[str]) -> None:
    """A sender could forge log lines or fill the log with its id."""
    first, second = choose_correlation_id(received), choose_correlation_id(received)
    assert str(UUID(first)) == first
    assert first != second


async def test_the_id_is_in_the_answer_and_in_the_log_lines_of_this_request_only(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """Two requests on one connection would share an id, and support would follow the wrong one."""
    bound: list[object] = []

    async def handler(request: web.Request) -> web.Response:
        bound.append(structlog.contextvars.get_contextvars().get("correlation_id"))
        return web.Response()

    app = web.Application(middlewares=[correlate])
    app.router.add_get("/", handler)
    client = await serve(app)
    with caplog.at_level(logging.DEBUG):
        first = await client.get("/", headers={"X-Request-Id": "first"})
        second = await client.get("/")
    assert first.headers["X-Request-Id"] == "first"
    assert second.headers["X-Request-Id"] != "first"
    assert bound == ["first", second.headers["X-Request-Id"]]
