"""Run the gateway and both backends on embedded defaults until Ctrl-C, and say what to try. What `make run` starts."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "config" / "routes.yaml"
LOGS = ROOT / "var" / "log"
START_TIMEOUT = 30.0
STOP_TIMEOUT = 20.0


@dataclass(slots=True)
class Program:
    """One of the programs: what it is called, what starts it, where it answers."""

    name: str
    command: list[str]
    url: str
    ready: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """Where it logs."""
        return LOGS / f"{self.name}.log"


def list_programs() -> list[Program]:
    """Return the programs in the order in which they start; ports follow the variables that the programs read."""
    users = f"http://127.0.0.1:{os.environ.get('USER_SERVICE_PORT', '3002')}"
    notifications = f"http://127.0.0.1:{os.environ.get('NOTIFICATION_SERVICE_PORT', '3003')}"
    gateway = f"http://127.0.0.1:{os.environ.get('PORT', '8080')}"
    python = sys.executable
    return [
        Program("users", [python, "-m", "backends.users"], users, "/health/ready"),
        Program("notifications", [python, "-m", "backends.notifications"], notifications, "/health/ready"),
        Program("gateway", [python, "-m", "orion_gateway", "run", "--config", str(TABLE)], gateway, "/health/ready"),
    ]


def main() -> int:
    """Start everything, wait, stop everything; return 0 when it ended by Ctrl-C or SIGTERM."""
    programs = list_programs()
    LOGS.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, _interrupt)
    environment = dict(os.environ)
    environment.setdefault("USER_SERVICE_URL", programs[0].url)
    environment.setdefault("AUTH_SERVICE_URL", programs[0].url)
    environment.setdefault("NOTIFICATION_SERVICE_URL", programs[1].url)
    with running(programs, environment):
        try:
            for program in programs:
                if not wait_until_ready(program):
                    return 1
            print(describe(programs), flush=True)
            while all(program.process is not None and program.process.poll() is None for program in programs):
                time.sleep(0.5)
        except KeyboardInterrupt:
            print("\nstopping", flush=True)
            return 0
        for program in programs:
            if program.process is not None and program.process.poll() is not None:
                report_death(program)
    return 1


@contextlib.contextmanager
def running(programs: list[Program], environment: dict[str, str]) -> Iterator[None]:
    """Start the programs; stop all of them at the end, whatever happened, the gateway first."""
    try:
        for program in programs:
            # The gateway's access log goes to this terminal: it is what a newcomer wants to see.
            output = None if program.name == "gateway" else subprocess.DEVNULL
            with program.log.open("ab") as log:
                # In sessions of their own: Ctrl-C reaches this script alone, which stops each program once.
                program.process = subprocess.Popen(
                    program.command,
                    cwd=ROOT,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=log,
                    start_new_session=True,
                )
        yield
    finally:
        for program in reversed(programs):
            stop(program)


def stop(program: Program) -> None:
    """Ask a program to stop, and kill it when it does not."""
    process = program.process
    if process is None or process.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until_ready(program: Program) -> bool:
    """Wait for a good answer of the program's readiness; report its end if it ends before."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if program.process is None or program.process.poll() is not None:
            report_death(program)
            return False
        try:
            with urllib.request.urlopen(program.url + program.ready, timeout=1):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    print(
        f"{program.name} is not ready after {START_TIMEOUT:.0f} s; see {program.log.relative_to(ROOT)}", file=sys.stderr
    )
    return False


def report_death(program: Program) -> None:
    """Say that a program ended, with the last lines of its log."""
    lines = program.log.read_text(errors="replace").splitlines()[-5:] if program.log.exists() else []
    print(f"{program.name} ended. The end of {program.log.relative_to(ROOT)}:", file=sys.stderr)
    for line in lines:
        print(f"  {line}", file=sys.stderr)


def describe(programs: list[Program]) -> str:
    """Return what runs where and what to try."""
    gateway = programs[-1].url
    admin = f"http://127.0.0.1:{os.environ.get('ORION_ADMIN_PORT', '9900')}"
    user = json.dumps({"email": "ada@example.org", "name": "Ada Lovelace"})
    notification = json.dumps(
        {"userId": "ada", "type": "email", "recipient": "ada@example.org", "subject": "Hello", "body": "It works."}
    )
    json_type = "-H 'Content-Type: application/json'"
    where = "\n".join(f"  {program.name:<14} {program.url}" for program in programs)
    return f"""
Orion Gateway runs. Ctrl-C stops everything.

{where}
  {"admin":<14} {admin}/metrics
  {"logs":<14} {LOGS.relative_to(ROOT)}/*.log, delivered mail in var/outbox/

Try, in another terminal:
  curl -i {gateway}/health
  curl -i {gateway}/api/v1/users {json_type} -d '{user}'
  curl -i {gateway}/api/v1/users
  curl -i {gateway}/api/v1/notifications {json_type} -d '{notification}'
  .venv/bin/orion explain GET /api/v1/users/42
  .venv/bin/orion services

Requests appear here, one line each:
"""


def _interrupt(number: int, frame: object) -> None:  # noqa: ARG001 (signal's signature)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
