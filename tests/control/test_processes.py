"""The gateway as its processes: started, killed, stopped, starved. Each test runs the program that users run."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.running import (
    PATIENCE,
    Asking,
    Upstream,
    descriptors,
    fetch,
    is_alive,
    leftovers,
    running,
    table,
    until,
    without,
)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """An HTTP server that answers when it is told to."""
    upstream = Upstream()
    yield upstream
    upstream.close()


# -- workers -----------------------------------------------------------------------------------------------------------


def test_two_workers_serve_and_a_killed_one_costs_only_its_own_requests(upstream: Upstream) -> None:
    """A crash would refuse connections, hang them in a queue, or fail requests of the other worker."""
    upstream.release()
    with running(table(workers=2, upstream=upstream.port), workers=2) as gateway:
        before = gateway.workers()
        assert len(before) == 2
        # Without it the allocator gives the memory of each large read back, and faults it in again for the next.
        assert all(b"MALLOC_TRIM_THRESHOLD_=" in Path(f"/proc/{pid}/environ").read_bytes() for pid in before)
        idle = {pid: cpu_ticks(pid) for pid in before}
        port, outcomes, stop = gateway.port, Counter[str](), threading.Event()

        def load() -> None:
            while not stop.is_set():
                try:
                    outcomes["answered" if fetch(port, "/up/x") == (200, b"done") else "wrong"] += 1
                except ConnectionRefusedError:
                    outcomes["refused"] += 1
                except OSError as error:
                    outcomes[type(error).__name__] += 1
                except Exception:  # the worker died in the middle of an answer
                    outcomes["cut"] += 1

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        until(lambda: outcomes["answered"] > 100, "requests under way")
        # An idle worker needs no 50 ms of CPU for many seconds.
        until(lambda: all(cpu_ticks(pid) > idle[pid] + 5 for pid in before), "both workers at work")
        os.kill(before[0], signal.SIGKILL)
        until(lambda: len(gateway.events("worker serves")) == 3, "a successor")
        reached = outcomes["answered"]
        until(lambda: outcomes["answered"] > reached + 100, "requests after it")
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
        failed = sum(outcomes.values()) - outcomes["answered"]
        assert outcomes["refused"] == outcomes["wrong"] == 0
        assert failed <= len(threads), f"more failed than were in flight: {outcomes}"
        assert set(gateway.workers()) != set(before)
        assert before[1] in gateway.workers()
        until(lambda: gateway.metric("orion_worker_restarts_total", worker="1") == 1, "the restart in the metrics")
        until(
            lambda: gateway.metric("orion_http_requests_total", route="up") >= outcomes["answered"] * 0.5,
            "the requests of the dead worker in the metrics",
        )
        assert gateway.events("a worker died and is started again")[0]["code"] == -9


def cpu_ticks(pid: int) -> int:
    """Return the CPU time of a process in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_a_worker_has_its_listeners_and_nothing_else_of_the_supervisor() -> None:
    """A worker could read the admin socket or another worker's channel, or keep a port open that was closed."""
    with running(table(workers=2), workers=2) as gateway:
        first, second = gateway.workers()
        sockets = [
            {target for target in descriptors(pid) if target.startswith("socket:")}
            for pid in (gateway.process.pid, first, second)
        ]
        shared = sockets[0] & sockets[1]
        assert len(shared) == 1, "the listening socket, and nothing else"
        assert sockets[1] & sockets[2] == shared


def test_a_stopped_worker_holds_up_neither_scrape_nor_clients() -> None:
    """One hanging worker would blind the monitoring just when it is needed, and keep connections that wait."""
    with running(table(workers=2), workers=2) as gateway:
        stopped, _other = gateway.workers()
        os.kill(stopped, signal.SIGSTOP)
        try:
            for _ in range(20):
                assert gateway.get() == (200, b"hello")
            status, text = gateway.admin("/metrics")
            assert status == 200
            assert b"orion_event_loop_lag_seconds" in text
            until(lambda: gateway.admin("/health/ready")[0] == 503, "readiness that has noticed")
            assert json.loads(gateway.admin("/health/ready")[1])["reasons"] == ["worker 1 is not serving"]
            assert gateway.metric("orion_http_requests_total", route="hello") == 20
        finally:
            os.kill(stopped, signal.SIGCONT)
        until(lambda: gateway.admin("/health/ready")[0] == 200, "readiness that has come back")


# -- stopping ----------------------------------------------------------------------------------------------------------


