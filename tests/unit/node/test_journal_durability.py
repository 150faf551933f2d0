"""What the journal has promised holds: its process is killed, its log torn, its directory forgotten."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from keepline.call.facts import DigitsPressed
from keepline.model.limits import JOURNAL_WAL_BYTES_MAX
from keepline.node import journal, journal_file, journal_schema, journal_sync, journal_wal
from keepline.node.journal import Journal, Tail
from keepline.node.journal_proof import verify_data
from tests.unit.node.journal_facts import Told, acknowledged, received

WRITER = Path(__file__).with_name("journal_writer.py")


def heads(path: Path) -> Counter[int]:
    """How many facts of each group are in the journal, which is sound."""
    connection = journal.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    tail = Tail(path)
    found = Counter(fact.head for fact in tail.follow() if isinstance(fact, DigitsPressed))
    tail.close()
    return found


# kill -9 --------------------------------------------------------------------------------------------------------------


def write_until_killed(data: Path, facts: int, lines: int) -> list[tuple[str, int]]:
    """Kill the writer once it has said so many lines; all that it said, to its last word."""
    command = [sys.executable, str(WRITER), str(data), str(facts)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(lines)]
        writer.send_signal(signal.SIGKILL)
        said += writer.stdout.readlines()
    assert said[0] == b"begun\n"
    whole = [line.split() for line in said[1:] if line.endswith(b"\n")]
    return [(kind.decode(), int(number)) for kind, number in whole]


@pytest.mark.parametrize("seed", range(4))
def test_what_was_told_survives_the_death_of_its_process(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    facts = dice.choice([1, 3, 20])
    for attempt in range(3):
        data = tmp_path / str(attempt)
        data.mkdir()
        told = write_until_killed(data, facts, dice.randrange(1, 400))
        found = heads(data / "journal.db")
        for kind, step in (("written", 1), ("synced", 7)):
            groups = [number for each, number in told if each == kind]
            assert groups == [step * number for number in range(1, len(groups) + 1)], "told out of order"
        assert {kind for kind, _ in told} <= {"written", "synced"}
        assert [number for _, number in told if found[number] != facts] == [], "told and not there"
        assert set(found.values()) <= {facts}, "a group came apart"
        assert sorted(found) == list(range(1, len(found) + 1)), "a hole"


def test_a_successor_writes_on_where_the_killed_one_stopped(tmp_path: Path) -> None:
    write_until_killed(tmp_path, 2, 100)
    path = tmp_path / "journal.db"
    before = sum(heads(path).values())
    told = Told()
    made = Journal(path, journal.next_epoch(path), told)
    assert told.synced_of(made.submit([received("a")], synced=True)).error == ""
    made.close()
    connection = journal.connect(path, read_only=True)
    assert connection.execute("SELECT count(*), max(seq) FROM facts").fetchone() == (before + 1, before + 1)
    connection.close()


# A power cut ----------------------------------------------------------------------------------------------------------


def test_a_torn_log_loses_nothing_that_was_synced(tmp_path: Path) -> None:
    """After a power cut the log holds what was flushed, and behind it anything: a part, zeros, rubbish."""
    path = journal.create(tmp_path)
    wal = tmp_path / "journal.db-wal"
    told = Told()
    made = Journal(path, journal.next_epoch(path), told)
    for number in range(1, 30):
        made.submit([DigitsPressed("a", 1.0, number, "5")])
    told.synced_of(made.submit([DigitsPressed("a", 1.0, 30, "5")], synced=True))
    safe = wal.stat().st_size
    for number in range(31, 60):
        told.of(made.submit([DigitsPressed("a", 1.0, number, "5" * 300)]))
    dice = random.Random(1)
    whole = wal.read_bytes()
    assert len(whole) > safe
    for attempt in range(40):
        data = tmp_path / f"after{attempt}"
        data.mkdir()
        shutil.copy(path, data)
        cut = dice.randrange(safe, len(whole))
        tail = dice.choice([b"", bytes(5000), dice.randbytes(5000), whole[:5000]])
        (data / "journal.db-wal").write_bytes(whole[:cut] + tail)
        found = heads(data / "journal.db")
        assert sorted(found) == list(range(1, len(found) + 1))
        assert len(found) >= 30
        following = Journal(data / "journal.db", journal.next_epoch(data / "journal.db"), Told())
        following.submit([received("b")])
        following.close()
        assert heads(data / "journal.db") == found
    made.close()


def flushed_paths(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of what is flushed from now on."""
    paths: list[str] = []

    def note(flush: object) -> object:
        def noted(descriptor: int) -> None:
            paths.append(os.readlink(f"/proc/self/fd/{descriptor}"))
            flush(descriptor)  # type: ignore[operator]

        return noted

    monkeypatch.setattr(os, "fsync", note(os.fsync))
    monkeypatch.setattr(os, "fdatasync", note(os.fdatasync))
    return paths


