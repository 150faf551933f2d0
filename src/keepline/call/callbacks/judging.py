"""When a line that is silent was lost by its carrier: a plain decision on what is known of the carrier's lines.

One silent line says nothing: its caller may have muted it. Several that fall silent together, most of those that the
carrier has, do: people do not stop at one moment. And one does whose far side answers nothing any more, or knows
nothing of the call. A caller who hangs up is gone by his own will. It refuses to know calls and time.
"""

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
    silent = sorted((each for each in lines if each.silent_since_s is not None), key=_since)
    best: list[Line] = []
    for place, first in enumerate(silent):
        group = [each for each in silent[place:] if _since(each) - _since(first) <= TOGETHER_S]
        up = [each for each in lines if each.answered_at_s <= _since(first)]
        if len(group) >= lines_min and len(group) >= LOST_SHARE * len(up) and len(group) > len(best):
            best = group
    if not best:
        return (), ""
    up = [each for each in lines if each.answered_at_s <= _since(best[0])]
    spread_s = _since(best[-1]) - _since(best[0])
    why = f"{len(best)} of the carrier's {max(len(up), len(best))} lines fell silent within {spread_s:.1f} s"
    return tuple(each.call for each in best), why


def _since(line: Line) -> float:
    assert line.silent_since_s is not None
    return line.silent_since_s
