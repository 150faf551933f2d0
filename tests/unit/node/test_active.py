"""The active calls process around its core: nothing leaves before it is written, and nobody starves anybody."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from keepline.call import effects as fx
from keepline.model.limits import (
    SIP_DATAGRAMS_PER_TURN_MAX,
    WAKES_PER_TURN,
)
from keepline.model.operation import Prompt
from keepline.node.held_effects import HeldEffects
from keepline.node.mediawire import MediaStarted, encode_events
from tests.unit.node.journal_facts import acknowledged, pressed, received
from tests.unit.node.node_doubles import EPOCH, PEER, Rig, rig, until

CALL = f"{1:016x}"
OTHER = f"{2:016x}"
PROMPT = Prompt(text="hello")


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def send(text: bytes) -> fx.SendSip:
    return fx.SendSip(text, PEER)


def open_media(call: str = CALL, slot: int = 0) -> fx.OpenMedia:
    return fx.OpenMedia(call, slot, "192.0.2.1", 4000, 0, 101, 1, 2, 3)


def play(call: str = CALL, number: int = 2) -> fx.PlayPrompt:
    return fx.PlayPrompt(call, 0, number, PROMPT, repeat=False, barge_in=False, digits_seen=0)


def serving(made: Rig, *effects: fx.Effect) -> None:
    """Have the core answer everything with these effects, and the node serve."""
    made.core.answer = lambda given: list(effects)
    made.start()


# One active process ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["datagram", "media", "written", "effects", "beat"])
def test_whoever_has_a_successor_takes_nothing_and_does_nothing(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Left(BaseException):
        pass

    def leave(status: int) -> None:
        assert status == 1
        raise Left

    async def test() -> None:
        with rig() as made:
            serving(made, fx.Persist(received(CALL)), send(b"200"))
            made.active.feed(fx.TimeCame())
            made.sip.waiting.append(b"OPTIONS sip:a SIP/2.0")
            made.media_end.send(encode_events(1, [MediaStarted(1)])[0])
            made.slots.calls_epoch = EPOCH + 1
            monkeypatch.setattr(os, "_exit", leave)
            ways: dict[str, Callable[[], None]] = {
                "datagram": lambda: made.active._read_sip(made.sip),  # type: ignore[arg-type]
                "media": made.active._read_media,
                "written": lambda: made.written(1),
                "effects": lambda: made.active._carry_out([send(b"BYE")]),
                "beat": made.active._beat,
            }
            with pytest.raises(Left):
                ways[how]()
            assert len(made.sip.waiting) == 1
            assert made.link.recv(4096)
            assert made.sip.sent == []
            made.slots.calls_epoch = EPOCH
            made.active._outbox = HeldEffects()
            monkeypatch.undo()

    run(test())


# Written, then sent ---------------------------------------------------------------------------------------------------


def test_nothing_leaves_before_it_is_written() -> None:
    async def test() -> None:
        with rig() as made:
            made.prompts.on_disk.add(PROMPT.key)
            serving(made, fx.Persist(received(CALL)), send(b"200"), open_media(), play())
            made.active.feed(fx.TimeCame())
            assert made.journal.groups == [[received(CALL)]]
            assert (made.sip.sent, made.commands()) == ([], [])
            made.written(1)
            assert [data for data, _ in made.sip.sent] == [b"200"]
            assert len(made.commands()) == 1

    run(test())


def test_what_is_written_first_leaves_first() -> None:
    async def test() -> None:
        with rig() as made:
            made.start()
            for number in range(1, 4):
                made.core.answer = lambda given, n=number: [fx.Persist(pressed(CALL, n)), send(b"%d" % n)]
                made.active.feed(fx.TimeCame())
            made.core.answer = lambda given: [send(b"behind")]
            made.active.feed(fx.TimeCame())
            assert made.sip.sent == []
            made.written(1)
            made.written(2)
            assert [data for data, _ in made.sip.sent] == [b"1", b"2"]
            made.written(3)
            assert [data for data, _ in made.sip.sent] == [b"1", b"2", b"3", b"behind"]

    run(test())


def test_what_needs_no_writing_leaves_at_once_where_nothing_waits() -> None:
    async def test() -> None:
        with rig() as made:
            serving(made, send(b"100"))
            made.active.feed(fx.TimeCame())
            assert [data for data, _ in made.sip.sent] == [b"100"]

    run(test())


def test_effects_of_one_step_wait_for_its_facts_even_where_they_stand_before_them() -> None:
    async def test() -> None:
        with rig() as made:
            serving(made, send(b"first"), fx.Persist(received(CALL)), send(b"second"))
            made.active.feed(fx.TimeCame())
            assert made.sip.sent == []
            made.written(1)
            assert [data for data, _ in made.sip.sent] == [b"first", b"second"]

    run(test())


def test_inputs_that_come_together_are_written_together() -> None:
    async def test() -> None:
        with rig() as made:
            made.start()
            made.core.answer = lambda given: [fx.Persist(acknowledged(CALL, str(len(made.core.inputs))))]
            made.sip.waiting.extend([b"a", b"b", b"c"])
            await until(lambda: made.journal.groups)
            assert [len(group) for group in made.journal.groups] == [3]

    run(test())


def test_figures_wanted_at_once_come_back_as_an_input() -> None:
    async def test() -> None:
        with rig() as made:
            wanted = fx.CloseMedia(CALL, 0, 9, at_once=True)
            made.core.answer = lambda given: [wanted] if isinstance(given, fx.TimeCame) else []
            made.start()
            made.active.feed(fx.TimeCame())
            assert made.core.kinds() == [fx.TimeCame, fx.MediaStopped]

    run(test())


def test_a_process_whose_epoch_is_over_ends_and_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ended(BaseException):
        pass

    def end(code: int) -> None:
        raise Ended(code)

    monkeypatch.setattr(os, "_exit", end)

    async def test() -> None:
        with rig() as made:
            serving(made, fx.Persist(received(CALL)), send(b"200"))
            made.active.feed(fx.TimeCame())
            with pytest.raises(Ended, match="1"):
                made.written(1, "EpochOver: epoch 4 has begun")
            assert made.sip.sent == []

    run(test())


def test_a_stopped_process_reads_no_more_and_leaves_what_is_unwritten_to_its_successor() -> None:
    async def test() -> None:
        with rig() as made:
            serving(made, fx.Persist(received(CALL)), send(b"200"))
            made.active.feed(fx.TimeCame())
            made.active.stop()
            assert made.journal.is_closed
            made.sip.waiting.append(b"late")
            for _ in range(10):
                await asyncio.sleep(0)
            made.active.feed(fx.TimeCame())
            assert len(made.core.inputs) == 1
            made.written(1)
            assert [data for data, _ in made.sip.sent] == [b"200"]

    run(test())


# The world ------------------------------------------------------------------------------------------------------------


def test_a_flood_of_datagrams_holds_up_neither_time_nor_media() -> None:
    async def test() -> None:
        with rig() as made:
            made.start()
            flood = 40 * SIP_DATAGRAMS_PER_TURN_MAX
            made.sip.waiting.extend([b"OPTIONS"] * flood)
            made.core.deadline_s = 0.0
            made.active._arm_timer()

            def on_time(given: fx.Input) -> list[fx.Effect]:
                if isinstance(given, fx.TimeCame):
                    made.core.deadline_s = None
                return []

            made.core.answer = on_time
            (event,) = encode_events(1, [MediaStarted(1)])
            made.media_end.send(event)
            await until(lambda: made.core.kinds().count(fx.DatagramReceived) == flood)
            kinds = made.core.kinds()
            assert kinds.index(fx.TimeCame) <= 3 * SIP_DATAGRAMS_PER_TURN_MAX
            assert kinds.index(fx.MediaRestarted) <= 3 * SIP_DATAGRAMS_PER_TURN_MAX

    run(test())


def test_late_errors_of_earlier_datagrams_are_skipped() -> None:
    async def test() -> None:
        with rig() as made:
            made.start()
            made.sip.waiting.extend([ConnectionRefusedError(111, "refused"), b"a", OSError(113, "no route"), b"b"])
            await until(lambda: len(made.core.inputs) == 2)

    run(test())


def test_a_bug_in_the_core_costs_one_input(capsys: pytest.CaptureFixture[str]) -> None:
    async def test() -> None:
        with rig() as made:

            def answer(given: fx.Input) -> list[fx.Effect]:
                if isinstance(given, fx.DatagramReceived) and given.data == b"bad":
                    raise RuntimeError("a bug")
                return [fx.Persist(received(CALL)), send(b"200")]

            made.core.answer = answer
            made.start()
            made.sip.waiting.extend([b"good", b"bad", b"good"])
            await until(lambda: made.journal.groups)
            assert len(made.journal.groups[0]) == 2
            made.written(1)
            assert len(made.sip.sent) == 2

    run(test())
    said = capsys.readouterr()
    assert "step_failed" in said.out + said.err


@pytest.mark.parametrize(
    "peer",
    [("peer.invalid", 5060), ("a" * 64 + ".example", 5060), ("192.0.2.1", 65536), ("\0", 1), ("", 5060), ("::1", 5060)],
)
def test_an_address_that_is_none_costs_one_datagram(peer: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer's Via may name anything (maddr): it is not looked up, and what follows is sent."""

    async def test() -> None:
        with rig() as made:
            serving(made, fx.SendSip(b"lost", peer), send(b"next"))
            made.active.feed(fx.TimeCame())
            assert [data for data, _ in made.sip.sent] == [b"next"]

    run(test())


