"""Keys in the audio of one stream, where its peer has no telephone-event: gaps and order in, keys out.

What a successor needs is in the slot: which key is held, so that it does not count once more. It refuses to listen once
the caller's keys have come another way (INFO), until the slot is opened again.
"""

from typing import Final

from keepline.node import slots as at
from keepline.node.mediawire import NO_DTMF
from keepline.node.slots import Slots
from keepline.rtp.dtmf import DIGITS
from keepline.rtp.inband import ToneEar
from keepline.rtp.loudness import LINEAR
from keepline.rtp.packet import MISORDER_MAX, SEQ_MASK, TS_MASK

_DEAF: Final = 1
_HELD: Final = 16
"""Added to the code of the key that is held."""


class StreamEar:
    """Hears the keys of one stream."""

    __slots__ = ("_at", "_ear", "_is_hidden", "_seq", "_ssrc", "_ts", "_u32")

    def __init__(self, slots: Slots, base: int) -> None:
        self._u32 = slots.u32
        self._at = (base + at.S_INBAND) // 4
        state = self._u32[self._at + 1]
        self._ear = ToneEar(slots.view[base + at.S_PT], DIGITS[state - _HELD] if state >= _HELD else "")
        self._ssrc, self._seq = -1, 0
        self._is_hidden = False
        """The key that is held is a private one."""
        self._ts = self._u32[self._at]
        """Where the audio goes on, if nothing is missing."""

    def hear(self, ssrc: int, seq: int, ts: int, payload: bytes, *, is_private: bool = False) -> str:
        """Take in a packet; the keys that have come to count by it. A packet that is late is left out.

        Of a private key the slot does not say which it is; a successor may count it once more.
        """
        missing, behind = (ts - self._ts) & TS_MASK, (self._seq - seq) & SEQ_MASK
        if ssrc != self._ssrc:
            missing = missing if self._ssrc < 0 and self._ear.key else 0
        elif 0 < behind <= MISORDER_MAX:
            return ""
        if missing:
            self._ear.skip(missing, lost=ssrc != self._ssrc or behind > 0)
        self._ssrc, self._seq, self._ts = ssrc, (seq + 1) & SEQ_MASK, (ts + len(payload)) & TS_MASK
        keys = self._ear.hear(payload)
        self._store(is_private)
        return keys

    def _store(self, is_private: bool) -> None:
        key = self._ear.key
        self._is_hidden = bool(key) and (is_private or self._is_hidden)
        if key and not self._is_hidden:
            self._u32[self._at] = self._ts
            self._u32[self._at + 1] = _HELD + DIGITS.index(key)
        elif self._u32[self._at + 1]:
            self._u32[self._at + 1] = 0


def ear_of(slots: Slots, base: int) -> StreamEar | None:
    """The ear of a slot whose caller's keys are in its audio; None where they come another way."""
    view = slots.view
    if view[base + at.S_DTMF_PT] != NO_DTMF or view[base + at.S_PT] not in LINEAR:
        return None
    return None if slots.u32[(base + at.S_INBAND) // 4 + 1] == _DEAF else StreamEar(slots, base)


def deafen(slots: Slots, base: int) -> None:
    """The caller's keys come another way: no tone counts in this call any more."""
    slots.u32[(base + at.S_INBAND) // 4 + 1] = _DEAF
