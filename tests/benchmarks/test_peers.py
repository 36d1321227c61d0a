"""The contract of peers, run over all that are installed: each does the work that it is charged for, and no other.

Only nginx is required. Whoever else is not on this machine is no case here, as a benchmark leaves it out as well.
"""

from __future__ import annotations

import http.client
import os
import tempfile
import threading
from contextlib import AbstractContextManager, ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.peers import PEERS, QUICK
from benchmarks.peers.peer import Site
from benchmarks.processes import NotInstalledError, Probe, UnfitError, free_port, serving
from benchmarks.scenarios.scenario import Work, name_route
from benchmarks.scenarios.small_get import SMALL_GET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BODY = SMALL_GET.body
TRANSPARENT = {"direct", "relay"}
REQUIRED = {"nginx"}
ADDED = {
    "via",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-request-id",
    "traceparent",
}
EVERYTHING = (Work(routes=3, endpoints=3), Work(routes=3), Work())
NOTHING = Work(adds_fields=False, logs=False)


def make_site(directory: Path, work: Work, upstream_ports: tuple[int, ...] = (1, 2, 3)) -> Site:
    return Site(directory, free_port(), upstream_ports[: work.endpoints], work)


def find_cases() -> Iterator[tuple[str, Work]]:
    """Every peer with nothing to do besides forwarding, and with as much as it is fit for."""
    for name, prepare in PEERS.items():
        for alternatives in (EVERYTHING, (NOTHING,)):
            for work in alternatives:
                with tempfile.TemporaryDirectory() as directory:
                    try:
                        prepare(make_site(Path(directory), work))
                    except UnfitError:
                        continue
                    except NotInstalledError:
                        if name not in REQUIRED:
                            break
                yield name, work
                break


def name_case(case: object) -> str:
    if isinstance(case, Work):
        return f"{'full' if case.adds_fields else 'plain'}-{case.routes}-{case.endpoints}"
    return str(case)


class Upstream(ThreadingHTTPServer):
    """Answer the scenario's body; keep the requests, the fields of the last one by lower-case name, and the clients."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.fields: dict[str, str] = {}
        self.targets: list[str] = []
        self.connections: set[int] = set()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and content in one write: two of them meet the delayed acknowledgement, 40 ms each time
    server: Upstream

    def do_GET(self) -> None:
        self.server.fields = {name.lower(): value for name, value in self.headers.items()}
        self.server.targets.append(self.path)
        self.server.connections.add(self.client_address[1])
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@contextmanager
def upstream() -> Iterator[Upstream]:
    """Run an upstream while the block runs."""
    with Upstream() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def fetch(port: int, target: str, fields: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
    """Ask once; return status, content and the answer's fields by lower-case name."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5.0)
    try:
        connection.request("GET", target, headers=fields)
        response = connection.getresponse()
        return response.status, response.read(), {name.lower(): value for name, value in response.getheaders()}
    finally:
        connection.close()


@pytest.mark.parametrize(("name", "work"), list(find_cases()), ids=name_case)
def test_a_peer_forwards_everything_and_does_its_share_of_work(
    name: str, work: Work, tmp_path: Path, missing_skips: Callable[[], AbstractContextManager[None]]
) -> None:
    """No peer looks fast because it drops fields, leaves out work of the others, or opens no routes and endpoints."""
    with ExitStack() as stack:
        upstreams = [stack.enter_context(upstream()) for _ in range(3)]
        first, *others = upstreams
        site = make_site(tmp_path, work, tuple(one.port for one in upstreams))
        with missing_skips():
            command = PEERS[name](site)
        if not command:
            return
        prefix = name_route(work.routes - 1) if work.routes > 1 else ""
        target = prefix + SMALL_GET.target
        stack.enter_context(serving(command, tmp_path, min(os.sched_getaffinity(0)), Probe(site.port, target, BODY)))
        for _ in range(8):
            status, body, answered = fetch(site.port, target, dict(SMALL_GET.fields))
        unknown = fetch(site.port, "/elsewhere", {})[0] if work.routes > 1 else 404
        # A client that ends its connection does not end the one to the upstream.
        first.connections.clear()
        closing = {**dict(SMALL_GET.fields), "Connection": "close"}
        assert all(fetch(site.port, target, closing)[0] == 200 for _ in range(3 * work.endpoints))
    assert (status, body, unknown) == (200, BODY, 404)
    assert set(first.targets) == {target}
    assert all(one.targets for one in others[: work.endpoints - 1])
    assert not any(one.targets for one in others[work.endpoints - 1 :])
    assert_fields(name, site, first.fields, answered)
    if name not in TRANSPARENT:
        assert len(first.connections) == 1, "no connection to the upstream was kept"


def assert_fields(name: str, site: Site, seen: dict[str, str], answered: dict[str, str]) -> None:
    """The upstream saw the client's fields, and the added ones exactly when they are part of the work."""
    sent = {key.lower(): value for key, value in SMALL_GET.fields if key != "Connection"}
    assert {key: seen.get(key) for key in sent} == sent
    assert seen["host"] == f"127.0.0.1:{site.port}"
    if name in TRANSPARENT or not site.work.adds_fields:
        assert not ADDED & seen.keys()
        assert "x-request-id" not in answered
    else:
        assert not ADDED - seen.keys()
        assert seen["x-forwarded-for"] == "127.0.0.1"
        assert seen["x-request-id"]
        assert answered["x-request-id"]
        assert len(seen["traceparent"].split("-")[1]) == 32
    if name in TRANSPARENT or not site.work.logs:
        assert not site.access_log.exists() or not site.access_log.read_text()
    else:
        assert SMALL_GET.target.partition("?")[0] in site.access_log.read_text()


def test_a_quick_run_measures_known_peers_and_the_reference() -> None:
    """A quick run can give ratios and added latency."""
    assert {"direct", "nginx"} <= set(QUICK) <= set(PEERS)
