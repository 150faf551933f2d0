"""Prompts as files: exact lengths, one loudness, all of a prompt or nothing."""

import os
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from keepline.connectors.speech import render
from keepline.connectors.speech.engine import Pcm, SpeechEngine, SpeechError
from keepline.connectors.speech.fake import FakeEngine
from keepline.connectors.speech.flushing import Flusher
from keepline.connectors.speech.render import PromptRequest
from keepline.model import limits
from keepline.rtp import g711

KEY = "0123456789abcdef" * 2


def request(text: str = "hello", *, key: str = KEY, file: str = "", length_s: float | None = None) -> PromptRequest:
    return PromptRequest(key, text, file, "en", length_s)


def no_engine() -> SpeechEngine:
    raise AssertionError("a recording needs no engine")


def level_dbfs(samples: "np.ndarray[tuple[int], np.dtype[np.int16]]") -> float:
    return float(20 * np.log10(np.sqrt((samples.astype(float) ** 2).mean()) / 32768))


@pytest.mark.parametrize("length_s", [0.02, 0.1, 3, 8, 0.33337])
def test_a_prompt_is_cut_or_padded_to_the_sample(length_s: float) -> None:
    samples = render.make_samples(request(length_s=length_s), FakeEngine)
    assert len(samples) == round(length_s * 8000)


def test_padding_is_silence_and_a_cut_fades_out() -> None:
    padded = render.make_samples(request("hi", length_s=2), FakeEngine)
    assert not padded[8000:].any()
    cut = render.make_samples(request("hello hello hello", length_s=0.5), FakeEngine)
    assert abs(int(cut[-1])) < 10


@pytest.mark.parametrize("gain", [0.02, 0.1, 1.0])
def test_quiet_and_loud_sounds_come_out_equally_loud(gain: float) -> None:
    tone = Pcm((30000 * gain * np.sin(np.arange(16000) / 5)).astype(np.int16), 16000)
    heard = render.set_level(render.to_telephone_rate(tone))
    assert level_dbfs(heard[200:-200].astype(np.int16)) == pytest.approx(-20, abs=0.5)


def test_pauses_do_not_make_speech_louder() -> None:
    tone = (8000 * np.sin(np.arange(8000) / 3)).astype(np.float32)
    with_pause = np.concatenate([tone, np.zeros(80_000, np.float32)])
    assert np.abs(render.set_level(with_pause)).max() == pytest.approx(np.abs(render.set_level(tone)).max(), rel=0.01)


def test_peaks_stay_below_the_ceiling_and_silence_stays_silence() -> None:
    clicks = np.zeros(8000, np.float32)
    clicks[::800] = 20_000
    assert np.abs(render.set_level(clicks)).max() <= 32768 * 10 ** (-3 / 20) + 1
    assert not render.set_level(np.zeros(100, np.float32)).any()
    whisper = np.full(100, 2, np.float32)
    assert np.abs(render.set_level(whisper)).max() < 40


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 22050, 44100, 48000])
def test_a_recording_keeps_its_length_and_pitch(tmp_path: Path, rate_hz: int) -> None:
    path = tmp_path / "tone.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        tone = (9000 * np.sin(2 * np.pi * 440 * np.arange(rate_hz) / rate_hz)).astype("<i2")
        file.writeframes(np.repeat(tone, 2).tobytes())
    samples = render.make_samples(request(text="", file=str(path)), no_engine)
    assert abs(len(samples) - 8000) <= 2
    spectrum = np.abs(np.fft.rfft(samples[:8000], 8000))
    assert int(spectrum.argmax()) == 440


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (request(key="../../../etc/cron.d/x"), "hex digits"),
        (request(key=KEY.upper()), "hex digits"),
        (request(key=KEY + "\n"), "hex digits"),
        (request(text=" "), "neither a text"),
        (request(text="x" * (limits.PROMPT_TEXT_CHARS_MAX + 1)), "at most"),
        (request(length_s=0), "not above 0"),
        (request(length_s=-1), "not above 0"),
        (request(length_s=float("nan")), "not above 0"),
        (request(length_s=limits.PROMPT_LENGTH_S_MAX + 1), "not above 0"),
    ],
)
def test_what_can_never_be_made_is_refused(bad: PromptRequest, says: str) -> None:
    with pytest.raises(SpeechError, match=says):
        render.check_request(bad)


def test_a_text_that_speaks_for_too_long_is_refused() -> None:
    class Endless(FakeEngine):
        def synthesise(self, text: str, language: str) -> Pcm:
            return Pcm(np.ones(8000 * limits.PROMPT_LENGTH_S_MAX + 1, np.int16), 8000)

    with pytest.raises(SpeechError, match="would be 600 s long"):
        render.make_samples(request(), Endless)


def test_both_files_hold_the_same_sound_and_nothing_else_is_left(tmp_path: Path) -> None:
    samples = render.make_samples(request(length_s=1), FakeEngine)
    assert not render.is_stored(tmp_path, KEY)
    assert render.store(tmp_path, KEY, samples, Flusher(tmp_path)) == 16_000
    assert render.is_stored(tmp_path, KEY)
    assert sorted(os.listdir(tmp_path)) == [f"{KEY}.alaw", f"{KEY}.ulaw"]
    assert (tmp_path / f"{KEY}.ulaw").read_bytes() == g711.encode_ulaw(samples)
    assert (tmp_path / f"{KEY}.alaw").read_bytes() == g711.encode_alaw(samples)


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / f"{KEY}.ulaw").mkdir()
    with pytest.raises(OSError, match="directory"):
        render.store(tmp_path, KEY, np.zeros(10, np.int16), Flusher(tmp_path))
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".tmp")]


def test_sweeping_removes_what_the_dead_left_and_counts_the_rest(tmp_path: Path) -> None:
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    (tmp_path / f".{KEY}.ulaw.{int(dead.stdout)}.tmp").write_bytes(b"x")
    (tmp_path / f".{KEY}.ulaw.{os.getppid()}.tmp").write_bytes(b"x")
    (tmp_path / f"{KEY}.ulaw").write_bytes(b"12345")
    assert render.sweep(tmp_path) == 5
    assert sorted(os.listdir(tmp_path)) == [f".{KEY}.ulaw.{os.getppid()}.tmp", f"{KEY}.ulaw"]
