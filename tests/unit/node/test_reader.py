"""Records and timelines out of a journal on disk: of calls that ended, live on, were refused or given up."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from keepline.call import effects as fx
from keepline.call.facts import (
    ByeReceived,
    ByeSent,
    CallAnswered,
    CallEnded,
    CancelReceived,
    DigitSignalled,
    DigitsPressed,
    Fact,
    FlowEnded,
    PromptEnded,
    ReinviteAcknowledged,
    ReinviteAnswered,
    ReinviteEnded,
    ReinviteSent,
    RequestProven,
    StepEnded,
    TransferProgressed,
    ending,
)
from keepline.node import journal
from keepline.node.journal import Journal
from keepline.node.ladder import ladder_of
from keepline.node.reader import JournalReader, NoJournal
from tests.spec.placing_rig import Placer
from tests.unit.node.journal_facts import Told, acknowledged, received

CALL = "0190000000a00001"


def answered(call: str, at_s: float = 2.0) -> CallAnswered:
    return CallAnswered(call, at_s, "SIP/2.0 200 OK\r\n\r\n", "PCMU", 0, 101, "192.0.2.1", 4000)


def step(call: str, number: int, verb: str, value: str = "", outcome: str = "done") -> StepEnded:
    return StepEnded(call, 10.0 + number, number, verb, "f", outcome, value, 0, 9.5 + number)


def kept(call: str = CALL) -> list[Fact]:
    """A call that ran its flow to the end."""
    end = replace(ending(received(call), 20.0, "flow", 200, "flow finished"), bye_status=200)
    return [
        received(call, 1.0, answer_at_s=1.5),
        answered(call),
        acknowledged(call, "ACK sip:1000@192.0.2.2 SIP/2.0\r\n\r\n"),
        PromptEnded(call, 3.0, 2, "digit"),
        DigitsPressed(call, 3.0, 1, "5"),
        step(call, 0, "ask_digits", "5"),
        step(call, 1, "say"),
        FlowEnded(call, 12.0, "finished", ""),
        ByeSent(call, 12.0, "BYE sip:100@192.0.2.1 SIP/2.0\r\n\r\n", "flow finished"),
        end,
    ]


def hung_up(call: str) -> list[Fact]:
    facts = kept(call)[:3]
    bye = ByeReceived(call, 5.0, "BYE sip:1000@192.0.2.2 SIP/2.0\r\n\r\n", 2)
    return [*facts, bye, ending(received(call), 5.1, "caller", 200, "")]


def cancelled(call: str) -> list[Fact]:
    cancel = CancelReceived(call, 1.2, "CANCEL sip:1000@192.0.2.2 SIP/2.0\r\n\r\n")
    return [received(call, 1.0, answer_at_s=1.5), cancel, ending(received(call), 1.2, "caller", 487, "")]


def refused(call: str) -> list[Fact]:
    return [received(call, 1.0, slot=-1, flow=""), ending(received(call), 1.0, "node", 404, "no such number")]


def write(path: Path, *groups: Sequence[Fact]) -> None:
    made = Journal(path, journal.next_epoch(path), Told())
    for group in groups:
        made.submit(group)
    made.close()


@pytest.fixture
def reader(journal_path: Path) -> Iterator[JournalReader]:
    """Of a journal with one call of each kind, in the order of their ids."""
    ids = [f"0190000000{letter}00001" for letter in "abcde"]
    lives = [kept(ids[0]), hung_up(ids[1]), cancelled(ids[2]), refused(ids[3]), kept(ids[4])[:6]]
    write(journal_path, *lives)
    made = JournalReader(journal_path.parent)
    yield made
    made.close()


def test_records_are_of_every_call_newest_last(reader: JournalReader) -> None:
    records = reader.records(100)
    assert [record.outcome for record in records] == ["answered", "answered", "cancelled", "refused", ""]
    assert [record.state for record in records] == ["ended", "ended", "ended", "ended", "live"]
    assert [record.ended_by for record in records] == ["flow", "caller", "caller", "node", ""]
    assert [record.sip_status for record in records] == [200, 200, 487, 404, 200]
    assert [record.id for record in reader.records(2)] == [record.id for record in records[-2:]]
    assert reader.records(0) == []


def test_a_record_has_its_steps(reader: JournalReader) -> None:
    record = reader.record("0190000000a00001")
    assert [(each.name, each.result, each.took_ms) for each in record.steps] == [
        ("ask_digits", "5", 500.0),
        ("say", "done", 500.0),
    ]


def test_calls_are_found_by_the_beginning_of_their_ids(reader: JournalReader) -> None:
    assert reader.find("0190000000b") == ["0190000000b00001"]
    assert len(reader.find("0190")) == 5
    assert len(reader.find("")) == 5
    assert reader.find("02") == reader.find("0190000000a000010") == reader.find("\udcff") == reader.find("é") == []


def test_a_call_that_is_not_there_is_a_key_error(reader: JournalReader) -> None:
    with pytest.raises(KeyError):
        reader.record("nosuch")
    assert reader.events("nosuch") == []
    assert reader.ladder("nosuch") == []


def test_at_most_twenty_are_found(journal_path: Path) -> None:
    write(journal_path, [received(f"{number:016x}") for number in range(50)])
    reader = JournalReader(journal_path.parent)
    assert reader.find("") == [f"{number:016x}" for number in range(20)]
    reader.close()


def test_the_timeline_is_every_fact_in_order(reader: JournalReader) -> None:
    events = reader.events("0190000000a00001")
    assert [event.kind for event in events] == [fact.kind for fact in kept("0190000000a00001")]
    assert [event.seq for event in events] == sorted(event.seq for event in events)
    assert events[4].fields == {"call": "0190000000a00001", "at_s": 3.0, "head": 1, "digits": "5"}


@pytest.mark.parametrize(
    ("letter", "ladder"),
    [
        ("a", ["-> INVITE", "<- 180", "<- 200", "-> ACK", "<- BYE", "-> 200"]),
        ("b", ["-> INVITE", "<- 180", "<- 200", "-> ACK", "-> BYE", "<- 200"]),
        ("c", ["-> INVITE", "<- 180", "-> CANCEL", "<- 200", "<- 487"]),
        ("d", ["-> INVITE", "<- 404"]),
        ("e", ["-> INVITE", "<- 180", "<- 200", "-> ACK"]),
    ],
)
def test_the_ladder_is_every_message_in_order(reader: JournalReader, letter: str, ladder: list[str]) -> None:
    lines = reader.ladder(f"0190000000{letter}00001")
    shown = [f"{line.direction} {line.text.replace('SIP/2.0 ', '').split()[0]}" for line in lines]
    assert shown == ladder
    assert [line.at_s for line in lines] == sorted(line.at_s for line in lines)


def shown(*facts: Fact) -> list[str]:
    return [f"{line.direction} {line.text.replace('SIP/2.0 ', '').split()[0]}" for line in ladder_of(facts)]


def test_what_happens_within_a_call_is_in_the_ladder() -> None:
    ok, head = "SIP/2.0 200 OK", [received(CALL), answered(CALL), acknowledged(CALL, "ACK x SIP/2.0")]
    within = [
        ReinviteAnswered(CALL, 3.0, "INVITE x SIP/2.0", "192.0.2.1", 5060, 2, ok, 2, None),
        ReinviteAcknowledged(CALL, 3.1, "ACK x SIP/2.0"),
        DigitSignalled(CALL, 4.0, 3, "5"),
        RequestProven(CALL, 5.0, "REFER", 1, "SIP/2.0 401 Unauthorized", "REFER x SIP/2.0", 2, "c"),
        TransferProgressed(CALL, 5.1, 0, "refer", 202, False),
        TransferProgressed(CALL, 5.2, 0, "notify", 200, True),
    ]
    assert shown(*head, *within)[3:] == [
        *("-> INVITE", "<- 200", "-> ACK"),
        *("-> INFO", "<- 200"),
        *("-> 401", "<- REFER", "-> 202", "-> NOTIFY", "<- 200"),
    ]
    sent = ReinviteSent(CALL, 3.0, "INVITE x SIP/2.0", 2)
    assert shown(*head, sent, ReinviteEnded(CALL, 3.1, 200, ok))[3:] == ["<- INVITE", "-> 200", "<- ACK"]
    proven = RequestProven(CALL, 5.0, "INVITE", 1, "SIP/2.0 401 Unauthorized", "INVITE x SIP/2.0", 2, "c")
    assert shown(*head, proven)[3:] == ["-> 401", "<- ACK", "<- INVITE"]


def test_a_call_that_was_never_sent_has_no_ladder() -> None:
    placer = Placer()
    placer.step(fx.Drain())
    assert placer.step(fx.PlaceCall("+15550001", "listen")) == []
    assert [fact.kind for fact in placer.facts][-2:] == ["call_placed.1", "call_ended.1"]
    assert ladder_of([fact for fact in placer.facts if fact.call == placer.facts[-1].call]) == []


def test_an_unanswered_bye_has_no_answer_in_the_ladder(journal_path: Path) -> None:
    *facts, end = kept("0190000000a00001")
    assert isinstance(end, CallEnded)
    write(journal_path, [*facts, replace(end, bye_status=0)])
    found = JournalReader(journal_path.parent)
    assert found.ladder("0190000000a00001")[-1].text.startswith("BYE ")
    found.close()


def test_a_reader_sees_what_is_written_after_it_began(journal_path: Path) -> None:
    reader = JournalReader(journal_path.parent)
    assert reader.records(10) == []
    write(journal_path, kept()[:3])
    assert reader.record(CALL).state == "live"
    write(journal_path, kept()[3:])
    assert reader.record(CALL).state == "ended"
    reader.close()


# Journals that cannot be read -----------------------------------------------------------------------------------------


def test_where_no_node_ran_there_is_no_journal(tmp_path: Path) -> None:
    with pytest.raises(NoJournal, match=r"no journal in .*--data"):
        JournalReader(tmp_path)
    assert list(tmp_path.iterdir()) == [], "looking makes nothing"


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_file_that_is_no_journal_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "journal.db").write_bytes(content)
    with pytest.raises(NoJournal, match=r"journal\.db cannot be read"):
        JournalReader(tmp_path)


def test_a_directory_in_its_place_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "journal.db").mkdir()
    with pytest.raises(NoJournal, match="cannot be read"):
        JournalReader(tmp_path)


def test_a_journal_of_a_newer_version_is_said_to_be_one(journal_path: Path) -> None:
    connection = sqlite3.connect(journal_path)
    connection.execute("PRAGMA user_version=999")
    connection.close()
    with pytest.raises(NoJournal, match="newer version of Keepline"):
        JournalReader(journal_path.parent)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE facts SET kind = 'from_the_future.7' WHERE seq = 2", "from_the_future"),
        ("UPDATE facts SET body = 'garbage' WHERE seq = 2", r"call_answered\.1"),
        ("DELETE FROM facts WHERE seq = 1", "do not begin with its INVITE"),
    ],
)
def test_a_garbled_fact_is_named_with_its_file(journal_path: Path, change: str, said: str) -> None:
    write(journal_path, kept())
    connection = journal.connect(journal_path)
    connection.execute(change)
    connection.close()
    reader = JournalReader(journal_path.parent)
    with pytest.raises(NoJournal, match=rf"journal\.db cannot be read: .*{said}"):
        reader.records(10)
    reader.close()


def test_a_journal_that_breaks_while_it_is_read_is_an_error_in_words(journal_path: Path) -> None:
    write(journal_path, kept())
    reader = JournalReader(journal_path.parent)
    with journal_path.open("r+b") as file:
        file.seek(0)
        file.write(b"\xff" * journal_path.stat().st_size)
    with pytest.raises(NoJournal, match="cannot be read"):
        reader.records(10)
    reader.close()
