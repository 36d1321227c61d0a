"""The configuration model: every key of the route table that works, with its meaning, default and example.

`orion schema` and the reference page are made from it. Whether single values are well-formed is decided by their kinds,
whether they fit each other by `checks`. Durations are float seconds, sizes bytes, shares parts of one, `off` and `auto`
are `None`; a key that was not written is missing from `model_fields_set`.
"""

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from orion_gateway.config.addresses import BindAddress, Cidr, EndpointAddress, HostPattern, Origin
from orion_gateway.config.answers import RedirectConfig, RespondConfig
from orion_gateway.config.filters import FilterConfig, FilterList
from orion_gateway.config.http_words import FieldName, Method, Regex, Replacement
from orion_gateway.config.kinds import (
    TEXT,
    ApplicationName,
    ByteRate,
    Count,
    CountOrAuto,
    CountOrOff,
    Duration,
    EnvironmentName,
    Flag,
    LogPath,
    Name,
    Priority,
    QueueLength,
    RunDir,
    SampleKey,
    Share,
    Size,
    SizeOrOff,
    Text,
    Timeout,
    Token,
    Version,
    Weight,
    Workers,
    choice,
)
from orion_gateway.config.mirror import MirrorConfig
from orion_gateway.config.paths import PathPattern, Prefix
from orion_gateway.config.resilience import (
    CircuitConfig,
    HealthCheckConfig,
    LoadBalancer,
    OutlierConfig,
    OwnRetries,
    ServiceRetriesConfig,
)
from orion_gateway.config.security_headers import SecurityHeadersConfig
from orion_gateway.config.split import SplitConfig
from orion_gateway.config.table import REQUIRED, OrOff, OrText, Table, key, section
from orion_gateway.values import UpstreamTimeouts


class AdminToken(Table):
    """A token of the admin API."""

    token: Token = key(
        REQUIRED,
        "The bearer token: at least 16 visible ASCII characters. Take it from the environment or a file.",
        "${ADMIN_TOKEN}",
    )
    may: tuple[Annotated[Literal["read", "change"], choice("read", "change")], ...] = Field(
        min_length=1,
        description="What its bearer may do: `read` everything, `change` what runs.",
        examples=[["read"]],
    )


class Admin(Table):
    """The admin API."""

    bind: BindAddress = key(
        "127.0.0.1:9900",
        "Where the admin API listens: `host:port` or `unix:/path`. A socket in the run directory is always open too.",
        "127.0.0.1:9900",
    )
    tokens: tuple[AdminToken, ...] = key(
        [],
        "Who may use the admin API over TCP. Without tokens, reading is open on loopback and nothing can be changed; "
        "off loopback only `/health*` and `/metrics` are open without one.",
        [{"token": "${ADMIN_TOKEN}", "may": ["read", "change"]}],
    )


class Forwarded(Table):
    """Which fields the gateway adds to a request on its way upstream."""

    via: Flag = key(True, "Add `Via` (RFC 9110, section 7.6.3), in both directions.", False)
    x_forwarded: Flag = key(True, "Add `X-Forwarded-For`, `-Proto`, `-Host` and `-Port`.", False)
    forwarded: Flag = key(False, "Add `Forwarded` (RFC 7239).", True)
    request_id: Flag = key(True, "Add `X-Request-Id`, in both directions.", False)
    traceparent: Flag = key(True, "Continue or begin a W3C trace with `traceparent`.", False)


class GatewayLimits(Table):
    """Limits of what clients may send, and of how many they are."""

    request_line: Size = key("8KiB", "Longest request line; longer ones are answered 414.", "16KiB")
    header_section: Size = key("32KiB", "Largest header section; larger ones are answered 431.", "64KiB")
    header_fields: Count = key(128, "Most fields in a header section; more are answered 431.", 64)
    body: SizeOrOff = key(
        "10MiB", "Largest request body; larger ones are answered 413. A route can say its own.", "1GiB"
    )
    connections: CountOrAuto = key(
        "auto",
        "Most client connections of the whole gateway. auto: derived from the limit of file descriptors.",
        20000,
    )
    per_client: CountOrOff = key("off", "Most connections from one client address.", 100)


