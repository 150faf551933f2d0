"""The media process on real sockets: what a caller hears, and what reaches us of a caller."""

from dataclasses import replace
from pathlib import Path

import pytest

from keepline.node.mediawire import Close, DigitsReceived, FinishReason, Latched, PlayFinished, StopPlay
from keepline.node.slots import PlayState
from keepline.rtp.dtmf import EventPacket, event_packets
from tests.live.media_rig import EVENT, Phone, Rig, assert_unbroken, until

SILENCE = b"\xff" * 160


def test_a_prompt_is_heard_byte_for_byte_in_one_unbroken_stream(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        key, audio = rig.prompt(1, 1600 + 50)
        phone = rig.phone()
        opened = rig.open(phone)
        phone.hear(5)
        rig.play(key)
        finished = rig.wait(PlayFinished)
        phone.drain()
        phone.hear(5)
        assert finished == PlayFinished(1, 0, 2, FinishReason.ENDED)
        assert rig.slots.play_state(0) == PlayState(2, 0, 2, FinishReason.ENDED)
    heard = b"".join(packet.payload for packet in phone.packets)
    assert heard.strip(b"\xff") == audio
    assert heard[heard.index(audio) :].startswith(audio + b"\xff" * 110 + SILENCE)
    assert_unbroken(phone.packets, jumps=1)
    first = phone.packets[0]
    assert (first.seq, first.ts, first.ssrc, first.payload_type) == (opened.seq, opened.ts, opened.ssrc, 0)


def test_pcma_has_its_own_silence_and_its_own_file(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        key, audio = rig.prompt(2, 320, ".alaw")
        phone = rig.phone()
        rig.open(phone, payload_type=8)
        rig.play(key)
        rig.wait(PlayFinished)
        phone.drain()
        phone.hear(2)
    assert b"".join(packet.payload for packet in phone.packets).strip(b"\xd5") == audio
    assert {packet.payload_type for packet in phone.packets} == {8}


def test_a_repeated_prompt_begins_again_without_a_pause(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        key, audio = rig.prompt(3, 480)
        phone = rig.phone()
        rig.open(phone)
        rig.play(key, repeat=True)
        phone.hear(12)
    heard = b"".join(packet.payload for packet in phone.packets).lstrip(b"\xff")
    assert len(heard) >= 3 * 480
    assert (audio * 5).startswith(heard)


def test_ipv6(tmp_path: Path) -> None:
    with Rig(tmp_path, host="::1").start() as rig:
        phone = rig.phone("::1")
        rig.open(phone)
        phone.send(rig.ports[0])
        assert rig.wait(Latched) == Latched(1, 0)
        phone.hear(3)
    assert_unbroken(phone.packets, jumps=1)


def test_a_play_replaces_another_without_an_event_and_a_stop_has_one(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        first, _ = rig.prompt(1, 1600)
        second, audio = rig.prompt(2, 160 * 500)
        phone = rig.phone()
        rig.open(phone)
        rig.play(first, 2, repeat=True)
        phone.hear(3)
        rig.play(second, 3)
        phone.hear(10)
        assert audio[:160] in {packet.payload for packet in phone.packets}
        rig.send(StopPlay(1, 0, 2))  # of the play before: it means nothing any more
        rig.send(StopPlay(1, 0, 3))
        assert rig.wait(PlayFinished) == PlayFinished(1, 0, 3, FinishReason.STOPPED)
        assert rig.slots.play_state(0).applied == 3
        phone.drain()
        assert phone.hear(2)[-1].payload == SILENCE


@pytest.mark.parametrize("content", [None, b""])
def test_a_prompt_that_cannot_be_read_finishes_as_failed(tmp_path: Path, content: bytes | None) -> None:
    with Rig(tmp_path).start() as rig:
        if content is not None:
            (tmp_path / ("77" * 16 + ".ulaw")).write_bytes(content)
        rig.open(rig.phone())
        rig.play("77" * 16)
        assert rig.wait(PlayFinished).reason is FinishReason.FAILED


def press(phone: Phone, port: int, digit: str, packets: list[EventPacket] | None = None) -> None:
    """Send a key's packets and move the phone's clock past it."""
    for packet in packets if packets is not None else event_packets(digit, 60):
        phone.send(port, packet.payload, EVENT, packet.marker)
    phone.ts += 1_600


def test_barge_in_silences_the_prompt_at_the_first_event_packet(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        key, _ = rig.prompt(1, 1600)
        phone = rig.phone()
        rig.open(phone)
        rig.play(key, repeat=True, barge_in=1)
        phone.send(rig.ports[0])
        phone.hear(5)
        phone.drain()
        packet = event_packets("5")[0]
        phone.send(rig.ports[0], packet.payload, EVENT, packet.marker)
        after = phone.hear(6)
        assert sum(packet.payload != SILENCE for packet in after) <= 3
        assert rig.wait(DigitsReceived) == DigitsReceived(1, 0, 1)
        assert rig.wait(PlayFinished) == PlayFinished(1, 0, 2, FinishReason.DIGIT)
        assert rig.slots.digits(0) == (1, "5")


def test_without_barge_in_the_prompt_goes_on(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        key, audio = rig.prompt(1, 1600)
        phone = rig.phone()
        rig.open(phone)
        rig.play(key)
        press(phone, rig.ports[0], "5")
        assert rig.wait(DigitsReceived).head == 1
        assert rig.wait(PlayFinished).reason is FinishReason.ENDED
        phone.drain()
        assert b"".join(packet.payload for packet in phone.packets).strip(b"\xff") == audio


def test_a_digit_that_came_before_the_play_finishes_it_at_once(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        key, _ = rig.prompt(1, 1600)
        phone = rig.phone()
        rig.open(phone)
        press(phone, rig.ports[0], "7")
        rig.wait(DigitsReceived)
        rig.play(key, 2, barge_in=1, digits_seen=0)
        assert rig.wait(PlayFinished) == PlayFinished(1, 0, 2, FinishReason.DIGIT)
        rig.play(key, 3, barge_in=1, digits_seen=1)
        assert rig.wait(PlayFinished) == PlayFinished(1, 0, 3, FinishReason.ENDED)
        phone.drain()
    heard = [packet.payload for packet in phone.packets if packet.payload != SILENCE]
    assert len(heard) == 10


def test_each_key_counts_once_whatever_is_lost_repeated_or_late(tmp_path: Path) -> None:
    keys = "0123456789*#ABCD" * 3
    with Rig(tmp_path).start() as rig:
        phone = rig.phone()
        rig.open(phone)
        port = rig.ports[0]
        for index, key in enumerate(keys):
            packets = event_packets(key, 60)
            lost = index % (1 << len(packets)) & ~1 if index % 2 else index % (1 << len(packets)) & ~2
            kept = [packet for at, packet in enumerate(packets) if not lost >> at & 1]
            press(phone, port, key, kept + kept[-1:] + kept[:1])
            until(lambda: rig.slots.digits(0)[0], lambda head, want=index + 1: head >= want)  # type: ignore[misc]
        assert rig.slots.digits(0) == (48, keys[-32:])


def test_commands_take_effect_once_and_only_for_their_call(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        key, audio = rig.prompt(1, 800)
        phone = rig.phone()
        opened = rig.open(phone)
        played = rig.play(key)
        rig.wait(PlayFinished)
        rig.send(opened, played, Close(2, 0, 9), StopPlay(1, 0, 2))
        rig.send(Close(1, 99, 9))
        rig.commands.send(b"nonsense")
        rig.play(key, 3)
        assert rig.wait(PlayFinished).number == 3
        phone.drain()
    assert b"".join(packet.payload for packet in phone.packets).count(audio) == 2
    assert_unbroken(phone.packets, jumps=1)


def test_batches_of_an_older_epoch_are_refused(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        phone = rig.phone()
        opened = rig.open(phone)
        rig.slots.calls_epoch = 5
        rig.send(Close(1, 0, 2), replace(opened, call=2, slot=1), epoch=4)
        rig.send(replace(opened, call=3, slot=2), epoch=5)
        until(lambda: rig.slots.call_of(2), lambda call: call == 3)
        assert rig.slots.open_slots() == [0, 2]


def test_a_closed_slot_is_silent_keeps_its_counts_and_serves_the_next_call_afresh(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        phone, other = rig.phone(), rig.phone()
        rig.open(phone)
        press(phone, rig.ports[0], "1")
        rig.wait(DigitsReceived)
        phone.hear(2)
        rig.send(Close(1, 0, 2))
        until(lambda: rig.slots.call_of(0), lambda call: call == 0)
        assert rig.slots.stats(0).packets_received == len(event_packets("1", 60))
        phone.send(rig.ports[0])
        rig.open(other, call=2, ssrc=77)
        other.hear(3)
        assert_unbroken(other.packets, jumps=1)
        assert rig.slots.digits(0) == (0, "")
        assert rig.slots.stats(0).packets_received == 0
        assert not rig.slots.latched(0)


def test_only_the_peer_is_heard(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        phone, stranger = rig.phone(), Phone("127.0.0.2")
        rig.phones.append(stranger)
        rig.open(phone)
        stranger.host = "127.0.0.1"
        press(stranger, rig.ports[0], "9")
        until(lambda: rig.slots.stats(0).ignored, lambda count: count == len(event_packets("9", 60)))
        press(phone, rig.ports[0], "1")
        rig.wait(Latched)
        until(lambda: rig.slots.stats(0).packets_received, lambda count: count == 5)
        late = rig.phone(ssrc=0x1234)
        late.seq, late.ts = phone.seq, phone.ts
        press(late, rig.ports[0], "2")
        press(stranger, rig.ports[0], "9")
        press(phone, rig.ports[0], "3")
        until(lambda: rig.slots.digits(0)[0], lambda head: head >= 2)
        assert rig.slots.digits(0) == (2, "13")
        until(lambda: rig.slots.stats(0).packets_received, lambda count: count == 10)
        assert rig.slots.remote(0)[1] == phone.port


def test_a_stray_ssrc_does_no_harm_and_a_new_stream_is_followed(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        phone = rig.phone()
        rig.open(phone)
        press(phone, rig.ports[0], "1")
        stray = event_packets("9")[0]
        phone.ssrc = 0x9999
        phone.send(rig.ports[0], stray.payload, EVENT, True)
        phone.ssrc = 0x1234
        press(phone, rig.ports[0], "2")
        until(lambda: rig.slots.digits(0)[0], lambda head: head >= 2)
        phone.ssrc, phone.seq, phone.ts = 0x8888, 40_000, 100
        press(phone, rig.ports[0], "3")
        until(lambda: rig.slots.digits(0)[0], lambda head: head >= 3)
        assert rig.slots.digits(0) == (3, "123")
        assert rig.slots.stats(0).lost <= 1


@pytest.mark.parametrize("latched", [False, True])
def test_whatever_is_not_a_packet_of_the_call_is_ignored(tmp_path: Path, latched: bool) -> None:
    with Rig(tmp_path).start() as rig:
        phone = rig.phone()
        rig.open(phone)
        if latched:
            phone.send(rig.ports[0])
            rig.wait(Latched)
        good = bytes([0x80, 0, 0, 101, 0, 0, 0x14, 0x28, 0, 0, 0x12, 0x34])
        bad = [
            b"",
            b"\x80",
            good[:11],
            b"\x40" + good[1:] + b"x" * 160,
            good[:1] + b"\x48" + good[2:] + b"x" * 160,
            b"\x8f" + good[1:],
            b"\x90" + good[1:] + b"\0\0\xff\xff",
            b"\xa0" + good[1:] + b"\x20",
            good + b"x" * 1_489,
            good + b"x" * 9_000,
        ]
        for data in bad:
            phone.sock.sendto(data, ("127.0.0.1", rig.ports[0]))
        until(lambda: rig.slots.stats(0).ignored, lambda count: count == len(bad))
        press(phone, rig.ports[0], "4")
        until(lambda: rig.slots.digits(0), lambda digits: digits == (1, "4"))
        phone.hear(3)
    assert_unbroken(phone.packets, jumps=1)


def test_a_peer_that_closes_its_port_and_comes_back_is_heard_and_hears_again(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        phone = rig.phone()
        rig.open(phone)
        phone.send(rig.ports[0])
        rig.wait(Latched)
        phone.sock.close()
        sent = rig.slots.stats(0).packets_sent
        until(lambda: rig.slots.stats(0).packets_sent, lambda count: count > sent + 5)
        rig.phones.remove(phone)
        again = Phone(port=phone.port)
        rig.phones.append(again)
        again.hear(3)
        again.seq, again.ts = phone.seq, phone.ts
        press(again, rig.ports[0], "6")
        until(lambda: rig.slots.digits(0), lambda digits: digits == (1, "6"))


def test_what_cannot_be_sent_is_counted_and_the_prompt_still_ends(tmp_path: Path) -> None:
    with Rig(tmp_path, host="::1").start() as rig:
        key, _ = rig.prompt(1, 480)
        phone = rig.phone("::1")
        phone.port = 0
        rig.open(phone)
        rig.play(key)
        assert rig.wait(PlayFinished).reason is FinishReason.ENDED
        assert rig.slots.stats(0).send_failed >= 3


def test_a_peer_of_the_other_family_is_never_looked_up(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        phone = rig.phone("::1")
        rig.open(phone)
        until(lambda: rig.slots.stats(0).send_failed, lambda count: count > 0)


def test_loss_and_jitter_are_counted(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        phone = rig.phone()
        rig.open(phone)
        for index in range(20):
            if index % 5 == 3:
                phone.seq, phone.ts = phone.seq + 1, phone.ts + 160
            data = phone.send(rig.ports[0])
            if index == 7:
                phone.sock.sendto(data, ("127.0.0.1", rig.ports[0]))
        stats = until(lambda: rig.slots.stats(0), lambda stats: stats.packets_received == 21)
        assert (stats.lost, stats.late) == (3, 1)
        assert stats.jitter_ms > 0


def test_an_idle_loop_beats_and_arms_no_timer(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        phone = rig.phone()
        rig.open(phone)
        phone.hear(2)
        rig.send(Close(1, 0, 2))
        until(lambda: rig.slots.call_of(0), lambda call: call == 0)
        tick, beat = rig.slots.media_tick, rig.slots.media_heartbeat_s
        until(lambda: rig.slots.media_heartbeat_s, lambda now_s: now_s > beat + 0.1)
        assert rig.slots.media_tick <= tick + 1
