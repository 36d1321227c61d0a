"""The composition root: reads the configuration and hands each part the few values it needs.

The only file that imports every package. With `assembly`, which makes routes and services, it is the only one that sees
the configuration model.
"""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import stat
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import structlog
import uvloop

from orion_gateway.admin.access import AdminRules, Token
from orion_gateway.admin.state import WorkerState
from orion_gateway.assembly import build_application_services, build_routes, build_services
from orion_gateway.build import REMEDY, find_stale, name_build
from orion_gateway.config.run_dir import ADMIN_SOCKET, find_run_dir
from orion_gateway.control.file_watch import BrokenFileError, WatchedFile
from orion_gateway.control.limits import count_processors, raise_descriptor_limit
from orion_gateway.control.listeners import PRIVATE, PUBLIC, Listener
from orion_gateway.control.messages import Drain, ListenerPlace, Snapshot
from orion_gateway.control.supervisor import DrainSettings, Plan, Supervisor
from orion_gateway.control.worker import Worker
from orion_gateway.filter_assembly import build_base_filters, build_network_set
from orion_gateway.http1.fields import ForwardedRules
from orion_gateway.http1.head import HeadLimits
from orion_gateway.proxy.deadline import ClientTimeouts
from orion_gateway.proxy.plane import ADMIN_SERVICE, DataPlane, PlaneSettings, is_of_table
from orion_gateway.routing.table import RouteTable
from orion_gateway.telemetry.access_log import AccessLog, AccessLogSettings, open_descriptor
from orion_gateway.telemetry.log import configure_log, log_loop_exception
from orion_gateway.values import Endpoint, Service

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orion_gateway.config.load import Loaded
    from orion_gateway.config.model import Gateway
    from orion_gateway.control.care import Care
    from orion_gateway.control.judge import Judge
    from orion_gateway.control.messages import Explained, Message
    from orion_gateway.control.reports import FilterReports
    from orion_gateway.control.worker import Tell
    from orion_gateway.explanation.answer import Answer, Asked
    from orion_gateway.telemetry.totals import Totals
    from orion_gateway.values import CircuitState, FilterUse

HEALTH_SOCKET = "health.sock"

log = structlog.get_logger()


# -- the supervisor ----------------------------------------------------------------------------------------------------


class StartError(Exception):
    """The gateway cannot start; the message says why, for the person who started it."""


