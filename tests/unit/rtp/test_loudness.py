"""Loudness of frames, beside the companding of arrays."""

import numpy as np
import pytest

from keepline.rtp import g711
from keepline.rtp.loudness import LINEAR, LOUD, PCMA, PCMU, is_loud

ENCODE = {PCMU: g711.encode_ulaw, PCMA: g711.encode_alaw}
DECODE = {PCMU: g711.decode_ulaw, PCMA: g711.decode_alaw}


@pytest.mark.parametrize("kind", [PCMU, PCMA])
def test_itu_g711_every_byte_stands_for_the_same_sample(kind: int) -> None:
    assert list(LINEAR[kind]) == DECODE[kind](bytes(range(256))).tolist()


@pytest.mark.parametrize("kind", [PCMU, PCMA])
@pytest.mark.parametrize(("mean", "loud"), [(0, False), (LOUD * 0.7, False), (LOUD * 1.3, True), (8_000, True)])
def test_a_frame_is_loud_from_its_mean_on(kind: int, mean: float, loud: bool) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(160) / 8_000) * mean * np.pi / 2
    assert is_loud(ENCODE[kind](tone.astype(np.int16)), kind) is loud


def test_no_frame_and_no_codec_are_not_loud() -> None:
    assert not is_loud(b"", PCMU)
    assert not is_loud(b"\x00" * 160, 18)
