"""Keys heard in the audio itself: the two tones of DTMF, found by dot products with sines, block by block.

A block is 12.75 ms. It holds a key when one tone of each group stands out of its group, both together are most of what
is heard, and neither is much louder than the other. A key counts once it has lasted for about 32 ms: two whole blocks
that agree, in which the tones go on at their own frequency (the phase says so), and what the blocks beside them hold.
It is over after two blocks without it. Keys are told as they begin; how long one is held is nobody's concern.

It refuses to know packets and time: it takes bytes of G.711 in order, of any number, and is told of gaps. Pure, without
arrays, since the media process has none. Sources: ITU-T Q.23 (frequencies), Q.24 annex A (levels, twist, timing).
"""

from math import atan2, cos, pi, sin
from operator import mul
from typing import Final

from keepline.rtp.loudness import LINEAR, PCMU

RATE_HZ: Final = 8_000
BLOCK: Final = 102
"""Samples."""
LOW_HZ: Final = (697, 770, 852, 941)
HIGH_HZ: Final = (1209, 1336, 1477, 1633)
KEYS: Final = ("123A", "456B", "789C", "*0#D")
"""By low and high tone."""
LEVEL_DBM0_MIN: Final = -30.0
"""Of each tone: what Q.24 wants heard ends at -25."""
HIGH_ABOVE_DB_MAX: Final = 7.0
HIGH_BELOW_DB_MAX: Final = 12.5
"""Twist; Q.24 wants 4 and 8 accepted, and what one tone leaves in the other's place takes more than 4."""
_PEAK_0_DBM0: Final = 22_300.0
"""Amplitude of a sine of 0 dBm0, of 32,767 (ITU-T G.711)."""
_ABOVE_OTHERS: Final = 4.0
"""Power of a tone above the next of its group: 6 dB."""
_SHARE: Final = 0.65
"""Of the two tones in all that is heard; a tone at the edge of its frequency loses a quarter by itself."""
_LOW_OFF: Final = 0.025
_HIGH_OFF: Final = 0.022
"""How far a tone may be from its frequency: Q.24 wants 0.015 accepted and 0.035 refused."""
_LONG_BLOCKS: Final = 2.5
"""From here on it is a key: 32 ms, between 23 (no key) and 40 (always one)."""
_GOES_ON: Final = 0.4
"""Amplitude, of the loudest block, at which a key that counted still is held: a gap of 10 ms is none (Q.24)."""
_ENDS_AFTER: Final = 2
"""Blocks without it."""
_SILENT_GAP: Final = 160
"""Samples that the peer did not send, though no packet is missing, from which they are a pause between keys."""
_LOST_GAP: Final = 800
"""The same where packets are missing."""

_Row = tuple[tuple[float, ...], tuple[float, ...]]


def _row(frequency_hz: int) -> _Row:
    turn = 2 * pi * frequency_hz / RATE_HZ
    return tuple(cos(turn * at) for at in range(BLOCK)), tuple(-sin(turn * at) for at in range(BLOCK))


_LOW: Final = tuple(map(_row, LOW_HZ))
_HIGH: Final = tuple(map(_row, HIGH_HZ))
_AMPLITUDE_MIN: Final = _PEAK_0_DBM0 * 10 ** (LEVEL_DBM0_MIN / 20)
_POWER_MIN: Final = (_AMPLITUDE_MIN * BLOCK / 2) ** 2
_ENERGY_MIN: Final = 2 * _POWER_MIN * 2 / BLOCK * _SHARE
"""Of a block that is looked at."""
_HIGH_MAX: Final = 10 ** (HIGH_ABOVE_DB_MAX / 10)
_HIGH_MIN: Final = 10 ** (-HIGH_BELOW_DB_MAX / 10)


def _heard(row: _Row, block: list[int]) -> complex:
    cosines, sines = row
    return complex(sum(map(mul, cosines, block)), sum(map(mul, sines, block)))


def _power(tone: complex) -> float:
    return tone.real * tone.real + tone.imag * tone.imag


def _off(tone: complex, before: complex, frequency_hz: int) -> float:
    """By what share of its frequency a tone is off, as its phase in two blocks that follow each other says."""
    expected = 2 * pi * frequency_hz * BLOCK / RATE_HZ
    turned = tone * before.conjugate() * complex(cos(expected), -sin(expected))
    return abs(atan2(turned.imag, turned.real)) * RATE_HZ / (2 * pi * BLOCK * frequency_hz)


def _loudest(rows: tuple[_Row, ...], block: list[int]) -> tuple[int, complex, float]:
    """The tone of a group that stands out, what is heard of it, and its power; -1 where none does."""
    tones = [_heard(row, block) for row in rows]
    powers = list(map(_power, tones))
    best = powers.index(max(powers))
    power = powers[best]
    if power < _POWER_MIN or any(each * _ABOVE_OTHERS > power for at, each in enumerate(powers) if at != best):
        return -1, 0j, 0.0
    return best, tones[best], power


