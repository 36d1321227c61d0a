"""A plug-in of Orion Gateway: the subdomain names the tenant, and only known tenants come through.

    filters:
      - plugin:
          use: "orion_plugin_tenant:Tenants"
          domain: example.org
          tenants: {acme: gold, umbrella: free}

`http://acme.example.org/` goes on with `X-Tenant: acme` and `X-Tenant-Plan: gold`; any other host is refused with 404.
"""

from __future__ import annotations

import re
from typing import ClassVar

from pydantic import BaseModel, Field, field_validator

from orion_gateway.plugins import PassingResponse, Plugin, Request, Response

__all__ = ["TenantConfig", "Tenants"]

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class TenantConfig(BaseModel):
    """The keys of the plug-in. What is wrong with them is said by `orion check`, at their place in the table."""

    domain: str = Field(min_length=1)
    """Tenants are the labels right below it."""
    tenants: dict[str, str] = Field(min_length=1)
    """The plan of each tenant, by name."""
    field: str = "X-Tenant"
    """The field in which the service learns the tenant; the plan is in the one with `-Plan` behind it."""

    @field_validator("tenants")
    @classmethod
    def check_names(cls, tenants: dict[str, str]) -> dict[str, str]:
        """Refuse names that no host could have."""
        for name in tenants:
            if LABEL.fullmatch(name) is None:
                raise ValueError("a tenant is a host label: small letters, digits and hyphens")
        return tenants


class Tenants(Plugin):
    """Names the tenant of every request, and refuses those of nobody."""

    Config: ClassVar[type[BaseModel]] = TenantConfig
    # It guards: were it to fail, requests would be refused and not passed on without a tenant.
    decides = True

    def __init__(self, config: TenantConfig) -> None:
        self._suffix = f".{config.domain.lower()}"
        self._plans = config.tenants
        self._field = config.field

    def on_request(self, request: Request) -> Response | None:
        """Find the tenant in the host, and tell the service."""
        host = (request.url.host or "").lower()
        tenant = host.removesuffix(self._suffix)
        plan = self._plans.get(tenant)
        if tenant == host or plan is None:
            return Response(404, message="There is no such tenant.")
        # Set, not added: what a client wrote into these fields is gone.
        request.headers[self._field] = tenant
        request.headers[f"{self._field}-Plan"] = plan
        request["tenant"] = tenant
        request.note(f"tenant {tenant}")
        return None

    def on_response(self, request: Request, response: PassingResponse) -> None:
        """Keep caches from giving one tenant's answer to another."""
        if "tenant" in request and "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "private"
