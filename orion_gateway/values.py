"""The words that packages share: endpoints, services, routes, and how an exchange can end.

Everything here is plain data made once from the configuration. It imports only the standard library, is immutable
where it describes configuration, and can be pickled: the supervisor ships it to its workers.
Durations are float seconds, `None` where the table says `off`; sizes are bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Literal

HOP_BY_HOP = frozenset(
    [
        "connection",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)
"""Lower-case names of the fields that concern one connection (RFC 9110, section 7.6.1), with the Proxy-Auth fields of
section 11.7 and Proxy-Connection, which practice adds."""


class Reason(StrEnum):
    """Why the gateway answered itself or an exchange failed: one vocabulary for log, metrics, header and error body.

    The names are the proxy error types of RFC 9209, section 2.3, and a few of our own where it has none.
    """

    # Names registered by RFC 9209.
    CONNECTION_LIMIT_REACHED = "connection_limit_reached"
    CONNECTION_READ_TIMEOUT = "connection_read_timeout"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_TERMINATED = "connection_terminated"
    CONNECTION_TIMEOUT = "connection_timeout"
    CONNECTION_WRITE_TIMEOUT = "connection_write_timeout"
    DESTINATION_IP_UNROUTABLE = "destination_ip_unroutable"
    DESTINATION_NOT_FOUND = "destination_not_found"
    DESTINATION_UNAVAILABLE = "destination_unavailable"
    DNS_ERROR = "dns_error"
    HTTP_PROTOCOL_ERROR = "http_protocol_error"
    HTTP_REQUEST_DENIED = "http_request_denied"
    HTTP_REQUEST_ERROR = "http_request_error"
    HTTP_RESPONSE_HEADER_SECTION_SIZE = "http_response_header_section_size"
    HTTP_RESPONSE_INCOMPLETE = "http_response_incomplete"
    HTTP_RESPONSE_TIMEOUT = "http_response_timeout"
    HTTP_UPGRADE_FAILED = "http_upgrade_failed"
    PROXY_INTERNAL_ERROR = "proxy_internal_error"
    PROXY_LOOP_DETECTED = "proxy_loop_detected"
    TLS_CERTIFICATE_ERROR = "tls_certificate_error"
    TLS_PROTOCOL_ERROR = "tls_protocol_error"
    # Ours: they happen between the client and the gateway, which RFC 9209 does not name.
    CLIENT_GONE = "client_gone"
    CLIENT_WRITE_TIMEOUT = "client_write_timeout"
    DRAIN_CUT = "drain_cut"
    QUEUE_FULL = "queue_full"
    QUEUE_TIMEOUT = "queue_timeout"
    REQUEST_TIMEOUT = "request_timeout"
    REQUEST_TOO_LARGE = "request_too_large"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    WEBSOCKET_NOT_ENABLED = "websocket_not_enabled"
    # Ours: nothing was wrong with this request.
    CIRCUIT_OPEN = "circuit_open"
    FAULT_INJECTED = "fault_injected"


class Verdict(Enum):
    """How an attempt or an exchange ended, as balancers, ejection and circuits see it."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABANDONED = "abandoned"
    """The client left: no verdict about the endpoint."""
    REFUSED = "refused"
    """The gateway answered without an attempt: no verdict either."""


