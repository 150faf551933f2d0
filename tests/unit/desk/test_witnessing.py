"""Sending checkpoints, in a desk without threads: what is due, what is remembered, and what is said of it."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from keepline.connectors.witness import WitnessFailed
from keepline.connectors.witness.interface import Delivery
from keepline.desk.witnessing import WitnessSender
from keepline.model.limits import WITNESS_DELIVERIES_MAX
from keepline.model.witness import FileWitness, JournalSettings, Witness, WitnessPlace
from keepline.node import witness_store
from keepline.node.checkpoints import newest_checkpoint
from keepline.node.witness_store import WitnessStore, states_in, with_witnesses
from tests.unit.proof.proof_journal import tamper, write

VAULT = Witness("vault", FileWitness("/mnt/vault/notes"))
SETTINGS = JournalSettings((VAULT,), every_s=60.0, overdue_s=600.0)
NOON_S = 1_700_000_000.0


class Place:
    """Takes what it is sent, or says why not."""

    def __init__(self) -> None:
        self.took: list[Delivery] = []
        self.why = ""

    def deliver(self, place: WitnessPlace, delivery: Delivery) -> str:
        if self.why:
            raise WitnessFailed(self.why)
        self.took.append(delivery)
        return ""


class Rig:
    def __init__(self, data: Path) -> None:
        self.data, self.place = data, Place()
        write(data, calls=2)
        self.store = WitnessStore(data)
        self.store.set_witnesses(SETTINGS)
        self.sender = WitnessSender(data, VAULT, self.store, self.place.deliver)

    def more(self) -> int:
        write(self.data, calls=1)
        newest = newest_checkpoint(self.data)
        assert newest is not None
        return newest.size


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_a_witness_gets_the_newest_checkpoint_once_and_the_next_after_its_time(rig: Rig) -> None:
    for second in range(100):
        rig.sender.attend(NOON_S + second)
    [sent] = rig.place.took
    assert (sent.checkpoint.size, sent.origin[:9]) == (10, "keepline/")
    assert sent.key == f"{sent.origin.replace('/', '.')}.10"
    more = rig.more()
    rig.sender.attend(NOON_S + 59)
    assert len(rig.place.took) == 1
    rig.sender.attend(NOON_S + 60)
    assert [each.checkpoint.size for each in rig.place.took] == [10, more]
    with sqlite3.connect(rig.data / "witnesses.db") as db:
        assert db.execute("SELECT witness, size FROM deliveries").fetchall() == [("vault", 10), ("vault", more)]
    db.close()


def test_what_was_sent_is_remembered_by_the_next_desk(rig: Rig) -> None:
    rig.sender.attend(NOON_S)
    rig.store.close()
    store = WitnessStore(rig.data)
    store.set_witnesses(SETTINGS)
    WitnessSender(rig.data, VAULT, store, rig.place.deliver).attend(NOON_S + 1_000)
    assert len(rig.place.took) == 1


def test_a_witness_that_fails_is_tried_again_and_gets_the_newest(rig: Rig) -> None:
    rig.place.why = "gone"
    with capture_logs() as logs:
        for second in range(10):
            rig.sender.attend(NOON_S + second)
    state = rig.store.state("vault")
    assert state is not None
    assert (state.tries, state.why, state.size) == (3, "gone", 0), "at 0, 2 and 6 s"
    assert [each["event"] for each in logs] == ["witness_failed"]
    rig.place.why = ""
    more = rig.more()
    with capture_logs() as logs:
        rig.sender.attend(NOON_S + 14)
    assert [each.checkpoint.size for each in rig.place.took] == [more]
    assert [each["event"] for each in logs] == ["witness_reached"]


def test_a_clock_that_was_set_back_silences_nobody(rig: Rig) -> None:
    rig.sender.attend(NOON_S)
    rig.more()
    rig.sender.attend(NOON_S - 86_400)
    assert len(rig.place.took) == 2


def test_nothing_is_shown_that_a_power_cut_could_take_back(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_data: Path) -> None:
        assert rig.place.took == []
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("keepline.desk.witnessing.sync_journal", broken)
    rig.sender.attend(NOON_S)
    assert rig.place.took == []
    state = rig.store.state("vault")
    assert state is not None
    assert "Input/output error" in state.why


def test_a_witness_that_is_elsewhere_now_has_nothing_yet(rig: Rig) -> None:
    rig.sender.attend(NOON_S)
    moved = replace(SETTINGS, witnesses=(Witness("vault", FileWitness("/mnt/other")), Witness("new", VAULT.place)))
    rig.store.set_witnesses(replace(moved, every_s=5.0))
    assert [(each.name, each.size, each.every_s) for each in states_in(rig.data)] == [
        ("new", 0, 5.0),
        ("vault", 0, 5.0),
    ]
    rig.store.set_witnesses(JournalSettings())
    assert states_in(rig.data) == []


def test_status_says_how_the_witnesses_are_though_nobody_sends(rig: Rig) -> None:
    rig.place.why = "gone"
    rig.sender.attend(NOON_S)
    told = with_witnesses({"node": "x", "trouble": ["calls: disk full"]}, rig.data)
    trouble = told["trouble"]
    assert isinstance(trouble, list)
    assert trouble[0] == "calls: disk full"
    assert len(trouble) == 1, "its checkpoints are of this minute"
    tamper(rig.data / "journal.db", lambda db: db.execute("UPDATE checkpoints SET at_s = at_s - 86400"))
    told = with_witnesses({"node": "x"}, rig.data)
    assert told["trouble"] == ["witness vault has no checkpoint for 24 h, nothing ever came there: gone"]
    witnesses = told["witnesses"]
    assert isinstance(witnesses, dict)
    assert witnesses["vault"]["facts"] == 0
    assert witnesses["vault"]["behind_s"] >= 86_400
    json.dumps(told)


def test_a_journal_that_was_cut_is_said_to_be(rig: Rig) -> None:
    rig.sender.attend(NOON_S)

    def cut(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM facts WHERE seq > 5")
        db.execute("DELETE FROM checkpoints WHERE size > 5")

    tamper(rig.data / "journal.db", cut)
    [trouble] = with_witnesses({}, rig.data)["trouble"]  # type: ignore[misc]
    assert trouble == (
        "witness vault was shown 10 facts at 2023-11-14 22:13:20 UTC, and the journal has 5 signed: its end was cut off"
    )
    with capture_logs() as logs:
        rig.sender.attend(NOON_S + 1)
        rig.sender.attend(NOON_S + 2)
    assert [each["event"] for each in logs] == ["witness_overdue"]


def test_of_old_deliveries_no_more_than_witness_deliveries_max_are_kept(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert WITNESS_DELIVERIES_MAX > 100
    monkeypatch.setattr(witness_store, "WITNESS_DELIVERIES_MAX", 3)
    state = rig.store.state("vault")
    assert state is not None
    for size in range(1, 8):
        rig.store.note_delivery(state, size, NOON_S, "")
    with sqlite3.connect(rig.data / "witnesses.db") as db:
        assert db.execute("SELECT size FROM deliveries ORDER BY id").fetchall() == [(5,), (6,), (7,)]
    db.close()


def test_status_of_what_has_no_witness_is_as_it_was(tmp_path: Path) -> None:
    assert with_witnesses({"node": "x"}, tmp_path) == {"node": "x", "witnesses": {}}
    (tmp_path / "witnesses.db").write_bytes(b"not a database, of whatever length it may be")
    assert with_witnesses({"node": "x"}, tmp_path) == {"node": "x", "witnesses": {}}