def test_a_datagram_that_the_system_refuses_is_lost_alone() -> None:
    async def test() -> None:
        with rig() as made:
            serving(made, send(b"x" * 70_000))
            made.sip.send_error = OSError(90, "Message too long")
            made.active.feed(fx.TimeCame())
            made.sip.send_error = None
            made.active.feed(fx.TimeCame())
            assert len(made.sip.sent) == 1

    run(test())


def test_calls_taken_over_are_woken_a_few_at_a_time() -> None:
    async def test() -> None:
        with rig() as made:
            made.core.sleepers.extend(str(number) for number in range(5 * WAKES_PER_TURN))

            def wake(given: fx.Input) -> list[fx.Effect]:
                if isinstance(given, fx.WakeSome):
                    del made.core.sleepers[: given.count]
                return []

            made.core.answer = wake
            made.start()
            made.sip.waiting.append(b"BYE")
            await until(lambda: not made.core.sleepers)
            kinds = made.core.kinds()
            assert kinds.count(fx.WakeSome) == 5
            assert kinds.index(fx.DatagramReceived) < len(kinds) - 1, "requests are read in between"

    run(test())


def test_events_that_fell_out_make_the_slots_be_read_again() -> None:
    async def test() -> None:
        with rig() as made:
            made.start()
            made.slots.events_overflow = True
            (event,) = encode_events(1, [MediaStarted(1)])
            made.media_end.send(event)
            await until(lambda: made.core.inputs)
            assert made.core.kinds()[0] is fx.MediaRestarted
            assert not made.slots.events_overflow

    run(test())


def test_the_clock_is_set_to_the_earliest_deadline() -> None:
    async def test() -> None:
        with rig() as made:
            made.start()
            made.core.deadline_s = made.active.now_s() + 1_000
            made.active.feed(fx.TimeCame())
            made.core.deadline_s = made.active.now_s() + 0.001
            made.active.feed(fx.Drain())
            made.core.answer = lambda given: setattr(made.core, "deadline_s", None) or []  # type: ignore[func-returns-value]
            await until(lambda: made.core.kinds().count(fx.TimeCame) == 2)

    run(test())


def test_the_heartbeat_and_the_count_of_calls_are_in_the_slots() -> None:
    async def test() -> None:
        with rig() as made:
            made.core.live_calls = 7
            made.start()
            assert made.slots.live_calls == 7
            assert made.slots.calls_heartbeat_s > 0

    run(test())
