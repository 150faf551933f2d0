"""Private keys in the media process: its own memory alone has them, over a death too; no recording has their tones."""

import ctypes
from pathlib import Path

import pytest

from keepline.model.limits import SECRETS_PER_CALL_MAX
from keepline.node.media_recording import HEADER
from keepline.node.media_secrets import CELLS, Vault, secret_cseq
from keepline.node.mediawire import (
    Close,
    DigitsReceived,
    FinishReason,
    Play,
    PlayFinished,
    Record,
    Redirect,
    StopRecord,
)
from keepline.node.secretwire import (
    DropSecret,
    EndSecret,
    KeySecret,
    ListenOpenly,
    Reveal,
    SecretNews,
)
from keepline.rtp.dtmf import event_packets
from keepline.rtp.entry import EntryState
from tests.live.media_rig import EVENT, Rig
from tests.live.secret_desk import Desk, clock, desk

__all__ = ["clock", "desk"]

CARD = "4111111111111111"
KEY = "cd" * 16


def shared(rig: Rig) -> bytes:
    """All of the memory that other processes map."""
    return bytes(rig.slots.view)


def test_an_entry_is_told_by_its_count_and_revealed_once_it_is_answered(desk: Desk) -> None:
    desk.ask(check="luhn")
    desk.press(CARD[:15])
    assert desk.news == (EntryState.OPEN, 15)
    assert desk.reveal() is None
    desk.press(CARD[15:])
    assert desk.news == (EntryState.ANSWERED, 16)
    assert desk.reveal() == CARD
    assert [event.count for event in desk.told(SecretNews) if isinstance(event, SecretNews)] == [*range(17)]
    assert desk.told(DigitsReceived) == []


def test_shared_memory_has_no_key_of_it(desk: Desk) -> None:
    desk.press("77")
    assert desk.rig.slots.digits(0) == (2, "77")
    assert b"77" in shared(desk.rig)
    desk.ask()
    assert desk.rig.slots.digits(0) == (2, "\0\0")
    desk.press(CARD)
    assert b"1111" not in shared(desk.rig)
    assert b"77" not in shared(desk.rig)
    assert desk.rig.slots.digits(0)[0] == 2
    desk.send(ListenOpenly(1, 0, 11))
    desk.press("5")
    assert desk.rig.slots.digits(0) == (3, "\0\0005")


def test_the_first_key_stops_the_prompt(desk: Desk) -> None:
    key, _ = desk.rig.prompt(1, 160 * 500)
    desk.ask()
    desk.send(Play(1, 0, 2, key, barge_in=True, digits_seen=0xFFFFFFFF))
    desk.press("4")
    assert desk.told(PlayFinished) == [PlayFinished(1, 0, 2, FinishReason.DIGIT)]


def test_a_prompt_is_not_begun_after_the_first_key(desk: Desk) -> None:
    key, _ = desk.rig.prompt(1, 160 * 500)
    desk.ask()
    desk.press("4")
    desk.send(Play(1, 0, 2, key, barge_in=True, digits_seen=0xFFFFFFFF))
    assert desk.told(PlayFinished) == [PlayFinished(1, 0, 2, FinishReason.DIGIT)]


def test_a_repeated_question_is_told_what_there_is(desk: Desk) -> None:
    desk.ask()
    desk.press("41")
    desk.ask()
    assert desk.news == (EntryState.OPEN, 2)
    desk.ask(number=9)
    desk.press("1")
    assert desk.news == (EntryState.OPEN, 3)


def test_keys_after_an_entry_belong_to_the_next_one(desk: Desk) -> None:
    desk.ask(count=4)
    desk.press("1230#99")
    desk.ask(number=11, handle=4, count=3)
    assert desk.news == (EntryState.OPEN, 2)
    desk.press("8")
    assert desk.reveal(3) == "1230"
    assert desk.reveal(4) == "998"


def test_keys_after_an_entry_are_no_ordinary_ones(desk: Desk) -> None:
    desk.ask(count=4)
    desk.press("12309")
    desk.send(ListenOpenly(1, 0, 11))
    assert desk.rig.slots.digits(0) == (0, "")
    assert desk.reveal(3) == "1230"
    desk.press("6")
    assert desk.rig.slots.digits(0) == (1, "6")