class RequestTimeouts(Table):
    """How long the gateway waits for clients."""

    request_header: Timeout = key("10s", "From the first byte of a request to the end of its header section.", "5s")
    keep_alive: Timeout = key("75s", "How long an idle connection is kept for its next request.", "60s")
    request_body_idle: Timeout = key("30s", "Longest pause between two pieces of a request body.", "10s")
    request_body_min_rate: ByteRate = key(
        "1KiB/s",
        "Slowest request body, looked at after 10 s and counted only while the gateway reads.",
        "4KiB/s",
    )
    write_idle: Timeout = key("60s", "How long a client may take nothing of a response that waits for it.", "30s")


class Drain(Table):
    """How the gateway stops."""

    delay: Duration = key("0s", "How long it goes on accepting after readiness has begun to fail.", "5s")
    timeout: Duration = key("30s", "How long exchanges in flight have to finish before they are cut.", "1m")
    spread: Duration = key(
        "5s", "Over how long idle connections are closed, so that not all clients return at once.", "10s"
    )


class AccessLog(Table):
    """The access log: one line for each exchange."""

    path: LogPath = key("stdout", "`stdout`, `stderr`, a file, or `off`.", "/var/log/orion/access.log")
    format: Annotated[Literal["json", "clf", "ecs"], choice("json", "clf", "ecs")] = key(
        "json", "`json`, `clf` (Common Log Format) or `ecs` (Elastic Common Schema).", "clf"
    )
    sample: dict[SampleKey, Share] = key(
        {"default": "100%"},
        "The share of exchanges that is logged, by status or class of status; `default` for all others.",
        {"default": "100%", "2xx": "1%"},
    )
    min_duration: Timeout = key("off", "Log only exchanges that took at least this long.", "500ms")


class Gateway(Table):
    """What concerns the gateway as a whole."""

    environment: EnvironmentName = key(
        "production",
        "The environment's name. `development` shows addresses and details in error bodies.",
        "development",
        shown_default="${ORION_ENV:-production}",
    )
    workers: Workers = key(
        "auto", "Data-plane processes. auto: as many as there are CPUs, by affinity and quota. Takes a restart.", 2
    )
    run_dir: RunDir = key(
        "auto",
        "Directory of the admin socket. auto: `$RUNTIME_DIRECTORY`, else `$XDG_RUNTIME_DIR/orion`, else `/run/orion` "
        "for root and `/tmp/orion-<uid>` for others.",
        "/run/orion",
    )
    admin: Admin = section(Admin, "The admin API.", {"bind": "127.0.0.1:9900"})
    trusted_proxies: tuple[Cidr, ...] = key(
        [],
        "Networks of proxies whose `X-Forwarded-*`, `Forwarded` and `X-Request-Id` are believed.",
        ["10.0.0.0/8", "fd00::/8"],
    )
    forwarded: Forwarded = section(
        Forwarded, "Which fields are added to a request on its way upstream.", {"forwarded": True}
    )
    limits: GatewayLimits = section(GatewayLimits, "Limits of what clients may send.", {"body": "1MiB"})
    underscore_fields: Annotated[Literal["drop", "allow", "reject"], choice("drop", "allow", "reject")] = key(
        "drop",
        'What happens to fields with "_" in their names, which some programs take for "-".',
        "reject",
    )
    timeouts: RequestTimeouts = section(
        RequestTimeouts, "How long the gateway waits for clients.", {"request_header": "5s"}
    )
    client_eof: Annotated[Literal["cancel", "answer"], choice("cancel", "answer")] = key(
        "cancel",
        "What a client means that closes its sending side: `cancel`: it left; `answer`: it waits for its answer.",
        "answer",
    )
    security_headers: Annotated[SecurityHeadersConfig | None, OrOff()] = key(
        "off",
        "Fields for browsers on every answer, of the gateway's own too; `{}` for the defaults.",
        {"frame_options": "DENY"},
    )
    drain: Drain = section(Drain, "How the gateway stops.", {"timeout": "1m"})
    access_log: AccessLog = section(AccessLog, "The access log.", {"path": "stderr", "format": "clf"})


class Listener(Table):
    """An address that clients connect to."""

    name: Name = key(REQUIRED, "Its name, which routes and metrics use.", "http")
    bind: BindAddress = key(
        REQUIRED,
        "`host:port`, `[IPv6]:port` or `unix:/path`; port 0 takes any free one.",
        "127.0.0.1:8080",
    )


