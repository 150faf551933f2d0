"""From a prompt to the two files that media plays: `<key>.ulaw` and `<key>.alaw`, G.711 at 8 kHz.

The files never change once they stand: each is written aside and renamed, so that a reader sees all of one or nothing,
and a prompt is ready when both are there. They are flushed afterwards. Speech and recordings come out equally loud.

Source: ITU-T P.56 for what the level of speech is (measured over its active part); ITU-T G.711.
"""

import contextlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

from keepline.connectors.speech.engine import Pcm, Samples, SpeechEngine, SpeechError
from keepline.connectors.speech.flushing import Flusher
from keepline.connectors.speech.recording import read_recording
from keepline.model.limits import PROMPT_LENGTH_S_MAX, PROMPT_TEXT_CHARS_MAX
from keepline.model.operation import PROMPT_KEY_BYTES, SAMPLE_RATE_HZ
from keepline.rtp import g711

_LEVEL_TARGET_DBFS = -20.0
_PEAK_MAX_DBFS = -3.0
_GAIN_DB_MAX = 24.0
"""A nearly silent recording stays quiet rather than become loud noise."""
_ACTIVE_BELOW_PEAK_DB = 30.0
"""Frames quieter than the loudest by more than this are pauses and do not count into the level."""
_LEVEL_FRAME_S = 0.02
_FADE_S = 0.01
"""Where a prompt is cut, so that it does not end with a click."""
_KEY = re.compile(rf"[0-9a-f]{{{2 * PROMPT_KEY_BYTES}}}")

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PromptRequest:
    """One prompt to make."""

    key: str
    text: str
    file: str
    language: str
    length_s: float | None


def check_request(request: PromptRequest) -> None:
    """Raise SpeechError for what can never be made."""
    if not _KEY.fullmatch(request.key):
        raise SpeechError(f"a key is {2 * PROMPT_KEY_BYTES} lower-case hex digits, not {request.key[:40]!r}")
    if not request.file and not request.text.strip():
        raise SpeechError("there is neither a text to say nor a file to play")
    if len(request.text) > PROMPT_TEXT_CHARS_MAX:
        raise SpeechError(f"the text has {len(request.text)} characters; at most {PROMPT_TEXT_CHARS_MAX} are spoken")
    # Written so that NaN is refused too.
    if request.length_s is not None and not 0 < request.length_s <= PROMPT_LENGTH_S_MAX:
        raise SpeechError(f"a length of {request.length_s} s is not above 0 and up to {PROMPT_LENGTH_S_MAX}")


def make_samples(request: PromptRequest, engine: Callable[[], SpeechEngine]) -> Samples:
    """The prompt as 8 kHz samples of exactly the length asked for; `engine` is called when there is a text to say."""
    sound = read_recording(Path(request.file)) if request.file else engine().synthesise(request.text, request.language)
    level = set_level(to_telephone_rate(sound))
    if request.length_s is not None:
        level = set_length(level, round(request.length_s * SAMPLE_RATE_HZ))
    if len(level) > PROMPT_LENGTH_S_MAX * SAMPLE_RATE_HZ:
        raise SpeechError(
            f"it would be {len(level) / SAMPLE_RATE_HZ:.0f} s long; at most {PROMPT_LENGTH_S_MAX} s are played"
        )
    return np.clip(np.rint(level), -32768, 32767).astype(np.int16)


def to_telephone_rate(sound: Pcm) -> Floats:
    """Resample to 8 kHz and take the direct current out; values keep the scale of 16-bit samples."""
    samples = sound.samples.astype(np.float32)
    if sound.rate_hz != SAMPLE_RATE_HZ:
        samples = soxr.resample(samples, sound.rate_hz, SAMPLE_RATE_HZ).astype(np.float32)
    return samples - samples.mean() if len(samples) else samples


def set_level(samples: Floats) -> Floats:
    """Bring the active part to -20 dBFS, the peak at most to -3 dBFS, by one gain for the whole: no compression."""
    peak = float(np.abs(samples).max(initial=0))
    if peak < 1:
        return samples
    frame = round(_LEVEL_FRAME_S * SAMPLE_RATE_HZ)
    frames = np.pad(samples, (0, -len(samples) % frame)).reshape(-1, frame)
    power = (frames.astype(np.float64) ** 2).mean(axis=1)
    active = power[power >= power.max() * 10 ** (-_ACTIVE_BELOW_PEAK_DB / 10)]
    gain = 32768 * _ratio(_LEVEL_TARGET_DBFS) / float(np.sqrt(active.mean()))
    gain = min(gain, _ratio(_GAIN_DB_MAX), 32768 * _ratio(_PEAK_MAX_DBFS) / peak)
    return samples * np.float32(gain)


def set_length(samples: Floats, count: int) -> Floats:
    """Cut, fading out, or pad with silence to exactly `count` samples."""
    if len(samples) <= count:
        return np.pad(samples, (0, count - len(samples)))
    fade = min(count, round(_FADE_S * SAMPLE_RATE_HZ))
    cut = samples[:count].copy()
    cut[count - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return cut


def is_stored(directory: Path, key: str) -> bool:
    """Whether both files of a prompt stand in `directory`."""
    return (directory / f"{key}.ulaw").exists() and (directory / f"{key}.alaw").exists()


def store(directory: Path, key: str, samples: Samples, flusher: Flusher | None) -> int:
    """Write both files of a prompt and return their bytes; raises OSError with neither half-written.

    Without a flusher they are not flushed: the directory is in memory.
    """
    for suffix, payload in (("alaw", g711.encode_alaw(samples)), ("ulaw", g711.encode_ulaw(samples))):
        path, aside = directory / f"{key}.{suffix}", directory / f".{key}.{suffix}.{os.getpid()}.tmp"
        if flusher is not None:
            flusher.begin()
        try:
            aside.write_bytes(payload)
            aside.rename(path)
        except OSError:
            with contextlib.suppress(OSError):  # a read-only disk has no such file, and says that it is read-only
                aside.unlink()
            raise
        finally:
            if flusher is not None:
                flusher.end(path)
    return 2 * len(samples)


def sweep(directory: Path) -> int:
    """Remove what a dead speech process left half-written; return the bytes of all that stands."""
    total = 0
    for entry in os.scandir(directory):
        if entry.name.endswith(".tmp"):
            owner = entry.name.split(".")[-2]
            if not owner.isdigit() or not Path(f"/proc/{owner}").exists() or int(owner) == os.getpid():
                Path(entry.path).unlink(missing_ok=True)
        elif entry.is_file():
            total += entry.stat().st_size
    return total


def _ratio(level_db: float) -> float:
    return float(10 ** (level_db / 20))
