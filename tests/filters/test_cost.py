"""What the table of costs is about: that it has every filter, and that its exchanges are those that it means."""

from __future__ import annotations

import pytest

from orion_gateway.filters import FILTERS
from tests.harness.filter_cost import CASES, make_routes
from tests.harness.inprocess import InProcess


def test_every_kind_of_filter_is_measured() -> None:
    """A filter could become slow and nobody would see it."""
    assert set().union(*(case.kinds for case in CASES.values())) == set(FILTERS)


@pytest.mark.parametrize("name", CASES)
async def test_a_case_has_the_filters_that_it_is_about_and_its_exchanges_succeed(name: str) -> None:
    """The table would say what it costs to fail."""
    case = CASES[name]
    routes = make_routes(case)
    assert {use.kind for route in routes for use in route.filters} == case.kinds
    worker = InProcess(routes)
    for _ in range(3):
        await worker.exchange_once(case.request, case.response)
    counted = worker.plane.take().counters
    worker.close()
    codes = {labels[2] for (metric, labels) in counted if metric == "orion_http_requests_total"}
    assert codes == {"200"}
    assert not [labels for (metric, labels) in counted if metric.startswith("orion_filter") and "failed" in labels]