def test_an_entry_that_is_asked_again_replaces_the_one_before(desk: Desk) -> None:
    desk.ask(check="luhn")
    desk.press(CARD[:15] + "2")
    assert desk.news == (EntryState.INVALID, 16)
    assert desk.reveal() is None
    desk.ask(number=11, check="luhn")
    desk.press(CARD)
    assert desk.reveal() == CARD


def test_the_time_of_an_entry_is_over(desk: Desk) -> None:
    desk.ask()
    desk.press("41")
    desk.send(EndSecret(1, 0, 10))
    assert desk.news == (EntryState.ANSWERED, 2)
    desk.send(EndSecret(1, 0, 9))
    assert desk.reveal() == "41"


def test_a_secret_is_dropped_with_its_word_with_its_call_and_with_its_slot(desk: Desk) -> None:
    desk.ask(count=4)
    desk.press("1230")
    desk.send(DropSecret(1, 0, 0, 3))
    assert desk.reveal() is None
    desk.ask(number=11, count=4)
    desk.press("1230")
    desk.send(Reveal(2, 0, 1, 3))
    assert desk.revealed[-1] == (2, 1, None)
    desk.send(Close(1, 0, 0xFFFFFFFF))
    assert desk.reveal() is None
    vault = desk.loop._secrets._vault
    assert all(bytes(vault.cell(0, index)) == bytes(len(vault.cell(0, index))) for index in range(CELLS))


def test_as_many_secrets_as_a_call_may_have_fit(desk: Desk) -> None:
    for index in range(SECRETS_PER_CALL_MAX):
        desk.ask(number=10 + index, handle=index, count=2)
        desk.press(f"{index}7")
    desk.ask(number=30, handle=0, count=2)
    desk.press("99")
    assert [desk.reveal(index) for index in range(SECRETS_PER_CALL_MAX)] == [
        "99",
        *(f"{index}7" for index in range(1, SECRETS_PER_CALL_MAX)),
    ]


def test_a_key_by_info_counts_once(desk: Desk) -> None:
    key, _ = desk.rig.prompt(1, 160 * 500)
    desk.send(KeySecret(1, 0, 19, "9"))
    desk.ask()
    desk.send(Play(1, 0, 2, key, barge_in=True, digits_seen=0xFFFFFFFF))
    desk.send(KeySecret(1, 0, 20, "4"), KeySecret(1, 0, 20, "4"), KeySecret(1, 0, 21, "1"), KeySecret(1, 0, 20, "4"))
    assert desk.news == (EntryState.OPEN, 2)
    assert secret_cseq(desk.rig.slots, 0) == 21
    assert desk.told(PlayFinished) == [PlayFinished(1, 0, 2, FinishReason.DIGIT)]


def test_a_successor_keeps_keys_private_and_says_that_the_entry_is_lost(desk: Desk) -> None:
    desk.ask()
    desk.press("4111")
    desk.succeed()
    assert desk.news == (EntryState.LOST, 0)
    desk.press("2222")
    assert desk.rig.slots.digits(0) == (0, "")
    assert b"2222" not in shared(desk.rig)
    desk.ask()
    assert desk.news == (EntryState.LOST, 0)
    desk.ask(number=11)
    desk.press(CARD)
    assert desk.news == (EntryState.ANSWERED, 16)
    assert desk.reveal() == CARD


def test_an_entry_of_which_nothing_is_known_is_lost_and_the_next_one_is_not(desk: Desk) -> None:
    """All memory was lost with the node: who asked says that the entry is over, and is told that there is none."""
    desk.send(EndSecret(1, 0, 10))
    assert desk.news == (EntryState.LOST, 0)
    desk.press("41")
    assert desk.rig.slots.digits(0) == (0, "")
    assert desk.told(DigitsReceived) == []
    desk.ask(number=9)
    desk.send(EndSecret(1, 0, 9))
    assert desk.news == (EntryState.LOST, 0)
    desk.ask(number=11)
    desk.press("7#")
    assert desk.news == (EntryState.ANSWERED, 1)
    assert desk.reveal() == "7"


