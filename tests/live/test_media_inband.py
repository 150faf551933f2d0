"""Keys that are tones in the audio: counted once, told at once, over media's death, and only where nothing else is."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from keepline.node.media import MediaLoop
from keepline.node.media_messages import Deafen, FinishReason, PlayFinished, StreamWay
from keepline.node.mediawire import DigitsReceived, Redirect
from keepline.rtp.dtmf import event_packets
from tests.live.media_rig import EVENT, Clock, Phone, Rig
from tests.spec.test_itu_q24_tones import coded, silence, tone


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    with Rig(tmp_path) as rig:
        found = Clock(rig)
        monkeypatch.setattr("keepline.node.media.monotonic", found.monotonic)
        yield found
        for loop in found.loops:
            loop.close()


def opened(clock: Clock, **changes: int | StreamWay | None) -> tuple[MediaLoop, Phone]:
    loop, phone = clock.loop(), clock.rig.phone()
    clock.rig.send(clock.rig.opening(phone, **({"dtmf_payload_type": None} | changes)))
    clock.wake(loop)
    return loop, phone


def talk(clock: Clock, loop: MediaLoop, phone: Phone, *parts: "np.typing.NDArray[np.float64]") -> None:
    """These sounds in packets of 20 ms, the last one filled up with silence."""
    audio = coded(np.concatenate(parts))
    audio += b"\xff" * (-len(audio) % 160)
    for at in range(0, len(audio), 160):
        clock.wake(loop, 0.018)
        phone.send(clock.rig.ports[0], audio[at : at + 160])
        clock.wake(loop, 0.002)


def digits(clock: Clock) -> str:
    return clock.rig.slots.digits(0)[1]


def test_a_tone_is_a_key_and_stops_the_prompt(clock: Clock) -> None:
    loop, phone = opened(clock)
    key, _ = clock.rig.prompt(1, 160 * 500)
    clock.rig.play(key, barge_in=True)
    clock.wake(loop)
    talk(clock, loop, phone, silence(100), tone("5", 60))
    assert clock.rig.wait(DigitsReceived).head == 1
    assert clock.rig.wait(PlayFinished) == PlayFinished(1, 0, 2, FinishReason.DIGIT)
    talk(clock, loop, phone, tone("5", 500), silence(60), tone("#", 60), silence(60))
    assert digits(clock) == "5#"
    assert clock.rig.slots.stats(0).packets_received == phone.seq - 100


def test_who_has_telephone_event_pays_nothing_and_is_not_heard_twice(clock: Clock) -> None:
    loop, phone = opened(clock, dtmf_payload_type=EVENT)
    talk(clock, loop, phone, silence(300), tone("5", 100), silence(60))
    for each in event_packets("5"):
        phone.send(clock.rig.ports[0], each.payload, EVENT, each.marker)
        clock.wake(loop, 0.02)
    assert digits(clock) == "5"
    stream = loop._streams.find(0)
    assert stream is not None
    assert stream.is_plain
    assert stream.ear is None


def test_no_tone_counts_once_keys_come_another_way(clock: Clock) -> None:
    loop, phone = opened(clock)
    talk(clock, loop, phone, silence(300), tone("1", 60), silence(60))
    clock.rig.send(Deafen(1, 0), Deafen(1, 0), Deafen(2, 0))
    clock.wake(loop)
    talk(clock, loop, phone, tone("2", 60), silence(60))
    assert (digits(clock), loop.refused) == ("1", 1)
    successor = clock.loop()
    talk(clock, successor, phone, tone("3", 60), silence(60))
    assert digits(clock) == "1"
    stream = successor._streams.find(0)
    assert stream is not None
    assert stream.is_plain


def test_a_key_held_over_the_death_of_media_counts_once(clock: Clock) -> None:
    loop, phone = opened(clock)
    held = tone("8", 600)
    talk(clock, loop, phone, silence(100), held[:1_600])
    assert digits(clock) == "8"
    successor = clock.loop()
    talk(clock, successor, phone, held[1_600:], silence(60), tone("8", 60), silence(60))
    assert digits(clock) == "88"


def test_a_key_that_came_while_media_was_away_is_heard(clock: Clock) -> None:
    loop, phone = opened(clock)
    talk(clock, loop, phone, silence(300))
    audio = coded(np.concatenate([silence(40), tone("6", 80), silence(80)]))
    for at in range(0, len(audio), 160):
        phone.send(clock.rig.ports[0], audio[at : at + 160])
    successor = clock.loop()
    for _ in range(20):
        clock.wake(successor, 0.002)
    assert digits(clock) == "6"


def test_a_packet_that_is_late_or_doubled_changes_nothing(clock: Clock) -> None:
    loop, phone = opened(clock)
    audio = coded(np.concatenate([silence(100), tone("9", 100), silence(100), tone("9", 100), silence(60)]))
    first_seq, first_ts = phone.seq, phone.ts
    for at in range(0, len(audio) - 159, 160):
        phone.send(clock.rig.ports[0], audio[at : at + 160])
        clock.wake(loop, 0.02)
        if at:
            seq, ts = phone.seq, phone.ts
            phone.seq, phone.ts = first_seq + at // 160 - 1, first_ts + at - 160
            phone.send(clock.rig.ports[0], audio[at - 160 : at])
            phone.seq, phone.ts = seq, ts
            clock.wake(loop, 0.002)
    assert digits(clock) == "99"


def test_a_pause_that_is_not_sent_parts_two_keys(clock: Clock) -> None:
    loop, phone = opened(clock)
    talk(clock, loop, phone, silence(100), tone("7", 60))
    phone.ts += 8 * 200
    talk(clock, loop, phone, tone("7", 60), silence(60))
    assert digits(clock) == "77"


def test_a_redirect_to_a_law_letter_is_followed_and_one_with_events_ends_it(clock: Clock) -> None:
    loop, phone = opened(clock)
    clock.rig.send(Redirect(1, 0, 1, phone.host, phone.port, 8, None))
    clock.wake(loop)
    audio = coded(np.concatenate([silence(100), tone("3", 80), silence(60)]), 8)
    for at in range(0, len(audio) - 159, 160):
        phone.send(clock.rig.ports[0], audio[at : at + 160], 8)
        phone.ts += 160
        clock.wake(loop, 0.02)
    assert digits(clock) == "3"
    clock.rig.send(Redirect(1, 0, 2, phone.host, phone.port, 0, EVENT))
    clock.wake(loop)
    talk(clock, loop, phone, tone("4", 80), silence(60))
    assert digits(clock) == "3"


BARGE_IN_MS_MAX = 120


@pytest.mark.parametrize("key", "1234567890*#ABCD")
def test_a_prompt_is_silent_within_120_ms_of_the_first_sample_of_a_tone(clock: Clock, key: str) -> None:
    loop, phone = opened(clock)
    name, _ = clock.rig.prompt(1, 160 * 500)
    for press in range(10):
        clock.rig.play(name, number=press + 2, barge_in=True)
        shift_ms = (press * 7 + ord(key)) % 20
        audio = coded(np.concatenate([silence(200 + shift_ms), tone(key, 60), silence(200 - shift_ms)]))
        spoken_ms, began_ms = 0, 0.0
        for at_ms in range(0, 460, 2):
            clock.wake(loop, 0.002)
            if at_ms % 20 == 0:  # what was said until now leaves now
                phone.send(clock.rig.ports[0], audio[8 * spoken_ms : 8 * spoken_ms + 160])
                spoken_ms += 20
                began_ms = began_ms or (at_ms - 20 + shift_ms if spoken_ms > 200 + shift_ms else 0.0)
            before = len(phone.packets)
            phone.drain()
            if began_ms and any(packet.payload == b"\xff" * 160 for packet in phone.packets[before:]):
                assert at_ms - began_ms <= BARGE_IN_MS_MAX
                break
        else:
            pytest.fail("the prompt plays on")
        talk(clock, loop, phone, silence(300))
