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

    from orion_gateway.filters.filter import Facilities, Filter
    from orion_gateway.filters.plugin_rules import PluginRules


class _Plugins:
    """Makes filters of plug-ins. What plug-ins see of a request is imported only where there are plug-ins."""

    def __call__(self, rules: PluginRules, facilities: Facilities) -> Filter:
        from orion_gateway.filters.plugin import make_plugin_filter

        return make_plugin_filter(rules, facilities)

    def declares(self, rules: PluginRules) -> object:
        """Return what says what the filter of these rules does (see `loading.tell`)."""
        from orion_gateway.filters.plugin import find_plugin

        return find_plugin(rules)


FILTERS: Mapping[str, Callable[..., Filter]] = {
    "compress": Compress,
    "cors": Cors,
    "fault": Fault,
    "mirror": Mirror,
    "ip_access": IpAccess,
    "plugin": _Plugins(),
    "request_headers": RequestHeaders,
    "response_headers": ResponseHeaders,
    "security_headers": SecurityHeaders,
    "transform": Transform,
}
"""By the name that the table has for it: the class, called as `(rules, facilities)`.

`security_headers` is a key of the gateway and of routes instead of an entry in their lists.
"""