class EndpointConfig(Table):
    """One address of a service."""

    url: EndpointAddress = key(
        REQUIRED,
        "`http://host:port`, or `unix:/path/to.sock`. A base path is put before the request's: "
        "`http://host:port/base`, `unix:/path/to.sock:/base`.",
        "http://127.0.0.1:3002",
    )
    weight: Weight = key(1, "Its share of the requests relative to the others; 0 for none.", 2)
    metadata: dict[Text, Text] = key(
        {}, "Free names and values of your own, shown wherever the endpoint is.", {"zone": "a"}
    )


class UpstreamTimeoutsConfig(Table):
    """How long the gateway waits for endpoints."""

    connect: Timeout = key("3s", "To connect.", "1s")
    response: Timeout = key("30s", "From the last byte of the request sent to the response head.", "10s")
    idle: Timeout = key("5m", "Between two pieces of a response.", "1m")
    total: Timeout = key("off", "For the whole exchange.", "2m")


class OwnTimeouts(Table):
    """Timeouts that replace those of the service, each on its own; what is left out stays the service's."""

    connect: Timeout = key(None, "To connect. Left out: what `defaults`, else the service, says.", "1s")
    response: Timeout = key(
        None,
        "From the last byte of the request sent to the response head. Left out: what `defaults`, else the service, "
        "says.",
        "10s",
    )
    idle: Timeout = key(
        None, "Between two pieces of a response. Left out: what `defaults`, else the service, says.", "1m"
    )
    total: Timeout = key(None, "For the whole exchange. Left out: what `defaults`, else the service, says.", "2m")

    model_config = ConfigDict(validate_default=False)

    def over(self, base: UpstreamTimeouts) -> UpstreamTimeouts:
        """Return `base` with what is written here put over it; `off` is written, a missing key is not."""
        return replace(base, **{name: getattr(self, name) for name in self.model_fields_set})


class Connections(Table):
    """Limits of the connections to each endpoint."""

    max_idle: QueueLength = key(128, "Idle connections that each worker keeps.", 32)
    idle: Timeout = key("30s", "How long an idle connection is kept.", "10s")
    max: Count = key(1024, "Most exchanges at once, of all workers together.", 100)
    queue: QueueLength = key(1024, "Exchanges that may wait when every eligible endpoint is at its `max`.", 100)
    queue_timeout: Timeout = key("1s", "How long an exchange may wait before it is answered 503.", "250ms")


class ServiceConfig(Table):
    """A named group of endpoints that do the same."""

    endpoints: tuple[EndpointConfig, ...] = Field(
        min_length=1, description="Where the service is.", examples=[[{"url": "http://127.0.0.1:3002"}]]
    )
    load_balancer: LoadBalancer = key(
        "round_robin",
        "How an endpoint is chosen: the name of a policy, or a mapping with its options. All honour weights.",
        "least_connections",
    )
    slow_start: Timeout = key(
        "off",
        "Over how long an endpoint that comes back (from being down or ejected, or behind a circuit that closed) grows "
        "to its full share.",
        "30s",
    )
    health_check: Annotated[HealthCheckConfig | None, OrOff()] = key(
        "off", "Asks every endpoint regularly whether it is well.", {"path": "/health/ready"}
    )
    outlier_detection: Annotated[OutlierConfig | None, OrOff()] = key(
        "off",
        "Takes an endpoint out for a while when its requests keep failing.",
        {"consecutive_failures": 5, "ejection": "30s"},
    )
    panic: Annotated[Literal["passive", "use_all"], choice("passive", "use_all")] = key(
        "passive",
        "What happens when fewer than half of the endpoints are left: `passive`: ejections are ignored; `use_all`: "
        "endpoints that checks call down are used too when no other is left.",
        "use_all",
    )
    circuit_breaker: Annotated[CircuitConfig | None, OrOff()] = key(
        "off",
        "Stops asking a service that keeps failing, and answers at once instead.",
        {"failure_threshold": 5, "open_for": "30s"},
    )
    timeouts: UpstreamTimeoutsConfig = section(
        UpstreamTimeoutsConfig, "How long the gateway waits for its endpoints.", {"response": "10s"}
    )
    retries: Annotated[ServiceRetriesConfig | None, OrOff()] = key(
        "off",
        "Repeats attempts that failed. A written `off` holds whatever `defaults` says; only a route may say otherwise.",
        {"max": 1},
    )
    connections: Connections = section(Connections, "Limits of the connections to each endpoint.", {"max": 100})


