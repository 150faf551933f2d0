"""Calls and the legs that their flows have placed: news go up, and a call that is over takes its legs along.

A leg is a placed call with a parent. What becomes of it reaches the step that waits for it in the same turn, and so in
the same group of the journal: neither side ever knows more than the other after a crash.
"""

from dataclasses import dataclass
from enum import Enum

from keepline.call.facts import CallBegun, CallPlaced


class LegEvent(Enum):
    """What a parent hears of its leg."""

    RINGING = "ringing"
    EARLY_MEDIA = "early_media"
    """Its media is open before the answer."""
    ANSWERED = "answered"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class LegNews:
    """One thing that became of a leg."""

    parent: str
    step: int
    """Of the parent: the `parent_step` that the leg was placed with."""
    leg: str
    event: LegEvent
    status: int = 0
    """Of the answer; of the end of a leg that was not answered, its final status."""
    reason: str = ""
    """Of its end."""
    outcome: str = ""
    """Of its end: as in its record."""


def transfer_step(number: int) -> int:
    """The `parent_step` of a leg that a callee asked for by the call's REFER of this number, from 1."""
    return -1 - number


class LegIndex:
    """Which legs a call has."""

    __slots__ = ("_by_parent",)

    def __init__(self) -> None:
        self._by_parent: dict[str, dict[int, str]] = {}

    def __contains__(self, parent: str) -> bool:
        return parent in self._by_parent

    def add(self, begun: CallBegun) -> None:
        """A call is there; it matters where it is a leg."""
        if isinstance(begun, CallPlaced) and begun.parent:
            self._by_parent.setdefault(begun.parent, {})[begun.parent_step] = begun.call

    def remove(self, begun: CallBegun) -> None:
        """It is gone."""
        if isinstance(begun, CallPlaced) and begun.parent:
            legs = self._by_parent.get(begun.parent, {})
            if legs.get(begun.parent_step) == begun.call:
                del legs[begun.parent_step]
            if not legs:
                self._by_parent.pop(begun.parent, None)

    def of(self, parent: str) -> list[str]:
        """Ids of the legs of a call."""
        return list(self._by_parent.get(parent, {}).values())

    def at(self, parent: str, step: int) -> str:
        """The leg that this step of the call placed; empty where there is none (any more)."""
        return self._by_parent.get(parent, {}).get(step, "")
