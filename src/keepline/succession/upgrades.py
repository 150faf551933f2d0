"""When a node changes to another version of itself, and when it goes back: the stages of an upgrade, without processes.

The new version proves itself first: a process of it must start and be warm. Then the old standby goes, the active
process steps down, and the kernel's lock passes to the new one. Where that does not serve, or ends of itself soon
after, the old version is back. It decides by the clock it is given; whoever has the processes does what it says.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Generic, Protocol, TypeVar

from keepline.succession.members import Member

WARM_LIMIT_S: Final = 30.0
"""For the new version to start and to import its flows."""
SWITCH_LIMIT_S: Final = 10.0
"""For the active process to write out what it has and to end."""
PROBATION_S: Final = 30.0
"""A process of the new version that ends of itself before that takes the new version with it."""
PAIR: Final = 2
"""An active calls process and a warm one."""
NOT_STARTED: Final = "no process of the new version could be started; the log says why"
NOT_SERVED: Final = "the process of the new version ended before it served; the log says why"
NOT_WARM: Final = f"the new version was not warm within {WARM_LIMIT_S:g} s"
ENDED: Final = "the new version ended of itself"


class Stage(Enum):
    """Where an upgrade is."""

    NONE = "none"
    WARMING = "warming"
    """The new version is starting; nothing has changed yet."""
    SWITCHING = "switching"
    """The active process steps down."""
    PROBATION = "probation"
    """The new version serves."""


FOLLOWS: Final = {
    Stage.NONE: (Stage.WARMING,),
    Stage.WARMING: (Stage.SWITCHING, Stage.PROBATION, Stage.NONE),
    Stage.SWITCHING: (Stage.PROBATION, Stage.NONE),
    Stage.PROBATION: (Stage.WARMING, Stage.NONE),
}


class UpgradeOutcome(Enum):
    """What became of an upgrade."""

    DONE = "done"
    REFUSED = "refused"
    TAKEN_BACK = "taken back"


@dataclass(frozen=True, slots=True)
class UpgradeNews:
    """A word on an upgrade, for whoever asked for it and for the log."""

    outcome: UpgradeOutcome
    before: str
    after: str
    why: str = ""
    took_s: float = 0.0


OneMember = TypeVar("OneMember", bound=Member)


class Hands(Protocol[OneMember]):
    """Whoever has the processes."""

    def calls(self) -> Sequence[OneMember]:
        """The calls processes that nobody has seen dead yet."""
        ...

    def start(self, version: str = "") -> None:
        """Start a calls process: of that version, or of the one in use. It is told of by `note_start`."""
        ...

    def step_down(self, member: OneMember) -> None:
        """Tell the active process to write out what it has, and to end."""
        ...

    def end(self, member: OneMember) -> None:
        """Kill it."""
        ...

    def use(self, version: str) -> None:
        """Whoever is started from now on is of this version."""
        ...

    def renew_helpers(self) -> None:
        """Have those started again that hold nothing of a call, as they now are on disk."""
        ...

    def tell(self, news: UpgradeNews) -> None:
        """Something became of it."""
        ...


class UpgradePlan(Generic[OneMember]):
    """The upgrades of one node, one at a time."""

    def __init__(self, hands: Hands[OneMember]) -> None:
        self._hands = hands
        self.stage = Stage.NONE
        self._before = self._after = ""
        self._old: set[Hashable] = set()
        """Processes of the version before; the two may be of one operation."""
        self._doomed: set[Hashable] = set()
        """Those that were ended on purpose; nobody is started in their place."""
        self._limit_s = self._began_s = 0.0

    @property
    def is_free(self) -> bool:
        """Another one may begin."""
        return self.stage in (Stage.NONE, Stage.PROBATION)

    def begin(self, now_s: float, before: str, after: str) -> None:
        """Go from one version to another; only where it `is_free` and a process is active."""
        self._before, self._after, self._began_s = before, after, now_s
        self._old = {member.process for member in self._hands.calls()}
        self._enter(Stage.WARMING, now_s + WARM_LIMIT_S)
        self._hands.start(after)
        if not self._members(new=True):
            self._give_up(NOT_STARTED)

    def note_start(self, member: OneMember, *, is_new: bool) -> None:
        """A calls process was started; before the new version serves, whoever is replaced is of the old one."""
        if self.stage in (Stage.WARMING, Stage.SWITCHING) and not is_new:
            self._old.add(member.process)

    def note_state(self, now_s: float, member: OneMember) -> None:
        """A calls process is warm, or has become active."""
        if self.stage is Stage.NONE or member.process in self._old:
            return
        if member.state == "active" and self.stage in (Stage.WARMING, Stage.SWITCHING):
            self._serve(now_s)
        elif self.stage is Stage.WARMING and member.state == "warm":
            self._switch(now_s)

    def owns_death(self, member: OneMember, *, by_itself: bool) -> bool:
        """Whether this death is part of the upgrade, so that nobody is started for it here and now."""
        if member.process in self._doomed:
            self._doomed.discard(member.process)
            return True
        if self.stage is Stage.NONE or member.role != "calls":
            return False
        is_new = member.process not in self._old
        if self.stage is Stage.PROBATION:
            if is_new and by_itself:
                self._take_back(ENDED)
                return True
            return not is_new
        if is_new:
            self._give_up(NOT_SERVED)
            return True
        return self.stage is Stage.SWITCHING

    def tick(self, now_s: float) -> None:
        """Mind the limits."""
        if self.stage is Stage.NONE or now_s < self._limit_s:
            return
        if self.stage is Stage.PROBATION:
            self._enter(Stage.NONE, 0.0)
        elif self.stage is Stage.WARMING:
            self._give_up(NOT_WARM)
        else:  # it neither ends nor lets go of the lock: the kernel will
            for member in self._members(new=False):
                self._end(member)
            self._limit_s = now_s + SWITCH_LIMIT_S

    def tidy(self, version: str) -> list[OneMember]:
        """End what an upgrade has left that its supervisor did not live to finish: who waits behind a warm process."""
        calls = list(self._hands.calls())
        standing = [member for member in calls if member.state == "active"][:1]
        waiting = [member for member in calls if member not in standing]
        waiting.sort(key=lambda member: (member.version != version, member.started_s))
        surplus = waiting[PAIR - len(standing) :]
        for member in surplus:
            self._end(member)
        return surplus

    def _switch(self, now_s: float) -> None:
        """The new version waits for the lock: nobody else may, and then its holder lets go."""
        self._enter(Stage.SWITCHING, now_s + SWITCH_LIMIT_S)
        for member in self._members(new=False):
            if member.state == "active":
                self._hands.step_down(member)
            else:
                self._end(member)

    def _serve(self, now_s: float) -> None:
        self._hands.use(self._after)
        self._enter(Stage.PROBATION, now_s + PROBATION_S)
        for member in self._members(new=False):  # one that was granted nothing
            self._end(member)
        self._hands.start()
        self._hands.renew_helpers()
        self._tell(UpgradeOutcome.DONE, took_s=now_s - self._began_s)

    def _give_up(self, why: str) -> None:
        """Before the new version served: the old one goes on, or comes back."""
        switching = self.stage is Stage.SWITCHING
        self._enter(Stage.NONE, 0.0)
        for member in self._members(new=True):
            self._end(member)
        if switching:
            self._bring_back()
        self._tell(UpgradeOutcome.REFUSED, why)

    def _take_back(self, why: str) -> None:
        """After it served: the old version comes back, and the calls of both go on with it."""
        self._enter(Stage.NONE, 0.0)
        self._hands.use(self._before)
        for member in self._members(new=True):
            self._end(member)
        self._bring_back()
        self._tell(UpgradeOutcome.TAKEN_BACK, why)

    def _bring_back(self) -> None:
        there = [member for member in self._members(new=False) if member.process not in self._doomed]
        for _ in range(PAIR - len(there)):
            self._hands.start()

    def _tell(self, outcome: UpgradeOutcome, why: str = "", took_s: float = 0.0) -> None:
        self._hands.tell(UpgradeNews(outcome, self._before, self._after, why, took_s))

    def _end(self, member: OneMember) -> None:
        self._doomed.add(member.process)
        self._hands.end(member)

    def _members(self, *, new: bool) -> list[OneMember]:
        return [member for member in self._hands.calls() if (member.process not in self._old) is new]

    def _enter(self, stage: Stage, limit_s: float) -> None:
        assert stage in FOLLOWS[self.stage], (self.stage, stage)
        self.stage, self._limit_s = stage, limit_s
