"""Recorded prompts: WAV files of any common rate, width and number of channels, read as mono samples.

It reads PCM of 8 to 32 bits, floating point, A-law and µ-law, with the plain and the extensible header. It refuses
compressed formats, and says what to save instead. Channels are mixed evenly.

Source: Microsoft, "Multiple channel audio data and WAVE files"; RFC 2361 for the format tags.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from keepline.connectors.speech.engine import Pcm, SpeechError
from keepline.model.limits import PROMPT_LENGTH_S_MAX, RECORDING_BYTES_MAX
from keepline.rtp import g711

_EXTENSIBLE = 0xFFFE
_RATE_HZ_MIN, _RATE_HZ_MAX = 4000, 384_000
_CHANNELS_MAX = 32
_RIGHT = "save it as WAV, PCM of 16 bits"

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Format:
    tag: int
    channels: int
    rate_hz: int
    bits: int

    @property
    def frame_bytes(self) -> int:
        return self.channels * self.bits // 8


def read_recording(path: Path) -> Pcm:
    """Read a WAV file as mono at its own rate; raises SpeechError, naming the file, when that cannot be."""
    try:
        size = path.stat().st_size
        if size > RECORDING_BYTES_MAX:
            raise SpeechError(f"{path} has {size} bytes; at most {RECORDING_BYTES_MAX} are read")
        data = path.read_bytes()
    except OSError as error:
        raise SpeechError(f"{path}: {error.strerror}") from None
    try:
        return parse_wav(data)
    except SpeechError as error:
        raise SpeechError(f"{path}: {error}") from None


def parse_wav(data: bytes) -> Pcm:
    """The sound of a WAV file, mono at its own rate; raises SpeechError for anything else."""
    form, body = _find_chunks(memoryview(data))
    if form.channels not in range(1, _CHANNELS_MAX + 1) or form.rate_hz not in range(_RATE_HZ_MIN, _RATE_HZ_MAX + 1):
        raise SpeechError(f"{form.channels} channels at {form.rate_hz} Hz cannot be right; {_RIGHT}")
    if form.bits % 8 or form.frame_bytes == 0:
        raise SpeechError(f"samples of {form.bits} bits are not understood; {_RIGHT}")
    frames = len(body) // form.frame_bytes
    if frames == 0:
        raise SpeechError(f"there is no sound in it; {_RIGHT}")
    if frames > PROMPT_LENGTH_S_MAX * form.rate_hz:
        raise SpeechError(f"it is {frames / form.rate_hz:.0f} s long; at most {PROMPT_LENGTH_S_MAX} s are played")
    samples = _to_float(form, bytes(body[: frames * form.frame_bytes])).reshape(frames, form.channels).mean(axis=1)
    return Pcm(np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16), form.rate_hz)


def _find_chunks(data: memoryview) -> tuple[_Format, memoryview]:
    if len(data) < 12 or bytes(data[:4]) != b"RIFF" or bytes(data[8:12]) != b"WAVE":
        raise SpeechError(f"this is not a WAV file; {_RIGHT}")
    form: _Format | None = None
    position = 12
    while position + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, position)
        body = data[position + 8 : position + 8 + size]
        if name == b"fmt ":
            form = _parse_format(body)
        elif name == b"data":
            if form is None:
                break
            # Writers that could not seek back leave 0 or all ones as the size: the rest of the file is meant.
            return form, data[position + 8 :] if size in (0, 0xFFFFFFFF) else body
        position += 8 + size + size % 2
    raise SpeechError(f"its format or its sound is missing; {_RIGHT}")


def _parse_format(body: memoryview) -> _Format:
    if len(body) < 16:
        raise SpeechError(f"its format is cut short; {_RIGHT}")
    tag, channels, rate_hz, _bytes_per_s, _frame_bytes, bits = struct.unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE and len(body) >= 26:
        # The first two bytes of the sub-format's GUID are the plain tag.
        (tag,) = struct.unpack_from("<H", body, 24)
    return _Format(tag, channels, rate_hz, bits)


def _to_float(form: _Format, body: bytes) -> Floats:
    """Every sample between -1 and 1, channels still interleaved. Tags: 1 PCM, 3 float, 6 A-law, 7 µ-law."""
    match form.tag, form.bits:
        case (1, 8):
            return (np.frombuffer(body, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)
        case (1, 16):
            return np.frombuffer(body, "<i2").astype(np.float32) / np.float32(2**15)
        case (1, 24):
            three = np.frombuffer(body, np.uint8).reshape(-1, 3)
            four = np.zeros((len(three), 4), np.uint8)
            four[:, 1:] = three
            return four.view("<i4").reshape(-1).astype(np.float32) / np.float32(2**31)
        case (1, 32):
            return np.frombuffer(body, "<i4").astype(np.float32) / np.float32(2**31)
        case (3, 32) | (3, 64):
            values = np.nan_to_num(np.frombuffer(body, f"<f{form.bits // 8}"), nan=0.0, posinf=0.0, neginf=0.0)
            clipped: Floats = np.clip(values, -1, 1).astype(np.float32)
            return clipped
        case (6, 8):
            return g711.decode_alaw(body).astype(np.float32) / np.float32(2**15)
        case (7, 8):
            return g711.decode_ulaw(body).astype(np.float32) / np.float32(2**15)
    raise SpeechError(f"format {form.tag} with {form.bits} bits is not understood; {_RIGHT}")