def test_names_of_new_files_are_flushed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    data.mkdir()
    flushed = flushed_paths(monkeypatch)
    path = journal.create(data)
    assert flushed[-2:] == [str(data), str(tmp_path)]
    flushed.clear()
    told = Told()
    made = Journal(path, journal.next_epoch(path), told)
    told.synced_of(made.submit([received("a")], synced=True))
    assert flushed[:2] == [str(data), f"{path}-wal"], "the log is a new file: its name first"
    made.close()


def test_a_directory_above_that_is_closed_to_us_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = journal_file.sync_directory

    def refused(path: Path) -> None:
        if path == tmp_path.parent:
            raise PermissionError(13, "Permission denied")
        plain(path)

    monkeypatch.setattr(journal_file, "sync_directory", refused)
    assert journal.create(tmp_path).exists()


def test_the_log_keeps_its_file(tmp_path: Path) -> None:
    """What is flushed is the file that SQLite writes, whatever other connections come and go."""
    path = journal.create(tmp_path)
    told = Told()
    made = Journal(path, journal.next_epoch(path), told)
    told.synced_of(made.submit([received("first")], synced=True))
    before = os.fstat(made._syncing.wal_fd).st_ino
    for number in range(5):
        told.of(made.submit([received(str(number))]))
        journal.connect(path).close()
        journal.connect(path, read_only=True).close()
        journal.next_epoch(path)
        assert made._syncing.fold_now()
        assert (tmp_path / "journal.db-wal").stat().st_ino == before
    made.close()


# The log's size -------------------------------------------------------------------------------------------------------


def test_the_log_stays_small_under_load_beside_readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert JOURNAL_WAL_BYTES_MAX >= 1 << 20
    limit = 200_000
    monkeypatch.setattr(journal_sync, "JOURNAL_WAL_BYTES_MAX", limit)
    monkeypatch.setattr(journal_sync, "FOLD_AGAIN_S", 0.01)
    monkeypatch.setattr(journal, "WRITE_BUSY_TIMEOUT_S", 60.0)  # whoever folds may wait for a processor
    path = journal.create(tmp_path)
    told = Told()
    made = Journal(path, journal.next_epoch(path), told)
    enough = threading.Event()

    def read() -> None:
        reader = journal.connect(path, read_only=True)
        while not enough.is_set():
            reader.execute("SELECT count(*) FROM facts").fetchall()
        reader.close()

    reading = threading.Thread(target=read)
    reading.start()
    sizes = []
    written = 0
    text = "x" * 2_000
    while written < 40 * limit or not sizes or min(sizes[-50:]) > limit:
        told.of(made.submit([acknowledged(f"{written:016x}", text)]))
        written += len(text)
        sizes.append(made._syncing.unfolded_bytes())
        assert written < 1_000 * limit, f"the log grows and grows: {sizes[-1]} bytes"
    enough.set()
    reading.join()
    assert [each.error for each in told.all if each.error] == []
    made.close()


@pytest.mark.parametrize(("calm_s", "is_folded"), [(0.0, True), (1e9, False)])
def test_a_calm_journal_folds_a_small_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calm_s: float, is_folded: bool
) -> None:
    monkeypatch.setattr(journal_sync, "JOURNAL_WAL_BYTES_CALM", 50_000)
    monkeypatch.setattr(journal_sync, "CALM_S", calm_s)
    monkeypatch.setattr(journal_sync, "FOLD_AGAIN_S", 0.01)
    path = journal.create(tmp_path)
    told = Told()
    made = Journal(path, journal.next_epoch(path), told)
    told.synced_of(made.submit([acknowledged("a", "x" * 100_000)], synced=True))
    for number in range(200 if not is_folded else 100_000):
        told.synced_of(made.submit([acknowledged(f"{number:016x}", "")], synced=True))
        if made._syncing.unfolded_bytes() < 50_000:
            break
    assert (made._syncing.unfolded_bytes() < 50_000) == is_folded
    made.close()


