"""The ear for silence: dead air that callers would notice, and sources that may have moved.

A stream is looked at twice a second, so that no packet pays for it; times are right to half a second. What a look
finds is in the slot before it is told, and the successor of a dead process goes on counting. It refuses to judge
sound: packets of silence are packets.
"""

from struct import Struct
from typing import Final

from keepline.node import slots as at
from keepline.node.media_stream import Stream
from keepline.node.mediawire import AirBack, DeadAir

LOOKS_PER_S: Final = 2
RELEARN_S: Final = 2.0
"""Silence after which the peer may come from elsewhere within its networks."""
_F64: Final = Struct("=d")
_U32_MAX: Final = 0xFFFFFFFF


def look(stream: Stream, now_s: float) -> DeadAir | AirBack | None:
    """See whether the peer was heard since the last look; what `calls` should know of it, if anything."""
    received = stream.account.received
    if received != stream.seen:
        silent_s = now_s - stream.heard_s
        stream.seen, stream.heard_s = received, now_s
        _F64.pack_into(stream.slots.view, stream.base + at.S_HEARD_AT, now_s)
        if not stream.is_dead:
            return None
        _store(stream, silent_s, lasts=False)
        return AirBack(stream.call, stream.slot, _ms(silent_s))
    silent_s = now_s - stream.heard_s
    if silent_s >= RELEARN_S and (stream.latched or stream.source is not None):
        stream.unlatch()
    if not stream.hears or not stream.dead_air_s or silent_s < stream.dead_air_s:
        return None
    if stream.is_dead:
        _store(stream, silent_s, lasts=True)
        return None
    _begin(stream, now_s, silent_s)
    return DeadAir(stream.call, stream.slot, _ms(silent_s), received > 0)


def hush(stream: Stream, now_s: float) -> None:
    """Nothing is expected of the peer from here on: dead air that lasts is over, untold."""
    if stream.is_dead:
        _store(stream, now_s - stream.heard_s, lasts=False)


def _begin(stream: Stream, now_s: float, silent_s: float) -> None:
    slots, base = stream.slots, stream.base
    before_ms, first_ms, count, _, _ = at.SILENCE.unpack_from(slots.view, base + at.S_SILENCE)
    if not count:
        (opened_s,) = _F64.unpack_from(slots.view, base + at.S_OPENED_AT)
        first_ms = _ms(stream.heard_s - opened_s)
    stream.dead_before_ms = before_ms
    at.SILENCE.pack_into(slots.view, base + at.S_SILENCE, before_ms, first_ms, min(count + 1, 0xFFFF), before_ms, 1)
    _store(stream, silent_s, lasts=True)


def _store(stream: Stream, silent_s: float, *, lasts: bool) -> None:
    view, offset, before_ms = stream.slots.view, stream.base + at.S_SILENCE, stream.dead_before_ms
    _, first_ms, count, _, _ = at.SILENCE.unpack_from(view, offset)
    total_ms = min(before_ms + _ms(silent_s), _U32_MAX)
    at.SILENCE.pack_into(view, offset, total_ms, first_ms, count, before_ms, lasts)
    stream.is_dead = lasts


def _ms(seconds: float) -> int:
    return min(max(0, round(seconds * 1000)), _U32_MAX)
