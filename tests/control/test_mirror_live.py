"""A mirror from end to end: real processes, and what people ask of them."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

from click.testing import CliRunner

from orion_gateway.cli import main
from tests.control.running import Gateway, Upstream, running, table, until
from tests.harness.wire import refusing_port


def make_table(upstream: int, shadow: int) -> str:
    """Return a table whose service is mirrored and compared."""
    text = table(workers=2, upstream=upstream)
    route = next(line for line in text.splitlines() if "name: up" in line)
    service = next(line for line in text.splitlines() if line.startswith("  upstream:"))
    mirrored = route.replace("service: upstream}", "service: upstream, mirror: {service: shadow, compare: {}}}")
    shadow_service = f'  shadow: {{endpoints: [{{url: "http://127.0.0.1:{shadow}"}}]}}'
    return text.replace(route, mirrored).replace(service, f"{service}\n{shadow_service}")


def orion(gateway: Gateway, *arguments: str) -> tuple[int, str]:
    """Run a command with the gateway's table; return its exit code and what it says."""
    result = CliRunner().invoke(main, [*arguments, "-c", str(gateway.directory / "routes.yaml")])
    return result.exit_code, result.output


def report_of(gateway: Gateway) -> Any:
    """Return what the mirror has to tell."""
    status, content = gateway.admin("/filters/up/mirror")
    return json.loads(content)["report"] if status == 200 else {"equal": 0, "failed": {}}


def test_comparisons_of_all_workers_are_one_report_that_survives_them() -> None:
    """After a crash, the hours in which two services were compared would be lost."""
    primary, shadow = Upstream(), Upstream()
    primary.release()
    shadow.release()
    try:
        with running(make_table(primary.port, shadow.port), workers=2) as gateway:
            assert [gateway.get("/up/a")[0] for _ in range(20)] == [200] * 20
            until(lambda: report_of(gateway)["equal"] == 20, "comparisons")
            assert gateway.metric("orion_mirror_requests_total", route="up", outcome="equal") == 20
            workers = gateway.workers()
            for pid in workers:
                os.kill(pid, signal.SIGKILL)
            until(lambda: len(set(gateway.workers()) - set(workers)) == 2, "new workers")
            assert report_of(gateway)["equal"] == 20
            code, said = orion(gateway, "filters", "up")
            assert (code, said.splitlines()[:3]) == (0, ["up: mirror", "  compared: 20", "  equal: 20"])
    finally:
        primary.close()
        shadow.close()


def test_a_shadow_that_is_down_is_reported_and_no_client_sees_it() -> None:
    """People would think that all is equal because nothing differs."""
    primary = Upstream()
    primary.release()
    try:
        with running(make_table(primary.port, refusing_port()), workers=2) as gateway:
            assert [gateway.get("/up/a")[0] for _ in range(10)] == [200] * 10
            until(lambda: report_of(gateway)["failed"] == {"connection_refused": 10}, "failures")
    finally:
        primary.close()
