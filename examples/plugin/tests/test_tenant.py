"""The plug-in, tested without a gateway."""

from __future__ import annotations

import pytest
from orion_plugin_tenant import TenantConfig, Tenants
from pydantic import ValidationError

from orion_gateway.testing import FakeGateway, Upstream, run

CONFIG = TenantConfig(domain="Example.org", tenants={"acme": "gold", "umbrella": "free"})


def test_a_known_tenant_is_named_to_the_service() -> None:
    """The service could not tell its tenants apart."""
    result = run(Tenants(CONFIG), url="http://acme.example.org/orders?page=2", upstream=Upstream(json={"orders": []}))
    assert result.upstream.headers["X-Tenant"] == "acme"
    assert result.upstream.headers["X-Tenant-Plan"] == "gold"
    assert result.upstream.target == "/orders?page=2"
    assert result.json() == {"orders": []}
    assert result.headers["Cache-Control"] == "private"
    assert result.notes == ["tenant acme"]


@pytest.mark.parametrize(
    "host", ["nobody.example.org", "example.org", "acme.example.com", "a.acme.example.org", "acmeexample.org"]
)
def test_every_other_host_is_refused(host: str) -> None:
    """Somebody who is no tenant would reach the service."""
    result = run(Tenants(CONFIG), url=f"http://{host}/")
    assert result.sent is None
    assert result.status == 404
    assert result.json()["message"] == "There is no such tenant."


def test_what_a_client_says_of_its_tenant_is_replaced() -> None:
    """A client could choose to be another tenant."""
    result = run(
        Tenants(CONFIG), url="http://umbrella.example.org/", headers={"x-tenant": "acme", "x-tenant-plan": "gold"}
    )
    assert result.upstream.headers.getall("X-Tenant") == ["umbrella"]
    assert result.upstream.headers.getall("X-Tenant-Plan") == ["free"]


def test_case_and_port_of_the_host_do_not_matter() -> None:
    """A tenant would be unknown to clients that write its host differently."""
    result = run(Tenants(CONFIG), url="http://ACME.Example.Org:8080/")
    assert result.upstream.headers["X-Tenant"] == "acme"


def test_what_a_service_says_of_caching_is_kept() -> None:
    """Public answers could not be cached any more."""
    with FakeGateway(Tenants(CONFIG)) as gateway:
        answer = Upstream(text="public", headers={"Cache-Control": "max-age=60"})
        assert gateway.run(url="http://acme.example.org/", upstream=answer).headers["Cache-Control"] == "max-age=60"


def test_a_tenant_that_no_host_can_name_is_refused_when_the_table_is_checked() -> None:
    """The mistake would be found by a customer."""
    with pytest.raises(ValidationError, match="a tenant is a host label"):
        TenantConfig(domain="example.org", tenants={"A_B": "gold"})