def test_a_successor_does_not_count_the_repetitions_of_a_private_key(desk: Desk) -> None:
    desk.ask()
    phone = desk.phone
    packets = event_packets("4", 60)
    phone.send(desk.rig.ports[0], packets[0].payload, EVENT, True)
    desk.clock.wake(desk.loop, 0.002)
    desk.succeed()
    desk.ask(number=11)
    for packet in packets[1:]:
        phone.send(desk.rig.ports[0], packet.payload, EVENT)
        desk.clock.wake(desk.loop, 0.002)
    desk.read()
    assert desk.news == (EntryState.OPEN, 0)


def test_a_successor_has_no_secret_of_before(desk: Desk) -> None:
    desk.ask(count=4)
    desk.press("1230")
    desk.send(ListenOpenly(1, 0, 11))
    desk.succeed()
    assert desk.reveal() is None
    desk.press("5")
    assert desk.rig.slots.digits(0) == (1, "5")


def test_a_redirected_stream_goes_on_in_private(desk: Desk) -> None:
    desk.ask()
    desk.press("41")
    desk.send(Redirect(1, 0, 1, desk.phone.host, desk.phone.port, 0, EVENT))
    desk.press("11")
    assert desk.news == (EntryState.OPEN, 4)


def talk(desk: Desk, frames: int, byte: int) -> None:
    for _ in range(frames):
        desk.clock.wake(desk.loop, 0.018)
        desk.phone.send(desk.rig.ports[0], bytes([byte]) * 160)
        desk.clock.wake(desk.loop, 0.002)


@pytest.mark.parametrize("both", [False, True])
def test_a_recording_is_silent_while_keys_are_private(desk: Desk, tmp_path: Path, both: bool) -> None:
    key, _ = desk.rig.prompt(1, 160 * 500)
    desk.send(Record(1, 0, 1, KEY, 60_000, both), Play(1, 0, 2, key, repeat=True))
    talk(desk, 20, 0x11)
    desk.ask(count=4)
    talk(desk, 20, 0x22)
    desk.press("1230")
    talk(desk, 20, 0x33)
    late = bytes([0x44]) * 160
    desk.send(ListenOpenly(1, 0, 11))
    talk(desk, 45, 0x44)  # the tone of the last key may still sound
    desk.clock.wake(desk.loop, 0.2)
    talk(desk, 10, 0x55)
    desk.phone.ts -= 3200
    desk.phone.send(desk.rig.ports[0], late)
    desk.phone.ts += 3040
    talk(desk, 20, 0x55)
    desk.send(StopRecord(1, 0, 1))
    desk.loop._recorder.close(desk.clock.now_s)
    audio = (tmp_path / "recordings" / f"{KEY}.wav").read_bytes()[HEADER.size :]
    caller = audio[::2] if both else audio
    assert set(caller) == {0x11, 0x55, 0xFF}
    assert caller.count(0x11) >= 19 * 160
    assert caller.count(0x55) >= 19 * 160
    if both:
        said = audio[1::2]
        keyed_from, keyed_until = caller.rindex(0x11) + 320, caller.rindex(0x11) + 20 * 160
        assert set(said[keyed_from:keyed_until]) == {0xFF}
        assert said[: keyed_from - 640].count(0xFF) < 1000


def test_the_memory_is_no_file_and_in_no_core_dump() -> None:
    vault = Vault(2)
    marked = vault.cell(1, 0)
    marked[:4] = b"4111"
    first = ctypes.addressof(ctypes.c_char.from_buffer(vault._map))
    with Path("/proc/self/smaps").open(encoding="ascii") as opened:
        lines = opened.read().splitlines()
    at = next(index for index, line in enumerate(lines) if _covers(line, first))
    assert " 00:00 0" in lines[at]
    flags = next(line for line in lines[at:] if line.startswith("VmFlags:"))
    assert " dd" in flags
    assert " dc" in flags


def _covers(line: str, address: int) -> bool:
    begin, dash, rest = line.partition("-")
    try:
        return bool(dash) and int(begin, 16) <= address < int(rest.split()[0], 16)
    except ValueError:
        return False
