"""A power cut: whatever followed the last completed flush is missing, torn or reordered by sector, and nothing is lost.

What SQLite and the journal do to their files is recorded as they do it, between the beginnings and the ends of flushes.
A crashed disk is what was flushed, and of the sectors written since any that chance picks, in any of their versions.
"""

import random
import shutil
import tempfile
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from keepline.call.facts import CallReceived, DigitsPressed
from keepline.node import journal, journal_sync
from keepline.node.journal import Journal, Tail, Written
from keepline.node.journal_proof import verify_data
from tests.unit.node import sqlite_disk
from tests.unit.node.journal_facts import Told, pressed, received
from tests.unit.node.sqlite_disk import Deed, Disk

SECTOR_BYTES = 512
GROUPS = 120
FACTS = 3
"""Of each group."""
STATES = 60
"""Crashed disks of each seed."""

pytestmark = pytest.mark.skipif(sqlite_disk.library() is None, reason="this Python has an SQLite built in")


@pytest.fixture
def memory() -> Iterator[Path]:
    """A directory whose flushes cost nothing: what they mean is in the story alone."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as made:
        yield Path(made)


@dataclass
class Recorder(Disk):
    """Everything that happened, in order: deeds by their kinds, and what was told as synced."""

    story: list[Deed] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    fails: Callable[[Deed], bool] = lambda _deed: False
    """Whether a flush fails, once it is begun."""
    under_way: Counter[str] = field(default_factory=Counter)
    owed: set[tuple[str, str]] = field(default_factory=set)
    """Files and threads. Whoever else has a file open is told of a flush that failed, at the next of its own: Linux
    4.13 and later, fsync(2)."""

    def before(self, deed: Deed) -> int:
        if deed.kind != "flush":
            return sqlite_disk.OK
        with self.lock:
            told = deed.path, threading.current_thread().name
            if told in self.owed:
                self.owed.discard(told)
                return sqlite_disk.IO_ERROR_FSYNC
            self.story.append(Deed("flushing", deed.path))
            # While another is under way it would have to fail too, and that one has begun.
            if self.under_way[deed.path] or not self.fails(deed):
                self.under_way[deed.path] += 1
                return sqlite_disk.OK
            self.story.append(Deed("unflushed", deed.path))
            self.owed |= {(deed.path, "journal-fold"), (deed.path, "journal-write")}
            return sqlite_disk.IO_ERROR_FSYNC

    def after(self, deed: Deed) -> None:
        with self.lock:
            self.under_way[deed.path] -= deed.kind == "flush"
            self.story.append(deed)

    def note(self, deed: Deed) -> None:
        """Whatever the thread."""
        with self.lock:
            self.story.append(deed)

    def tell(self, written: Written) -> None:
        if written.synced and not written.error:
            self.note(Deed("told", "", written.group))


def lived(data: Path, seed: int, fails: Callable[[Deed], bool] = lambda _deed: False) -> list[Deed]:
    """The story of a journal that is made, written, folded again and again, closed, and opened by a successor."""
    dice, recorder = random.Random(seed), Recorder()
    recorder.fails = fails
    with sqlite_disk.watch(recorder), pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_sync, "JOURNAL_WAL_BYTES_MAX", 40_000)
        patch.setattr(journal, "RETRY_EVERY_S", 0.001)
        patch.setattr(journal_sync, "FOLD_AGAIN_S", 0.001)
        path = journal.create(data)
        group = 0
        for _life in range(2):
            first, told = group, Told()

            def tell(written: Written, first: int = first, told: Told = told) -> None:
                recorder.tell(Written(written.group + first, written.error, written.synced))
                told(written)

            made = Journal(path, journal.next_epoch(path), tell)
            for _ in range(GROUPS // 2):
                group += 1
                text = "5" * dice.choice([10, 300, 3_000])
                facts = [received(f"{group:016x}"), *(DigitsPressed(f"{group:016x}", 1.0, group, text),) * (FACTS - 1)]
                number = made.submit(facts, synced=dice.random() < 0.3)
                if dice.random() < 0.5:
                    told.of(number)
            made.close()
    return recorder.story


def done(content: bytearray, deed: Deed) -> None:
    if deed.kind == "write":
        missing = deed.offset + len(deed.data) - len(content)
        if missing > 0:
            content.extend(bytes(missing))
        content[deed.offset : deed.offset + len(deed.data)] = deed.data
    else:
        del content[deed.offset if deed.kind == "truncate" else 0 :]
        content.extend(bytes(max(0, deed.offset - len(content))) if deed.kind == "truncate" else b"")


def sectors(deed: Deed) -> Iterator[Deed]:
    """A write by sectors; what is no write is one piece."""
    if deed.kind != "write":
        yield deed
        return
    end = deed.offset + len(deed.data)
    cuts = [deed.offset, *range(deed.offset // SECTOR_BYTES * SECTOR_BYTES + SECTOR_BYTES, end, SECTOR_BYTES), end]
    for first, last in pairwise(cuts):
        yield Deed("write", deed.path, first, deed.data[first - deed.offset : last - deed.offset])


def by_chance(content: bytearray, deeds: list[Deed], dice: random.Random) -> None:
    """Do what chance picks of what was not flushed."""
    pieces = [piece for deed in deeds for piece in sectors(deed)]
    kept = dice.choice([0.0, 0.1, 0.5, 0.9, 1.0])
    cut = dice.randrange(len(pieces) + 1) if dice.random() < 0.3 else len(pieces)
    for piece in pieces[:cut]:
        if dice.random() < kept:
            done(content, piece)


def crashed(story: list[Deed], path: str, dice: random.Random) -> bytes:
    """What a file may hold when the power fails at the end of this story."""
    directory, content = str(Path(path).parent), bytearray()
    pending: list[tuple[int, Deed]] = []
    begins: deque[int] = deque()
    for at, deed in enumerate(story):
        if deed.kind == "entries" and deed.path == directory:
            until = next((at for at, each in reversed(pending) if each.kind == "delete"), -1)
        elif deed.path != path:
            continue
        elif deed.kind == "flushing":
            begins.append(at)
            continue
        elif deed.kind == "flush":  # of several under way the first to begin, for all that is known
            until = begins.popleft()
        elif deed.kind == "unflushed":  # some was written, and the rest is taken for clean
            until = begins.pop()
            by_chance(content, [each for when, each in pending if when < until], dice)
            pending = [(when, each) for when, each in pending if when >= until]
            continue
        else:
            pending.append((at, deed))
            continue
        for _, each in [pair for pair in pending if pair[0] <= until]:
            done(content, each)
        pending = [pair for pair in pending if pair[0] > until]
    by_chance(content, [each for _, each in pending], dice)
    return bytes(content)


def crash(story: list[Deed], keys: Path, into: Path, dice: random.Random) -> None:
    """Lay out the disk as the power cut left it."""
    into.mkdir()
    for name in ("log.key", "log.pub"):
        if (keys / name).exists():
            shutil.copy(keys / name, into)
    for path in sorted({deed.path for deed in story if deed.kind in ("write", "truncate", "delete")}):
        if Path(path).name.startswith("journal.db"):
            (into / Path(path).name).write_bytes(crashed(story, path, dice))


def heads(path: Path) -> Counter[int]:
    """How many facts of each group are there."""
    tail = Tail(path)
    try:
        found: Counter[int] = Counter()
        for fact in tail.follow():
            if isinstance(fact, CallReceived):
                found[int(fact.call, 16)] += 1
            elif isinstance(fact, DigitsPressed):
                found[fact.head] += 1
        return found
    finally:
        tail.close()


def survives_power_cuts(memory: Path, story: list[Deed], dice: random.Random, states: int) -> None:
    """Whatever is left of the disk, the journal opens, verifies, and has what was synced."""
    data = memory / "before"
    made = next(at for at, deed in enumerate(story) if deed.kind == "told")
    for state in range(states):
        moment = dice.randrange(made, len(story) + 1)
        into = memory / f"after{state}"
        crash(story[:moment], data, into, dice)
        where = f"state {state}, moment {moment}"
        path = journal.create(into)
        connection = journal.connect(path)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)], where
        connection.close()
        found = heads(path)
        safe = [deed.offset for deed in story[:moment] if deed.kind == "told"]
        assert [group for group in safe if found[group] != FACTS] == [], f"{where}: lost though it was synced"
        assert set(found.values()) <= {FACTS}, f"{where}: a group came apart"
        assert sorted(found) == list(range(1, len(found) + 1)), f"{where}: a hole"
        findings = verify_data(into, None, ())
        assert findings.wrong == [], where
        if state % 10 == 0:
            following = Journal(path, journal.next_epoch(path), Told())
            following.submit([pressed("f" * 16, 1_000_000)])
            following.close()
            assert heads(path)[1_000_000] == 1, where
        shutil.rmtree(into)


@pytest.mark.parametrize("seed", range(6))
def test_a_power_cut_at_any_moment_loses_nothing_that_was_synced(memory: Path, seed: int) -> None:
    data = memory / "before"
    data.mkdir()
    story = lived(data, seed)
    cuts = sum(deed.kind == "truncate" and deed.path.endswith("-wal") for deed in story)
    begun = sum(deed.kind == "write" and deed.offset == 0 and deed.path.endswith("-wal") for deed in story)
    assert cuts >= 3, "it was folded, and its file cut"
    assert begun >= cuts + 3, "it was folded, and begun anew in its file"
    survives_power_cuts(memory, story, random.Random(seed), STATES)


@pytest.mark.parametrize("seed", range(4))
def test_a_power_cut_after_a_failed_flush_loses_nothing_that_was_synced(memory: Path, seed: int) -> None:
    """The kernel tells of it once, and takes what it lost for clean: the next flush says nothing of that."""
    data = memory / "before"
    data.mkdir()
    dice = random.Random(seed)

    def fails(deed: Deed) -> bool:
        return deed.path.endswith("-wal") and threading.current_thread().name == "journal-sync" and dice.random() < 0.4

    story = lived(data, seed, fails)
    assert any(deed.kind == "unflushed" for deed in story)
    survives_power_cuts(memory, story, random.Random(seed), STATES)


def test_a_disk_that_does_not_flush_would_be_found_out(memory: Path) -> None:
    """The harness can fail: where a flush says that it is done and is not, something that was promised is missing."""
    data = memory / "before"
    data.mkdir()
    story = [deed for deed in lived(data, 1) if deed.kind not in ("flush", "flushing", "entries")]
    dice, lost = random.Random(1), 0
    for state in range(40):
        moment = dice.randrange(len(story) // 2, len(story) + 1)
        into = memory / f"after{state}"
        crash(story[:moment], data, into, dice)
        try:
            found = heads(journal.create(into))
        except Exception:
            lost += 1
            continue
        lost += any(found[deed.offset] != FACTS for deed in story[:moment] if deed.kind == "told")
    assert lost > 10
