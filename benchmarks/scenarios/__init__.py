"""The scenarios: the only list. A new one is a file and a line here.

Scenario j of the plan, TLS towards the client, is not here: the gateway has no TLS listener yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.scenarios.chunked import CHUNKED
from benchmarks.scenarios.idle_connections import IDLE_CONNECTIONS
from benchmarks.scenarios.large_response import RESPONSE_1M, RESPONSE_64K
from benchmarks.scenarios.many_routes import ROUTES_10K, ROUTES_100
from benchmarks.scenarios.minimal_get import MINIMAL_GET
from benchmarks.scenarios.new_connections import NEW_CONNECTIONS
from benchmarks.scenarios.open_loop import OPEN_LOOP
from benchmarks.scenarios.post import POST
from benchmarks.scenarios.small_get import PLAIN_GET, SMALL_GET
from benchmarks.scenarios.three_endpoints import THREE_ENDPOINTS

if TYPE_CHECKING:
    from benchmarks.scenarios.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = (
    MINIMAL_GET,
    PLAIN_GET,
    SMALL_GET,
    POST,
    RESPONSE_64K,
    RESPONSE_1M,
    CHUNKED,
    NEW_CONNECTIONS,
    ROUTES_100,
    ROUTES_10K,
    THREE_ENDPOINTS,
    IDLE_CONNECTIONS,
    OPEN_LOOP,
)
