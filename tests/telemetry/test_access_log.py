"""Which exchanges are logged, in which batches, and where to."""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random

import pytest

from orion_gateway.telemetry.access_log import AccessLog, AccessLogSettings, open_access_log
from orion_gateway.telemetry.writer import Writer
from tests.telemetry.finished import Ended, parse

HEAD = parse(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")


def keep(settings: AccessLogSettings, path: Path, *ends: tuple[int, float]) -> list[int]:
    """Log exchanges of these statuses and durations to a file; return the statuses that were logged."""
    log = open_access_log(AccessLogSettings(str(path), "json", settings.sample, settings.min_duration), Random(7))
    for status, duration in ends:
        log.write(Ended(HEAD, status=status), "r", "s", duration, None)
    log.close()
    return [json.loads(line)["status"] for line in path.read_text().splitlines()]


def test_everything_is_logged_unless_told_otherwise(tmp_path: Path) -> None:
    """Requests would be missing from the log."""
    assert keep(AccessLogSettings(), tmp_path / "log", (200, 0.0), (503, 0.0)) == [200, 503]


@pytest.mark.parametrize(
    ("sample", "logged"),
    [
        ((("default", 1.0), ("2xx", 0.0)), [304, 404, 500]),
        ((("2xx", 0.0),), [304, 404, 500]),
        ((("default", 0.0), ("5xx", 1.0)), [500]),
        ((("default", 0.0), ("4xx", 0.0), ("404", 1.0)), [404]),
        ((("default", 0.0),), []),
    ],
)
def test_the_closest_share_decides(sample: tuple[tuple[str, float], ...], logged: list[int], tmp_path: Path) -> None:
    """Sampling would drop the errors that it was to keep, or keep the noise."""
    settings = AccessLogSettings(sample=sample)
    assert keep(settings, tmp_path / "log", *((status, 0.0) for status in (200, 304, 404, 500))) == logged


def test_a_share_is_about_that_share(tmp_path: Path) -> None:
    """Extrapolating from the sample would give wrong numbers."""
    settings = AccessLogSettings(sample=(("default", 0.2),))
    assert 150 <= len(keep(settings, tmp_path / "log", *[(200, 0.0)] * 1000)) <= 250


def test_quick_exchanges_can_be_left_out(tmp_path: Path) -> None:
    """A slow log would be full of quick requests."""
    settings = AccessLogSettings(min_duration=0.5)
    assert keep(settings, tmp_path / "log", (200, 0.1), (201, 0.5), (202, 0.9)) == [201, 202]


def test_on_a_pipe_no_write_is_larger_than_what_stays_whole() -> None:
    """Lines of several workers on one pipe would be torn into each other."""
    # O_DIRECT makes each write a packet, so that a read gives what one write wrote (pipe(2)).
    reading, writing = os.pipe2(os.O_DIRECT)
    log = AccessLog(AccessLogSettings(), Writer(writing, "test"), Random(7))
    for _ in range(100):
        log.write(Ended(HEAD), "r", "s", 0.1, None)
    log.close()
    batches = []
    while batch := os.read(reading, 65536):
        batches.append(batch)
    os.close(reading)
    assert sum(batch.count(b"\n") for batch in batches) == 100
    assert all(batch.endswith(b"\n") and len(batch) <= 4096 for batch in batches)
    assert len(batches) < 20, "each line is written on its own"


def test_a_file_is_appended_to_and_not_readable_by_all(tmp_path: Path) -> None:
    """A restart would erase the log, or everybody read it."""
    path = tmp_path / "log"
    for _ in range(2):
        keep(AccessLogSettings(), path, (200, 0.0))
    assert len(path.read_text().splitlines()) == 2
    assert path.stat().st_mode & 0o007 == 0


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    """The gateway would run without the log that it was told to write."""
    with pytest.raises(FileNotFoundError):
        open_access_log(AccessLogSettings(str(tmp_path / "missing" / "log")), Random(7))


def test_off_is_off() -> None:
    """The log would go where nobody asked for it, or cost what it need not."""
    log = open_access_log(AccessLogSettings("off"), Random(7))
    log.write(Ended(HEAD), "r", "s", 0.1, None)
    log.flush()
    assert log.take_dropped() == 0
    log.close()


def test_dropped_lines_are_told_once(tmp_path: Path) -> None:
    """Nobody would know that the log has holes."""
    reading, writing = os.pipe()
    os.close(reading)
    log = AccessLog(AccessLogSettings(), Writer(writing, "test"), Random(7))
    for _ in range(5):
        log.write(Ended(HEAD), "r", "s", 0.1, None)
    log.close()
    assert (log.take_dropped(), log.take_dropped()) == (5, 0)


@pytest.mark.parametrize(("path", "descriptor"), [("stdout", 1), ("stderr", 2)])
def test_standard_streams_are_used_by_number(path: str, descriptor: int, capfd: pytest.CaptureFixture[str]) -> None:
    """A stream that Python has not opened, because it was closed at start, would crash the worker."""
    log = open_access_log(AccessLogSettings(path), Random(7))
    log.write(Ended(HEAD), "r", "s", 0.1, None)
    log.close()
    assert json.loads(capfd.readouterr()[descriptor - 1])["path"] == "/a"
