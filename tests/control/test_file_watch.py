"""The files of filters, watched: what is taken when, and what happens to broken ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from orion_gateway.control.file_watch import VALID, BrokenFileError, FileWatch, WatchedFile
from orion_gateway.control.messages import FileChanged, Message
from orion_gateway.telemetry.totals import Totals


def read(path: str) -> object:
    """Return the text of a file; one that begins with `!` is broken."""
    try:
        text = Path(path).read_text()
    except OSError as error:
        raise BrokenFileError(f"cannot be read: {error.strerror}") from None
    if text.startswith("!"):
        raise BrokenFileError(f"{path}:1:1: it begins with !")
    return text


def let_the_clock_of_files_tick(path: Path) -> None:
    """Return when a file that is changed now gets another time than this one: the kernel's ticks are milliseconds."""
    scratch = path.with_name("scratch")
    scratch.touch()
    while scratch.stat().st_ctime_ns == path.stat().st_ctime_ns:
        scratch.touch()


class Watched:
    """One file `list` that holds `old`, its watch, and what the workers were sent."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_text("old")
        self.sent: list[Message] = []
        self.totals = Totals()
        self.reads = 0
        self.watch = FileWatch([WatchedFile(str(path), "old", self._read)], self.sent.append, self.totals)

    async def look(self, times: int = 2) -> list[object]:
        """Look so often; return the contents that were sent meanwhile."""
        self.sent.clear()
        for _ in range(times):
            await self.watch.look()
        assert all(isinstance(message, FileChanged) and message.path == str(self.path) for message in self.sent)
        return [message.content for message in self.sent if isinstance(message, FileChanged)]

    @property
    def is_valid(self) -> bool:
        return self.totals.gauges()[VALID][(str(self.path),)] == 1

    @property
    def content(self) -> object:
        """What a worker that starts now is told."""
        (message,) = self.watch.everything()
        assert message.path == str(self.path)
        return message.content

    def _read(self, path: str) -> object:
        self.reads += 1
        return read(path)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """One watched file."""
    return Watched(tmp_path / "list")


async def test_a_change_is_sent_once_and_to_those_who_start_later(watched: Watched) -> None:
    """A worker would go on judging by the old list, or be sent the same one for ever."""
    assert await watched.look() == []
    watched.path.write_text("new!")
    assert await watched.look(1) == []
    assert await watched.look(1) == ["new!"]
    assert await watched.look(3) == []
    assert watched.content == "new!"
    assert watched.is_valid


async def test_an_unchanged_file_is_not_read_again(watched: Watched) -> None:
    """A list of 100,000 networks would cost a second of CPU with every look."""
    await watched.look(5)
    assert watched.reads == 1


async def test_what_changed_while_the_table_was_read_is_not_lost(tmp_path: Path) -> None:
    """The gateway would go on with what was in the list before it started."""
    watched = Watched(tmp_path / "list")
    watched.path.write_text("changed before the first look")
    assert await watched.look() == ["changed before the first look"]


async def test_a_file_that_is_still_being_written_is_not_taken(watched: Watched) -> None:
    """The first half of a block list would let in whom the second half names."""
    await watched.look()
    with watched.path.open("w") as file:
        for part in ("half", " and half", " again"):
            file.write(part)
            file.flush()
            assert await watched.look(1) == []
    assert await watched.look(2) == ["half and half again"]


async def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    """What was read would be half of the one and half of the other."""
    path = tmp_path / "list"
    path.write_text("old")
    sent: list[Message] = []

    def read_and_write(name: str) -> object:
        text = path.read_text()
        if text == "first":
            path.write_text("second, longer")
        return text

    watch = FileWatch([WatchedFile(str(path), "old", read_and_write)], sent.append, Totals())
    path.write_text("first")
    for _ in range(4):
        await watch.look()
    assert sent == [FileChanged(str(path), "second, longer")]


async def test_a_file_replaced_by_rename_is_taken_though_size_and_time_are_equal(watched: Watched) -> None:
    """What most programs do to replace a file would not be seen."""
    await watched.look()
    other = watched.path.with_name("other")
    other.write_text("ren")
    stat = watched.path.stat()
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.rename(watched.path)
    assert await watched.look() == ["ren"]


async def test_a_file_overwritten_with_its_old_time_and_size_is_taken(watched: Watched) -> None:
    """`rsync --times` and `cp -p` set the time of the file back."""
    await watched.look()
    stat = watched.path.stat()
    let_the_clock_of_files_tick(watched.path)
    watched.path.write_text("wen")
    os.utime(watched.path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert await watched.look() == ["wen"]


async def test_a_link_that_is_pointed_elsewhere_is_followed(watched: Watched) -> None:
    """Lists mounted from Kubernetes are links into a directory that is exchanged as a whole."""
    folder = watched.path.parent
    for name in ("one", "two"):
        (folder / name).write_text(name)
    watched.path.unlink()
    watched.path.symlink_to("one")
    assert await watched.look() == ["one"]
    (folder / "link").symlink_to("two")
    (folder / "link").rename(watched.path)
    assert await watched.look() == ["two"]


async def test_a_touched_file_is_not_sent_again(watched: Watched) -> None:
    """Megabytes would go to every worker each time a program writes the same list."""
    await watched.look()
    os.utime(watched.path, ns=(1, 1))
    assert await watched.look() == []
    assert watched.reads == 2


async def test_a_broken_file_leaves_the_last_good_one_in_use_and_says_so_once(watched: Watched) -> None:
    """A typing mistake in a list would open the gateway to everybody, or fill the disk with warnings."""
    await watched.look()
    watched.path.write_text("! broken")
    with capture_logs() as logs:
        assert await watched.look(5) == []
    (line,) = logs
    assert (line["log_level"], line["file"]) == ("warning", str(watched.path))
    assert line["why"] == f"{watched.path}:1:1: it begins with !"
    assert watched.content == "old"
    assert not watched.is_valid
    watched.path.write_text("mended")
    assert await watched.look() == ["mended"]
    assert watched.is_valid


async def test_a_missing_file_leaves_the_last_good_one_in_use(watched: Watched) -> None:
    """Deleting a list and writing it anew would let in or shut out everybody in between."""
    await watched.look()
    moved = watched.path.rename(watched.path.with_name("moved"))
    with capture_logs() as logs:
        assert await watched.look(3) == []
    assert [line["why"] for line in logs] == ["cannot be read: No such file or directory"]
    assert not watched.is_valid
    moved.rename(watched.path)
    with capture_logs() as logs:
        assert await watched.look(3) == []
    assert [line["event"] for line in logs] == ["a file can be used again"]
    assert watched.is_valid


async def test_a_reader_that_fails_does_not_take_the_gateway_with_it(tmp_path: Path) -> None:
    """A mistake of ours in reading a list would end the supervisor."""
    path = tmp_path / "list"
    path.write_text("x")

    def fail(name: str) -> object:
        raise ZeroDivisionError("ours")

    totals = Totals()
    watch = FileWatch([WatchedFile(str(path), "old", fail)], lambda message: None, totals)
    with capture_logs() as logs:
        for _ in range(3):
            await watch.look()
    assert [line["log_level"] for line in logs] == ["error", "warning"]
    assert totals.gauges()[VALID][(str(path),)] == 0
    assert watch.everything() == [FileChanged(str(path), "old")]


async def test_without_files_nothing_runs() -> None:
    """Every gateway would wake twice a second for nothing."""
    await FileWatch([], lambda message: None, Totals()).run()
