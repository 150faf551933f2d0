"""Who follows what calls come to, and is told by the exchange: the place where `incident` joins in, above it.

The exchange knows a follower by these few verbs alone, so an exchange without one (a simulation of calls, a test) pays
an empty call. Whoever follows has its facts written by the same turn as those that they follow from.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from keepline.call.inputs import CapabilityAnswered
from keepline.call.turn import Turn
from keepline.model.operation import Operation

NO_SHARES: Mapping[str, float] = {}
Take = Callable[[Turn, Any], None]


class Follower(Protocol):
    """What follows an exchange."""

    @property
    def handlers(self) -> Mapping[type, Take]:
        """Inputs that are its own."""
        ...

    def use(self, operation: Operation) -> None:
        """This version of the operation is the current one."""
        ...

    def note(self, turn: Turn) -> None:
        """A turn is nearly over: its effects are there to be looked at, and may be added to."""
        ...

    def on_answered(self, turn: Turn, given: CapabilityAnswered) -> bool:
        """What came of something that it asked of a capability; False where it is none of its."""
        ...

    def due(self, turn: Turn) -> None:
        """The time has come that it had asked for."""
        ...

    def shares(self) -> Mapping[str, float]:
        """Paths that not every new call may choose yet, by their whole names: which share may."""
        ...

    def is_stale(self, at_s: float) -> bool:
        """Whether it has asked for another time since."""
        ...


class NobodyFollows:
    """The follower of an exchange that has none."""

    handlers: Mapping[type, Take] = {}

    def use(self, operation: Operation) -> None:
        """Nothing follows."""

    def note(self, turn: Turn) -> None:
        """Nothing follows."""

    def on_answered(self, turn: Turn, given: CapabilityAnswered) -> bool:
        """Nothing was asked."""
        return False

    def due(self, turn: Turn) -> None:
        """Nothing follows."""

    def shares(self) -> Mapping[str, float]:
        """Every call may choose every path."""
        return NO_SHARES

    def is_stale(self, at_s: float) -> bool:
        """Nothing was asked for."""
        return True


NOBODY_FOLLOWS: Follower = NobodyFollows()