def test_the_log_is_begun_anew_in_its_file_which_is_cut_once_it_is_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 50_000
    monkeypatch.setattr(journal_sync, "JOURNAL_WAL_BYTES_MAX", limit)
    path, wal = journal.create(tmp_path), tmp_path / "journal.db-wal"
    told = Told()
    made = Journal(path, journal.next_epoch(path), told)
    told.synced_of(made.submit([acknowledged("a", "x" * 1_000)], synced=True))
    for large, cut in ((limit // 2, False), (2 * limit, True)):
        told.of(made.submit([acknowledged("b", "x" * large)]))
        size = wal.stat().st_size
        while made._syncing.unfolded_bytes() and not made._syncing.fold_now():
            pass
        told.of(made.submit([acknowledged("c", "")]))
        assert made._syncing.unfolded_bytes() < size
        assert (wal.stat().st_size < size) == cut
    made.close()
    found = verify_data(tmp_path, None, ())
    assert found.wrong == []


def test_a_reader_that_stays_does_not_stop_the_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_sync, "JOURNAL_WAL_BYTES_MAX", 50_000)
    monkeypatch.setattr(journal_sync, "FOLD_AGAIN_S", 0.01)
    path = journal.create(tmp_path)
    told = Told()
    made = Journal(path, journal.next_epoch(path), told)
    told.of(made.submit([received("a")]))
    reader = journal.connect(path, read_only=True)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM facts").fetchall()
    for number in range(300):
        assert told.of(made.submit([acknowledged(f"{number:016x}", "x" * 1_000)])).error == ""
    assert made._syncing.unfolded_bytes() > 50_000
    reader.execute("COMMIT")
    reader.close()
    sizes: list[int] = []
    while not sizes or sizes[-1] > 50_000:
        told.of(made.submit([acknowledged("0", "")]))
        sizes.append(made._syncing.unfolded_bytes())
        assert len(sizes) < 100_000, "the log is not folded"
    made.close()


def test_the_writer_waits_for_no_reader_while_the_log_is_folded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = journal.create(tmp_path)
    writer, folding, reader = journal.connect(path), journal.connect(path), journal.connect(path, read_only=True)
    writer.execute("PRAGMA busy_timeout=0")
    writer.execute("INSERT INTO meta VALUES ('a', 1)")
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM meta").fetchall()
    written = 0

    def write(_seconds: float) -> None:
        nonlocal written
        writer.execute("UPDATE meta SET value = value + 1 WHERE key = 'a'")
        written += 1

    monkeypatch.setattr(journal_wal, "TRY_EVERY_S", 0.001)
    monkeypatch.setattr("keepline.node.journal_wal.time.sleep", write)
    assert not journal_wal.fold(folding, path, was_lost=False, keeps_file=True)
    assert written == journal_wal.TRIES - 1, "nobody is kept out between two tries"
    reader.execute("COMMIT")
    assert journal_wal.fold(folding, path, was_lost=False, keeps_file=True)
    assert written == journal_wal.TRIES - 1
    assert folding.execute("PRAGMA busy_timeout").fetchone()[0] == int(journal_schema.BUSY_TIMEOUT_S * 1000)
    for each in (reader, folding, writer):
        each.close()


def test_folding_outlives_a_disk_in_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_sync, "JOURNAL_WAL_BYTES_MAX", 0)
    monkeypatch.setattr(journal_sync, "FOLD_AGAIN_S", 0.01)
    path = journal.create(tmp_path)
    told = Told()
    made = Journal(path, journal.next_epoch(path), told)
    tried, folded = threading.Event(), threading.Event()
    plain = made._syncing.folding

    class Failing:
        def execute(self, text: str) -> sqlite3.Cursor:
            tried.set()
            raise sqlite3.OperationalError("disk I/O error")

        def close(self) -> None:
            plain.close()

    class Noting(Failing):
        def execute(self, text: str) -> sqlite3.Cursor:
            folded.set()
            return plain.execute(text)

    made._syncing.folding = Failing()  # type: ignore[assignment]
    told.synced_of(made.submit([received("a")], synced=True))
    assert tried.wait(30)
    made._syncing.folding = Noting()  # type: ignore[assignment]
    told.synced_of(made.submit([received("b")], synced=True))
    assert folded.wait(30)
    made.close()


def test_a_journal_whose_files_were_deleted_stays_in_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_sync, "FOLD_AGAIN_S", 0.01)
    data = tmp_path / "data"
    data.mkdir()
    path = journal.create(data)
    told = Told()
    made = Journal(path, journal.next_epoch(path), told)
    told.synced_of(made.submit([received("a")], synced=True))
    folds = threading.Semaphore(0)
    fold_now = made._syncing.fold_now
    monkeypatch.setattr(made._syncing, "fold_now", lambda: folds.release() or fold_now())
    shutil.rmtree(data)
    assert "was deleted while in use" in told.synced_of(made.submit([received("b")], synced=True)).error
    for _ in range(3):
        assert folds.acquire(timeout=30)
    assert "was deleted while in use" in made.trouble
    made.close()