def test_sigterm_fails_readiness_closes_the_port_and_lets_exchanges_end(upstream: Upstream) -> None:
    """A deployment would cost requests."""
    text = without(table(upstream=upstream.port), "drain").replace(
        "\nlisteners:", "\n  drain: {delay: 500ms, timeout: 20s, spread: 100ms}\nlisteners:"
    )
    with running(text) as gateway:
        port = gateway.port
        asking = [Asking(port, "/up/x") for _ in range(3)]
        upstream.await_requests(3)
        idle = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        idle.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(65536).startswith(b"HTTP/1.1 200")
        gateway.signal()
        until(lambda: gateway.admin("/health/ready")[0] == 503, "readiness that fails")
        assert gateway.get() == (200, b"hello"), "until the delay is over it goes on"
        until(lambda: is_refused(port), "a closed port")
        while idle.recv(65536):  # the rest of the answer, then the end
            pass
        idle.close()
        assert gateway.process.poll() is None
        assert gateway.admin("/health/live")[0] == 200
        upstream.release()
        assert [one.answer() for one in asking] == [(200, b"done")] * 3
        assert gateway.wait() == 0
        assert gateway.events("stopped")[0]["cut"] == 0
        assert leftovers(gateway.directory) == set()


def is_refused(port: int) -> bool:
    """Say whether nobody listens any more."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("how", ["a second signal", "the timeout"])
def test_what_does_not_end_is_cut_and_the_exit_code_tells(how: str, upstream: Upstream) -> None:
    """A stop would take for ever, or lose requests without a word."""
    timeout = "300ms" if how == "the timeout" else "1h"
    text = without(table(upstream=upstream.port), "drain").replace(
        "\nlisteners:", f"\n  drain: {{timeout: {timeout}, spread: 0s}}\nlisteners:"
    )
    with running(text) as gateway:
        workers = gateway.workers()
        asking = Asking(gateway.port, "/up/x")
        upstream.await_requests(1)
        gateway.signal(signal.SIGINT)
        until(lambda: gateway.events("draining"), "a drain")
        if how == "a second signal":
            gateway.signal(signal.SIGTERM)
        assert gateway.wait() == 3
        assert asking.answer() != (200, b"done")
        assert gateway.events("stopped")[0]["cut"] == 1
        assert not any(map(is_alive, workers))
        assert leftovers(gateway.directory) == set()


def test_a_stop_of_the_whole_process_group_is_still_a_drain(upstream: Upstream) -> None:
    """Ctrl-C in a terminal, or systemd, signals every process: workers would die in the middle of exchanges."""
    with running(table(upstream=upstream.port), wrapper=["setsid", "--wait"]) as gateway:
        asking = Asking(gateway.port, "/up/x")
        upstream.await_requests(1)
        (supervisor,) = {parent_of(pid) for pid in gateway.workers()}
        os.killpg(supervisor, signal.SIGINT)
        until(lambda: gateway.events("draining"), "a drain")
        upstream.release()
        assert asking.answer() == (200, b"done")
        assert gateway.wait() == 0


def parent_of(pid: int) -> int:
    """Return the parent of a process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_without_the_supervisor_workers_finish_and_leave_and_the_next_start_works(upstream: Upstream) -> None:
    """After `kill -9` of the supervisor the port would stay taken, and requests be lost on top."""
    with running(table(workers=2, upstream=upstream.port), workers=2) as gateway:
        port, workers = gateway.port, gateway.workers()
        asking = Asking(port, "/up/x")
        upstream.await_requests(1)
        gateway.process.kill()
        gateway.process.wait()
        until(lambda: is_refused(port), "a port that is free again")
        upstream.release()
        assert asking.answer() == (200, b"done")
        until(lambda: not any(map(is_alive, workers)), "workers that have left")
        assert leftovers(gateway.directory) == {"run/admin.sock", "run/health.sock"}, (
            "the killed one could not clean up"
        )
        again = subprocess.Popen(
            [
                *gateway.process.args,
            ],  # type: ignore[misc]
            cwd=gateway.directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: (gateway.directory / "run" / "admin.sock").exists(), "the next start")
        until(lambda: again.poll() is not None or unix_fetch(gateway.directory / "run/admin.sock") == 200, "its answer")
        again.terminate()
        assert again.wait(PATIENCE) == 0


