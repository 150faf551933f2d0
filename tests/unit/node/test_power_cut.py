"""A power cut: whatever followed the last completed flush is missing, torn or reordered by sector, and nothing is lost.

What SQLite and the journal do to their files is recorded as they do it, between the beginnings and the ends of flushes.
A crashed disk is what was flushed, and of the sectors written since any that chance picks, in any of their versions.
"""

import random
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from keepline.call.facts import CallReceived, DigitsPressed
from keepline.node import journal
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

    def before(self, deed: Deed) -> int:
        if deed.kind == "flush":
            self.note(Deed("flushing", deed.path))
        return sqlite_disk.OK

    def after(self, deed: Deed) -> None:
        self.note(deed)

    def note(self, deed: Deed) -> None:
        """Whatever the thread."""
        with self.lock:
            self.story.append(deed)

    def tell(self, written: Written) -> None:
        assert written.error == ""
        if written.synced:
            self.note(Deed("told", "", written.group))


def lived(data: Path, seed: int) -> list[Deed]:
    """The story of a journal that is made, written, folded again and again, closed, and opened by a successor."""
    dice, recorder = random.Random(seed), Recorder()
    with sqlite_disk.watch(recorder), pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "JOURNAL_WAL_BYTES_MAX", 40_000)
        patch.setattr(journal, "RETRY_EVERY_S", 0.001)
        path = journal.create(data)
        group = 0
        for _life in range(2):
            made = Journal(path, journal.next_epoch(path), recorder.tell)
            first = group
            told = Told()
            made._tell = lambda written, first=first, told=told: (  # type: ignore[method-assign]
                recorder.tell(Written(written.group + first, written.error, written.synced)),
                told(written),
            )
            for _ in range(GROUPS // 2):
                group += 1
                text = "5" * dice.choice([10, 300, 3_000])
                facts = [received(f"{group:016x}"), *(DigitsPressed(f"{group:016x}", 1.0, group, text),) * (FACTS - 1)]
                number = made.submit(facts, synced=dice.random() < 0.3)
                if dice.random() < 0.5:
                    told.of(number)
            made.close()
    return recorder.story


def last_flush(story: list[Deed], path: str) -> int:
    """Where the last flush of this file began that was completed: all before it is on the disk."""
    begins = [at for at, deed in enumerate(story) if deed.path == path and deed.kind == "flushing"]
    ends = [at for at, deed in enumerate(story) if deed.path == path and deed.kind == "flush"]
    if not ends:
        return 0
    # Flushes of two threads may overlap; of those begun, as many as have ended are over, this one or a later one.
    return begins[len(ends) - 1]


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


def crashed(story: list[Deed], path: str, dice: random.Random) -> bytes | None:
    """What a file may hold when the power fails at the end of this story; None where it may be missing."""
    since = last_flush(story, path)
    directory = str(Path(path).parent)
    listed = max((at for at, deed in enumerate(story) if deed.kind == "entries" and deed.path == directory), default=0)
    content = bytearray()
    deeds = [
        (at, deed) for at, deed in enumerate(story) if deed.path == path and deed.kind not in ("flush", "flushing")
    ]
    if not deeds:
        return None
    pending: list[Deed] = []
    for at, deed in deeds:
        if at < since or (deed.kind == "delete" and at < listed):
            done(content, deed)
        else:
            pending += sectors(deed)
    kept = dice.choice([0.0, 0.1, 0.5, 0.9, 1.0])
    cut = dice.randrange(len(pending) + 1) if dice.random() < 0.3 else len(pending)
    for piece in pending[:cut]:
        if dice.random() < kept:
            done(content, piece)
    return bytes(content)


def crash(story: list[Deed], keys: Path, into: Path, dice: random.Random) -> None:
    """Lay out the disk as the power cut left it."""
    into.mkdir()
    for name in ("log.key", "log.pub"):
        if (keys / name).exists():
            shutil.copy(keys / name, into)
    for path in sorted({deed.path for deed in story if deed.kind in ("write", "truncate", "delete")}):
        content = crashed(story, path, dice)
        if content is not None and Path(path).name.startswith("journal.db"):
            (into / Path(path).name).write_bytes(content)


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


@pytest.mark.parametrize("seed", range(6))
def test_a_power_cut_at_any_moment_loses_nothing_that_was_synced(memory: Path, seed: int) -> None:
    data = memory / "before"
    data.mkdir()
    story, dice = lived(data, seed), random.Random(seed)
    assert sum(deed.kind == "truncate" and deed.path.endswith("-wal") for deed in story) >= 3, "it was folded"
    made = next(at for at, deed in enumerate(story) if deed.kind == "told")
    for state in range(STATES):
        moment = dice.randrange(made, len(story) + 1)
        into = memory / f"after{state}"
        crash(story[:moment], data, into, dice)
        where = f"seed {seed}, state {state}, moment {moment}"
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


def test_a_disk_that_does_not_flush_would_be_found_out(memory: Path) -> None:
    """The harness can fail: where a flush says that it is done and is not, something that was promised is missing."""
    data = memory / "before"
    data.mkdir()
    story = [deed for deed in lived(data, 1) if deed.kind not in ("flush", "flushing")]
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