class Outcome:
    """What came of one attempt. Nobody changes it (freezing it would cost on the hot path)."""

    __slots__ = ("duration", "reason", "sent", "status", "verdict")

    def __init__(
        self,
        verdict: Verdict,
        reason: Reason | None = None,
        status: int = 0,
        duration: float = 0.0,
        sent: bool = False,
    ) -> None:
        self.verdict = verdict
        self.reason = reason
        self.status = status
        """The upstream's, 0 without a response head."""
        self.duration = duration
        """In seconds."""
        self.sent = sent
        """Whether any byte of the request may have reached the endpoint."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the gateway's own, that a filter gives.

    `content` None, with a status from 400: the error body of the gateway, in the format that the client accepts, with
    `message` and `reason`.
    """

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content: bytes | None = None
    message: str = ""
    """A sentence for the client; empty: the reason's own."""
    reason: Reason = Reason.HTTP_REQUEST_DENIED


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the table a setting stands: file as the user named it, line and column from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Endpoint:
    """One address of a service, with the live counts of this worker. Two are equal only when they are one.

    `host` and `port` or `path` (a Unix socket) say where; `authority` is what its Host field would be;
    `base_path` is put before the request's path, `""` for none, never ending in `/`.
    """

    __slots__ = (
        "authority",
        "base_path",
        "cap",
        "host",
        "in_flight",
        "is_suspect",
        "max_in_flight",
        "metadata",
        "path",
        "port",
        "tls",
        "url",
        "weight",
    )

    def __init__(
        self,
        url: str,
        authority: str,
        host: str = "",
        port: int = 0,
        path: str = "",
        tls: bool = False,
        base_path: str = "",
        weight: int = 1,
        metadata: tuple[tuple[str, str], ...] = (),
        max_in_flight: int = 1024,
        in_flight: int = 0,
    ) -> None:
        self.url = url
        self.authority = authority
        self.host = host
        self.port = port
        self.path = path
        self.tls = tls
        self.base_path = base_path
        self.weight = weight
        self.metadata = metadata
        self.max_in_flight = max_in_flight
        self.in_flight = in_flight
        self.cap = max_in_flight
        """What policies compare `in_flight` to: `max_in_flight`, or 0 while this endpoint is to be passed over."""
        self.is_suspect = False
        """Failures of it are being counted: the supervisor wants to hear of its next success."""

    @property
    def is_full(self) -> bool:
        """Whether it has as many exchanges as it may."""
        return self.in_flight >= self.max_in_flight


class Health(Enum):
    """What active checks say of an endpoint; without checks every endpoint is up."""

    UNKNOWN = "unknown"
    """Not checked yet."""
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Standing:
    """How an endpoint stands, as the supervisor judges it and tells the workers. Times are monotonic seconds."""

    health: Health = Health.UP
    is_ejected: bool = False
    is_suspect: bool = False
    """Failures are being counted: whoever sees a success says so at once."""
    back_since: float = 0.0
    """Since when it is back after it was down or ejected, for slow start; 0: it was never away."""


class CircuitState(Enum):
    """CLOSED passes, OPEN refuses, HALF_OPEN tries."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class CircuitView:
    """What a worker knows of a circuit. Times are monotonic seconds."""

    state: CircuitState = CircuitState.CLOSED
    epoch: int = 0
    """One more after each transition: what was admitted under an earlier one is no verdict any more."""
    is_counting: bool = False
    """Failures are being counted: whoever sees a success says so at once."""
    tally: int = 0
    """One more each time counting begins: a success told during an earlier count says nothing about this one."""
    has_permits: bool = False
    """Half open, and a trial may be asked for."""
    is_forced: bool = False
    retry_at: float = 0.0
    """Open: when trials begin; 0 when nobody knows, because the state is forced."""
    back_since: float = 0.0
    """Closed: since when after having been open, for slow start; 0: it was never open."""


@dataclass(frozen=True, slots=True)
class UpstreamTimeouts:
    """Timeouts towards an endpoint; what a route leaves out is its service's."""

    connect: float | None = 3.0
    response: float | None = 30.0
    idle: float | None = 300.0
    total: float | None = None


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits per endpoint, already split over the workers. `max_idle` connections are kept for `idle` seconds."""

    max_idle: int = 128
    idle: float | None = 30.0
    max: int = 1024
    queue: int = 1024
    queue_timeout: float | None = 1.0


@dataclass(frozen=True, slots=True)
class KeySource:
    """What of a request a hashing policy binds it to: the client's address, a field, a cookie or the path."""

    kind: Literal["ip", "header", "cookie", "path"]
    name: str = ""
    """Of the field (lower case) or the cookie."""


