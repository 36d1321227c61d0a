"""`/filters`: what people and programs are told about what filters report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orion_gateway.admin.access import AdminRules, Token
from tests.admin.conftest import ERROR_KEYS, Admin, Gateway, running

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from orion_gateway.filters.filter import Report

READ, CHANGE = "read-read-read-read", "change-change-change"


@dataclass(frozen=True)
class Noted:
    """A report."""

    client: str

    def merge(self, newer: Report) -> Report:
        return newer

    def document(self) -> Mapping[str, object]:
        return {"latest": self.client}


async def test_reports_are_shown_all_or_one(admin: Admin, state: Gateway) -> None:
    """A report that nobody can read is none; counts of this second are in it."""
    state.reports.take([("users", "mirror", Noted("192.0.2.1")), ("", "limit", Noted("192.0.2.2"))])
    mirror = {"route": "users", "filter": "mirror", "report": {"latest": "192.0.2.1"}}
    limit = {"route": None, "filter": "limit", "report": {"latest": "192.0.2.2"}}
    response, body = await admin.ask("GET", "/filters")
    assert (response.status, body, state.collected) == (200, {"filters": [limit, mirror]}, 1)
    assert (await admin.ask("GET", "/filters/users/mirror"))[1] == mirror
    assert (await admin.ask("GET", "/filters/-/limit"))[1] == limit
    assert state.collected == 3


async def test_without_reports_there_is_an_empty_list(admin: Admin) -> None:
    """Programs need not treat a quiet gateway as an error."""
    assert (await admin.ask("GET", "/filters"))[1] == {"filters": []}


async def test_what_has_not_reported_is_not_found(admin: Admin) -> None:
    """A misspelt route must not look like a quiet one."""
    for path, message in (
        ("/filters/users/mirror", "The route 'users' has no filter 'mirror' that has reported anything."),
        ("/filters/-/limit", "No filter 'limit' that has reported anything."),
    ):
        response, body = await admin.ask("GET", path)
        assert (response.status, body["message"], body.keys()) == (404, message, ERROR_KEYS)


async def test_reports_need_the_right_to_read(state: Gateway, tmp_path: Path) -> None:
    """They hold addresses of clients and pieces of answers."""
    state.reports.take([("users", "mirror", Noted("192.0.2.1"))])
    rules = AdminRules((Token(READ.encode(), frozenset(["read"])), Token(CHANGE.encode(), frozenset(["change"]))))
    async with running(state, rules, tmp_path) as admin:
        for path in ("/filters", "/filters/users/mirror"):
            statuses = []
            for headers in (None, {"Authorization": f"Bearer {CHANGE}"}, {"Authorization": f"Bearer {READ}"}):
                response, body = await admin.ask("GET", path, headers=headers)
                statuses.append(response.status)
                assert ("192.0.2.1" in str(body)) == (response.status == 200)
            assert statuses == [401, 403, 200]
