"""kill -9 of the media process: its successor goes on with the same ports, streams and prompts."""

import os
import random
import socket
from pathlib import Path

import pytest

from keepline.model.limits import LATCH_PACKETS
from keepline.node.mediawire import (
    DigitsReceived,
    FinishReason,
    Latched,
    MediaStarted,
    PlayFinished,
    encode_commands,
)
from keepline.node.slots import S_LATCHED, S_PLAYING, PlayState
from keepline.rtp.dtmf import event_packets
from tests.live.media_rig import EVENT, Rig, assert_unbroken, until


def test_a_successor_goes_on_with_stream_and_prompt(tmp_path: Path) -> None:
    kills = 5
    with Rig(tmp_path).start() as rig:
        key, audio = rig.prompt(1, 160 * 60)
        phone = rig.phone()
        rig.open(phone)
        phone.send(rig.ports[0])
        rig.wait(Latched)
        rig.play(key)
        for _ in range(kills):
            phone.hear(7)
            rig.kill()
            rig.start()
        assert rig.wait(PlayFinished) == PlayFinished(1, 0, 2, FinishReason.ENDED)
        phone.drain()
        phone.hear(2)
        assert rig.slots.media_epoch == kills + 1
    assert_unbroken(phone.packets, jumps=kills)
    assert b"".join(packet.payload for packet in phone.packets).strip(b"\xff") == audio


def test_kills_at_random_instants_under_many_calls(tmp_path: Path) -> None:
    calls, kills = 40, 12
    chance = random.Random(4)
    with Rig(tmp_path, calls).start() as rig:
        key, audio = rig.prompt(1, 160 * 120)
        phones = [rig.phone() for _ in range(calls)]
        for at, phone in enumerate(phones):
            rig.open(phone, slot=at, call=at + 1)
            rig.play(key, slot=at, call=at + 1)
        for _ in range(kills):
            phones[chance.randrange(calls)].hear(chance.randrange(2, 9))
            rig.kill()
            rig.start()
        for at, phone in enumerate(phones):
            until(lambda slot=at: rig.slots.play_state(slot).finished, lambda number: number == 2)  # type: ignore[misc]
            phone.drain()
            assert_unbroken(phone.packets, jumps=kills)
            assert b"".join(packet.payload for packet in phone.packets).strip(b"\xff") == audio


def test_a_latched_stream_goes_on_with_a_port_that_was_bound_anew(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        phone, stranger = rig.phone(), rig.phone()
        rig.open(phone)
        for _ in range(LATCH_PACKETS):
            phone.send(rig.ports[0])
        until(lambda: rig.slots.view[rig.slots.base(0) + S_LATCHED], lambda latched: latched == 1)
        rig.kill()
        rig.sockets[0].close()  # its last holder but media was the supervisor
        rig.sockets[0] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        rig.sockets[0].bind(("127.0.0.1", rig.ports[0]))
        phone.drain()
        rig.start()
        phone.hear(5)
        stranger.send(rig.ports[0], event_packets("1")[0].payload, EVENT, True)
        phone.send(rig.ports[0], event_packets("2")[0].payload, EVENT, True)
        rig.wait(DigitsReceived)
        assert rig.slots.digits(0) == (1, "2")


def test_a_key_held_across_a_death_counts_once(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        phone = rig.phone()
        rig.open(phone)
        packets = event_packets("8", 100)
        phone.send(rig.ports[0], packets[0].payload, EVENT, True)
        rig.wait(DigitsReceived)
        rig.kill()
        for packet in packets[1:4]:
            phone.send(rig.ports[0], packet.payload, EVENT)
        rig.start()
        for packet in packets[4:]:
            phone.send(rig.ports[0], packet.payload, EVENT)
        phone.ts += 1600
        phone.send(rig.ports[0], event_packets("9")[0].payload, EVENT, True)
        assert rig.wait(DigitsReceived).head == 2
        assert rig.slots.digits(0) == (2, "89")
        assert rig.slots.stats(0).lost == 0


def test_keys_and_commands_while_nobody_is_there_are_found_by_the_successor(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        key, _ = rig.prompt(1, 1600)
        phone, other = rig.phone(), rig.phone()
        rig.open(phone)
        rig.play(key, repeat=True, barge_in=1)
        phone.send(rig.ports[0])
        until(lambda: rig.slots.play_state(0).playing, lambda number: number == 2)
        rig.wait(Latched)
        rig.kill()
        packet = event_packets("3")[0]
        phone.send(rig.ports[0], packet.payload, EVENT, True)
        rig.start()
        assert rig.wait(MediaStarted) == MediaStarted(2)
        assert rig.wait(PlayFinished) == PlayFinished(1, 0, 2, FinishReason.DIGIT)
        rig.kill()
        for at in (2, 3):
            rig.play(key, at + 1, repeat=True)
        rig.start()
        until(lambda: rig.slots.play_state(0), lambda state: state == PlayState(4, 4, 2, FinishReason.DIGIT))
        rig.open(other, slot=1, call=2)
        other.hear(2)


@pytest.mark.parametrize(("finished", "reason"), [(True, FinishReason.ENDED), (False, FinishReason.DIGIT)])
def test_what_a_death_left_half_said_is_completed(tmp_path: Path, finished: bool, reason: FinishReason) -> None:
    with Rig(tmp_path).start() as rig:
        key, _ = rig.prompt(1, 320)
        phone = rig.phone()
        rig.open(phone)
        rig.play(key, 2, barge_in=1)
        rig.wait(PlayFinished)
        base = rig.slots.base(0)
        if not finished:  # the digit was stored, the end of the play was not
            phone.send(rig.ports[0], event_packets("1")[0].payload, EVENT, True)
            rig.wait(DigitsReceived)
            rig.kill()
            rig.slots.u64[(base + 16) // 8] = 0
        rig.kill()
        rig.slots.u32[(base + S_PLAYING) // 4] = 2
        rig.start()
        rig.wait(MediaStarted)
        until(lambda: rig.slots.u32[(base + S_PLAYING) // 4], lambda playing: playing == 0)
        assert rig.slots.play_state(0) == PlayState(2, 0, 2, reason)


def test_a_batch_that_was_applied_but_not_taken_is_applied_once(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        key, audio = rig.prompt(1, 320)
        phone = rig.phone()
        rig.start()
        opened = rig.open(phone)
        played = rig.play(key)
        rig.wait(PlayFinished)
        rig.kill()
        for data in encode_commands(0, [opened, played]):
            rig.commands.send(data)
        rig.start()
        rig.wait(MediaStarted)
        phone.hear(3)
        phone.drain()
    assert_unbroken(phone.packets, jumps=2)
    assert b"".join(packet.payload for packet in phone.packets).strip(b"\xff") == audio


def test_media_lives_on_when_nobody_is_left_to_command_it(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        phone = rig.phone()
        rig.open(phone)
        rig.media_end.close()
        rig.commands.close()
        phone.hear(5)
        phone.send(rig.ports[0], event_packets("1")[0].payload, EVENT, True)
        until(lambda: rig.slots.digits(0), lambda digits: digits == (1, "1"))
        assert os.waitpid(rig.pid, os.WNOHANG) == (0, 0)
