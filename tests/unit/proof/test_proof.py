"""What `keepline verify` finds, and that an independent program finds the same in what `keepline export` wrote."""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from keepline.model.errors import PeerError
from keepline.node.journal_proof import CannotProve, export_data, verify_data
from keepline.proof.checkpoint import NOTE_CHARS_MAX, Checkpoint, read_note, verify
from keepline.proof.entry import digest_of, entry_of
from keepline.proof.key import NoLogKey, log_key, read_public
from keepline.proof.merkle import Frontier, leaf_hash
from keepline.proof.notes import KeptNote, notes_in
from tests.unit.proof.proof_journal import tamper, write

INDEPENDENT = Path(__file__).parents[3] / "tools" / "verify_export.py"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("written")
    write(data)
    return data


@pytest.fixture
def data(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "data"))


def wrong(data: Path, *witnesses: str) -> list[str]:
    return verify_data(data, None, [KeptNote(note, "vault") for note in witnesses]).wrong


def independent(data: Path, tmp_path: Path, *options: str) -> tuple[int, str]:
    """Exit code and words of the program that knows nothing of Keepline."""
    export = tmp_path / "export.jsonl"
    with export.open("w", encoding="utf-8") as file:
        export_data(data, file)
    ran = subprocess.run(
        [sys.executable, "-I", str(INDEPENDENT), str(export), *options], capture_output=True, text=True, timeout=60
    )
    return ran.returncode, ran.stdout + ran.stderr


def last_note(data: Path) -> str:
    connection = sqlite3.connect(data / "journal.db")
    note = connection.execute("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1").fetchone()[0]
    connection.close()
    return str(note)


def test_a_journal_that_nobody_touched_is_as_it_was_written(data: Path, tmp_path: Path) -> None:
    verdict = verify_data(data, None, [KeptNote(last_note(data), "vault")])
    assert (verdict.wrong, verdict.facts, verdict.signed, verdict.witnessed) == ([], 25, 25, 25)
    assert verdict.checkpoints >= 5
    code, words = independent(data, tmp_path)
    assert (code, words.strip()) == (0, "25 facts, 25 of them signed")


def test_an_altered_fact_is_named(data: Path, tmp_path: Path) -> None:
    body = b'{"call":"0000000000000002","at_s":3.0,"head":1,"digits":"6"}'
    tamper(data / "journal.db", lambda db: db.execute("UPDATE facts SET body = ? WHERE seq = 13", (body,)))
    found = wrong(data)
    assert found[0] == (
        "fact 13 (digits_pressed.1 of call 0000000000000002) was altered, or stands in the place of another"
    )
    code, words = independent(data, tmp_path)
    assert code == 1
    assert "fact 13 (digits_pressed.1, call 0000000000000002) was altered" in words


def test_a_missing_fact_is_named(data: Path, tmp_path: Path) -> None:
    tamper(data / "journal.db", lambda db: db.execute("DELETE FROM facts WHERE seq = 7"))
    assert wrong(data)[0] == "fact 7 is missing"
    assert "after fact 6 comes fact 8" in independent(data, tmp_path)[1]
    tamper(data / "journal.db", lambda db: db.execute("DELETE FROM facts WHERE seq BETWEEN 3 AND 8"))
    assert wrong(data)[0] == "facts 3 to 8 are missing"


def test_facts_that_changed_places_are_named(data: Path) -> None:
    def swap(db: sqlite3.Connection) -> None:
        db.execute("UPDATE facts SET seq = 1000 WHERE seq = 4")
        db.execute("UPDATE facts SET seq = 4 WHERE seq = 9")
        db.execute("UPDATE facts SET seq = 9 WHERE seq = 1000")

    tamper(data / "journal.db", swap)
    assert [line[:7] for line in wrong(data)[:2]] == ["fact 4 ", "fact 9 "]


