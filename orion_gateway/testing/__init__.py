"""Test plug-ins, and filters, without a gateway: one exchange, on a clock of its own.

    from orion_gateway.testing import Upstream, run


    def test_a_known_tenant_is_named() -> None:
        result = run(Tenants(Config(known=["acme"])), url="http://acme.example.org/", upstream=Upstream(text="hi"))
        assert result.upstream.headers["X-Tenant"] == "acme"
        assert (result.status, result.text) == (200, "hi")

Requests and responses are parsed, viewed, edited and rendered by what does it in the gateway. `FakeGateway` keeps a
plug-in over several exchanges, with a clock that the test turns.
"""

from __future__ import annotations

from orion_gateway.testing.clock import Clock, StuckError, VirtualLoop
from orion_gateway.testing.facilities import Warned
from orion_gateway.testing.gateway import FakeGateway, run
from orion_gateway.testing.messages import Result, SentUpstream, Upstream

__all__ = [
    "Clock",
    "FakeGateway",
    "Result",
    "SentUpstream",
    "StuckError",
    "Upstream",
    "VirtualLoop",
    "Warned",
    "run",
]
