"""Prompts are ready before they are flushed, and it is known which ones are."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from keepline.connectors.speech.flushing import FLUSHED_NAME, Flusher
from keepline.demo_node import wait_until

LONG_AGO_S = 1_000_000_000


class Disk:
    """In place of the disk's flushes."""

    def __init__(self) -> None:
        self.may_flush = threading.Event()
        self.broken: set[str] = set()
        self.flushed: list[str] = []

    def fsync(self, descriptor: int) -> None:
        self.may_flush.wait()
        name = Path(os.readlink(f"/proc/self/fd/{descriptor}")).name
        if name in self.broken:
            raise OSError(errno.EIO, "the disk is broken")
        self.flushed.append(name)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk()
    monkeypatch.setattr("keepline.connectors.speech.flushing.os.fsync", made.fsync)
    return made


def marker(directory: Path) -> Path:
    path = directory / FLUSHED_NAME
    path.touch()
    os.utime(path, (LONG_AGO_S, LONG_AGO_S))
    return path


def make(flusher: Flusher, path: Path) -> None:
    flusher.begin()
    path.write_bytes(b"sound")
    flusher.end(path)


def is_noted(mark: Path, *paths: Path) -> Callable[[], bool]:
    return lambda: all(mark.stat().st_mtime_ns > path.stat().st_mtime_ns for path in paths)


def test_nobody_waits_for_the_disk_and_what_is_flushed_is_noted(tmp_path: Path, disk: Disk) -> None:
    mark, one, other = marker(tmp_path), tmp_path / "a.ulaw", tmp_path / "b.ulaw"
    flusher = Flusher(tmp_path)
    make(flusher, one)
    make(flusher, other)
    assert mark.stat().st_mtime == LONG_AGO_S
    disk.may_flush.set()
    wait_until("all is flushed", is_noted(mark, one, other), 30)
    assert disk.flushed == ["a.ulaw", "b.ulaw"]


def test_a_prompt_that_is_being_written_is_not_noted(tmp_path: Path, disk: Disk) -> None:
    mark, one, other = marker(tmp_path), tmp_path / "a.ulaw", tmp_path / "b.ulaw"
    disk.may_flush.set()
    flusher = Flusher(tmp_path)
    flusher.begin()
    make(flusher, one)
    wait_until("it is flushed", lambda: disk.flushed == ["a.ulaw"], 30)
    assert mark.stat().st_mtime == LONG_AGO_S
    flusher.end(other)  # it could not be written
    wait_until("the first is noted", is_noted(mark, one), 30)


def test_what_a_process_before_left_is_flushed_first(tmp_path: Path, disk: Disk) -> None:
    mark = marker(tmp_path)
    (tmp_path / "left.ulaw").write_bytes(b"sound")
    (tmp_path / "done.ulaw").write_bytes(b"sound")
    os.utime(tmp_path / "done.ulaw", (LONG_AGO_S, LONG_AGO_S))
    disk.may_flush.set()
    Flusher(tmp_path)
    wait_until("it is noted", is_noted(mark, tmp_path / "left.ulaw"), 30)
    assert disk.flushed == ["left.ulaw"]


def test_after_a_flush_that_failed_nothing_counts_as_flushed(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark, noted = marker(tmp_path), threading.Event()
    note = Flusher._mark

    def note_and_tell(flusher: Flusher, at_ns: int) -> None:
        note(flusher, at_ns)
        noted.set()

    monkeypatch.setattr(Flusher, "_mark", note_and_tell)
    disk.broken.add("a.ulaw")
    disk.may_flush.set()
    flusher = Flusher(tmp_path)
    make(flusher, tmp_path / "a.ulaw")
    make(flusher, tmp_path / "b.ulaw")
    assert noted.wait(30)
    assert disk.flushed == ["b.ulaw"]
    assert mark.stat().st_mtime == LONG_AGO_S
