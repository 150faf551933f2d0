"""An entry of keys that nobody but its holder may see: when it is over, and what it is worth, without a clock.

The keys are written to memory that the holder gives, and to nowhere else; what is told of them is how many there are.
Keys that come after the entry is over are held as well: they belong to the next entry, which is as private, or to
nobody. It refuses to say what was keyed but to `read`.

Source: ISO/IEC 7812-1 annex B (the check digit of card numbers).
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import Final

from keepline.model.limits import SECRET_AHEAD_MAX, SECRET_COUNT_MAX

CELL_BYTES: Final = SECRET_COUNT_MAX + SECRET_AHEAD_MAX
CHECKS: Final = ("", "luhn", "expiry")


class EntryState(IntEnum):
    """What the keys of a stream are for."""

    OPENLY = 0
    """Everybody may see them."""
    OPEN = 1
    """They are part of an entry; those of every further state but the first are private too."""
    ANSWERED = 2
    TOO_SHORT = 3
    INVALID = 4
    """It does not pass its check."""
    NO_INPUT = 5
    LOST = 6
    """Whoever held it died."""


class Entry:
    """One entry; `cell` is writable memory of `CELL_BYTES`."""

    __slots__ = ("_ahead", "_cell", "_is_full", "check", "count_max", "handle", "length", "min_count", "number",
                 "state", "terminator")  # fmt: skip

    def __init__(
        self,
        number: int,
        handle: int,
        cell: memoryview | bytearray,
        *,
        count_max: int = 1,
        min_count: int = 1,
        terminator: str = "",
        check: str = "",
        state: EntryState = EntryState.OPEN,
    ) -> None:
        self.number = number
        self.handle = handle
        self.count_max = count_max
        self.min_count = min_count
        self.terminator = terminator
        self.check = check
        self.state = state
        self.length = 0
        """Keys of the entry."""
        self._ahead = 0
        """Keys that came after it, in the cell behind them."""
        self._is_full = False
        self._cell = cell

    @property
    def is_touched(self) -> bool:
        """Whether a key has come for it."""
        return self.length > 0 or self.state not in (EntryState.OPEN, EntryState.LOST)

    @property
    def interrupts(self) -> bool:
        """Whether a key stops what plays: not where it goes nowhere."""
        return self.state is not EntryState.LOST

    def take(self, keys: Iterable[int]) -> None:
        """Keys as character codes, in the order in which they were pressed."""
        for key in keys:
            if self.state is EntryState.OPEN:
                self._take_own(key)
            elif self.state is not EntryState.LOST and self._ahead < SECRET_AHEAD_MAX:
                self._cell[self.length + self._ahead] = key
                self._ahead += 1

    def _take_own(self, key: int) -> None:
        if self.terminator and key == ord(self.terminator):
            self.end()
            if self.state is EntryState.NO_INPUT and self.min_count:
                self.state = EntryState.TOO_SHORT  # something was keyed
            return
        self._cell[self.length] = key
        self.length += 1
        if self.length == self.count_max:
            self._is_full = True
            self.end()

    def end(self) -> None:
        """Nothing more comes: say what there is; nothing, where it has been said."""
        if self.state is not EntryState.OPEN:
            return
        if not self.length:
            self.state = EntryState.NO_INPUT
        elif self.length < self.min_count:
            self.state = EntryState.TOO_SHORT
        else:
            self.state = EntryState.ANSWERED if self._passes() else EntryState.INVALID

    def ahead(self) -> bytearray:
        """A copy of the keys that came after it. One that ends an entry is left out where the entry was full."""
        keys = bytearray(self._cell[self.length : self.length + self._ahead])
        if self._is_full and self.terminator and keys[:1] == self.terminator.encode():
            del keys[0]
        return keys

    def read(self) -> bytearray:
        """A copy of the entry, the caller's to overwrite; empty unless it is answered."""
        return bytearray(self._cell[: self.length]) if self.state is EntryState.ANSWERED else bytearray()

    def wipe(self, *, keeps_entry: bool = False) -> None:
        """Overwrite all of it, or what came after it."""
        first = self.length if keeps_entry else 0
        self._cell[first:CELL_BYTES] = bytes(CELL_BYTES - first)
        self._ahead = 0
        if not keeps_entry:
            self.length = 0

    def _passes(self) -> bool:
        values = [self._cell[at] - 48 for at in range(self.length)]
        if self.check == "luhn":
            return all(0 <= value <= 9 for value in values) and _luhn(values) % 10 == 0
        if self.check == "expiry":
            return len(values) == 4 and all(0 <= value <= 9 for value in values) and 1 <= _month(values) <= 12
        return True


def _luhn(values: list[int]) -> int:
    doubled = (2 * value - 9 * (value > 4) for value in values[-2::-2])
    return sum(values[-1::-2]) + sum(doubled)


def _month(values: list[int]) -> int:
    return 10 * values[0] + values[1]
