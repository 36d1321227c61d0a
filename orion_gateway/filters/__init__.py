"""Filters: what stands between a route and its service, and shapes or guards every exchange of it.

`FILTERS` is the only list of what is built in: a new filter is a file, a line here, and the contract test finds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.filters.compress import Compress
from orion_gateway.filters.cors import Cors
from orion_gateway.filters.fault import Fault
from orion_gateway.filters.header_edits import RequestHeaders, ResponseHeaders
from orion_gateway.filters.ip_access import IpAccess
from orion_gateway.filters.mirror import Mirror
from orion_gateway.filters.security_headers import SecurityHeaders
from orion_gateway.filters.transform import Transform

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orion_gateway.filters.filter import Filter

FILTERS: Mapping[str, Callable[..., Filter]] = {
    "compress": Compress,
    "cors": Cors,
    "fault": Fault,
    "mirror": Mirror,
    "ip_access": IpAccess,
    "request_headers": RequestHeaders,
    "response_headers": ResponseHeaders,
    "security_headers": SecurityHeaders,
    "transform": Transform,
}
"""By the name that the table has for it: the class, called as `(rules, facilities)`.

`security_headers` is a key of the gateway and of routes instead of an entry in their lists.
"""
