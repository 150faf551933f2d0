"""When a witness is sent a checkpoint, when it is overdue, and how its notes are found again in whatever it kept."""

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from keepline.model.limits import WITNESS_RETRY_S_MAX
from keepline.proof.checkpoint import SignedCheckpoint
from keepline.proof.key import log_key
from keepline.proof.notes import KeptNote, block_of, notes_in, utc
from keepline.proof.witnessing import RETRY_FIRST_S, WitnessState, next_attempt_s, trouble_of

NEW = WitnessState("vault", "file /mnt/vault/notes", every_s=3600.0, overdue_s=10_800.0)
SENT = replace(NEW, size=100, delivered_at_s=1_000.0, tried_at_s=1_000.0)
NOON_S = 1_700_000_000.0
NOTE = "keepline/abc\n7\n" + "A" * 43 + "=\n\n\N{EM DASH} keepline/abc " + "B" * 80 + "\n"


def test_the_first_checkpoint_is_due_at_once_and_the_next_after_a_while() -> None:
    assert next_attempt_s(NEW, 1) == 0.0
    assert next_attempt_s(SENT, 101) == 4_600.0
    assert next_attempt_s(SENT, 100) is None
    assert next_attempt_s(NEW, 0) is None


@given(tries=st.integers(1, 10_000), newest=st.integers(101, 10**9))
def test_a_witness_that_fails_is_tried_again_after_a_pause_that_doubles_up_to_witness_retry_s_max(
    tries: int, newest: int
) -> None:
    failed = replace(SENT, tried_at_s=5_000.0, tries=tries, why="gone")
    pause_s = (next_attempt_s(failed, newest) or 0.0) - 5_000.0
    assert pause_s == min(RETRY_FIRST_S * 2.0 ** (tries - 1 if tries < 12 else 11), WITNESS_RETRY_S_MAX)


def test_what_a_witness_lacks_is_nobodys_business_until_it_is_overdue() -> None:
    assert trouble_of(SENT, 200, NOON_S, NOON_S + 10_800.0) == ""
    failed = replace(SENT, tries=3, why="/mnt/vault/notes: No space left on device")
    assert trouble_of(failed, 200, NOON_S, NOON_S + 10_801.0) == (
        "witness vault has no checkpoint for 3 h, the last one came there at 1970-01-01 00:16:40 UTC"
        ": /mnt/vault/notes: No space left on device"
    )
    assert "has no checkpoint for 31 h, nothing ever came there" in trouble_of(NEW, 1, NOON_S, NOON_S + 31 * 3_600)
    soon = replace(NEW, overdue_s=5.0)
    assert "for 95 s" in trouble_of(soon, 1, NOON_S, NOON_S + 95)
    assert trouble_of(SENT, 100, None, NOON_S) == ""


def test_a_journal_that_is_shorter_than_its_witness_has_seen_it_was_cut() -> None:
    assert trouble_of(SENT, 60, None, NOON_S) == (
        "witness vault was shown 100 facts at 1970-01-01 00:16:40 UTC, and the journal has 60 signed: "
        "its end was cut off"
    )


def test_a_witness_knows_when_each_of_its_notes_came(tmp_path: Path) -> None:
    key = log_key(tmp_path)
    notes = [SignedCheckpoint(size, 0.0, key.note(size, bytes(32))) for size in (1, 2)]
    text = "\n".join(block_of(each, NOON_S + each.size) for each in notes)
    assert list(notes_in(text, "vault")) == [KeptNote(each.note, "vault", NOON_S + each.size) for each in notes]
    assert utc(NOON_S) == "2023-11-14 22:13:20 UTC"
    foreign = text.replace("\n", "\r\n")
    assert list(notes_in(foreign, "vault")) == list(notes_in(text, "vault"))


@given(cut=st.integers(0, 400), before=st.sampled_from(["", "Dear auditor,\nhere it is:\n", "# not a time\n\n"]))
def test_half_a_note_that_a_full_disk_left_hides_no_other(cut: int, before: str) -> None:
    whole = block_of(SignedCheckpoint(7, 0.0, NOTE), NOON_S)
    torn = before + whole[: min(cut, len(whole) - 2)] + "\n" + whole
    assert [each.note for each in notes_in(torn)][-1] == NOTE
