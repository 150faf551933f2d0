"""Companding of speech to 8 bits a sample: µ-law (PCMU) and A-law (PCMA).

Pure table look-up over whole arrays. It knows nothing of packets, rates or resampling. Companding follows the
decision values of the tables, so encoding a decoded byte gives that byte again, the two zeros of µ-law apart.

Source: ITU-T G.711 (11/88), tables 1a to 2b; A-law with the even bits inverted as §3.2 has it, µ-law with all of them.
"""

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

ULAW_SILENCE = 0xFF
ALAW_SILENCE = 0xD5

_ULAW_BIAS = 33
_ULAW_CLIP = 8159
_SEGMENTS = 8


def _build_ulaw_decode() -> Samples:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 4 * _ULAW_BIAS) << ((code & 0x70) >> 4)) - 4 * _ULAW_BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _build_alaw_decode() -> Samples:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment = (code & 0x70) >> 4
    step = (code & 0x0F) << 4
    magnitude = np.where(segment == 0, step + 0x008, (step + 0x108) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _build_ulaw_encode() -> npt.NDArray[np.uint8]:
    """One byte for every 16-bit sample, in the order of the sample read as unsigned."""
    linear14 = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32) >> 2
    magnitude = np.minimum(np.abs(linear14), _ULAW_CLIP) + _ULAW_BIAS
    segment_ends = (1 << np.arange(6, 6 + _SEGMENTS)) - 1
    segment = np.searchsorted(segment_ends, magnitude)
    code = np.where(segment < _SEGMENTS, (segment << 4) | ((magnitude >> (segment + 1)) & 0x0F), 0x7F)
    return (code ^ np.where(linear14 < 0, 0x7F, 0xFF)).astype(np.uint8)


def _build_alaw_encode() -> npt.NDArray[np.uint8]:
    """One byte for every 16-bit sample, in the order of the sample read as unsigned."""
    linear13 = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32) >> 3
    magnitude = np.where(linear13 < 0, -linear13 - 1, linear13)
    segment_ends = (1 << np.arange(5, 5 + _SEGMENTS)) - 1
    segment = np.searchsorted(segment_ends, magnitude)
    code = (segment << 4) | ((magnitude >> np.maximum(segment, 1)) & 0x0F)
    return (code ^ np.where(linear13 < 0, 0x55, 0xD5)).astype(np.uint8)


_ULAW_DECODE = _build_ulaw_decode()
_ALAW_DECODE = _build_alaw_decode()
_ULAW_ENCODE = _build_ulaw_encode()
_ALAW_ENCODE = _build_alaw_encode()


def encode_ulaw(pcm: Samples) -> bytes:
    """Compand 16-bit samples to µ-law, one byte a sample."""
    return _ULAW_ENCODE[pcm.view(np.uint16)].tobytes()


def encode_alaw(pcm: Samples) -> bytes:
    """Compand 16-bit samples to A-law, one byte a sample."""
    return _ALAW_ENCODE[pcm.view(np.uint16)].tobytes()


def decode_ulaw(payload: bytes) -> Samples:
    """Expand µ-law to 16-bit samples, one a byte; any bytes are valid."""
    return _ULAW_DECODE[np.frombuffer(payload, dtype=np.uint8)]


def decode_alaw(payload: bytes) -> Samples:
    """Expand A-law to 16-bit samples, one a byte; any bytes are valid."""
    return _ALAW_DECODE[np.frombuffer(payload, dtype=np.uint8)]
