"""A witness that is a file, and what is read again of what any witness kept. The others are in tests/live."""

import mailbox
import os
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path

import pytest

from keepline.connectors.witness import WitnessFailed, deliver, kept
from keepline.connectors.witness.file import SAME_FILE_SYSTEM
from keepline.connectors.witness.interface import Delivery
from keepline.connectors.witness.kept import kept_by
from keepline.model.limits import WITNESS_BYTES_MAX
from keepline.model.witness import FileWitness
from keepline.proof.checkpoint import SignedCheckpoint
from keepline.proof.key import log_key

NOON_S = 1_700_000_000.0


def checkpoint(data: Path, size: int) -> SignedCheckpoint:
    return SignedCheckpoint(size, NOON_S, log_key(data).note(size, bytes(32)))


def send(data: Path, path: Path | str, size: int) -> str:
    return deliver(FileWitness(str(path)), Delivery("keepline/x", checkpoint(data, size), NOON_S + size, data))


def test_a_file_grows_by_each_note_and_says_when_it_came(tmp_path: Path) -> None:
    witness = tmp_path / "notes"
    assert [send(tmp_path, witness, size) for size in (1, 2)] == [SAME_FILE_SYSTEM] * 2
    found = kept_by(str(witness))
    assert [each.note for each in found] == [checkpoint(tmp_path, size).note for size in (1, 2)]
    assert [each.at_s for each in found] == [NOON_S + 1, NOON_S + 2]
    assert found[0].source == str(witness)


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no second file system here")
def test_a_file_on_another_file_system_is_a_better_witness(tmp_path: Path) -> None:
    witness = Path(f"/dev/shm/keepline-test-{os.getpid()}.notes")
    try:
        different = witness.parent.stat().st_dev != tmp_path.stat().st_dev
        assert send(tmp_path, witness, 1) == ("" if different else SAME_FILE_SYSTEM)
    finally:
        witness.unlink(missing_ok=True)


def test_a_disk_that_is_full_and_a_directory_that_is_not_there_are_outcomes(tmp_path: Path) -> None:
    with pytest.raises(WitnessFailed, match=r"^/dev/full: No space left on device$"):
        send(tmp_path, "/dev/full", 1)
    with pytest.raises(WitnessFailed, match="No such file or directory"):
        send(tmp_path, tmp_path / "unmounted" / "notes", 1)


def test_what_a_full_disk_took_of_a_note_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    witness = tmp_path / "notes"
    send(tmp_path, witness, 1)
    before = witness.read_bytes()
    write = os.write
    monkeypatch.setattr("os.write", lambda descriptor, data: write(descriptor, data[:17]))
    with pytest.raises(WitnessFailed, match="17 of"):
        send(tmp_path, witness, 2)
    assert witness.read_bytes() == before


def mail(note: str, at_s: float | None) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "shop@example.com", "audit@example.com", "Checkpoint"
    if at_s is not None:
        made["Date"] = formatdate(at_s)
    made.set_content("Kept for you:\n\n" + note)
    made.add_attachment(b"\0\1", maintype="application", subtype="octet-stream")
    return made


def test_a_mailbox_is_read_in_each_of_its_forms(tmp_path: Path) -> None:
    notes = [checkpoint(tmp_path, size).note for size in (3, 4)]
    mbox = mailbox.mbox(tmp_path / "box.mbox")
    maildir = mailbox.Maildir(tmp_path / "maildir")
    single = tmp_path / "single"
    single.mkdir()
    for number, note in enumerate(notes):
        made = mail(note, NOON_S + number if number else None)
        mbox.add(made)
        maildir.add(made)
        (single / f"{number}.eml").write_bytes(made.as_bytes())
    mbox.close()
    for source in (tmp_path / "box.mbox", tmp_path / "maildir", single):
        found = sorted(kept_by(str(source)), key=lambda each: each.note)
        assert [each.note for each in found] == notes
        assert [each.at_s for each in found] == [None, NOON_S + 1]
    [one] = kept_by(str(single / "1.eml"))
    assert (one.note, one.at_s) == (notes[1], NOON_S + 1)


def test_what_holds_no_checkpoint_is_no_witness(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "noise").write_bytes(bytes(range(256)) * 10)
    (tmp_path / "directory").mkdir()
    for name in ("empty", "noise", "directory"):
        with pytest.raises(WitnessFailed, match="holds no checkpoint"):
            kept_by(str(tmp_path / name))
    with pytest.raises(WitnessFailed, match="cannot be read"):
        kept_by(str(tmp_path / "absent"))


def test_what_is_larger_than_witness_bytes_max_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert WITNESS_BYTES_MAX > 1_000_000
    monkeypatch.setattr(kept, "WITNESS_BYTES_MAX", 10)
    (tmp_path / "large").write_bytes(b"x" * 11)
    with pytest.raises(WitnessFailed, match="more than 10 bytes"):
        kept_by(str(tmp_path / "large"))
