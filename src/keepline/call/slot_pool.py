"""The media slots of a node: which are free, and which belong to calls that need none any more.

A call whose media has stopped may still wait for a minute and more until its peer answers our BYE, or gives up. It
keeps its slot while there are others, since the slot holds its figures; when none is free, the slot goes to a new call.

A slot that was given back rests as long as it can: who was on it may not know yet that its call is over, and still
send. Who takes over knows no order, so it begins behind the newest call.
"""

from collections import deque


class SlotPool:
    """Slots by number; a call is named by its id."""

    __slots__ = ("_idle", "_lent", "_newest", "free")

    def __init__(self, count: int) -> None:
        self.free: deque[int] = deque(range(count))
        """What was given back last is taken last."""
        self._idle: dict[str, int] = {}
        """Calls without media, that stopped first at the front, and their slots."""
        self._lent: set[str] = set()
        """Calls whose slot another one has."""
        self._newest = -1
        """The last slot that was claimed, until one is taken."""

    @property
    def has_room(self) -> bool:
        """Whether another call can have a slot."""
        return bool(self.free or self._idle)

    @property
    def over(self) -> int:
        """Calls that only wait for a last answer."""
        return len(self._idle) + len(self._lent)

    def take(self) -> int:
        """A slot for a new call. `IndexError` where there is no room."""
        if self._newest >= 0:
            self.free.rotate(-next((index for index, slot in enumerate(self.free) if slot > self._newest), 0))
            self._newest = -1
        return self._borrow(next(iter(self._idle))) if self._idle and not self.free else self.free.popleft()

    def rest(self, call: str, slot: int) -> None:
        """This call's media has stopped, and it waits for no more of media."""
        if slot >= 0 and call not in self._lent:
            self._idle[call] = slot

    def give_back(self, call: str, slot: int) -> None:
        """The call is over."""
        self._idle.pop(call, None)
        if call in self._lent:
            self._lent.discard(call)
        elif slot >= 0:
            self.free.append(slot)

    def claim(self, call: str, slot: int, *, is_leaving: bool) -> bool:
        """A predecessor's call has this slot; False where it cannot. One that is leaving gives way to a live one.

        Calls claim theirs in the order in which they began.
        """
        if slot in self.free:
            self.free.remove(slot)
            self._newest = slot
            if is_leaving:
                self._idle[call] = slot
            return True
        holder = next((each for each, its in self._idle.items() if its == slot), "")
        if holder:
            self._borrow(holder)
        return bool(holder)

    def _borrow(self, call: str) -> int:
        self._lent.add(call)
        return self._idle.pop(call)
