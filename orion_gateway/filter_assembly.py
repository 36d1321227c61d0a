"""The filters of routes out of the configuration model: each as a value with everything that has a default filled in.

Apart from `assembly` because every filter adds to it: `RULES` says for each kind how its keys become its rules.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orion_gateway.filters.budget_watch import WatchRules
from orion_gateway.filters.comparison import CompareRules
from orion_gateway.filters.compress import CompressRules
from orion_gateway.filters.cross_origin import CorsRules
from orion_gateway.filters.fault import Abort, Delay, FaultRules
from orion_gateway.filters.header_edits import HeaderRules
from orion_gateway.filters.ip_access import IpAccessRules
from orion_gateway.filters.json_edits import JsonEdits
from orion_gateway.filters.mirror import MirrorRules
from orion_gateway.filters.networks import NetworkSet
from orion_gateway.filters.plugin_rules import PluginRules
from orion_gateway.filters.security_headers import SecurityRules
from orion_gateway.filters.transform import TransformRules
from orion_gateway.values import FilterUse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from orion_gateway.config.content_filters import CompressConfig, JsonEditsConfig, TransformConfig
    from orion_gateway.config.cors_filter import CorsConfig
    from orion_gateway.config.fault_filter import FaultConfig
    from orion_gateway.config.filters import FilterConfig, RequestHeadersConfig, ResponseHeadersConfig
    from orion_gateway.config.ip_access_filter import IpAccessConfig
    from orion_gateway.config.load import Loaded
    from orion_gateway.config.mirror import MirrorConfig
    from orion_gateway.config.network_list import NetworkList
    from orion_gateway.config.places import Location
    from orion_gateway.config.plugin_filter import PluginConfig
    from orion_gateway.config.security_headers import SecurityHeadersConfig

DEFAULTS = "defaults"
MIRROR = "mirror"
SECURITY_HEADERS = "security_headers"


def build_filters(loaded: Loaded, route: int) -> tuple[FilterUse, ...]:
    """Return the filters of a route by its number, in order, names and `defaults` resolved."""
    uses = list(_build_security_headers(loaded, route))
    seen: dict[str, int] = {}
    for config, name, place in listed_filters(loaded, route):
        label = name or config.kind
        if not name:
            seen[label] = seen.get(label, 0) + 1
            label = label if seen[label] == 1 else f"{label}-{seen[label]}"
        table = getattr(config, config.kind)
        rules = RULES[config.kind](table)
        if isinstance(rules, PluginRules):
            rules = replace(rules, folder=find_folder(loaded))
        uses.append(
            FilterUse(
                kind=config.kind,
                rules=rules,
                name=label,
                is_named=bool(name),
                enforce=getattr(table, "enforce", True),
                place=loaded.places.at(place),
            )
        )
    mirror = _find_mirror(loaded, route)
    if mirror is not None:
        # Behind all others: it sees the request as they leave it, and the answer before they do.
        written = loaded.places.at(("routes", route, MIRROR))
        uses.append(FilterUse(MIRROR, _build_mirror_rules(mirror), MIRROR, place=written))
    return tuple(uses)


def build_base_filters(loaded: Loaded) -> tuple[FilterUse, ...]:
    """Return the filters of answers that belong to no route."""
    return _build_security_headers(loaded, None)


def filter_locations(loaded: Loaded, route: int) -> tuple[Location, ...]:
    """Return where each of the filters is written that `build_filters` returns for a route, in the same order."""
    headers = _find_security_headers(loaded, route)
    listed = (place for _, _, place in listed_filters(loaded, route))
    mirror: Location = ("routes", route, MIRROR)
    return (
        *(() if headers is None else (headers[1],)),
        *listed,
        *(() if _find_mirror(loaded, route) is None else (mirror,)),
    )


def _find_mirror(loaded: Loaded, route: int) -> MirrorConfig | None:
    """Return the mirror of a route by its number; None when there is none, or nothing that it could copy."""
    config = loaded.config.routes[route]
    is_local = config.respond is not None or config.redirect is not None or config.admin is not None
    return None if is_local else config.mirror


def _build_security_headers(loaded: Loaded, route: int | None) -> tuple[FilterUse, ...]:
    """Return the filter that `security_headers` asks for, of a route by its number; nothing when there is none."""
    found = _find_security_headers(loaded, route)
    if found is None:
        return ()
    rules, place = found
    return (FilterUse(SECURITY_HEADERS, rules, SECURITY_HEADERS, place=loaded.places.at(place)),)


def _find_security_headers(loaded: Loaded, route: int | None) -> tuple[SecurityRules, Location] | None:
    """Return what `security_headers` asks for, and where; None when it asks for nothing."""
    gateway, own = loaded.config.gateway.security_headers, None
    place: Location = ("gateway", SECURITY_HEADERS)
    if route is not None and SECURITY_HEADERS in loaded.config.routes[route].model_fields_set:
        own, place = loaded.config.routes[route].security_headers, ("routes", route, SECURITY_HEADERS)
        if own is None:
            return None
    rules = _build_security_rules(gateway, own)
    return None if rules == SecurityRules() else (rules, place)


def _build_security_rules(gateway: SecurityHeadersConfig | None, own: SecurityHeadersConfig | None) -> SecurityRules:
    """Return what a route adds: each key from the closest that writes it, else its default."""
    nearest = own or gateway
    if nearest is None:
        return SecurityRules()
    written = type(nearest)()
    for closer in (gateway, own):
        if closer is not None:
            written = written.model_copy(update={name: getattr(closer, name) for name in closer.model_fields_set})
    fields = (
        ("X-Frame-Options", written.frame_options),
        ("X-Content-Type-Options", written.content_type_options),
        ("Referrer-Policy", written.referrer_policy),
        ("Permissions-Policy", written.permissions_policy),
        ("Content-Security-Policy", written.csp),
    )
    return SecurityRules(tuple((name, value) for name, value in fields if value is not None), written.hsts or "")


def listed_filters(loaded: Loaded, route: int) -> Iterator[tuple[FilterConfig, str, Location]]:
    """Yield each filter of a route with its name in the table, if it has one, and where it is written."""
    config = loaded.config
    own = config.routes[route].filters
    place: Location = ("routes", route, "filters") if own is not None else (DEFAULTS, "filters")
    for index, entry in enumerate(own if own is not None else config.defaults.filters or ()):
        if entry == DEFAULTS:
            for number, default in enumerate(config.defaults.filters or ()):
                yield _resolve(loaded, default, (DEFAULTS, "filters", number))
        else:
            yield _resolve(loaded, entry, (*place, index))


def _resolve(loaded: Loaded, entry: FilterConfig | str, place: Location) -> tuple[FilterConfig, str, Location]:
    if isinstance(entry, str):
        return loaded.config.filters[entry], entry, ("filters", entry)
    return entry, "", place


def _build_mirror_rules(mirror: MirrorConfig) -> MirrorRules:
    compare = mirror.compare
    return MirrorRules(
        service=mirror.service,
        share=mirror.share,
        methods=frozenset(method.encode("ascii") for method in mirror.methods) or None,
        max_body=mirror.max_body,
        timeout=mirror.timeout,
        max_in_flight=mirror.max_in_flight,
        compare=None
        if compare is None
        else CompareRules(tuple(dict.fromkeys(name.lower() for name in compare.fields)), compare.ignore),
    )


def _build_header_rules(table: RequestHeadersConfig | ResponseHeadersConfig) -> HeaderRules:
    return HeaderRules(tuple(table.set.items()), tuple(table.add.items()), table.remove)


def _build_cors_rules(table: CorsConfig) -> CorsRules:
    return CorsRules(
        origins=tuple(origin.exact for origin in table.origins if origin.exact is not None),
        patterns=tuple(origin.regex for origin in table.origins if origin.regex is not None),
        methods=table.methods,
        headers=None if "*" in table.headers else table.headers,
        expose=table.expose,
        credentials=table.credentials,
        max_age=table.max_age,
        private_network=table.private_network,
        enforce=table.enforce,
    )


def _build_fault_rules(table: FaultConfig) -> FaultRules:
    delay, abort = table.delay, table.abort
    return FaultRules(
        delay=None if delay is None else Delay(*delay.time, delay.share),
        abort=None if abort is None else Abort(abort.status, abort.body.encode() if abort.body else None, abort.share),
        share=table.share,
    )


def _build_ip_access_rules(table: IpAccessConfig) -> IpAccessRules:
    return IpAccessRules(
        allow=NetworkSet.of(table.allow or ()),
        deny=NetworkSet.of(table.deny or ()),
        allow_file=table.allow_file or "",
        deny_file=table.deny_file or "",
    )


def build_network_set(networks: NetworkList) -> NetworkSet:
    """Return what filters are given of a list of networks."""
    return NetworkSet(networks.ipv4, networks.ipv6)


def _build_compress_rules(table: CompressConfig) -> CompressRules:
    levels = tuple((encoding, getattr(table.level, encoding)) for encoding in table.encodings)
    return CompressRules(levels, table.min_size, table.types)


def _build_transform_rules(table: TransformConfig) -> TransformRules:
    return TransformRules(
        request=_build_json_edits(table.request) if table.request else None,
        response=_build_json_edits(table.response) if table.response else None,
        max_size=table.max_size,
        passes_on_error=table.on_error == "pass",
    )


def _build_json_edits(table: JsonEditsConfig) -> JsonEdits:
    # Workers read this module too, and need none of the model's 13 MB.
    from orion_gateway.config.json_paths import split_json_path

    new_names = ((split_json_path(path), split_json_path(name)[0]) for path, name in table.rename.items())
    return JsonEdits(
        rename=tuple((path, name) for path, name in new_names if name is not None),
        drop=tuple(map(split_json_path, table.drop)),
        add=tuple((split_json_path(path), value) for path, value in table.add.items()),
        map=tuple((split_json_path(path), tuple(values.items())) for path, values in table.map.items()),
    )


def _build_plugin(table: PluginConfig) -> PluginRules:
    disable = table.disable
    watch = None
    if disable is not None:
        watch = WatchRules(disable.in_a_row, disable.share, disable.minimum, disable.window, disable.retry_after)
    return PluginRules(
        use=table.use,
        folder="",
        keys=read_plugin_keys(table),
        timeout=table.timeout,
        budget=table.budget,
        blocked=table.blocked,
        watch=watch,
    )


def read_plugin_keys(table: PluginConfig) -> dict[str, object]:
    """Return the keys of a plug-in's own as plain values. What came from a variable is text."""
    return {key: _make_plain(value) for key, value in (table.model_extra or {}).items()}


def _make_plain(value: object) -> object:
    match value:
        case dict():
            return {key: _make_plain(entry) for key, entry in value.items()}
        case list():
            return [_make_plain(item) for item in value]
        case str():
            return str(value)
    return value


def find_folder(loaded: Loaded) -> str:
    """Return the folder of the table, where references of it are looked for last."""
    return str(loaded.files[0].resolve().parent)


RULES: Mapping[str, Callable[[Any], object]] = {
    "compress": _build_compress_rules,
    "cors": _build_cors_rules,
    "fault": _build_fault_rules,
    "ip_access": _build_ip_access_rules,
    "plugin": _build_plugin,
    "request_headers": _build_header_rules,
    "response_headers": _build_header_rules,
    "transform": _build_transform_rules,
}
"""What makes the rules of each kind of filter out of its keys."""
