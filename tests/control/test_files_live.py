"""Lists of networks in a running gateway: changed, broken, and given to workers that start later."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.control.running import Gateway, running, until

TABLE = """\
version: 1
gateway:
  workers: 2
  run_dir: "DIR/run"
  admin: {bind: "127.0.0.1:0"}
  access_log: {path: "off"}
  drain: {timeout: 10s, spread: 0s}
listeners:
  - {name: http, bind: "127.0.0.1:0"}
filters:
  guarded: {ip_access: {deny_file: "blocked.txt"}}
routes:
  - {name: hello, match: {path: "/hello"}, respond: {body: "hello"}, filters: [guarded]}
"""


def statuses(gateway: Gateway) -> set[int]:
    """Return what a few requests get, over both workers."""
    return {gateway.get()[0] for _ in range(10)}


def replace(path: Path, text: str) -> None:
    """Put another file in its place, as a careful program does."""
    new = path.with_name("new")
    new.write_text(text)
    new.rename(path)


def test_a_changed_list_acts_in_every_worker_and_a_broken_one_does_not(tmp_path: Path) -> None:
    """Blocking an attacker would take a restart, and a typing mistake would let everybody in."""
    path = tmp_path / "blocked.txt"
    path.write_text("203.0.113.0/24\n")
    with running(TABLE.replace("blocked.txt", str(path)), workers=2) as gateway:
        assert statuses(gateway) == {200}
        replace(path, "203.0.113.0/24\n127.0.0.0/8\n")
        until(lambda: statuses(gateway) == {403}, "the new list in both workers")
        replace(path, "127.0.0.1/8\n")
        until(lambda: gateway.metric("orion_filter_file_valid", file=str(path)) == 0, "a list that is seen as broken")
        (line,) = gateway.events("a file is broken, what it held last stays in use")
        assert line["why"].startswith(f"{path}:1:1: error[E0208]: bits are set behind the prefix of this network (did")
        assert statuses(gateway) == {403}
        path.unlink()
        until(lambda: len(gateway.events(line["event"])) == 2, "a list that is seen as missing")
        # A worker that starts now has only ever heard of what was good.
        os.kill(gateway.workers()[0], signal.SIGKILL)
        until(lambda: len(gateway.events("worker serves")) == 3, "a successor")
        assert statuses(gateway) == {403}
        path.write_text("# nobody\n")
        until(lambda: statuses(gateway) == {200}, "the empty list in both workers")
        assert gateway.metric("orion_filter_file_valid", file=str(path)) == 1


def test_a_gateway_does_not_start_with_a_broken_list(tmp_path: Path) -> None:
    """It would come up without its guard."""
    path = tmp_path / "blocked.txt"
    path.write_text("203.0.113.0/24\n127.0.0.1/8\n")
    with running(TABLE.replace("blocked.txt", str(path)), wait=False) as gateway:
        assert gateway.wait() == 1
        said = (gateway.directory / "stderr").read_text()
        assert f"{path}:2:1: error[E0208]: bits are set behind the prefix of this network" in said
        assert 'did you mean "127.0.0.0/8"?' in said