def unix_fetch(path: Path) -> int:
    """Ask for /health/ready over a Unix socket; return the status, 0 when nobody answers."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        try:
            client.connect(str(path))
            client.sendall(b"GET /health/ready HTTP/1.0\r\n\r\n")
            return int(client.recv(100).split()[1])
        except (OSError, IndexError):
            return 0


def test_a_hangup_ends_nothing() -> None:
    """Whoever expects SIGHUP to reload would stop the gateway."""
    with running(table()) as gateway:
        gateway.signal(signal.SIGHUP)
        for pid in gateway.workers():
            os.kill(pid, signal.SIGHUP)
        until(lambda: any("SIGHUP is ignored" in line["event"] for line in gateway.log), "a word about it")
        assert gateway.get() == (200, b"hello")
        gateway.signal()
        assert gateway.wait() == 0


def test_a_unix_listener_serves_and_its_file_goes(upstream: Upstream) -> None:
    """A front server on the same machine could not connect, or the next start be refused."""
    with running(table(listener="unix:DIR/http.sock")) as gateway:
        path = gateway.directory / "http.sock"
        assert path.stat().st_mode & 0o777 == 0o666
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(str(path))
            client.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert b"200 OK" in client.recv(65536)
        gateway.signal()
        assert gateway.wait() == 0
        assert not path.exists()


# -- want -----------------------------------------------------------------------------------------------------------


def test_two_thousand_clients_on_256_descriptors_are_survived() -> None:
    """A flood of connections would kill the gateway, or leave it deaf afterwards."""
    text = table(gateway="  timeouts: {request_header: 1s}")
    with running(text, wrapper=["prlimit", "--nofile=256:256"]) as gateway:
        (worker,) = gateway.workers()
        clients = [socket.socket() for _ in range(2000)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", gateway.port))
        until(lambda: len(descriptors(worker)) > 90, "a worker at its limit")
        assert is_alive(worker)
        assert gateway.admin("/health/live")[0] == 200
        for client in clients:
            client.close()
        assert gateway.get() == (200, b"hello")
        assert gateway.workers() == [worker], "it was replaced and not survived"
        assert [line for line in gateway.log if line["level"] == "error"] == []


@pytest.mark.parametrize("workers", [2])
def test_lines_of_several_workers_on_one_pipe_are_never_torn(workers: int) -> None:
    """Log shippers would read broken lines under load."""
    reading, writing = os.pipe()
    text = without(table(workers=workers), "access_log").replace('path: "/hello"', 'path: "/**"')
    with running(text, workers=workers, stdout=writing) as gateway:
        os.close(writing)
        collected = bytearray()
        reader = threading.Thread(target=lambda: collect(reading, collected))
        reader.start()
        threads = [threading.Thread(target=ask_many, args=[gateway.port, 100]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        gateway.signal()
        assert gateway.wait() == 0
        reader.join(PATIENCE)
    entries = [json.loads(line) for line in collected.splitlines()]
    assert len(entries) == 400
    assert len({entry["id"] for entry in entries}) == 400


def collect(descriptor: int, into: bytearray) -> None:
    """Read a pipe to its end."""
    with os.fdopen(descriptor, "rb", buffering=0) as end:
        while data := end.read(65536):
            into += data


def ask_many(port: int, number: int) -> None:
    """Make requests with long paths, 20 on each connection."""
    request = b"GET /hello/" + b"x" * 700 + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    for _ in range(number // 20):
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
            client.sendall(request * 20)
            received = b""
            while received.count(b"\r\n\r\nhello") < 20:
                received += client.recv(65536)


def test_a_log_that_nobody_reads_blocks_no_request_and_is_counted() -> None:
    """A log shipper that hangs would stop the traffic."""
    reading, writing = os.pipe()
    text = without(table(), "access_log")
    with running(text, stdout=writing) as gateway:
        os.close(writing)
        request = b"GET /" + b"x" * 700 + b" HTTP/1.1\r\nHost: x\r\n\r\n"
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE) as client:
            sender = threading.Thread(target=client.sendall, args=[request * 12_000])
            sender.start()
            received = 0
            while received < 12_000:
                data = client.recv(1 << 20)
                assert data
                received += data.count(b"HTTP/1.1 404")
            sender.join(PATIENCE)
        until(lambda: gateway.metric("orion_access_log_dropped_total") > 0, "the drops in the metrics")
        assert fetch(gateway.port, "/hello") == (200, b"hello")
        gateway.signal()
        assert gateway.wait() == 0
    os.close(reading)


def test_a_log_whose_reader_left_is_survived() -> None:
    """`orion run | head -1` would end the gateway at its second request."""
    reading, writing = os.pipe()
    os.close(reading)
    with running(without(table(), "access_log"), stdout=writing) as gateway:
        os.close(writing)
        for _ in range(3):
            assert gateway.get() == (200, b"hello")
        until(lambda: gateway.metric("orion_access_log_dropped_total") == 3, "the drops in the metrics")


def test_closed_standard_streams_do_not_become_sockets() -> None:
    """The access log would be written into some client's connection."""
    text = without(table(), "access_log")
    with running(text, wrapper=["sh", "-c", 'exec "$@" <&- >&-', "sh"]) as gateway:
        for pid in (gateway.process.pid, *gateway.workers()):
            assert [str(Path(f"/proc/{pid}/fd/{number}").readlink()) for number in (0, 1)] == ["/dev/null"] * 2
        assert gateway.get() == (200, b"hello")


def test_a_stderr_that_takes_nothing_does_not_keep_it_from_stopping() -> None:
    """A terminal that is scrolled back would keep the gateway from draining."""
    reading, writing = os.pipe()
    with running(table(admin="unix:DIR/a.sock"), stderr=writing, wait=False) as gateway:
        admin = gateway.directory / "a.sock"
        until(lambda: unix_fetch(admin) == 200, "a gateway that serves")
        os.set_blocking(writing, False)
        with os.fdopen(writing, "wb", buffering=0) as end:
            while end.write(b"x" * 4096):
                pass
            os.set_blocking(writing, True)
        assert admin.stat().st_mode & 0o777 == 0o600, "whoever reaches it may do everything"
        gateway.signal()
        assert gateway.wait() == 0
    os.close(reading)
