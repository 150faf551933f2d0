"""Which calls have killed their process, in the memory that outlives it: a short table in the header of the slots."""

from struct import Struct
from typing import Final

from keepline.call.blame import blamed
from keepline.model.limits import CALLS_BLAMED_MAX
from keepline.node.slots import Slots

TABLE_AT: Final = 128
"""Offset in the slots' header."""
_ENTRY: Final = Struct("=QQ")


def note_deaths(slots: Slots) -> dict[str, int]:
    """Called by a successor: blame what its predecessor was working on; how many deaths each call has caused."""
    places = [TABLE_AT + index * _ENTRY.size for index in range(CALLS_BLAMED_MAX)]
    stored = [_ENTRY.unpack_from(slots.view, place) for place in places]
    stepping, slots.stepping_call = slots.stepping_call, 0
    found = blamed({f"{mark:016x}": deaths for mark, deaths in stored if mark}, f"{stepping:016x}" if stepping else "")
    entries = [(int(mark, 16), deaths) for mark, deaths in found.items()]
    for place, entry in zip(places, entries + [(0, 0)] * (CALLS_BLAMED_MAX - len(entries)), strict=True):
        _ENTRY.pack_into(slots.view, place, *entry)
    return found
