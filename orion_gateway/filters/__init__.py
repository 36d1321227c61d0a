"""Filters: what stands between a route and its service, and shapes or guards every exchange of it.

`FILTERS` is the only list of what is built in: a new filter is a file, a line here, and the contract test finds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.filters.header_edits import RequestHeaders, ResponseHeaders

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orion_gateway.filters.filter import Filter

FILTERS: Mapping[str, Callable[..., Filter]] = {
    "request_headers": RequestHeaders,
    "response_headers": ResponseHeaders,
}
"""By the name that the table has for it: the class, called as `(rules, facilities)`."""
