"""Private keys between calls and media: commands, news, and what is revealed to the one use that asked."""

import asyncio
import time

import pytest

from keepline.call import effects as fx
from keepline.flow.capabilities import SecretsGone, Unavailable
from keepline.model.limits import SECRET_REVEAL_S_MAX
from keepline.node import mediawire as wire
from keepline.node.secretlink import Reveals, commands_of
from keepline.node.secretwire import (
    AskSecret,
    DropSecret,
    EndSecret,
    KeySecret,
    ListenOpenly,
    Reveal,
    SecretCommand,
    SecretNews,
    encode_revealed,
)
from keepline.node.slots import S_SECRET, S_SECRET_CSEQ
from keepline.rtp.entry import EntryState
from tests.unit.node.node_doubles import EPOCH, rig

CALL = f"{1:016x}"


@pytest.mark.parametrize(
    ("effect", "commands"),
    [
        (fx.CollectSecret(CALL, 2, 7, 3, 16, 13, "#", "luhn"), [AskSecret(1, 2, 7, 3, 16, 13, "#", "luhn")]),
        (fx.EndSecretEntry(CALL, 2, 7), [EndSecret(1, 2, 7)]),
        (fx.HearOpenly(CALL, 2, 8), [ListenOpenly(1, 2, 8)]),
        (fx.PassSecretKey(CALL, 2, 31, "5"), [KeySecret(1, 2, 31, "5")]),
        (fx.ForgetSecrets(CALL, 2, (3, 4)), [DropSecret(1, 2, 0, 3), DropSecret(1, 2, 0, 4)]),
    ],
)
def test_effects_are_commands(effect: fx.SecretEffect, commands: list[SecretCommand]) -> None:
    assert commands_of(effect) == commands


class Media:
    """Answers requests as it is told."""

    def __init__(self, known: dict[int, str]) -> None:
        self.known = known
        self.requests: list[Reveal] = []
        self.reveals = Reveals(5, self.send)
        self.is_silent = False

    def send(self, requests: list[Reveal]) -> None:
        self.requests += requests
        if not self.is_silent:
            for request in requests:
                self.answer(request)

    def answer(self, request: Reveal) -> None:
        found = self.known.get(request.handle)
        self.reveals.take(bytes(encode_revealed(1, request, None if found is None else bytearray(found.encode()))))


def test_what_handles_stand_for_is_had() -> None:
    media = Media({3: "4111", 4: "0931"})
    assert asyncio.run(media.reveals.ask(CALL, 2, [4, 3])) == {3: "4111", 4: "0931"}
    assert [(each.call, each.slot, each.handle) for each in media.requests] == [(1, 2, 3), (1, 2, 4)]


def test_handles_that_stand_for_nothing_are_named() -> None:
    media = Media({3: "4111"})
    found = asyncio.run(media.reveals.ask(CALL, 2, [3, 4, 5]))
    assert isinstance(found, SecretsGone)
    assert found.handles == (4, 5)


def test_media_that_does_not_answer_is_waited_for_so_long() -> None:
    media = Media({3: "4111"})
    media.is_silent = True
    began_s = time.monotonic()
    found = asyncio.run(media.reveals.ask(CALL, 2, [3]))
    assert type(found) is Unavailable
    assert time.monotonic() - began_s >= SECRET_REVEAL_S_MAX
    media.answer(media.requests[0])  # late: nobody waits for it any more


def test_an_answer_to_a_process_before_is_nobody_elses() -> None:
    async def test() -> None:
        before, media = Media({3: "4111"}), Media({3: "9999"})
        before.is_silent = media.is_silent = True
        before.reveals = Reveals(4, before.send)
        first = asyncio.ensure_future(before.reveals.ask(CALL, 2, [3]))
        second = asyncio.ensure_future(media.reveals.ask(CALL, 2, [3]))
        await asyncio.sleep(0)
        late = bytes(encode_revealed(1, before.requests[0], bytearray(b"4111")))
        media.reveals.take(late)
        media.answer(media.requests[0])
        assert await second == {3: "9999"}
        first.cancel()

    asyncio.run(test())


def test_news_and_the_slot_say_the_same() -> None:
    async def test() -> None:
        with rig() as made:
            slots = made.slots
            base = slots.base(0)
            slots.u64[base // 8] = 1
            assert made.media.inspect(CALL, 0) == fx.MediaSeen(CALL, 0, "", 0, "")
            slots.u64[(base + S_SECRET) // 8] = 7 | 16 << 32 | EntryState.ANSWERED << 48
            slots.u32[(base + S_SECRET_CSEQ) // 4] = 31
            heard = fx.SecretHeard(CALL, 7, 16, "answered", 31)
            assert made.media.inspect(CALL, 0) == fx.MediaSeen(CALL, 0, "", 0, "", heard)
            for data in wire.encode_events(1, [SecretNews(1, 0, 7, EntryState.ANSWERED, 16)]):
                made.media_end.send(data)
            assert list(made.media.read()) == [heard]

    asyncio.run(test())


def test_a_key_by_info_is_on_its_way_at_once() -> None:
    async def test() -> None:
        with rig() as made:
            made.media.keep_secret(fx.HearOpenly(CALL, 0, 3))
            assert made.commands() == []
            made.media.keep_secret(fx.PassSecretKey(CALL, 0, 31, "5"))
            [data] = made.commands()
            assert wire.decode_commands(data) == (EPOCH, [ListenOpenly(1, 0, 3), KeySecret(1, 0, 31, "5")])

    asyncio.run(test())


def test_what_is_revealed_is_no_input() -> None:
    async def test() -> None:
        with rig() as made:
            asking = asyncio.ensure_future(made.media.reveals.ask(CALL, 0, [3]))
            await asyncio.sleep(0)
            [data] = made.commands()
            _, [request] = wire.decode_commands(data)
            assert isinstance(request, Reveal)
            made.media_end.send(bytes(encode_revealed(1, request, bytearray(b"4111"))))
            assert list(made.media.read()) == []
            assert await asking == {3: "4111"}

    asyncio.run(test())
