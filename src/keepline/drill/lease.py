"""A fault as a lease: it has an end when it is planted, and is undone then, when asked, or when whoever asked is gone.

A machine without clock or hands: `step` is told the time in seconds and gives back what to do. What is undone was
planted or may have been; undoing is repeated until it is known to be done, since a fault that stays is the one thing
that must not happen. Pure.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from keepline.model.errors import LocalError
from keepline.model.limits_drills import LEASE_S_MAX, UNDO_AGAIN_S


class LeaseState(Enum):
    """Where a fault is."""

    NEW = "new"
    PLANTING = "planting"
    """It may stand or not."""
    STANDING = "standing"
    ENDING = "ending"
    """It is being undone, and may still stand."""
    GONE = "gone"


class LeaseEvent(Enum):
    """What happens to it."""

    BEGUN = "begun"
    PLANTED = "planted"
    NOT_PLANTED = "not planted"
    """It could not be, or nobody knows."""
    ASKED_TO_END = "asked to end"
    HOLDER_GONE = "holder gone"
    EXPIRED = "expired"
    UNDONE = "undone"
    NOT_UNDONE = "not undone"


_S, _E = LeaseState, LeaseEvent
TABLE: Final[dict[tuple[LeaseState, LeaseEvent], LeaseState]] = {
    (_S.NEW, _E.BEGUN): _S.PLANTING,
    (_S.NEW, _E.ASKED_TO_END): _S.GONE,
    (_S.PLANTING, _E.PLANTED): _S.STANDING,
    (_S.PLANTING, _E.NOT_PLANTED): _S.ENDING,
    (_S.PLANTING, _E.ASKED_TO_END): _S.ENDING,
    (_S.PLANTING, _E.HOLDER_GONE): _S.ENDING,
    (_S.PLANTING, _E.EXPIRED): _S.ENDING,
    (_S.STANDING, _E.ASKED_TO_END): _S.ENDING,
    (_S.STANDING, _E.HOLDER_GONE): _S.ENDING,
    (_S.STANDING, _E.EXPIRED): _S.ENDING,
    (_S.ENDING, _E.UNDONE): _S.GONE,
    (_S.ENDING, _E.NOT_UNDONE): _S.ENDING,
}
"""What follows; pairs of `IGNORED` change nothing, and all others are mistakes of ours."""
IGNORED: Final = frozenset(
    (_S.ENDING, event) for event in (_E.PLANTED, _E.NOT_PLANTED, _E.ASKED_TO_END, _E.HOLDER_GONE, _E.EXPIRED)
) | frozenset((_S.GONE, event) for event in LeaseEvent)


class LeaseEffect(Enum):
    """What is to be done."""

    PLANT = "plant"
    UNDO = "undo"


@dataclass(slots=True)
class Lease:
    """One fault; `expires_s` is how long it may stand at most."""

    expires_s: float
    state: LeaseState = LeaseState.NEW
    why: str = ""
    """What ended it."""
    due_s: float | None = None
    """When to ask again with `tick`."""
    tries: int = 0
    """How often it was undone."""

    def __post_init__(self) -> None:
        if not 0 < self.expires_s <= LEASE_S_MAX:
            raise ValueError(f"a fault lasts more than 0 and at most {LEASE_S_MAX:g} s, not {self.expires_s:g}")

    def step(self, now_s: float, event: LeaseEvent) -> list[LeaseEffect]:
        """Take an event; what to do because of it."""
        if (self.state, event) in IGNORED:
            return []
        following = TABLE.get((self.state, event))
        if following is None:
            raise LocalError(f"a lease that is {self.state.value} cannot be {event.value}")
        before, self.state = self.state, following
        if following is LeaseState.PLANTING:
            self.due_s = now_s + self.expires_s
            return [LeaseEffect.PLANT]
        if following is LeaseState.ENDING:
            if before is not LeaseState.ENDING:
                self.why, self.due_s, self.tries = event.value, None, 1
                return [LeaseEffect.UNDO]
            self.due_s = now_s + UNDO_AGAIN_S
        elif following is LeaseState.GONE:
            self.due_s = None
        return []

    def tick(self, now_s: float) -> list[LeaseEffect]:
        """Time has passed."""
        if self.due_s is None or now_s < self.due_s:
            return []
        if self.state is LeaseState.ENDING:
            self.due_s, self.tries = None, self.tries + 1
            return [LeaseEffect.UNDO]
        return self.step(now_s, LeaseEvent.EXPIRED)