@dataclass(frozen=True, slots=True)
class Balancing:
    """How an endpoint is chosen. `policy` is a name of `balancer.POLICIES`."""

    policy: str = "round_robin"
    key: KeySource | None = None
    bounded_load: float | None = None
    """How many times the average load an endpoint of a hashing policy may have; None for no bound."""
    sticky_cookie: str | None = None
    """The cookie that binds a client to its endpoint."""
    slow_start: float | None = None
    """Seconds in which an endpoint that has come back grows to its full share."""
    panic: Literal["passive", "use_all"] = "passive"


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How endpoints are asked whether they are well. `statuses` are ranges, both ends included."""

    path: str
    interval: float = 10.0
    timeout: float = 5.0
    rise: int = 2
    fall: int = 3
    statuses: tuple[tuple[int, int], ...] = ((200, 399),)
    host: str | None = None
    """The Host to say; None for the endpoint's."""
    port: int | None = None
    """The port to ask; None for the endpoint's."""


@dataclass(frozen=True, slots=True)
class OutlierRules:
    """When an endpoint is ejected for its failures, and for how many seconds."""

    consecutive_failures: int = 5
    interval: float = 10.0
    """For every so many seconds without an ejection one of the earlier ones is forgiven."""
    ejection: float = 30.0
    max_ejection: float = 300.0
    max_ejected: float = 0.5
    """Share of a service's endpoints; one may always be ejected."""


@dataclass(frozen=True, slots=True)
class CircuitRules:
    """When the circuit of a service opens, and how it closes again. `trip` is a name of `breaker.TRIPS`."""

    trip: str = "consecutive"
    failure_threshold: int = 5
    """Failures in a row, for `consecutive`."""
    threshold: float = 0.5
    """Share of failures in the window, for `error_rate`."""
    minimum_requests: int = 10
    window: float = 60.0
    success_threshold: int = 2
    open_for: float = 60.0
    half_open_requests: int = 1
    """Trials at a time."""
    trial_timeout: float = 60.0
    """Seconds after which a trial that nobody has heard of counts as failed."""
    fallback: Respond | ToService | None = None


@dataclass(frozen=True, slots=True)
class HedgeRules:
    """A second attempt for an answer that does not come: after `delay` seconds, None for the route's live p95."""

    delay: float | None = None


