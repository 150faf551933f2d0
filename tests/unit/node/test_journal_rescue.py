"""A damaged journal is set aside as it is, and the calls that can be read go on; what only looks so is left alone."""

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from keepline.call.facts import CallReceived, Fact, JournalReplaced, WorkOpened
from keepline.node import journal, journal_rescue
from keepline.node.journal import JournalFailed, Tail
from keepline.node.journal_proof import verify_data
from tests.unit.node.journal_facts import Told, acknowledged, life, opened, pressed, received, stored

OPEN = [received("b"), acknowledged("b"), pressed("b")]


def filled(data: Path) -> Path:
    """A journal of calls that ended, and of some that did not."""
    path = journal.create(data)
    with opened(path, Told()) as made:
        for number in range(100):
            made.submit(life(f"{number:016x}"))
        made.submit(OPEN)
        made.submit([received("c"), acknowledged("c", "x" * 20_000), pressed("c")])
    return path


def rescued(data: Path) -> tuple[Path, list[Fact]]:
    """Start over it: where the old one is now, and the facts of the new one."""
    path = journal_rescue.create(data, alone=True)
    [name] = journal_rescue.aside_in(data)
    assert verify_data(data, None, ()).wrong == []
    return data / name, stored(path)


def spoil_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"garbage" * 10)


def spoil_pages(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        for at in range(4096, size, 4096):
            file.seek(at)
            file.write(random.Random(at).randbytes(512))


@pytest.mark.parametrize("spoil", [spoil_header, spoil_pages])
def test_a_node_starts_over_a_damaged_journal(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    path = filled(tmp_path)
    spoil(path)
    before = path.read_bytes()
    assert journal_rescue.damage(path) != ""
    aside, facts = rescued(tmp_path)
    assert (aside / "journal.db").read_bytes() == before, "as it was"
    assert (aside / "log.pub").read_bytes() != (tmp_path / "log.pub").read_bytes()
    [replaced] = facts
    assert isinstance(replaced, JournalReplaced)
    assert (replaced.aside, replaced.calls) == (aside.name, 0)
    assert journal_rescue.create(tmp_path, alone=True) == path
    assert len(journal_rescue.aside_in(tmp_path)) == 1, "once"


def change_fact(path: Path, call: str) -> None:
    """One bit of an open call's words, as a disk might."""
    connection = sqlite3.connect(path)
    connection.execute(
        "UPDATE facts SET body = CAST(replace(body, '192.0.2.1', '192.0.2.3') AS BLOB) WHERE call = ?", (call,)
    )
    connection.commit()
    connection.close()


def test_calls_that_can_be_read_go_on_and_others_do_not(tmp_path: Path) -> None:
    path = filled(tmp_path)
    change_fact(path, "c")
    assert "is not as it was written" in journal_rescue.damage(path)
    aside, facts = rescued(tmp_path)
    assert facts[1:-1] == OPEN
    replaced, lost = facts[0], facts[-1]
    assert isinstance(replaced, JournalReplaced)
    assert (replaced.calls, replaced.facts, replaced.aside) == (1, 4, aside.name)
    assert isinstance(lost, WorkOpened)
    assert (lost.call, lost.about) == ("c", "call_broken")
    assert aside.name in lost.why
    tail = Tail(path)
    live, _ = tail.open_calls(0.0)
    tail.close()
    assert list(live) == ["b"]


def test_the_epoch_goes_on(tmp_path: Path) -> None:
    path = filled(tmp_path)
    for _ in range(5):
        before = journal.next_epoch(path)
    change_fact(path, "c")
    rescued(tmp_path)
    assert journal.next_epoch(path) > before


def test_the_tail_that_a_power_cut_tore_is_no_damage(tmp_path: Path) -> None:
    path = filled(tmp_path)
    before = stored(path)
    with opened(path, Told()) as made:
        made.submit([received("d")])
        wal = path.with_name("journal.db-wal").read_bytes()
    path.with_name("journal.db-wal").write_bytes(wal[: len(wal) - 1_000] + bytes(500))
    assert journal_rescue.create(tmp_path, alone=True) == path
    assert journal_rescue.aside_in(tmp_path) == []
    assert stored(path)[: len(before)] == before


def test_a_newer_version_s_journal_is_not_set_aside(tmp_path: Path) -> None:
    path = filled(tmp_path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=999")
    connection.close()
    with pytest.raises(JournalFailed, match="newer version"):
        journal_rescue.create(tmp_path, alone=True)
    assert journal_rescue.aside_in(tmp_path) == []


def test_damage_that_is_met_while_writing_is_known_at_the_next_start(tmp_path: Path) -> None:
    path = filled(tmp_path)
    told = Told()
    with opened(path, told) as made:
        told.of(made.submit([received("d")]))
        spoil_pages(path)
        path.with_name("journal.db-wal").write_bytes(b"")
        wrong = ""
        while not wrong:
            wrong = told.of(made.submit([received("e"), *life("f")])).error
        assert "malformed" in wrong, "and calls go on from memory"
    assert "met while it was written" in journal_rescue.damage(path)
    rescued(tmp_path)
    assert journal_rescue.damage(path) == ""


def test_a_disk_in_trouble_is_no_damage(tmp_path: Path) -> None:
    path = filled(tmp_path)
    for code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_BUSY):
        error = sqlite3.OperationalError("trouble")
        error.sqlite_errorcode = code
        journal_rescue.note_damage(path, error)
    assert journal_rescue.damage(path) == ""


def test_words_that_were_erased_are_no_damage(tmp_path: Path) -> None:
    path = filled(tmp_path)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE facts SET body = x'', salt = x'' WHERE call = ?", (f"{1:016x}",))
    connection.commit()
    connection.close()
    assert journal_rescue.damage(path) == ""


def test_what_a_survivor_writes_is_not_taken_from_it(tmp_path: Path) -> None:
    path = filled(tmp_path)
    spoil_header(path)
    with pytest.raises(JournalFailed, match="cannot be used"):
        journal_rescue.create(tmp_path, alone=False)
    assert journal_rescue.aside_in(tmp_path) == []


def test_two_damaged_journals_of_one_second_lie_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_rescue.time, "strftime", lambda *_: f"{journal_rescue.ASIDE}now")
    for count in (1, 2):
        spoil_header(filled(tmp_path))
        journal_rescue.create(tmp_path, alone=True)
        assert len(journal_rescue.aside_in(tmp_path)) == count


def test_every_open_call_is_of_the_old_journal(tmp_path: Path) -> None:
    """The copies are the facts as they were, and the new log proves them."""
    path = filled(tmp_path)
    change_fact(path, "b")
    _, facts = rescued(tmp_path)
    assert [fact.call for fact in facts[1:] if isinstance(fact, CallReceived)] == ["c"]
