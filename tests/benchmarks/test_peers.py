"""The contract of peers, run over all of them: each does the work that it is charged for."""

from __future__ import annotations

import http.client
import os
import threading
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from benchmarks.peers import PEERS
from benchmarks.peers.peer import Site
from benchmarks.processes import Probe, free_port, serving
from benchmarks.scenarios.small_get import SMALL_GET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BODY = SMALL_GET.body.encode()
TRANSPARENT = {"direct", "relay"}
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


class Upstream(BaseHTTPRequestHandler):
    """Answer the scenario's body and keep the fields of the last request by lower-case name."""

    protocol_version = "HTTP/1.1"
    fields: dict[str, str]

    def do_GET(self) -> None:
        type(self).fields = {name.lower(): value for name, value in self.headers.items()}
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@contextmanager
def upstream() -> Iterator[int]:
    """Run an upstream; the block gets its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def fetch(port: int) -> tuple[bytes, dict[str, str]]:
    """Ask for the scenario's target with its fields; return content and the answer's fields by lower-case name."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5.0)
    try:
        connection.request("GET", SMALL_GET.target, headers=dict(SMALL_GET.fields))
        response = connection.getresponse()
        return response.read(), {name.lower(): value for name, value in response.getheaders()}
    finally:
        connection.close()


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_forwards_everything_and_does_its_share_of_work(
    name: str, tmp_path: Path, missing_skips: Callable[[], AbstractContextManager[None]]
) -> None:
    """No peer looks fast because it drops fields, or leaves out the ids, forwarded fields and log of the others."""
    with upstream() as upstream_port:
        site = Site(tmp_path, free_port(), upstream_port)
        with missing_skips():
            command = PEERS[name](site)
        if not command:
            assert fetch(upstream_port)[0] == BODY
            return
        probe = Probe(site.port, SMALL_GET.target, BODY)
        with serving(command, tmp_path, min(os.sched_getaffinity(0)), probe):
            body, answered = fetch(site.port)
    assert body == BODY
    sent = {key.lower(): value for key, value in SMALL_GET.fields if key != "Connection"}
    assert {key: Upstream.fields.get(key) for key in sent} == sent
    assert Upstream.fields["host"] == f"127.0.0.1:{site.port}"
    if name in TRANSPARENT:
        assert not ADDED & Upstream.fields.keys()
        return
    assert not ADDED - Upstream.fields.keys()
    assert Upstream.fields["x-forwarded-for"] == "127.0.0.1"
    assert answered["x-request-id"] == Upstream.fields["x-request-id"]
    assert SMALL_GET.target.partition("?")[0] in site.access_log.read_text()


def test_the_scenario_is_like_a_browser() -> None:
    """The header has the 12 fields, Host among them, on which the published figures stand."""
    assert len({name.lower() for name, _ in SMALL_GET.fields} | {"host"}) == 12
    assert not set("'$\\") & set(SMALL_GET.body), "nginx would read it as something else"
