"""G.711: the values of the Recommendation's tables, and the standard library's own codec as an oracle."""

import hashlib
import warnings
from collections.abc import Callable

import numpy as np
import pytest

from keepline.rtp import g711

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    try:
        import audioop
    except ImportError:
        audioop = None  # type: ignore[assignment]

EVERY_SAMPLE = np.arange(-32768, 32768, dtype=np.int32).astype(np.int16)
EVERY_BYTE = bytes(range(256))


def digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()


# The digests are audioop's own results; they stand in for it from Python 3.13 on, where it is gone.
def test_every_sample_encodes_as_the_oracle_does() -> None:
    assert digest(g711.encode_ulaw(EVERY_SAMPLE)) == "70c937a7e29af04a"
    assert digest(g711.encode_alaw(EVERY_SAMPLE)) == "965f26abe1a8a020"
    if audioop is not None:
        assert g711.encode_ulaw(EVERY_SAMPLE) == audioop.lin2ulaw(EVERY_SAMPLE.tobytes(), 2)
        assert g711.encode_alaw(EVERY_SAMPLE) == audioop.lin2alaw(EVERY_SAMPLE.tobytes(), 2)


def test_every_byte_decodes_as_the_oracle_does() -> None:
    assert digest(g711.decode_ulaw(EVERY_BYTE).tobytes()) == "0681939faf92504f"
    assert digest(g711.decode_alaw(EVERY_BYTE).tobytes()) == "20bf1884e4f999ac"
    if audioop is not None:
        assert g711.decode_ulaw(EVERY_BYTE).tobytes() == audioop.ulaw2lin(EVERY_BYTE, 2)
        assert g711.decode_alaw(EVERY_BYTE).tobytes() == audioop.alaw2lin(EVERY_BYTE, 2)


# Tables 2a and 2b give 14-bit values; the 16-bit samples here are four times those.
@pytest.mark.parametrize(
    ("code", "value14"),
    [(0x80, 8031), (0x8F, 4191), (0x9F, 2079), (0xAF, 1023), (0xBF, 495), (0xCF, 231), (0xDF, 99), (0xEF, 33),
     (0xFE, 2), (0xFF, 0), (0x00, -8031), (0x0F, -4191), (0x7E, -2), (0x7F, 0)],
)  # fmt: skip
def test_g711_table_2_ulaw_quantised_values(code: int, value14: int) -> None:
    assert g711.decode_ulaw(bytes([code]))[0] == 4 * value14


# Tables 1a and 1b give 13-bit values (times two: odd); the 16-bit samples are eight times those.
@pytest.mark.parametrize(
    ("code", "value13"),
    [(0xAA, 4032), (0xA5, 2112), (0xB5, 1056), (0x85, 528), (0x95, 264), (0xE5, 132), (0xF5, 66), (0xD5, 1),
     (0x2A, -4032), (0x55, -1)],
)  # fmt: skip
def test_g711_table_1_alaw_quantised_values(code: int, value13: int) -> None:
    assert g711.decode_alaw(bytes([code]))[0] == 8 * value13


def test_silence_is_the_byte_that_pads_a_prompt() -> None:
    silence = np.zeros(3, dtype=np.int16)
    assert g711.encode_ulaw(silence) == bytes([g711.ULAW_SILENCE]) * 3
    assert g711.encode_alaw(silence) == bytes([g711.ALAW_SILENCE]) * 3


@pytest.mark.parametrize(
    ("encode", "decode", "twins"),
    [(g711.encode_ulaw, g711.decode_ulaw, {0x7F: 0xFF}), (g711.encode_alaw, g711.decode_alaw, {})],
)
def test_a_decoded_byte_encodes_to_itself(
    encode: Callable[[g711.Samples], bytes], decode: Callable[[bytes], g711.Samples], twins: dict[int, int]
) -> None:
    again = encode(decode(EVERY_BYTE))
    assert again == bytes(twins.get(code, code) for code in EVERY_BYTE)


@pytest.mark.parametrize(
    ("encode", "decode"), [(g711.encode_ulaw, g711.decode_ulaw), (g711.encode_alaw, g711.decode_alaw)]
)
def test_companding_is_monotonic_and_close(
    encode: Callable[[g711.Samples], bytes], decode: Callable[[bytes], g711.Samples]
) -> None:
    heard = decode(encode(EVERY_SAMPLE)).astype(np.int32)
    assert (np.diff(heard) >= 0).all()
    error = np.abs(heard - EVERY_SAMPLE)
    # Half a step of the segment: at most 1/32 of the sample, and the clip at the top end.
    assert (error <= np.maximum(np.abs(EVERY_SAMPLE.astype(np.int32)) / 30 + 16, 0)).all()


def test_no_samples_are_no_bytes() -> None:
    assert g711.encode_ulaw(np.zeros(0, dtype=np.int16)) == b""
    assert len(g711.decode_alaw(b"")) == 0
