"""A tone as frames of G.711, to be sent round and round (ITU-T G.711 tables 1 and 2)."""

import math

FRAME_SAMPLES = 160
RATE = 8000
FRAMES = 5
"""100 ms: whole periods of every multiple of 10 Hz."""


def ulaw(sample: int) -> int:
    """One 14-bit linear sample as PCMU."""
    sign, size = (0x80, sample) if sample >= 0 else (0, -sample)
    size = min(size, 8158) + 33
    segment = size.bit_length() - 6
    return (sign | 0x70 - (segment << 4) | 0x0F - (size >> segment + 1 & 0x0F)) & 0xFF


def alaw(sample: int) -> int:
    """One 13-bit linear sample as PCMA."""
    sign, size = (0x80, sample) if sample >= 0 else (0, -sample - 1)
    size = min(size, 4095)
    segment = max(0, size.bit_length() - 5)
    step = size >> (1 if segment < 2 else segment)
    return (sign | segment << 4 | step & 0x0F) ^ 0x55


def tone(hertz: int, codec: int, level: float = 0.25) -> list[bytes]:
    """`FRAMES` payloads of a sine of a multiple of 10 Hz, `level` of full scale; codec 0 is PCMU, 8 PCMA."""
    if hertz % 10:
        raise ValueError(f"{hertz} Hz is not a multiple of 10 Hz: it would click every {FRAMES * 20} ms")
    encode, full = (alaw, 4095) if codec == 8 else (ulaw, 8158)
    samples = FRAME_SAMPLES * FRAMES
    coded = bytes(encode(round(level * full * math.sin(2 * math.pi * hertz * n / RATE))) for n in range(samples))
    return [coded[at : at + FRAME_SAMPLES] for at in range(0, samples, FRAME_SAMPLES)]
