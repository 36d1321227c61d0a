"""`/metrics`: the totals of all workers as Prometheus reads them."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from aiohttp import web

from orion_gateway.telemetry.exposition import CONTENT_TYPE, render

if TYPE_CHECKING:
    from orion_gateway.admin.state import GatewayState

_CACHED_FOR = 1.0
"""Seconds that a rendering is kept, so that several scrapers cost as much as one."""


class MetricsResource:
    """Collects from the workers and renders, at most once per second."""

    def __init__(self, state: GatewayState) -> None:
        self._state = state
        self._lock = asyncio.Lock()
        self._rendered = b""
        self._rendered_at: float | None = None

    async def answer(self, _request: web.Request) -> web.Response:
        """Answer with the text format, compressed when the scraper takes it."""
        async with self._lock:
            if self._rendered_at is None or time.monotonic() - self._rendered_at > _CACHED_FOR:
                await self._state.collect()
                self._rendered = await asyncio.to_thread(render, self._state.totals.copy())
                self._rendered_at = time.monotonic()
        response = web.Response(body=self._rendered, headers={"Content-Type": CONTENT_TYPE})
        response.enable_compression()
        return response
