"""Tones that are made and not recorded. Source: ITU-T E.180 §6 (special information tone), its annexes (ringing)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

RATE_HZ = 8000
Samples = npt.NDArray[np.int16]
_INFORMATION_HZ = (950, 1400, 1800)
_INFORMATION_S = 0.33
_PAUSE_S = 1.0
_LEVEL = 6000
"""Peak, of 32767: about -15 dBm0 for one sine."""
_FADE_S = 0.005


def special_information_tone() -> Samples:
    """Three rising tones and a pause, at 8 kHz: what a caller hears where nothing can be said."""
    tones = [_tone((each,), _INFORMATION_S) for each in _INFORMATION_HZ]
    return np.concatenate([*tones, _pause(_PAUSE_S)])


def ringback_tone() -> Samples:
    """425 Hz for 1 s, a pause of 4 s, at 8 kHz: what most of the world hears while a phone rings."""
    return np.concatenate([_tone((425,), 1.0), _pause(4.0)])


def american_ringback_tone() -> Samples:
    """440 and 480 Hz for 2 s, a pause of 4 s, at 8 kHz: the same in North America."""
    return np.concatenate([_tone((440, 480), 2.0), _pause(4.0)])


def beep() -> Samples:
    """1,000 Hz for 0.3 s, at 8 kHz: a caller is recorded from its end on."""
    return _tone((1000,), 0.3)


def test_tone(hertz: int) -> Samples:
    """Six times 0.3 s and a pause of 0.1 s, at 8 kHz: no key, and nothing that a telephone network makes."""
    return np.concatenate([_tone((hertz,), 0.3), _pause(0.1)] * 6)


def _tone(tones_hz: Sequence[float], length_s: float) -> Samples:
    time_s = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    fade = np.clip(np.minimum(time_s, time_s[::-1]) / _FADE_S, 0.0, 1.0)
    mixed = np.add.reduce([np.sin(2 * np.pi * each * time_s) for each in tones_hz])
    tone: Samples = (mixed * fade * _LEVEL / len(tones_hz)).astype(np.int16)
    return tone


def _pause(length_s: float) -> Samples:
    return np.zeros(round(length_s * RATE_HZ), dtype=np.int16)
