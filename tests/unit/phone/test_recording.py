"""What the phone hears and keeps."""

import wave
from pathlib import Path

import numpy as np
import pytest

from keepline.model.limits import PHONE_GAP_S_MAX
from keepline.phone.recording import Ear, Recording
from keepline.rtp import g711
from keepline.rtp.packet import RtpPacket

LOUD = g711.encode_ulaw(np.full(160, 8000, np.int16))
HEARD = int(g711.decode_ulaw(LOUD)[0])


def packet(seq: int, ts: int, *, ssrc: int = 1, payload_type: int = 0, payload: bytes = LOUD) -> RtpPacket:
    return RtpPacket(payload_type, False, seq, ts, ssrc, payload)


def hear(tmp_path: Path, *packets: RtpPacket, codec: str = "PCMU") -> tuple[Ear, list[int]]:
    path = tmp_path / "heard.wav"
    recording = Recording(path)
    ear = Ear(codec, 0 if codec == "PCMU" else 8, recording)
    for each in packets:
        ear.hear(each)
    recording.close()
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return ear, [int(samples[at]) for at in range(0, len(samples), 160)]


def test_packets_in_order_are_one_sound(tmp_path: Path) -> None:
    start = 2**32 - 160
    ear, frames = hear(tmp_path, *(packet(65_534 + at & 0xFFFF, (start + 160 * at) % 2**32) for at in range(4)))
    assert frames == [HEARD] * 4
    assert (ear.samples, ear.packets, ear.lost) == (640, 4, 0)


def test_a_gap_is_silence_of_its_length(tmp_path: Path) -> None:
    ear, frames = hear(tmp_path, packet(1, 0), packet(4, 480))
    assert frames == [HEARD, 0, 0, HEARD]
    assert ear.lost == 2


def test_copies_and_stragglers_are_counted_and_not_heard(tmp_path: Path) -> None:
    ear, frames = hear(tmp_path, packet(1, 0), packet(2, 160), packet(2, 160), packet(1, 0), packet(3, 320))
    assert frames == [HEARD] * 3
    assert ear.samples == 480


def test_a_clock_set_anew_is_no_pause(tmp_path: Path) -> None:
    far = (PHONE_GAP_S_MAX + 1) * 8000
    _, frames = hear(tmp_path, packet(1, 0), packet(2, far), packet(3, far + 160), packet(4, 5))
    assert frames == [HEARD] * 4


def test_a_new_stream_goes_on_where_the_old_one_ended(tmp_path: Path) -> None:
    _, frames = hear(tmp_path, packet(1, 0), packet(900, 77, ssrc=2), packet(901, 237, ssrc=2))
    assert frames == [HEARD] * 3


def test_other_payload_types_are_left_alone(tmp_path: Path) -> None:
    ear, frames = hear(tmp_path, packet(1, 0), packet(2, 160, payload_type=101), packet(3, 320, payload_type=13))
    assert frames == [HEARD]
    assert ear.packets == 1


def test_a_law_is_heard_too(tmp_path: Path) -> None:
    loud = g711.encode_alaw(np.full(160, 8000, np.int16))
    _, frames = hear(tmp_path, packet(1, 0, payload_type=8, payload=loud), codec="PCMA")
    assert frames == [int(g711.decode_alaw(loud)[0])]


def test_a_file_that_cannot_be_written_is_known_before_the_call(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Recording(tmp_path / "nowhere" / "x.wav")
