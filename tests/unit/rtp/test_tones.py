"""The tones that are made."""

import numpy as np

from keepline.rtp.tones import RATE_HZ, special_information_tone


def test_three_rising_tones_and_a_pause() -> None:
    samples = special_information_tone().astype(float)
    length = round(0.33 * RATE_HZ)
    for index, frequency_hz in enumerate((950, 1400, 1800)):
        tone = samples[index * length : (index + 1) * length]
        loudest = np.argmax(np.abs(np.fft.rfft(tone))) * RATE_HZ / length
        assert abs(loudest - frequency_hz) < 5
    assert not samples[3 * length :].any()
    assert len(samples) == 3 * length + RATE_HZ
