"""The program's own log, in a process of its own: it changes what the whole process does with errors."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


def run(program: str, *, code: int = 0) -> list[dict[str, str]]:
    """Run a program that has configured the log; return its log lines."""
    source = f"from orion_gateway.telemetry.log import *\nconfigure_log('test')\n{program}"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=30)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_a_line_is_json_and_says_who_when_and_what() -> None:
    """Log shippers would not read it, and nobody know which worker spoke."""
    (line,) = run("log.info('hello', worker=1, path='/a\\n\\udcff', raw=b'\\xff')")
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "hello", "level": "info", "process": "test", "worker": 1, "path": "/a\n\udcff"} | {
        "raw": "b'\\xff'"
    }


@pytest.mark.parametrize(
    ("program", "event", "code"),
    [
        ("1 / 0", "the program failed", 1),
        ("import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start()\nt.join()", "a thread failed", 0),
        ("try:\n  1 / 0\nexcept Exception:\n  log.exception('seen')", "seen", 0),
        (
            "import logging\ntry:\n  1 / 0\nexcept Exception:\n  logging.getLogger('lib').exception('lib %s', 7)",
            "lib 7",
            0,
        ),
    ],
)
def test_what_nobody_caught_is_a_log_line(program: str, event: str, code: int) -> None:
    """A traceback over many lines is torn apart by every log shipper, and the crash that matters is not found."""
    (line,) = run(program, code=code)
    assert line["event"] == event
    assert "ZeroDivisionError" in line["exception"]


@pytest.mark.parametrize("loop", ["uvloop.new_event_loop", "asyncio.new_event_loop"])
def test_an_exception_in_a_callback_is_a_log_line(loop: str) -> None:
    """A protocol that fails on one client's bytes would do so unseen."""
    program = (
        "import asyncio, uvloop\nasync def main():\n  loop = asyncio.get_running_loop()\n"
        "  loop.set_exception_handler(log_loop_exception)\n  loop.call_soon(lambda: 1 / 0)\n  await asyncio.sleep(0)\n"
        f"with asyncio.Runner(loop_factory={loop}) as runner: runner.run(main())"
    )
    (line,) = run(program)
    assert line["level"] == "error"
    assert "ZeroDivisionError" in line["exception"]


def test_warnings_of_libraries_come_out_in_the_same_form() -> None:
    """They would be plain text between the lines."""
    (line,) = run("import warnings\nwarnings.warn('careful')")
    assert "careful" in line["event"]
    assert line["logger"] == "py.warnings"


def test_what_libraries_only_mention_is_left_out() -> None:
    """Debug chatter of libraries would fill the log."""
    assert run("import logging\nlogging.getLogger('lib').info('chatter')\nlog.debug('more')") == []


def test_a_line_with_a_long_traceback_stays_whole_on_a_pipe() -> None:
    """Lines of several processes on one stderr would be torn into each other."""
    program = "try:\n  raise ValueError('y' * 9000 + 'END')\nexcept Exception:\n  log.exception('seen')"
    (line,) = run(program)
    assert len(json.dumps(line)) < 4096
    assert line["exception"].endswith("END")


@pytest.mark.parametrize("stderr", ["closed", "nobody reads"])
def test_a_stderr_that_takes_nothing_stops_nobody(stderr: str) -> None:
    """`orion run 2>&1 | head -1` would end or hang the gateway at its next log line."""
    program = (
        "import os\nfrom orion_gateway.telemetry.log import *\nr, w = os.pipe()\nos.dup2(w, 2)\nos.close(w)\n"
        + ("os.close(r)\n" if stderr == "closed" else "")
        + "configure_log('test')\nfor _ in range(3000): log.info('x' * 100)\nprint('alive')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, "alive\n")