class _Run:
    """Blocks in a row that hold the same key, and may come to be one."""

    __slots__ = ("blocks", "column", "lead", "loudest", "row", "tones")

    def __init__(self, row: int, column: int, tones: tuple[complex, complex]) -> None:
        self.row, self.column, self.tones = row, column, tones
        self.blocks = 1
        self.loudest = _levels(tones)
        """Amplitudes."""
        self.lead = 0.0
        """How much of the block before it is the key's."""

    def share_of(self, block: list[int]) -> float:
        """How much of a block the key fills, as loud as it is."""
        levels = _levels((_heard(_LOW[self.row], block), _heard(_HIGH[self.column], block)))
        return min(1.0, *(level / loudest for level, loudest in zip(levels, self.loudest, strict=True)))

    def goes_on(self, row: int, column: int, tones: tuple[complex, complex]) -> bool:
        """Take another block in; False where it is not of this run."""
        if (row, column) != (self.row, self.column):
            return False
        if _off(tones[0], self.tones[0], LOW_HZ[row]) > _LOW_OFF:
            return False
        if _off(tones[1], self.tones[1], HIGH_HZ[column]) > _HIGH_OFF:
            return False
        low, high = _levels(tones)
        self.loudest = max(low, self.loudest[0]), max(high, self.loudest[1])
        self.tones = tones
        self.blocks += 1
        return True


def _levels(tones: tuple[complex, complex]) -> tuple[float, float]:
    return abs(tones[0]), abs(tones[1])


class ToneEar:
    """Finds keys in one caller's audio."""

    __slots__ = ("_before", "_held", "_linear", "_misses", "_rest", "_run", "key")

    def __init__(self, payload_type: int = PCMU, key: str = "") -> None:
        """`key` is one that has counted and may be held still: a predecessor heard it."""
        self._linear = LINEAR[payload_type]
        self._rest: list[int] = []
        """Samples that do not fill a block."""
        self._before: list[int] = []
        """The last block."""
        self._run: _Run | None = None
        self._misses = 0
        self.key = key
        """The one that is held, and has counted; empty for none."""
        self._held = self._of(key) if key else None

    @staticmethod
    def _of(key: str) -> _Run:
        row = next(at for at, keys in enumerate(KEYS) if key in keys)
        run = _Run(row, KEYS[row].index(key), (0j, 0j))
        run.loudest = (_POWER_MIN**0.5, _POWER_MIN**0.5)
        return run

    def hear(self, payload: bytes) -> str:
        """Take in what follows; the keys that have come to count by it, each once."""
        samples = self._rest
        samples += map(self._linear.__getitem__, payload)
        found, at = "", 0
        while at + BLOCK <= len(samples):
            found += self._block(samples[at : at + BLOCK])
            at += BLOCK
        self._rest = samples[at:]
        return found

    def skip(self, samples: int, *, lost: bool) -> None:
        """So many samples are missing here: not sent, which is silence, or lost, which may have been anything."""
        self._rest, self._before, self._run = [], [], None
        if samples >= (_LOST_GAP if lost else _SILENT_GAP):
            self.key, self._held, self._misses = "", None, 0

    def _block(self, block: list[int]) -> str:
        self._hold(block)
        before, self._before = self._before, block
        run = self._run
        energy = sum(map(mul, block, block))
        heard = self._classify(block, energy) if energy >= _ENERGY_MIN else None
        if heard is None:
            self._run = None
            if run is None or run.blocks < _ENDS_AFTER:
                return ""
            return self._count(run, run.lead + run.blocks + run.share_of(block))
        row, column, tones = heard
        if run is None or not run.goes_on(row, column, tones):
            self._run = run = _Run(row, column, tones)
        if run.blocks == 1:
            run.lead = 0.0
            self._lead_of(run, before)
        return self._count(run, run.lead + run.blocks) if run.blocks >= _ENDS_AFTER else ""

    def _lead_of(self, run: _Run, before: list[int]) -> None:
        if before:
            run.lead = run.share_of(before)

    def _classify(self, block: list[int], energy: float) -> tuple[int, int, tuple[complex, complex]] | None:
        row, low, low_power = _loudest(_LOW, block)
        if row < 0:
            return None
        column, high, high_power = _loudest(_HIGH, block)
        if column < 0 or not _HIGH_MIN <= high_power / low_power <= _HIGH_MAX:
            return None
        if (low_power + high_power) * 2 / BLOCK < _SHARE * energy:
            return None
        return row, column, (low, high)

    def _hold(self, block: list[int]) -> None:
        """See whether the key that has counted is still held."""
        if self._held is None:
            return
        if self._held.share_of(block) >= _GOES_ON:
            self._misses = 0
            return
        self._misses += 1
        if self._misses >= _ENDS_AFTER:
            self.key, self._held, self._misses = "", None, 0

    def _count(self, run: _Run, blocks: float) -> str:
        key = KEYS[run.row][run.column]
        if blocks < _LONG_BLOCKS or key == self.key:
            return ""
        self.key, self._held, self._misses = key, run, 0
        return key
