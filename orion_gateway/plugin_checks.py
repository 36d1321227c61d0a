"""Check the plug-ins of a table as a worker would make them, and say what is wrong at the place where it stands.

Apart from `config`, because it runs code that is not the gateway's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.config.nodes import MappingNode, ScalarNode, begin_of
from orion_gateway.config.plugin_filter import PluginConfig
from orion_gateway.config.report import Report
from orion_gateway.config.suggest import closest
from orion_gateway.config.translate import describe
from orion_gateway.filter_assembly import find_folder, read_plugin_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orion_gateway.config.errors import Finding
    from orion_gateway.config.filters import FilterConfig
    from orion_gateway.config.load import Loaded
    from orion_gateway.config.places import Location
    from orion_gateway.config.source import Span
    from orion_gateway.plugins.making import Fault
    from orion_gateway.plugins.plugin import Plugin

CODES = {"use": "E0308", "unknown": "E0102", "missing": "E0104", "value": "E0202"}
_NOT_SHOWN = "the plug-in does not accept this value; what it says is not shown, because it may repeat a secret"


def find_plugin_faults(loaded: Loaded) -> list[Finding]:
    """Make every plug-in of a table once; return what is wrong with their references, keys and constructors."""
    report = Report()
    for location, table in _each_plugin(loaded):
        # Only tables with plug-ins pay for what their views import.
        from orion_gateway.plugins.making import PluginFault, make

        try:
            plugin = make(table.use, find_folder(loaded), read_plugin_keys(table))
        except PluginFault as error:
            mistyped = {_suggest(fault) for fault in error.faults if fault.kind == "unknown"}
            for fault in error.faults:
                if fault.kind != "missing" or fault.key not in mistyped:
                    _report(loaded, location, fault, report)
            continue
        _check(loaded, location, table, plugin, report)
        plugin.close()
    return report.findings


def _each_plugin(loaded: Loaded) -> Iterator[tuple[Location, PluginConfig]]:
    """Yield each plug-in where it is written."""
    config = loaded.config
    entries: list[tuple[Location, FilterConfig | str]] = [
        (("filters", name), one) for name, one in config.filters.items()
    ]
    entries += [(("defaults", "filters", index), one) for index, one in enumerate(config.defaults.filters or ())]
    for number, route in enumerate(config.routes):
        entries += [(("routes", number, "filters", index), one) for index, one in enumerate(route.filters or ())]
    for location, entry in entries:
        if not isinstance(entry, str) and entry.plugin is not None:
            yield (*location, "plugin"), entry.plugin


def _report(loaded: Loaded, location: Location, fault: Fault, report: Report) -> None:
    """Take down one fault, in the words of the table."""
    if fault.kind == "use":
        node = loaded.places.node((*location, "use"))
        report(begin_of(node), CODES["use"], fault.message, help=fault.hint)
        return
    place = (*location, *fault.path)
    message, suggestion = fault.message, ""
    span: Span = loaded.places.span(place)
    node = loaded.places.node(place)
    if fault.kind == "unknown":
        suggestion = _suggest(fault)
    elif fault.kind == "value" and fault.path and loaded.places.is_written(place):
        if not isinstance(node, MappingNode):
            span = begin_of(node)
        may_be_secret = isinstance(node, ScalarNode) and (node.is_interpolated or span.source.is_hidden(node.span))
        if fault.is_quoting and (may_be_secret or not isinstance(node, ScalarNode)):
            message = _NOT_SHOWN
        elif message.startswith("expected") and not may_be_secret:
            message = f"{message}, not {describe(node)}"
    elif fault.is_quoting:
        message = _NOT_SHOWN
    report(span, CODES[fault.kind], message, suggestion, fault.hint)


def _suggest(fault: Fault) -> str:
    """Return the key that was probably meant: one of the plug-in's, or one of the gateway's for every plug-in."""
    known = [key.strip() for key in fault.hint.partition(": ")[2].split(",")] if len(fault.path) == 1 else []
    return closest(str(fault.path[-1]), [*known, *PluginConfig.model_fields])


def _check(loaded: Loaded, location: Location, table: PluginConfig, plugin: Plugin, report: Report) -> None:
    """Report keys that do nothing for this plug-in."""
    if not table.enforce and not plugin.decides:
        hint = "only a plug-in that decides can be told not to enforce"
        span = loaded.places.span((*location, "enforce"))
        report(span, "W0302", f"{table.use} does not decide: there is nothing to enforce", help=hint)