@dataclass(frozen=True, slots=True)
class RetryRules:
    """Which failed attempts of a route are repeated."""

    max: int = 1
    on: frozenset[str] = frozenset(["connect_failure", "reset_before_response", "502", "503", "504"])
    """`connect_failure`, `reset_before_response`, `response_timeout`, and statuses."""
    methods: frozenset[bytes] = frozenset([b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"])
    backoff: tuple[float, float] = (0.025, 0.25)
    """The first upper bound of the wait, doubled each time, and the last one."""
    buffer: int = 64 * 1024
    """Bytes of content kept for sending them again."""
    retry_after: float = 1.0
    """The longest Retry-After that is waited for; an answer that asks for more is passed on."""
    hedge: HedgeRules | None = None


@dataclass(frozen=True, slots=True)
class BudgetRules:
    """How many retries and hedges there may be: a share of the requests, or `minimum` per second if that is more."""

    share: float = 0.2
    minimum: float = 3.0


@dataclass(frozen=True, slots=True)
class ApplicationUse:
    """An aiohttp application that runs in the workers."""

    use: str
    """What makes it: `module:factory`."""
    folder: str
    """Where modules are looked for behind the installed ones: the table's own folder."""
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """A named group of endpoints."""

    name: str
    endpoints: tuple[Endpoint, ...]
    balancing: Balancing = field(default_factory=Balancing)
    health_check: HealthCheck | None = None
    outliers: OutlierRules | None = None
    circuit: CircuitRules | None = None
    budget: BudgetRules = field(default_factory=BudgetRules)
    timeouts: UpstreamTimeouts = field(default_factory=UpstreamTimeouts)
    connections: ConnectionLimits = field(default_factory=ConnectionLimits)
    application: ApplicationUse | None = None
    """What its one endpoint is when that is no address but an application in the worker."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a header field or a query parameter must be.

    `exact`: one of its values equals `value`; `regex`: one of its values matches the whole pattern `value`
    (RE2 syntax); `present`: it is there (`value` is "true") or not ("false").
    """

    name: str
    kind: Literal["exact", "regex", "present"]
    value: str


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """What a request must be for a route to take it. An empty tuple or `None` asks for nothing.

    `hosts` are lower-case names without port or final dot, or `*.` and such a name. At most one of `path` (segments,
    `{name}` for one segment, a final `/**`) and `path_regex` (matches the whole path) is set.
    """

    hosts: tuple[str, ...] = ()
    path: str | None = None
    path_regex: str | None = None
    methods: tuple[str, ...] = ()
    headers: tuple[Condition, ...] = ()
    query: tuple[Condition, ...] = ()
    listeners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToService:
    """Forward to a service."""

    service: str


@dataclass(frozen=True, slots=True)
class Target:
    """A service that a route forwards to, with its share and what its exchanges have on this route."""

    service: str
    weight: int = 1
    timeouts: UpstreamTimeouts = field(default_factory=UpstreamTimeouts)
    retries: RetryRules | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """Forward to one of several services, each as often as its weight says; one weight at least is above 0."""

    to: tuple[Target, ...]
    cookie: str | None = None
    """The cookie that keeps a client at the service that it was assigned; None: each request is drawn anew."""


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer with a fixed response."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Answer with a redirect; `location` may hold `${request.host}`, `.path`, `.query` and `.target`."""

    location: str
    status: int = 308


@dataclass(frozen=True, slots=True)
class ToAdmin:
    """Answer with an admin resource of the supervisor; only `health` may be public."""

    resource: Literal["health"]


@dataclass(frozen=True, slots=True)
class ToApplication:
    """Let an aiohttp application in the worker answer; `use` is its `module:factory`."""

    use: str

    @property
    def service(self) -> str:
        """The name of the service that it is behind."""
        return f"_app:{self.use}"


Action = ToService | Split | Respond | Redirect | ToApplication | ToAdmin


@dataclass(frozen=True, slots=True)
class Rewrite:
    """How the request target and Host change on the way. At most one of the first three is set.

    `regex` is (pattern, replacement with `\\1`); the query string is kept but for what `query_set` and
    `query_remove` change.
    """

    strip_prefix: str | None = None
    path: str | None = None
    regex: tuple[str, str] | None = None
    host_upstream: bool = False
    query_set: tuple[tuple[str, str], ...] = ()
    query_remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Websocket:
    """What a route that takes WebSockets allows. `idle` ends a tunnel on which nothing moved."""

    origins: tuple[str, ...] = ()
    idle: float | None = 600.0


@dataclass(frozen=True, slots=True)
class FilterUse:
    """A filter in the list of a route. `kind` is a name of `filters.FILTERS`, `rules` what its class is made with."""

    kind: str
    rules: object
    name: str
    """What metrics and logs call it: its name in the table, else its kind, with a number when there are several."""
    is_named: bool = False
    """It has one state wherever it is used."""
    enforce: bool = True
    """False: it only counts and logs what it would have decided."""
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One route of the table, with everything that has a default filled in. `place` is where it stands."""

    name: str
    match: RouteMatch
    action: Action
    place: Place | None = None
    priority: int = 0
    rewrite: Rewrite | None = None
    websocket: Websocket | None = None
    filters: tuple[FilterUse, ...] = ()
    body_limit: int | None = 10 * 1024 * 1024
    timeouts: UpstreamTimeouts = field(default_factory=UpstreamTimeouts)
    """Towards its service; each target of a split has its own, as with `retries`."""
    retries: RetryRules | None = None
    allow_encoded_slash: bool = False
    allow_empty_segments: bool = False

    @property
    def targets(self) -> tuple[Target, ...]:
        """The services that its requests are forwarded to; several when it splits them, none when it answers itself."""
        match self.action:
            case ToService(service):
                return (Target(service, timeouts=self.timeouts, retries=self.retries),)
            case Split(to):
                return to
        return ()
