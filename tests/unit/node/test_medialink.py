"""Commands to media and news from it: in batches, in order, and kept while media does not read."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from keepline.call import effects as fx
from keepline.model.limits import MEDIA_COMMAND_DATAGRAMS_MAX, MEDIA_RECORDS_PER_DATAGRAM_MAX
from keepline.model.operation import Prompt
from keepline.node import medialink
from keepline.node import mediawire as wire
from keepline.node.slots import Slots
from tests.unit.node.node_doubles import EPOCH, Rig, rig, until

CALL, OTHER = f"{1:016x}", f"{2:016x}"
PROMPT = Prompt(text="hello")


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def opening(call: str = CALL, slot: int = 0) -> fx.OpenMedia:
    return fx.OpenMedia(call, slot, "192.0.2.1", 4000, 0, 101, 1, 2, 3)


def playing(number: int = 2, call: str = CALL, slot: int = 0) -> fx.PlayPrompt:
    return fx.PlayPrompt(call, slot, number, PROMPT, repeat=False, barge_in=False, digits_seen=0)


def heard(made: Rig) -> list[wire.Command]:
    """The commands that media has got since the last look."""
    found: list[wire.Command] = []
    for datagram in made.commands():
        epoch, commands = wire.decode_commands(datagram)
        assert epoch == EPOCH
        found += commands
    return found


def numbers(commands: list[wire.Command]) -> list[int]:
    return [command.number for command in commands]


# Commands -------------------------------------------------------------------------------------------------------------


def test_commands_go_together_and_in_order() -> None:
    async def test() -> None:
        with rig() as made:
            made.prompts.on_disk.add(PROMPT.key)
            made.media.open(opening())
            made.media.play(playing(2))
            made.media.stop_prompt(fx.StopPrompt(CALL, 0, 3))
            made.media.close(fx.CloseMedia(CALL, 0, 4))
            assert heard(made) == []
            made.media.flush()
            (datagram,) = made.commands()
            assert [type(each) for each in wire.decode_commands(datagram)[1]] == [
                wire.Open,
                wire.Play,
                wire.StopPlay,
                wire.Close,
            ]
            made.media.flush()
            assert made.commands() == []

    run(test())


def test_commands_that_media_does_not_take_are_kept_and_sent_in_order() -> None:
    async def test() -> None:
        with rig() as made:
            sent = 0
            while not made.media._unsent:
                sent += 1
                made.media.stop_prompt(fx.StopPrompt(CALL, 0, sent))
                made.media.flush()
            for _ in range(10):
                sent += 1
                made.media.stop_prompt(fx.StopPrompt(CALL, 0, sent))
                made.media.flush()
            found: list[int] = []
            async with asyncio.timeout(30):
                while len(found) < sent:
                    found += numbers(heard(made))
                    await asyncio.sleep(0)
            assert found == list(range(1, sent + 1))
            assert not made.loop.remove_writer(made.link.fileno()), "nobody waits for room any more"
            assert made.core.inputs == []

    run(test())


def test_past_the_limit_commands_are_dropped_and_all_is_said_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MEDIA_COMMAND_DATAGRAMS_MAX >= 100
    monkeypatch.setattr(medialink, "MEDIA_COMMAND_DATAGRAMS_MAX", 5)

    async def test() -> None:
        with rig() as made:
            while not made.media._has_dropped:
                made.media.stop_prompt(fx.StopPrompt(CALL, 0, 2))
                made.media.flush()
            assert len(made.media._unsent) == 5
            async with asyncio.timeout(30):
                while not made.core.inputs:
                    made.commands()
                    await asyncio.sleep(0)
            assert made.core.kinds() == [fx.MediaRestarted]

    run(test())


def test_a_large_batch_is_cut_into_datagrams() -> None:
    async def test() -> None:
        with rig() as made:
            for number in range(1, 2 * MEDIA_RECORDS_PER_DATAGRAM_MAX + 2):
                made.media.stop_prompt(fx.StopPrompt(CALL, 0, number))
            made.media.flush()
            assert [len(wire.decode_commands(each)[1]) for each in made.commands()] == [
                MEDIA_RECORDS_PER_DATAGRAM_MAX,
                MEDIA_RECORDS_PER_DATAGRAM_MAX,
                1,
            ]

    run(test())


def test_a_command_that_cannot_be_said_costs_itself_alone() -> None:
    async def test() -> None:
        with rig() as made:
            made.media.stop_prompt(fx.StopPrompt(CALL, 0, 2))
            made.media.stop_prompt(fx.StopPrompt(OTHER, -1, 3))
            made.media.stop_prompt(fx.StopPrompt(CALL, 0, 4))
            made.media.flush()
            assert numbers(heard(made)) == [2, 4]
            made.media.stop_prompt(fx.StopPrompt(CALL, 0, 5))
            made.media.flush()
            assert numbers(heard(made)) == [5]

    run(test())


# Prompts that have to be made first -----------------------------------------------------------------------------------


def test_a_prompt_is_played_once_it_is_made() -> None:
    async def test() -> None:
        with rig() as made:
            made.media.play(playing(2))
            made.media.flush()
            assert heard(made) == []
            made.prompts.made.set()
            await until(lambda: PROMPT.key in made.prompts.on_disk and not made.media._tasks)
            assert numbers(heard(made)) == [2]

    run(test())


def test_a_prompt_that_cannot_be_made_is_told_of() -> None:
    async def test() -> None:
        with rig() as made:
            made.prompts.failure = "no voice"
            made.prompts.made.set()
            made.media.play(playing(2))
            await until(lambda: made.core.inputs)
            assert made.core.inputs == [fx.PromptPlayed(CALL, 2, "failed")]
            assert heard(made) == []

    run(test())


# News -----------------------------------------------------------------------------------------------------------------


def say(made: Rig, *events: wire.Event) -> None:
    for datagram in wire.encode_events(1, events):
        made.media_end.send(datagram)


def put(slots: Slots, slot: int, call: str) -> None:
    slots.u64[slots.base(slot) // 8] = int(call, 16)


def test_events_become_inputs() -> None:
    async def test() -> None:
        with rig() as made:
            put(made.slots, 0, CALL)
            say(
                made,
                wire.MediaStarted(1),
                wire.PlayFinished(1, 0, 2, wire.FinishReason.ENDED),
                wire.DigitsReceived(1, 0, 1),
                wire.DigitsReceived(2, 0, 1),
                wire.Latched(1, 0),
                wire.Closed(1, 0, 9),
            )
            assert list(made.media.read()) == [
                fx.MediaRestarted(),
                fx.PromptPlayed(CALL, 2, "ended"),
                fx.DigitsHeard(CALL, 0, ""),
                fx.MediaStopped(CALL),
            ]
            assert list(made.media.read()) == []

    run(test())


def test_news_are_read_in_bounded_turns() -> None:
    async def test() -> None:
        with rig() as made:
            sent = 0
            try:
                while True:
                    say(made, wire.MediaStarted(1))
                    sent += 1
            except BlockingIOError:
                pass
            read = []
            while turn := len(list(made.media.read())):
                read.append(turn)
            assert sum(read) == sent
            assert max(read) <= 64

    run(test())


def test_a_slot_of_another_call_says_nothing_of_ours() -> None:
    async def test() -> None:
        with rig() as made:
            assert made.media.inspect(CALL, 0) is None
            put(made.slots, 0, CALL)
            assert made.media.inspect(CALL, 0) == fx.MediaSeen(CALL, 0, "", 0, "")
            assert made.media.inspect(OTHER, 0) is None
            assert made.media.close(fx.CloseMedia(CALL, -1, 9)) == fx.MediaStopped(CALL)

    run(test())


def test_slots_of_calls_that_are_over_are_closed() -> None:
    async def test() -> None:
        with rig() as made:
            put(made.slots, 0, CALL)
            put(made.slots, 2, OTHER)
            made.media.close_strangers({CALL})
            assert heard(made) == [wire.Close(2, 2, 0xFFFFFFFF)]

    run(test())