def test_a_digest_that_was_mended_too_is_found_by_the_next_checkpoint(data: Path, tmp_path: Path) -> None:
    def forge(db: sqlite3.Connection) -> None:
        body = b'{"call":"0000000000000002","at_s":3.0,"head":1,"digits":"6"}'
        salt = db.execute("SELECT salt FROM facts WHERE seq = 13").fetchone()[0]
        db.execute("UPDATE facts SET body = ?, digest = ? WHERE seq = 13", (body, digest_of(salt, 13, body)))

    tamper(data / "journal.db", forge)
    (found, *_) = wrong(data)
    first, last = (int(word) for word in found.split() if word.isdigit())
    assert first <= 13 <= last
    assert found.endswith("are not those that were signed (checkpoint of the journal)")
    assert "are not those that were signed" in independent(data, tmp_path)[1]


def cut(data: Path) -> None:
    """Whoever has the node's disk cuts off the last call, its checkpoints and its place in the list of calls."""

    def do(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM facts WHERE seq > 20")
        db.execute("DELETE FROM checkpoints WHERE size > 20")
        db.execute("DELETE FROM calls WHERE call = '0000000000000004'")

    tamper(data / "journal.db", do)


def test_a_tail_that_was_cut_passes_unless_somebody_else_kept_a_checkpoint(data: Path, tmp_path: Path) -> None:
    kept = last_note(data)
    cut(data)
    assert wrong(data) == []
    assert wrong(data, kept) == ["the witness vault saw 25 facts, this journal has 20: its end was cut off"]
    witness = tmp_path / "witness"
    witness.write_text(kept, encoding="utf-8")
    assert independent(data, tmp_path)[0] == 0
    code, words = independent(data, tmp_path, "--witness", str(witness))
    assert code == 1
    assert "it ends with fact 20, a checkpoint kept elsewhere has seen 25" in words


def test_a_history_that_was_signed_anew_with_the_stolen_key_differs_from_what_was_kept(data: Path) -> None:
    kept = last_note(data)

    def forge(db: sqlite3.Connection) -> None:
        key, tree = log_key(data), Frontier()
        db.execute("DELETE FROM checkpoints")
        body = b'{"call":"0000000000000002","at_s":3.0,"head":1,"digits":"6"}'
        salt = db.execute("SELECT salt FROM facts WHERE seq = 13").fetchone()[0]
        db.execute("UPDATE facts SET body = ?, digest = ? WHERE seq = 13", (body, digest_of(salt, 13, body)))
        for seq, kind, call, digest in db.execute("SELECT seq, kind, call, digest FROM facts ORDER BY seq"):
            tree.append(leaf_hash(entry_of(seq, kind, call, digest)))
        row = (tree.size, 0.0, tree.to_bytes(), key.note(tree.size, tree.root))
        db.execute("INSERT INTO checkpoints (size, at_s, frontier, note) VALUES (?, ?, ?, ?)", row)

    tamper(data / "journal.db", forge)
    assert wrong(data) == []
    assert wrong(data, kept) == ["facts 1 to 25 are not those that were signed (checkpoint kept by vault)"]


def test_an_erased_fact_leaves_its_proof(data: Path, tmp_path: Path) -> None:
    tamper(data / "journal.db", lambda db: db.execute("UPDATE facts SET body = x'', salt = x'' WHERE seq = 11"))
    verdict = verify_data(data, None, [])
    assert (verdict.wrong, verdict.erased, verdict.facts) == ([], 1, 25)
    assert independent(data, tmp_path)[0] == 0


def test_the_list_of_calls_is_that_of_the_facts(data: Path) -> None:
    tamper(data / "journal.db", lambda db: db.execute("INSERT INTO calls (call) VALUES ('ffff')"))
    assert wrong(data) == ["call ffff is in the list of calls and not in the facts"]
    tamper(data / "journal.db", lambda db: db.execute("DELETE FROM calls"))
    assert wrong(data) == ["call 0000000000000000 is in the facts and not in the list of calls"]


def test_a_checkpoint_that_somebody_else_signed_is_wrong(data: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = log_key(tmp_path / "other")
    note = other.note(25, bytes(32))
    assert wrong(data, note) == ["the witness vault: the checkpoint of 25 entries is not signed by this key"]
    tamper(data / "journal.db", lambda db: db.execute("UPDATE checkpoints SET note = ? WHERE size = 25", (note,)))
    assert "a checkpoint is not of this log" in independent(data, tmp_path)[1]


def test_a_journal_of_the_first_version_gets_its_digests(tmp_path: Path) -> None:
    path = write(tmp_path, calls=2)

    def older(db: sqlite3.Connection) -> None:
        db.execute("ALTER TABLE facts DROP COLUMN salt")
        db.execute("ALTER TABLE facts DROP COLUMN digest")
        db.execute("DROP TABLE checkpoints")
        db.execute("PRAGMA user_version=1")

    tamper(path, older)
    write(tmp_path, calls=1)
    verdict = verify_data(tmp_path, None, [])
    assert (verdict.wrong, verdict.facts, verdict.signed) == ([], 15, 15)


# Notes and keys -------------------------------------------------------------------------------------------------------


def test_a_note_says_what_was_signed(tmp_path: Path) -> None:
    key = log_key(tmp_path)
    note = key.note(7, bytes(range(32)))
    origin, public = read_public(key.public_text)
    assert verify(note, public) == Checkpoint(origin, 7, bytes(range(32)))
    for place in range(0, len(note), 7):
        changed = note[:place] + ("x" if note[place] != "x" else "y") + note[place + 1 :]
        with pytest.raises(PeerError):
            verify(changed, public)


@pytest.mark.parametrize("text", ["", "a\nb\nc", "a\n1\nAAAA\n", "a\n-1\n" + "A" * 44, "x" * (NOTE_CHARS_MAX + 1)])
def test_what_is_no_note_is_refused(text: str) -> None:
    with pytest.raises(PeerError, match="no checkpoint"):
        read_note(text)


def test_a_file_of_notes_is_read_one_by_one(tmp_path: Path) -> None:
    key = log_key(tmp_path)
    notes = [key.note(size, bytes(32)) for size in (1, 2, 3)]
    assert [each.note for each in notes_in("\n".join(notes))] == notes
    assert list(notes_in("")) == []


def test_a_key_is_made_once_and_is_nobody_elses_business(tmp_path: Path) -> None:
    first, second = log_key(tmp_path), log_key(tmp_path)
    assert first.public_text == second.public_text
    assert (tmp_path / "log.key").stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.key", "log.pub"]


def test_a_key_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "log.key").write_text("not hex", encoding="ascii")
    with pytest.raises(NoLogKey, match=r"log\.key cannot be used"):
        log_key(tmp_path)
    with pytest.raises(NoLogKey, match="no public key of a log"):
        read_public("anything")


def test_where_there_is_no_journal_there_is_nothing_to_prove(data: Path, tmp_path: Path) -> None:
    (data / "journal.db").unlink()
    for nowhere in (data, tmp_path, tmp_path / "none"):
        with pytest.raises(CannotProve, match="no journal in"):
            verify_data(nowhere, None, [])
        with (tmp_path / "export").open("w", encoding="utf-8") as file, pytest.raises(CannotProve, match="no journal"):
            export_data(nowhere, file)


def test_without_the_public_key_a_copy_of_it_is_asked_for(data: Path) -> None:
    public = (data / "log.pub").read_text(encoding="ascii")
    (data / "log.pub").unlink()
    with pytest.raises(NoLogKey, match="--key names a copy"):
        verify_data(data, None, [])
    assert verify_data(data, public, []).wrong == []


def test_an_export_holds_facts_and_checkpoints_in_order(data: Path, tmp_path: Path) -> None:
    with (tmp_path / "export").open("w+", encoding="utf-8") as file:
        assert export_data(data, file) == 25
        file.seek(0)
        head, *rows = map(json.loads, file)
    assert head["log"].startswith("keepline/")
    assert [row["seq"] for row in rows if "seq" in row] == list(range(1, 26))
    assert read_note(rows[-1]["checkpoint"]).size == 25
