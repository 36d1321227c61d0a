"""Applications in the running program: beside the table, one in each worker, told clearly when they cannot run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.control.running import Gateway, fetch, running, table, until

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "application"

MARKING = """\
import os
from pathlib import Path
from aiohttp import web

async def answer(request):
    return web.Response(text=f"{os.getpid()}")

async def mark(app):
    Path("DIR", f"started-{os.getpid()}").touch()
    yield
    Path("DIR", f"stopped-{os.getpid()}").touch()

def make_app():
    app = web.Application()
    app.cleanup_ctx.append(mark)
    app.router.add_get("/app/pid", answer)
    return app
"""
ROUTE = '  - {name: app, match: {path: "/app/**"}, app: "marking:make_app"}\n'


def marks(gateway: Gateway, what: str) -> set[int]:
    """Return the processes that left a mark."""
    return {int(path.name.partition("-")[2]) for path in gateway.directory.glob(f"{what}-*")}


def with_directory(text: str) -> str:
    """Return a module whose `DIR` is the directory that it lies in."""
    return text.replace('"DIR"', "os.path.dirname(__file__)")


def test_each_worker_starts_one_before_it_serves_and_stops_it_when_it_leaves() -> None:
    """Requests would come before the database is connected; what was not written would be lost at each stop."""
    files = {"marking.py": with_directory(MARKING)}
    with running(table(workers=2) + ROUTE, workers=2, files=files) as gateway:
        workers = set(gateway.workers())
        assert marks(gateway, "started") == workers, "and it is started nowhere else"
        status, content = gateway.get("/app/pid")
        assert status == 200
        assert int(content) in workers
        assert gateway.get("/app/none")[0] == 404
        assert gateway.get("/hello") == (200, b"hello")
        assert gateway.metric("orion_upstream_attempts_total", service="_app:marking:make_app") == 2
        assert b"_app:" not in gateway.admin("/services")[1], "nobody can change it there"
        assert marks(gateway, "stopped") == set()
        gateway.signal()
        assert gateway.wait() == 0
        assert marks(gateway, "stopped") == workers


def test_the_example_runs() -> None:
    """The first thing that a newcomer tries would not work."""
    text = (EXAMPLE / "routes.yaml").read_text().replace("127.0.0.1:8080", "127.0.0.1:0")
    text = text.replace("  workers: 1", '  workers: 1\n  run_dir: "DIR/run"\n  admin: {bind: "127.0.0.1:0"}')
    with running(text, files={"notes.py": (EXAMPLE / "notes.py").read_text()}) as gateway:
        assert fetch(gateway.port, "/notes") == (200, b'{"notes": []}')
        assert fetch(gateway.port, "/health/live")[0] == 200


def refuse(route: str, files: dict[str, str]) -> str:
    """Run with a table that must not start; return what it says."""
    with running(table() + route, wait=False, files=files) as gateway:
        assert gateway.wait() == 2
        return (gateway.directory / "stderr").read_text().replace(str(gateway.directory.resolve()), "DIR")


def test_one_that_is_not_there_stops_the_start_with_its_place() -> None:
    """Workers would die one after another, and nobody would know which line of the table is wrong."""
    two = ROUTE + ROUTE.replace("app, ", "two, ").replace("/app", "/two").replace("marking", "missing")
    line = len(table().splitlines()) + 1
    assert refuse(two, {}) == (
        f'orion: cannot start: routes.yaml:{line}: the application "marking:make_app" cannot be loaded: '
        'there is no module "marking" (it was looked for where Python finds modules, then in DIR)\n'
        f'routes.yaml:{line + 1}: the application "missing:make_app" cannot be loaded: '
        'there is no module "missing" (it was looked for where Python finds modules, then in DIR)\n'
    )


def test_one_that_raises_stops_the_start_and_shows_where() -> None:
    """The developer would have to guess."""
    said = refuse(ROUTE, {"marking.py": "print('noise')\ndef make_app():\n    return 1 / 0\n"})
    assert 'cannot be loaded: "make_app" failed: ZeroDivisionError: division by zero (at DIR/marking.py:3)' in said
    assert said.count("Traceback") == 1


def test_one_that_ends_the_process_stops_the_start() -> None:
    """The gateway itself would be gone without a word."""
    said = refuse(ROUTE, {"marking.py": "import os\nos._exit(7)\n"})
    assert "loading ended the process with exit code 7" in said
    assert "Traceback" not in said


def test_one_that_cannot_be_started_is_told_by_its_worker_and_the_gateway_gives_up() -> None:
    """Workers would be started for ever, and whoever deploys would wait for a gateway that never serves."""
    module = with_directory(MARKING).replace(
        "    yield\n", "    raise ConnectionRefusedError('no database')\n    yield\n"
    )
    with running(table() + ROUTE, wait=False, files={"marking.py": module}) as gateway:
        assert gateway.wait() == 2
        lines = [line for line in gateway.log if "an application cannot be started" in line["event"]]
        assert len(lines) == 5
        place = f"routes.yaml:{len(table().splitlines()) + 1}"
        assert lines[0]["event"].startswith(f"{place}: an application cannot be started: its start failed:")
        assert "no database" in lines[0]["event"]
        assert not gateway.events("worker serves")


def test_a_worker_that_is_told_to_leave_while_one_starts_leaves() -> None:
    """A gateway that hangs at its start could only be killed."""
    module = with_directory(MARKING).replace("    yield\n", "    await asyncio.sleep(60)\n    yield\n")
    with running(table() + ROUTE, wait=False, files={"marking.py": "import asyncio\n" + module}) as gateway:
        until(lambda: marks(gateway, "started"), "a worker that starts")
        gateway.signal()
        assert gateway.wait() == 0
        assert not gateway.events("worker serves")


def test_workers_without_applications_do_not_import_aiohttp() -> None:
    """Each worker of each gateway would be 10 MB larger."""
    program = (
        "import sys, orion_gateway.app, orion_gateway.proxy.plane, orion_gateway.references\n"
        "assert 'aiohttp' not in sys.modules, sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