class ConditionConfig(Table):
    """What a field or a query parameter must be; exactly one of the keys."""

    exact: Text | None = key(None, "One of its values equals this. Text alone means the same.", "v1")
    regex: Regex | None = key(None, "One of its values matches this RE2 pattern as a whole.", "v[0-9]+")
    present: Flag | None = key(None, "Whether it is there at all.", True)


Condition = Annotated[ConditionConfig, OrText("exact", TEXT)]


class Match(Table):
    """What a request must be for a route to take it; what is left out asks for nothing."""

    hosts: tuple[HostPattern, ...] = key(
        [], "Hosts, without port; `*.` and a name takes one more label.", ["api.example.org", "*.example.org"]
    )
    path: PathPattern | None = key(
        None, "A path: literal segments, `{name}` for one segment, and a final `/**` for all below.", "/users/{id}"
    )
    path_regex: Regex | None = key(None, "An RE2 pattern that must match the whole path.", "/v[0-9]+/.*")
    methods: tuple[Method, ...] = key([], "Methods. GET takes HEAD too.", ["GET", "POST"])
    headers: dict[FieldName, Condition] = key(
        {}, "Fields of the request and what they must be.", {"X-Api-Version": "2", "X-Debug": {"present": False}}
    )
    query: dict[Text, Condition] = key({}, "Query parameters and what they must be.", {"format": {"regex": "json|xml"}})
    listeners: tuple[Name, ...] = key([], "Names of listeners that the request may come through.", ["http"])


class RegexRewrite(Table):
    """A rewrite by regular expression."""

    pattern: Regex = key(
        REQUIRED, "An RE2 pattern; every match in the path, as it was received, is replaced.", "^/old/(.*)"
    )
    to: Replacement = key(
        REQUIRED, "What replaces it; `\\1` to `\\99` and `\\g<name>` are groups, `\\0` is all.", "/new/\\1"
    )


class QueryRewrite(Table):
    """Changes of the query."""

    set: dict[Text, Text] = key({}, "Parameters that get this value, whatever they were.", {"source": "gateway"})
    remove: tuple[Text, ...] = key([], "Parameters that are left out.", ["debug"])


class RewriteConfig(Table):
    """How a request is changed on its way upstream; at most one of the first three."""

    strip_prefix: Prefix | None = key(None, "Segments that are taken off the start of the path.", "/api/v1")
    path: PathPattern | None = key(
        None,
        "The new path. `{name}` and a final `/**` stand for what those of `match.path` took.",
        "/v2/users/{id}",
    )
    regex: RegexRewrite | None = key(
        None, "A pattern, and what replaces its matches in the path.", {"pattern": "^/old/(.*)", "to": "/new/\\1"}
    )
    host: Annotated[Literal["upstream"], choice("upstream")] | None = key(
        None, "`upstream`: the Host of the endpoint is sent. Left out: the client's is passed on.", "upstream"
    )
    query: QueryRewrite | None = key(None, "Changes of the query.", {"remove": ["debug"]})


class WebsocketConfig(Table):
    """Whether and how a route takes WebSockets."""

    enabled: Flag = key(False, "Whether WebSocket handshakes are forwarded; else they are answered 403.", True)
    mode: Annotated[Literal["tunnel"], choice("tunnel")] = key(
        "tunnel", "`tunnel`: bytes are passed on as they are.", "tunnel"
    )
    origins: tuple[Origin, ...] = key(
        [], "Origins that may open one; none written: every origin.", ["https://app.example.org"]
    )
    idle: Timeout = key("10m", "How long nothing may move before it is closed.", "1h")


class OwnLimits(Table):
    """Limits that replace those of the gateway."""

    body: SizeOrOff = key(None, "Largest request body. Left out: what `defaults`, else the gateway, says.", "100MiB")

    model_config = ConfigDict(validate_default=False)


