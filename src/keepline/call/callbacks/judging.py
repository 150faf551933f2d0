"""When a line that is silent was lost by its carrier: a plain decision on what is known of the carrier's lines.

One silent line says nothing: its caller may have muted it. Several that fall silent together, most of those that the
carrier has, do: people do not stop at one moment. And one does whose far side answers nothing any more, or knows
nothing of the call. A caller who hangs up is gone by his own will. It refuses to know calls and time.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

TOGETHER_S: Final = 5.0
"""From the first line to the last of those that fall silent together: media looks twice a second."""
LOST_SHARE: Final = 0.8
"""Of the carrier's lines that were up when the first of them fell silent."""


@dataclass(frozen=True, slots=True)
class Line:
    """One answered call of a carrier."""

    call: str
    answered_at_s: float
    silent_since_s: float | None
    """None while it is heard."""


def lost_together(lines: Sequence[Line], lines_min: int) -> tuple[tuple[str, ...], str]:
    """The calls among one carrier's that were lost together, and the evidence; none, and nothing, where none were."""
    silent = sorted((each.silent_since_s, each.call) for each in lines if each.silent_since_s is not None)
    answered = sorted(each.answered_at_s for each in lines)
    first, after, end = 0, 0, 0
    for place, (since_s, _) in enumerate(silent):
        while end < len(silent) and silent[end][0] - since_s <= TOGETHER_S:
            end += 1
        count = end - place
        if count > after - first and count >= lines_min and count >= LOST_SHARE * bisect_right(answered, since_s):
            first, after = place, end
    if first == after:
        return (), ""
    up = max(bisect_right(answered, silent[first][0]), after - first)
    spread_s = silent[after - 1][0] - silent[first][0]
    why = f"{after - first} of the carrier's {up} lines fell silent within {spread_s:.1f} s"
    return tuple(call for _, call in silent[first:after]), why
