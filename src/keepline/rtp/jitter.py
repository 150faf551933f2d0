"""A jitter buffer: packets come in as the network has them, audio goes out frame by frame (RFC 3550 §6.4.1).

Audio is known by its timestamp, a byte of G.711 for each unit. What comes twice, or after its turn, is dropped; what
does not come is concealed by what was heard last, quieter each time, then by silence. Playing begins once
`TARGET_UNITS` are held. The delay follows the network: what stays in the buffer beyond that all the time is cut, and
a buffer that has run dry fills anew.

It refuses to know packets, sources and clocks: `put` when something came, `take` when something is sent.
"""

from typing import Final

from keepline.model.limits import JITTER_UNITS_MAX
from keepline.rtp.packet import TS_MASK

TARGET_UNITS: Final = 320
"""40 ms: how uneven packets may come without a gap."""
SLACK_UNITS: Final = 160
"""What may stay in the buffer beyond that; it is cut otherwise."""
FAR_UNITS: Final = 8_000
"""A second: a timestamp so far from the last ones is neither late nor early, but of another clock."""
JUDGED_TAKES: Final = 25
"""Takes at each of which there was too much, before it is cut: half a second of 20 ms frames."""
CONCEALED_MAX: Final = 3
"""Takes that are concealed one after the other; then the buffer fills anew."""
_HALF: Final = 1 << 31


def _signed(units: int) -> int:
    return ((units + _HALF) & TS_MASK) - _HALF


class JitterBuffer:
    """Audio of one stream on its way to another."""

    __slots__ = (
        "_end", "_held", "_last", "_least", "_missed", "_next", "_quieter", "_rest", "_silence", "_takes", "dropped",
        "lost",
    )  # fmt: skip

    def __init__(self, silence: bytes, quieter: bytes) -> None:
        """`silence` is one byte of the audio; `quieter` maps each byte of it to one of half the loudness."""
        self.dropped = 0
        """Packets that came twice, or too late."""
        self.lost = 0
        """Takes for which nothing was there."""
        self.reset(silence, quieter)

    def reset(self, silence: bytes, quieter: bytes) -> None:
        """Forget what is held: another stream begins."""
        self._silence, self._quieter = silence, quieter
        self._held: dict[int, bytes] = {}
        self._rest = b""
        """What a take left of a packet."""
        self._next = -1
        """Timestamp of what is to be played after `_rest`; -1 while the buffer fills."""
        self._end = 0
        """Timestamp after the last that is held."""
        self._last = b""
        self._missed = 0
        self._takes, self._least = 0, JITTER_UNITS_MAX

    def __len__(self) -> int:
        """Units from what is to be played next to the last that is held, gaps included; 0 or more."""
        if self._next < 0:
            return (self._end - self._first()) & TS_MASK if self._held else 0
        return max(0, _signed(self._end - self._next)) + len(self._rest)

    def put(self, ts: int, payload: bytes) -> None:
        """Take in the payload of a packet. A timestamp far from the last ones is a new clock."""
        if not payload:
            return
        held = self._held
        ahead = ts - self._next
        if self._next >= 0 and 0 <= ahead < JITTER_UNITS_MAX and ts not in held:  # nearly always
            held[ts] = payload
            end = (ts + len(payload)) & TS_MASK
            if ((end - self._end) & TS_MASK) < _HALF:
                self._end = end
            if ahead + len(payload) + len(self._rest) > JITTER_UNITS_MAX:
                self._skip_to(TARGET_UNITS + len(payload))
            return
        if self._next >= 0 or held:
            ahead = _signed(ts - (self._next if self._next >= 0 else self._end))
            if not -FAR_UNITS < ahead < FAR_UNITS:
                self.reset(self._silence, self._quieter)
                held = self._held
            elif (ahead < 0 and self._next >= 0) or ts in held:
                self.dropped += 1
                return
        end = (ts + len(payload)) & TS_MASK
        if (self._next < 0 and not held) or _signed(end - self._end) > 0:
            self._end = end
        held[ts] = payload
        if len(self) > JITTER_UNITS_MAX:
            self._skip_to(TARGET_UNITS + len(payload))

    def take(self, size: int) -> bytes | None:
        """The next `size` units; None for silence."""
        begin = self._next
        if begin >= 0 and not self._rest:
            payload = self._held.get(begin)
            if payload is not None and len(payload) == size:  # nearly always
                del self._held[begin]
                self._next = begin = (begin + size) & TS_MASK
                self._missed, self._last = 0, payload
                depth = (self._end - begin) & TS_MASK
                if depth < self._least:
                    self._least = depth
                self._takes += 1
                if self._takes >= JUDGED_TAKES:
                    self._judge(depth, size)
                return payload
        elif begin < 0 and not self._begins(size):
            return None
        payload = None if self._rest else self._held.pop(self._next, None)
        if payload is not None:
            self._next = (self._next + len(payload)) & TS_MASK
        frame = self._gather(size, self._rest + (payload or b""))
        if self._next >= 0:
            depth = len(self)
            self._least = min(self._least, depth)
            self._takes += 1
            if self._takes >= JUDGED_TAKES:
                self._judge(depth, size)
        return frame

    def _begins(self, size: int) -> bool:
        """Begin to play where a frame of either length is held, and what packets may be late beyond it."""
        if not self._held:
            return False
        first = self._first()
        longest = max(size, len(self._held[first]))
        if (self._end - first) & TS_MASK < TARGET_UNITS + longest:
            return False
        self._next, self._missed = first, 0
        return True

    def _first(self) -> int:
        """The oldest timestamp held."""
        end = self._end
        return max(self._held, key=lambda ts: (end - ts) & TS_MASK)

    def _gather(self, size: int, audio: bytes) -> bytes | None:
        """A frame that is not one packet: of several, of a part, with gaps."""
        heard = bool(audio)
        while len(audio) < size:
            found = self._held.pop(self._next, None)
            if found is None:
                found = self._concealed(self._gap(size - len(audio)))
            else:
                heard = True
            audio += found
            self._next = (self._next + len(found)) & TS_MASK
        audio, self._rest = audio[:size], audio[size:]
        if heard:
            self._missed, self._last = 0, audio
            return audio
        self.lost += 1
        self._missed += 1
        if self._missed <= CONCEALED_MAX and self._last:
            return audio
        if not self._held:
            self._next = -1
        return None

    def _gap(self, wanted: int) -> int:
        """Units that are missing before what is held next, `wanted` at most."""
        ahead = [(ts - self._next) & TS_MASK for ts in self._held]
        return min([wanted, *ahead])

    def _concealed(self, size: int) -> bytes:
        if not self._last or self._missed >= CONCEALED_MAX:
            return self._silence * size
        if self._missed:
            self._last = self._last.translate(self._quieter)
        return (self._last * (size // len(self._last) + 1))[:size]

    def _judge(self, depth: int, size: int) -> None:
        """Cut what was too much at each of the last takes, and forget what can no longer be played."""
        is_too_much = self._least > TARGET_UNITS + SLACK_UNITS
        self._takes, self._least = 0, JITTER_UNITS_MAX
        self._skip_to(depth - size if is_too_much else depth)

    def _skip_to(self, depth: int) -> None:
        """Leave out the oldest, so that no more than `depth` units are held."""
        begin = (self._end - depth) & TS_MASK
        for ts in [ts for ts in self._held if _signed(ts - begin) < 0]:
            del self._held[ts]
        if self._next >= 0 and _signed(begin - self._next) > 0:
            self._rest = b""
            self._next = self._first() if self._held else begin
