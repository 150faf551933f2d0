"""Effects that wait for the journal: each until its facts are written, some until those are synced.

Synced wait the uses that change something, and what a call does after the answer to one: no words of a receipt before
it would survive a power cut. Other calls wait for neither. A disk that does not answer holds up nobody for long: past
the limits effects leave with their facts in memory alone, and uses that change something do not leave at all.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from keepline.call import effects as fx
from keepline.model.limits import JOURNAL_SYNC_S_MAX, JOURNAL_WRITE_S_MAX

UNRECORDED = "journal: what would be asked could not be put on record first"
"""Why a use that changes something was not asked for."""


@dataclass(frozen=True, slots=True)
class Then:
    """What follows once all effects before it are carried out."""

    do: Callable[[], None]


Waiting = fx.Effect | Then


@dataclass(slots=True)
class Leaving:
    """What may leave now, in order, and the uses that may not."""

    effects: list[Waiting] = field(default_factory=list)
    refused: list[fx.CallCapability] = field(default_factory=list)


@dataclass(slots=True)
class _Group:
    number: int
    effects: list[Waiting]
    at_s: float
    promised: Collection[str]


@dataclass(slots=True)
class _Unsynced:
    """What waits until a group is synced: of one call, or of one use."""

    group: int
    at_s: float
    effects: list[Waiting]


class HeldEffects:
    """The effects of one process that wait. Times are of the monotonic clock."""

    __slots__ = ("_groups", "_last", "_promises", "_stalled", "_uses")

    def __init__(self) -> None:
        self._groups: deque[_Group] = deque()
        self._uses: deque[_Unsynced] = deque()
        self._promises: dict[str, _Unsynced] = {}
        """By their calls."""
        self._stalled = 0
        """The last group whose effects left before it was written; 0 for none that is not written by now."""
        self._last = 0

    @property
    def is_empty(self) -> bool:
        """Nothing waits to be written."""
        return not self._groups

    @property
    def trouble(self) -> str:
        """Said while the disk does not answer."""
        return f"the disk has not taken what was written within {JOURNAL_WRITE_S_MAX:g} s" if self._stalled else ""

    def put(self, number: int, effects: list[Waiting], now_s: float, promised: Collection[str] = ()) -> Leaving:
        """Effects of the group `number`; what the `promised` calls do waits until it is synced."""
        self._groups.append(_Group(number, effects, now_s, promised))
        self._last = number
        return self.overdue(now_s) if self._stalled else Leaving()

    def hold(self, number: int, now_s: float, calls: Iterable[str]) -> None:
        """What these calls do waits until the group `number` is synced: they build on what may not be yet."""
        for call in calls:
            self._promises[call] = _Unsynced(number, now_s, [])

    def put_unrecorded(self, effects: list[Waiting], now_s: float) -> Leaving:
        """Effects whose facts the journal does not even keep: they leave behind those that wait."""
        leaving = Leaving()
        kept = self._without_changes(effects, leaving)
        if self._groups:
            self._groups.append(_Group(self._last, kept, now_s, ()))
        else:
            leaving.effects += self._unless_promised(kept)
        return leaving

    def pass_on(self, effects: list[Waiting]) -> list[Waiting]:
        """Effects without facts: they leave behind those that wait; what may leave at once is returned."""
        if self._groups:
            self._groups[-1].effects += effects
            return []
        return self._unless_promised(effects)

    def on_written(self, number: int, error: str = "") -> Leaving:
        """All groups up to this one are written; or they are not, and why."""
        leaving = Leaving()
        if number >= self._stalled:
            self._stalled = 0
        while self._groups and self._groups[0].number <= number:
            self._let_go(self._groups.popleft(), leaving, error)
        return leaving

    def on_synced(self, number: int, error: str = "") -> Leaving:
        """All groups up to this one are synced; or they are not, and why."""
        leaving = Leaving()
        while self._uses and self._uses[0].group <= number:
            use = self._uses.popleft()
            if error:
                self._without_changes(use.effects, leaving)
            else:
                leaving.effects += use.effects
        self._keep_promises(lambda each: each.group <= number, leaving)
        return leaving

    def overdue(self, now_s: float) -> Leaving:
        """What has waited too long: effects leave though they are not on record, and uses are refused."""
        leaving = Leaving()
        while self._groups and (self._stalled or self._groups[0].at_s + JOURNAL_WRITE_S_MAX <= now_s):
            self._stalled = max(self._stalled, self._groups[0].number)
            self._let_go(self._groups.popleft(), leaving)
        while self._uses and self._uses[0].at_s + JOURNAL_SYNC_S_MAX <= now_s:
            self._without_changes(self._uses.popleft().effects, leaving)
        self._keep_promises(lambda each: each.at_s + JOURNAL_SYNC_S_MAX <= now_s, leaving)
        return leaving

    def _let_go(self, group: _Group, leaving: Leaving, error: str = "") -> None:
        if error:
            leaving.effects += self._unless_promised(self._without_changes(group.effects, leaving))
            return
        for call in group.promised:
            held = self._promises.setdefault(call, _Unsynced(group.number, group.at_s, []))
            held.group = group.number
        rest: list[Waiting] = []
        for effect in group.effects:
            if isinstance(effect, fx.CallCapability) and effect.changes:
                self._uses.append(_Unsynced(group.number, group.at_s, [effect]))
            else:
                rest.append(effect)
        leaving.effects += self._unless_promised(rest)

    def _unless_promised(self, effects: Iterable[Waiting]) -> list[Waiting]:
        if not self._promises:
            return list(effects)
        leaving: list[Waiting] = []
        for effect in effects:
            call = getattr(effect, "call", "") if hasattr(effect, "slot") else ""  # what its caller hears, or is asked
            held = self._promises.get(call)
            (leaving if held is None else held.effects).append(effect)
        return leaving

    def _keep_promises(self, is_over: Callable[[_Unsynced], bool], leaving: Leaving) -> None:
        for call in [call for call, held in self._promises.items() if is_over(held)]:
            leaving.effects += self._promises.pop(call).effects

    @staticmethod
    def _without_changes(effects: list[Waiting], leaving: Leaving) -> list[Waiting]:
        """The others; those that change something are refused."""
        refused = [each for each in effects if isinstance(each, fx.CallCapability) and each.changes]
        leaving.refused += refused
        return [each for each in effects if each not in refused] if refused else effects
