"""G.711 from one law to the other, and quieter, as tables for `bytes.translate`: what a packet needs in passing.

Made once from the decision values, without numpy, since media imports little. Whole recordings are `g711`'s.

Source: ITU-T G.711 (11/88), tables 1a to 2b.
"""

from typing import Final

PCMU, PCMA = 0, 8
"""Payload types (RFC 3551 §6)."""
_ULAW_BIAS, _ULAW_CLIP = 33, 8159


def _expand_ulaw(code: int) -> int:
    code = ~code & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 4 * _ULAW_BIAS) << ((code & 0x70) >> 4)) - 4 * _ULAW_BIAS
    return -magnitude if code & 0x80 else magnitude


def _expand_alaw(code: int) -> int:
    code ^= 0x55
    segment, step = (code & 0x70) >> 4, (code & 0x0F) << 4
    magnitude = step + 8 if not segment else (step + 0x108) << (segment - 1)
    return magnitude if code & 0x80 else -magnitude


def _compress_ulaw(sample: int) -> int:
    sample >>= 2
    magnitude = min(abs(sample), _ULAW_CLIP) + _ULAW_BIAS
    segment = max(0, magnitude.bit_length() - 6)
    code = segment << 4 | (magnitude >> (segment + 1)) & 0x0F if segment < 8 else 0x7F
    return code ^ (0x7F if sample < 0 else 0xFF)


def _compress_alaw(sample: int) -> int:
    sample >>= 3
    magnitude = -sample - 1 if sample < 0 else sample
    segment = max(0, magnitude.bit_length() - 5)
    code = segment << 4 | (magnitude >> max(segment, 1)) & 0x0F
    return code ^ (0x55 if sample < 0 else 0xD5)


_ULAW_TO_ALAW: Final = bytes(_compress_alaw(_expand_ulaw(code)) for code in range(256))
_ALAW_TO_ULAW: Final = bytes(_compress_ulaw(_expand_alaw(code)) for code in range(256))

TRANSCODED: Final = {(PCMU, PCMA): _ULAW_TO_ALAW, (PCMA, PCMU): _ALAW_TO_ULAW}
"""Table by (payload type that came, payload type that goes); none where they are the same."""
QUIETER: Final = {
    PCMU: bytes(_compress_ulaw(_expand_ulaw(code) // 2) for code in range(256)),
    PCMA: bytes(_compress_alaw(_expand_alaw(code) // 2) for code in range(256)),
}
"""Half the loudness (-6 dB), by payload type."""