class RouteConfig(Table):
    """A rule: which requests it takes, and what answers: one of service, split, respond, redirect, app and admin."""

    name: Name = key(REQUIRED, "Its name: unique, and a label of metrics.", "users")
    match: Match = section(
        Match, "Which requests it takes; left out: every request.", {"path": "/users/**", "methods": ["GET"]}
    )
    priority: Priority = key(0, "Decides between routes that are equally specific; the higher one wins.", 10)
    service: Name | None = key(None, "The service that requests are forwarded to.", "users")
    split: SplitConfig | None = key(
        None,
        "The services that requests are divided among.",
        {"to": [{"service": "users", "weight": 95}, {"service": "users-next", "weight": 5}], "sticky": "release"},
    )
    respond: RespondConfig | None = key(None, "A fixed response.", {"status": 404, "body": "Nothing here."})
    redirect: RedirectConfig | None = key(None, "A redirect.", {"location": "https://www.example.org/", "status": 302})
    app: ApplicationName | None = key(
        None,
        "An aiohttp application that answers in the workers, one instance in each: `module:factory`. Modules are "
        "looked for where Python looks, then beside the table.",
        "shop:make_app",
    )
    admin: Annotated[Literal["health"], choice("health")] | None = key(
        None, "`health`: the health resources of the admin API answer.", "health"
    )
    rewrite: RewriteConfig | None = key(
        None, "How a request is changed on its way upstream.", {"strip_prefix": "/api/v1"}
    )
    websocket: WebsocketConfig | None = key(
        None, "Whether WebSockets are taken; left out: they are not.", {"enabled": True}
    )
    filters: FilterList = key(
        None,
        "The filters that its exchanges pass, in this order, and back in the reverse one. Each is a filter, the name "
        "of one of the table, or `defaults` for those of all routes. Left out: what `defaults.filters` says.",
        ["defaults", {"request_headers": {"remove": ["X-Debug"]}}],
    )
    mirror: MirrorConfig | None = key(
        None, "Copies of its requests, to another service.", {"service": "users-next", "share": "5%"}
    )
    security_headers: Annotated[SecurityHeadersConfig | None, OrOff()] = key(
        None,
        "Fields for browsers on the answers of this route, or `off`. What is left out is as the gateway says.",
        {"csp": "default-src 'self'"},
    )
    limits: OwnLimits = section(OwnLimits, "Limits of this route.", {"body": "100MiB"})
    timeouts: OwnTimeouts = section(OwnTimeouts, "Timeouts of this route.", {"response": "2m"})
    retries: Annotated[OwnRetries | None, OrOff()] = key(
        None,
        "Retries of this route, or `off`. Left out: what `defaults`, else the service, says.",
        {"max": 2},
    )
    allow_encoded_slash: Flag = key(False, "Let `%2F` pass in the path; else it is answered 400.", True)
    allow_empty_segments: Flag = key(False, "Let `//` pass in the path; else it is answered 400.", True)


class Defaults(Table):
    """What all routes have that do not say otherwise."""

    filters: FilterList = key(
        [],
        "The filters of all routes that do not list their own.",
        [{"request_headers": {"remove": ["X-Debug"]}}],
    )
    timeouts: OwnTimeouts = section(OwnTimeouts, "Timeouts of all routes.", {"response": "10s"})
    retries: Annotated[OwnRetries | None, OrOff()] = key(
        None,
        "Retries of all routes whose service does not say `off`. Left out: what the service says.",
        {"max": 2},
    )
    limits: OwnLimits = section(OwnLimits, "Limits of all routes.", {"body": "1MiB"})


class Config(Table):
    """The route table of Orion Gateway."""

    version: Version = key(REQUIRED, "Version of the table's format.", 1)
    include: tuple[Text, ...] = key(
        [],
        "Files whose services and routes are added; relative to this file, `*` is understood.",
        ["routes.d/*.yaml"],
    )
    gateway: Gateway = section(Gateway, "What concerns the gateway as a whole.", {"workers": 2})
    listeners: tuple[Listener, ...] = Field(
        min_length=1,
        description="The addresses that clients connect to.",
        examples=[[{"name": "http", "bind": "127.0.0.1:8080"}]],
    )
    services: dict[Name, ServiceConfig] = key(
        {},
        "The services, by name.",
        {"users": {"endpoints": [{"url": "http://127.0.0.1:3002"}]}},
    )
    filters: dict[Name, FilterConfig] = key(
        {},
        "Filters that routes use by name; each has one state wherever it is used.",
        {"tidy": {"request_headers": {"remove": ["X-Debug"]}}},
    )
    defaults: Defaults = section(
        Defaults, "What all routes have that do not say otherwise.", {"timeouts": {"response": "10s"}}
    )
    routes: tuple[RouteConfig, ...] = key(
        [],
        "The routes. The most specific one wins, whatever their order.",
        [{"name": "users", "match": {"path": "/users/**"}, "service": "users"}],
    )
