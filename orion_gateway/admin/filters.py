"""`/filters`: what filters report of themselves, such as comparisons of mirrored answers or refusals not enforced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.admin.replies import answer, refuse

if TYPE_CHECKING:
    from aiohttp import web

    from orion_gateway.admin.state import GatewayState
    from orion_gateway.control.reports import ShownReport

ALL_ROUTES = "-"
"""Stands for the route of a named filter, which serves all that name it. No route is called so."""


def add_filters(app: web.Application, state: GatewayState) -> None:
    """Add `/filters` and `/filters/{route}/{filter}`."""

    async def every(_request: web.Request) -> web.Response:
        await state.collect()
        return answer({"filters": [describe_report(shown) for shown in state.reports.everything()]})

    async def one(request: web.Request) -> web.Response:
        route, name = request.match_info["route"], request.match_info["filter"]
        await state.collect()
        shown = state.reports.find("" if route == ALL_ROUTES else route, name)
        if shown is None:
            where = "No filter" if route == ALL_ROUTES else f"The route {route!r} has no filter"
            return refuse(request, 404, f"{where} {name!r} that has reported anything.")
        return answer(describe_report(shown))

    app.router.add_get("/filters", every)
    app.router.add_get("/filters/{route}/{filter}", one)


def describe_report(shown: ShownReport) -> dict[str, object]:
    """Return a report and whose it is."""
    return {"route": shown.route or None, "filter": shown.filter, "report": shown.document}
