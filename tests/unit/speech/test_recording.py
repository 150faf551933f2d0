"""Recorded prompts: every common kind of WAV file comes out as the same sound, and a bad one is named."""

import contextlib
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepline.connectors.speech.engine import SpeechError
from keepline.connectors.speech.recording import parse_wav, read_recording
from keepline.model import limits
from keepline.rtp import g711

TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(800) / 8000)


def wav(tag: int, bits: int, body: bytes, *, channels: int = 1, rate_hz: int = 8000, extensible: bool = False) -> bytes:
    frame = channels * bits // 8
    header = struct.pack("<HHIIHH", 0xFFFE if extensible else tag, channels, rate_hz, rate_hz * frame, frame, bits)
    if extensible:
        header += struct.pack("<HHIH14s", 22, bits, 0, tag, bytes(14))
    chunks = b"fmt " + struct.pack("<I", len(header)) + header
    chunks += b"LIST" + struct.pack("<I", 3) + b"abc\0"  # An odd chunk is padded.
    chunks += b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def pcm24(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> bytes:
    return (values * (2**31 - 1)).astype("<i4").view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()


KINDS = {
    "pcm8": (1, 8, (TONE * 127 + 128).astype(np.uint8).tobytes(), 400),
    "pcm16": (1, 16, (TONE * 32767).astype("<i2").tobytes(), 2),
    "pcm24": (1, 24, pcm24(TONE), 2),
    "pcm32": (1, 32, (TONE * (2**31 - 1)).astype("<i4").tobytes(), 2),
    "float32": (3, 32, TONE.astype("<f4").tobytes(), 2),
    "float64": (3, 64, TONE.astype("<f8").tobytes(), 2),
    "alaw": (6, 8, g711.encode_alaw((TONE * 32767).astype(np.int16)), 600),
    "ulaw": (7, 8, g711.encode_ulaw((TONE * 32767).astype(np.int16)), 600),
}


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read(kind: str, extensible: bool) -> None:
    tag, bits, body, error_max = KINDS[kind]
    pcm = parse_wav(wav(tag, bits, body, extensible=extensible))
    assert pcm.rate_hz == 8000
    assert np.abs(pcm.samples - TONE * 32768).max() <= error_max


def test_channels_are_mixed_evenly() -> None:
    left, right = np.full(100, 1000), np.full(100, 3000)
    pcm = parse_wav(wav(1, 16, np.stack([left, right], axis=1).astype("<i2").tobytes(), channels=2, rate_hz=44100))
    assert pcm.rate_hz == 44100
    assert (pcm.samples == 2000).all()


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_size_that_its_writer_never_knew_means_the_rest(size: int) -> None:
    tag, bits, body, _ = KINDS["pcm16"]
    whole = wav(tag, bits, body)
    cut = whole.index(b"data") + 4
    assert len(parse_wav(whole[:cut] + struct.pack("<I", size) + whole[cut + 4 :]).samples) == len(TONE)


def test_a_file_cut_short_is_read_as_far_as_it_goes() -> None:
    tag, bits, body, _ = KINDS["pcm24"]
    assert len(parse_wav(wav(tag, bits, body)[:-100]).samples) == len(TONE) - 34


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a WAV"),
        (b"ID3\x04 some music", "not a WAV"),
        (wav(1, 16, b""), "no sound"),
        (wav(0x55, 16, bytes(10)), "format 85"),
        (wav(1, 12, bytes(10)), "12 bits"),
        (wav(1, 16, bytes(10), channels=0), "0 channels"),
        (wav(1, 16, bytes(10), rate_hz=0), "0 Hz"),
        (wav(1, 16, bytes(10))[:20], "cut short|missing"),
        (wav(1, 16, bytes(10))[:36], "missing"),
        (wav(1, 8, bytes(4000 * (limits.PROMPT_LENGTH_S_MAX + 1)), rate_hz=4000), "at most 600 s"),
    ],
)
def test_what_cannot_be_played_says_what_is_wrong(data: bytes, says: str) -> None:
    with pytest.raises(SpeechError, match=says):
        parse_wav(data)


def test_a_missing_or_enormous_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match=r"lost\.wav: No such file"):
        read_recording(tmp_path / "lost.wav")
    with pytest.raises(SpeechError, match="Is a directory"):
        read_recording(tmp_path)
    enormous = tmp_path / "enormous.wav"
    with enormous.open("wb") as file:
        file.truncate(limits.RECORDING_BYTES_MAX + 1)
    with pytest.raises(SpeechError, match=r"enormous\.wav has"):
        read_recording(enormous)
    (tmp_path / "text.wav").write_text("not sound")
    with pytest.raises(SpeechError, match=r"text\.wav: this is not a WAV file; save it as WAV"):
        read_recording(tmp_path / "text.wav")


@given(data=st.binary(max_size=200), spoil=st.integers(0, 120), tag=st.sampled_from(sorted(KINDS)))
def test_any_bytes_give_sound_or_a_speech_error(data: bytes, spoil: int, tag: str) -> None:
    kind, bits, body, _ = KINDS[tag]
    good = wav(kind, bits, body[:64], extensible=bool(spoil % 2))
    for bad in (data, good[:spoil] + data + good[spoil + len(data) :]):
        with contextlib.suppress(SpeechError):
            assert len(parse_wav(bad).samples) > 0
