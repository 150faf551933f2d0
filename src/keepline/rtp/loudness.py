"""G.711 without arrays: what each byte stands for, and how loud a frame is. For the media process, which has no numpy.

It refuses to tell speech from noise: a frame is loud or it is not. Source: ITU-T G.711, tables 1a to 2b.
"""

from typing import Final

PCMU, PCMA = 0, 8
"""Payload types (RFC 3551 §6)."""
LOUD: Final = 256
"""Mean magnitude of 32,767 from which a frame is loud: about -42 dBm0, above the noise of a quiet line."""
_UNIT_BITS: Final = 5
"""A byte of `_MAGNITUDES` counts 32 steps."""


def _ulaw(code: int) -> int:
    code = ~code & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 132) << ((code & 0x70) >> 4)) - 132
    return -magnitude if code & 0x80 else magnitude


def _alaw(code: int) -> int:
    code ^= 0x55
    segment, step = (code & 0x70) >> 4, (code & 0x0F) << 4
    magnitude = step + 0x008 if not segment else (step + 0x108) << segment - 1
    return magnitude if code & 0x80 else -magnitude


LINEAR: Final = {PCMU: tuple(map(_ulaw, range(256))), PCMA: tuple(map(_alaw, range(256)))}
"""By payload type: the sample of 16 bits that each byte stands for."""
_MAGNITUDES: Final = {
    kind: bytes(min(abs(sample) >> _UNIT_BITS, 255) for sample in samples) for kind, samples in LINEAR.items()
}


def is_loud(payload: bytes, payload_type: int) -> bool:
    """Whether somebody makes a sound in this frame; of an unknown payload type nobody does."""
    magnitudes = _MAGNITUDES.get(payload_type)
    if magnitudes is None or not payload:
        return False
    return sum(payload.translate(magnitudes)) << _UNIT_BITS >= LOUD * len(payload)
