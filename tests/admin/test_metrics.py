"""The scrape."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from orion_gateway.admin.metrics import MetricsResource
from tests.admin.conftest import Gateway


def build(state: Gateway) -> web.Application:
    """Return an application with nothing but /metrics."""
    app = web.Application()
    app.router.add_get("/metrics", MetricsResource(state).answer)
    return app


async def test_a_scrape_is_fresh_readable_and_compressed_on_demand(state: Gateway) -> None:
    """Prometheus would see old numbers, none, or far more bytes than needed."""
    state.totals.count("orion_worker_restarts_total", ("1",), 3)
    async with TestClient(TestServer(build(state))) as client:
        response = await client.get("/metrics", headers={"Accept-Encoding": "gzip"})
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert response.headers["Content-Encoding"] == "gzip"
        (family,) = text_string_to_metric_families(await response.text())
        assert [(sample.name, sample.value) for sample in family.samples] == [("orion_worker_restarts_total", 3)]
        assert state.collected == 1


async def test_many_scrapers_cost_as_much_as_one(state: Gateway) -> None:
    """Each scraper more would make every worker report and the supervisor render once more."""
    async with TestClient(TestServer(build(state))) as client:
        responses = await asyncio.gather(*(client.get("/metrics") for _ in range(10)))
        assert {response.status for response in responses} == {200}
        assert state.collected == 1
