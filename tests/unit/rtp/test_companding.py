"""The tables of `companding` against the codec of `g711`, which the ITU's own vectors test."""

import numpy as np
import pytest

from keepline.rtp import g711
from keepline.rtp.companding import PCMA, PCMU, QUIETER, TRANSCODED

EVERY = bytes(range(256))


def test_every_byte_goes_over_as_the_codec_has_it() -> None:
    assert EVERY.translate(TRANSCODED[PCMU, PCMA]) == g711.encode_alaw(g711.decode_ulaw(EVERY))
    assert EVERY.translate(TRANSCODED[PCMA, PCMU]) == g711.encode_ulaw(g711.decode_alaw(EVERY))


def test_silence_stays_as_good_as_silence() -> None:
    there = bytes([g711.ULAW_SILENCE]).translate(TRANSCODED[PCMU, PCMA])
    assert there == bytes([g711.ALAW_SILENCE])
    assert abs(int(g711.decode_ulaw(bytes([g711.ALAW_SILENCE]).translate(TRANSCODED[PCMA, PCMU]))[0])) <= 8


@pytest.mark.parametrize(("law", "decode"), [(PCMU, g711.decode_ulaw), (PCMA, g711.decode_alaw)])
def test_quieter_is_half_as_loud(law: int, decode: object) -> None:
    assert callable(decode)
    before, after = decode(EVERY).astype(np.int32), decode(EVERY.translate(QUIETER[law])).astype(np.int32)
    assert np.all(np.abs(after - before / 2) <= np.abs(before) / 32 + 16)
