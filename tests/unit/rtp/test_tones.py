"""The tones that are made."""

import numpy as np

from keepline.rtp.tones import RATE_HZ, american_ringback_tone, ringback_tone, special_information_tone


def test_three_rising_tones_and_a_pause() -> None:
    samples = special_information_tone().astype(float)
    length = round(0.33 * RATE_HZ)
    for index, frequency_hz in enumerate((950, 1400, 1800)):
        tone = samples[index * length : (index + 1) * length]
        loudest = np.argmax(np.abs(np.fft.rfft(tone))) * RATE_HZ / length
        assert abs(loudest - frequency_hz) < 5
    assert not samples[3 * length :].any()
    assert len(samples) == 3 * length + RATE_HZ


def test_ringback_is_heard_one_second_in_five_and_two_in_six() -> None:
    for samples, length_s, tones_hz in (
        (ringback_tone(), 1, [425]),
        (american_ringback_tone(), 2, [440, 480]),
    ):
        tone = samples[: length_s * RATE_HZ].astype(float)
        spectrum = np.abs(np.fft.rfft(tone))
        loudest = sorted(np.argsort(spectrum)[-len(tones_hz) :] / length_s)
        assert [abs(found - wanted) < 2 for found, wanted in zip(loudest, tones_hz, strict=True)] == [True] * len(
            tones_hz
        )
        assert not samples[length_s * RATE_HZ :].any()
        assert len(samples) == (length_s + 4) * RATE_HZ