def build_plan(loaded: Loaded, run_dir: Path, workers: int, descriptors: int) -> Plan:
    """Return what the supervisor needs; `workers` processes, each with `descriptors` descriptors."""
    gateway = loaded.config.gateway
    routes = build_routes(loaded)
    services = tuple(build_services(loaded, workers).values())
    applications = build_application_services(loaded, workers)
    # The name in Via is this gateway's own, so that a request that comes back to it is known (RFC 9110, section 7.6.3).
    settings = _build_settings(gateway, f"orion-{secrets.token_hex(4)}", build_base_filters(loaded))
    drain = gateway.drain
    per_client = gateway.limits.per_client

    def make_snapshot(places: tuple[ListenerPlace, ...]) -> Snapshot:
        return Snapshot(
            generation=1,
            table=RouteTable(routes),
            services=(*services, *applications, _admin_service(run_dir)),
            settings=settings,
            access_log=_build_access_log(gateway),
            listeners=places,
            workers=workers,
            descriptors=descriptors,
            max_connections=gateway.limits.connections,
            # Rounded up: a client whose connections all come to one worker is not refused below the limit's share.
            max_per_client=None if per_client is None else -(-per_client // workers),
            orphan_drain=Drain(drain.timeout, drain.spread),
        )

    def make_care(send: Callable[[Message], None], totals: Totals) -> Care:
        # Workers read this module too, and need none of what checks and circuits import.
        from orion_gateway.control.care import Care

        return Care(services, send, totals, _make_rng())

    return Plan(
        workers=workers,
        drain=DrainSettings(drain.delay, drain.timeout, drain.spread),
        make_snapshot=make_snapshot,
        make_care=make_care,
        files=[
            WatchedFile(path, build_network_set(networks), _read_network_set)
            for path, networks in loaded.network_lists.items()
        ],
    )


def _read_network_set(path: str) -> object:
    """Read a list of networks again, as the table's reader did.

    Raises:
        BrokenFileError: it cannot be read, or a line of it is wrong.
    """
    # Workers read this module too, and need nothing of the configuration.
    from orion_gateway.config.errors import render_concise
    from orion_gateway.config.load import read_network_list
    from orion_gateway.config.variables import UnreadableError

    try:
        found = read_network_list(Path(path), path)
    except UnreadableError as error:
        raise BrokenFileError(str(error)) from None
    if found.findings:
        more = f" (and {len(found.findings) - 1} more)" if len(found.findings) > 1 else ""
        raise BrokenFileError(f"{render_concise(found.findings[0])}{more}")
    return build_network_set(found)


def run_gateway(loaded: Loaded, environ: Mapping[str, str]) -> int:
    """Run the gateway in the foreground until it is stopped; return the exit code.

    Raises StartError when an address or a file cannot be used, or an application cannot be loaded.
    """
    _open_standard_streams()
    _try_applications(loaded, environ)
    configure_log("supervisor")
    with asyncio.Runner(loop_factory=_make_loop) as runner:
        return runner.run(_run_gateway(loaded, environ))


async def _run_gateway(loaded: Loaded, environ: Mapping[str, str]) -> int:
    # Workers read this module too, and need none of aiohttp's 10 MB.
    from orion_gateway.admin.app import build_admin, build_health, serving

    gateway = loaded.config.gateway
    run_dir = find_run_dir(gateway.run_dir, environ, os.getuid())
    _make_run_dir(run_dir)
    _try_access_log(gateway.access_log.path)
    plan = build_plan(loaded, run_dir, gateway.workers or count_processors(), raise_descriptor_limit())
    async with AsyncExitStack() as stack:

        def listen(name: str, bind: str, mode: int = PUBLIC) -> Listener:
            try:
                listener = Listener(name, bind, mode)
            except OSError as error:
                reason = error.strerror or str(error)
                raise StartError(f"listener {name!r} cannot listen on {bind}: {reason}") from error
            stack.callback(listener.close)
            return listener

        private = listen("admin", f"unix:{run_dir / ADMIN_SOCKET}", PRIVATE)
        health = listen("health", f"unix:{run_dir / HEALTH_SOCKET}", PRIVATE)
        # Whoever reaches a Unix socket may do everything, so this one is private too.
        admin = listen("admin", str(gateway.admin.bind), PRIVATE)
        supervisor = Supervisor(
            plan, [listen(listener.name, str(listener.bind)) for listener in loaded.config.listeners]
        )
        supervisor.handle_signals()
        state = _State(supervisor, loaded)
        await stack.enter_async_context(serving(build_health(state), [health.socket]))
        await stack.enter_async_context(
            serving(build_admin(state, _build_rules(gateway)), [private.socket, admin.socket])
        )
        for name, address in supervisor.addresses:
            log.info("listening", listener=name, address=address)
        _tell_build()
        log.info("admin", address=admin.address, socket=str(run_dir / ADMIN_SOCKET))
        return await supervisor.run()


def _tell_build() -> None:
    """Say which build the workers run."""
    log.info("data plane", build=name_build())
    stale = find_stale()
    if stale:
        log.warning(f"compiled modules are older than their sources: {REMEDY}", modules=stale)


class _State:
    """The supervisor as the admin API sees it."""

    def __init__(self, supervisor: Supervisor, loaded: Loaded) -> None:
        self._supervisor = supervisor
        self._loaded = loaded
        self.totals = supervisor.totals

    @property
    def is_draining(self) -> bool:
        return self._supervisor.is_draining

    @property
    def generation(self) -> int:
        return self._supervisor.snapshot.generation

    @property
    def worker_states(self) -> list[WorkerState]:
        return [
            WorkerState(slot.number, slot.process.pid if slot.process else 0, slot.generation, slot.is_ready)
            for slot in self._supervisor.workers
        ]

    @property
    def services(self) -> tuple[Service, ...]:
        return tuple(service for service in self._supervisor.snapshot.services if is_of_table(service.name))

    @property
    def addresses(self) -> Sequence[tuple[str, str]]:
        return self._supervisor.addresses

    @property
    def judge(self) -> Judge:
        return self._supervisor.care.judge

    @property
    def reports(self) -> FilterReports:
        return self._supervisor.reports

    async def collect(self) -> None:
        await self._supervisor.collect()

    def begin_drain(self) -> None:
        self._supervisor.begin_drain()

    def force_circuit(self, service: str, state: CircuitState | None) -> None:
        self._supervisor.care.force_circuit(service, state)

    def reset_circuit(self, service: str) -> None:
        self._supervisor.care.reset_circuit(service)

    def find_answer(self, asked: Asked) -> Answer:
        from orion_gateway.explanation.answer import find_answer

        return find_answer(self._loaded, self._supervisor.snapshot.table, asked)

    async def explain(self, service: str, key: bytes, token: bytes) -> Mapping[int, Explained]:
        return await self._supervisor.explain(service, key, token)


def _build_settings(gateway: Gateway, pseudonym: str, base_filters: tuple[FilterUse, ...]) -> PlaneSettings:
    limits, timeouts, forwarded = gateway.limits, gateway.timeouts, gateway.forwarded
    return PlaneSettings(
        base_filters=base_filters,
        head_limits=HeadLimits(
            limits.request_line, limits.header_section, limits.header_fields, gateway.underscore_fields
        ),
        client_timeouts=ClientTimeouts(
            request_header=timeouts.request_header,
            keep_alive=timeouts.keep_alive,
            body_idle=timeouts.request_body_idle,
            body_min_rate=timeouts.request_body_min_rate,
            write_idle=timeouts.write_idle,
        ),
        forwarded=ForwardedRules(
            via=forwarded.via,
            x_forwarded=forwarded.x_forwarded,
            forwarded=forwarded.forwarded,
            request_id=forwarded.request_id,
            traceparent=forwarded.traceparent,
            trusted=gateway.trusted_proxies,
            pseudonym=pseudonym.encode("ascii"),
        ),
        client_eof=gateway.client_eof,
        is_development=gateway.environment == "development",
    )


def _build_access_log(gateway: Gateway) -> AccessLogSettings:
    log_config = gateway.access_log
    return AccessLogSettings(
        path=log_config.path,
        format=log_config.format,
        sample=tuple((str(key), share) for key, share in log_config.sample.items()),
        min_duration=log_config.min_duration,
    )


def _build_rules(gateway: Gateway) -> AdminRules:
    tokens = tuple(
        Token(token.token.get_secret_value().encode(), frozenset(token.may)) for token in gateway.admin.tokens
    )
    return AdminRules(tokens=tokens, bound_host=gateway.admin.bind.host)


def _try_applications(loaded: Loaded, environ: Mapping[str, str]) -> None:
    """Load the applications once elsewhere: what the workers cannot load must be said before they start."""
    uses = [use for service in build_application_services(loaded) if (use := service.application) is not None]
    if not uses:
        return
    from orion_gateway.proxy.application_trial import find_failures

    failures = find_failures(uses, environ)
    if failures:
        raise StartError("\n".join(failures))


def _make_run_dir(run_dir: Path) -> None:
    """Make the run directory for this user alone; one in which somebody else could put a socket is not used."""
    try:
        run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A link into a directory of ours would do for whoever made it first.
        owners = {run_dir.lstat().st_uid, run_dir.stat().st_uid}
        mode = run_dir.stat().st_mode
    except OSError as error:
        raise StartError(f"the run directory {run_dir} cannot be used: {error.strerror}") from error
    if owners != {os.getuid()}:
        raise StartError(f"the run directory {run_dir} belongs to another user; set gateway.run_dir")
    if mode & stat.S_IWOTH:
        raise StartError(f"everybody may write to the run directory {run_dir}; set gateway.run_dir or change its mode")


def _try_access_log(path: str) -> None:
    """Open the access log once here: what the workers cannot open must be said before they start."""
    try:
        descriptor = open_descriptor(path)
    except OSError as error:
        raise StartError(f"the access log {path} cannot be opened: {error.strerror}") from error
    if descriptor is not None:
        os.close(descriptor)


def _admin_service(run_dir: Path) -> Service:
    path = str(run_dir / HEALTH_SOCKET)
    return Service(ADMIN_SERVICE, (Endpoint(url=f"unix:{path}", authority="localhost", path=path),))


# -- a worker ----------------------------------------------------------------------------------------------------------


def build_plane(snapshot: Snapshot, access_log: AccessLog, rng: Random, tell: Tell) -> DataPlane:
    """Return the data plane of a worker for one generation; `tell` takes its news for the supervisor."""
    return DataPlane(
        snapshot.table, snapshot.services, snapshot.settings, access_log, rng, tell, workers=snapshot.workers
    )


def run_worker(descriptor: int, number: int) -> int:
    """Run worker `number` on its end of the socket pair; return the exit code."""
    configure_log(f"worker {number}")
    with asyncio.Runner(loop_factory=_make_loop) as runner:
        return runner.run(Worker(number, build_plane, _make_rng(), _freeze).run(descriptor))


def _freeze() -> None:
    """Keep full collections from walking what lives as long as the process: 5 ms a time."""
    gc.collect()
    gc.freeze()


# -- both --------------------------------------------------------------------------------------------------------------


def _make_rng() -> Random:
    return Random(secrets.randbits(128))  # noqa: S311 (it spreads load and makes ids; nothing secret comes of it)


def _make_loop() -> asyncio.AbstractEventLoop:
    loop = uvloop.new_event_loop()
    loop.set_exception_handler(log_loop_exception)
    return loop


def _open_standard_streams() -> None:
    """Open /dev/null for what was closed: else the next socket would become stdout, and the access log go there."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
