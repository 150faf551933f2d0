"""Tones that are made and not recorded. Source: ITU-T E.180 §6 (special information tone)."""

import numpy as np
import numpy.typing as npt

RATE_HZ = 8000
_TONES_HZ = (950, 1400, 1800)
_TONE_S = 0.33
_PAUSE_S = 1.0
_LEVEL = 6000
"""Peak, of 32767: about -15 dBm0 for one sine."""
_FADE_S = 0.005


def special_information_tone() -> npt.NDArray[np.int16]:
    """Three rising tones and a pause, at 8 kHz: what a caller hears where nothing can be said."""
    time_s = np.arange(round(_TONE_S * RATE_HZ)) / RATE_HZ
    fade = np.clip(np.minimum(time_s, time_s[::-1]) / _FADE_S, 0.0, 1.0)
    tones = [np.sin(2 * np.pi * each * time_s) * fade * _LEVEL for each in _TONES_HZ]
    return np.concatenate([*tones, np.zeros(round(_PAUSE_S * RATE_HZ))]).astype(np.int16)
