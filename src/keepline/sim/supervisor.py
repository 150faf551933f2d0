"""A supervisor in virtual time, and the two calls processes that it keeps: one active, one warm behind a lock.

Who hangs, when somebody is started again and which epoch is over is decided by `keepline.succession`, the very code of
a node; the lock is the kernel's, and with its file it can be lost. Supervisor and processes may be killed and stopped.
It looks only while there is something to see, which changes nothing but the time that a world takes.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from keepline.sim.node import SimNode
from keepline.sim.process import SimProcess
from keepline.sim.world import World
from keepline.succession.members import Death, Heartbeats
from keepline.succession.restarts import RestartPlan
from keepline.succession.upgrades import PAIR, Stage, UpgradeNews, UpgradePlan
from keepline.succession.watch import HungSearch

STARTS_S = (0.2, 0.6)
"""What a process takes to be warm, least and most."""
PROMOTION_S = 0.002
"""From the lock to the first turn."""
LOOK_EVERY_S = 0.05


@dataclass(slots=True)
class SimLock:
    """A lock file: the kernel grants it at its holder's death to the one that has waited longest."""

    holder: SimProcess | None = None
    waiting: deque[SimProcess] = field(default_factory=deque)


class SimSupervisor:
    """Keeps a pair of calls processes on a node."""

    def __init__(self, world: World, node: SimNode) -> None:
        self._world = world
        self._node = node
        self.members: list[SimProcess] = []
        """Processes that nobody has seen dead yet."""
        self.lock = SimLock()
        self._locks = [self.lock]
        self.is_alive = True
        self.is_stopped = False
        self.deaths = 0
        self._unseen: list[SimProcess] = []
        """Dead, and the supervisor does not know."""
        self._is_looking = False
        self._search = HungSearch(world.now_s)
        self._plan = RestartPlan()
        self._upgrade: UpgradePlan[SimProcess] = UpgradePlan(self)
        self.upgrades: list[UpgradeNews] = []
        """What became of them."""
        self.spoils: Callable[[SimProcess], None] = lambda _process: None
        """What is wrong with a process that is started."""
        node.on_death, node.on_frozen = self._on_death, self._look_soon
        node.kill_processes = self._die_with_all

    def begin(self) -> None:
        """Start what is missing."""
        for _ in range(PAIR - len(self.members)):
            self.start()

    # The supervisor -------------------------------------------------------------------------------------------------

    def die(self) -> None:
        """It is killed; the others go on."""
        if self.is_alive:
            self.is_alive, self.is_stopped = False, False
            self.deaths += 1

    def _die_with_all(self, outage_s: float) -> None:
        """Supervisor and processes are killed at once, and after a while there is the next `keepline up`."""
        self.die()
        for member in list(self.members):
            member.die()
        self.lock = SimLock()
        self._locks = [self.lock]
        self._world.after(outage_s, self.come_back)

    def upgrade(self, version: str) -> None:
        """Somebody asks for another version; refused where none may begin, as by a node."""
        if self._is_at_work and self._upgrade.is_free and self.find("active") is not None:
            self._upgrade.begin(self._world.now_s, self._node.version, version)
            self._look_soon()

    def come_back(self) -> None:
        """The next `keepline up`: it adopts what is left."""
        if not self.is_alive:
            self._node.is_away = False
            self.is_alive = True
            self._search, self._plan = HungSearch(self._world.now_s), RestartPlan()
            self.members = [member for member in self.members if member.is_alive]
            self._unseen = []
            self._upgrade = UpgradePlan(self)
            self._upgrade.tidy(self._node.version)
            self.begin()
            self._look_soon()

    def stop(self) -> None:
        """It is stopped by a signal."""
        self.is_stopped = self.is_alive

    def go_on(self) -> None:
        """It sees what happened meanwhile."""
        if self.is_stopped:
            self.is_stopped = False
            unseen, self._unseen = self._unseen, []
            for process in unseen:
                self._see_death(process)
            for member in list(self.members):
                if member.state:
                    self._upgrade.note_state(self._world.now_s, member)
            self._look_soon()

    @property
    def _is_at_work(self) -> bool:
        return self.is_alive and not self.is_stopped

    def _look_soon(self) -> None:
        if not self._is_looking:
            self._is_looking = True
            self._world.after(LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        self._is_looking = False
        if not self._is_at_work:
            return
        now_s = self._world.now_s
        for _ in self._plan.take_due(now_s):
            self.start()
        self._upgrade.tick(now_s)
        beating = [each for each in self.members if each.state == "active"]
        # The memory that they beat in is one: whoever runs beats for all of them.
        calls_s = max((now_s if each.frozen_at_s is None else each.frozen_at_s for each in beating), default=0.0)
        beats = Heartbeats(now_s, calls_s)
        for member, _ in self._search.look(now_s, list(self.members), beats, lambda each: each.is_stopped):
            member.die()
        is_busy = self._plan.waits or self._upgrade.stage is not Stage.NONE
        if is_busy or len(beating) > 1 or any(each.is_frozen for each in self.members):
            self._look_soon()

    # Its processes --------------------------------------------------------------------------------------------------

    def find(self, state: str) -> SimProcess | None:
        """A process in this state."""
        return next((each for each in self.members if each.is_alive and each.state == state), None)

    def calls(self) -> list[SimProcess]:
        """The calls processes that nobody has seen dead yet."""
        return list(self.members)

    def start(self, version: str = "") -> None:
        """Start a calls process: of that version, or of the one in use."""
        process = self._node.new_process(version)
        self._upgrade.note_start(process, is_new=bool(version))
        self.members.append(process)
        self.spoils(process)
        process.soon(lambda: self._become_warm(process), self._world.random.uniform(*STARTS_S))

    def step_down(self, member: SimProcess) -> None:
        """It writes out what it has, and ends."""
        member.soon(member.step_down)

    def end(self, member: SimProcess) -> None:
        """Kill it."""
        member.soon(member.die)  # a signal takes its time, and what it kills may be asking

    def use(self, version: str) -> None:
        """Whoever is started from now on is of this version."""
        self._node.version = version

    def renew_helpers(self) -> None:
        """There are none here."""

    def tell(self, news: UpgradeNews) -> None:
        """What became of an upgrade."""
        self.upgrades.append(news)

    def note_state(self, process: SimProcess) -> None:
        """A process is warm, or active."""
        if self._is_at_work:
            self._upgrade.note_state(self._world.now_s, process)

    def _become_warm(self, process: SimProcess) -> None:
        process.state = "warm"
        self.lock.waiting.append(process)
        self._grant(self.lock)
        self.note_state(process)

    def _on_death(self, process: SimProcess) -> None:
        self._node.note_death(process)
        for lock in self._locks:  # the kernel's part
            if lock.holder is process:
                lock.holder = None
                self._grant(lock)
        if self._is_at_work:
            self._see_death(process)
        else:
            self._unseen.append(process)

    def _see_death(self, process: SimProcess) -> None:
        self.members.remove(process)
        now_s = self._world.now_s
        if self._upgrade.owns_death(process, by_itself=process.ended_by_itself):
            return
        lived_s, was_active = now_s - process.started_s, process.state == "active"
        self._plan.note_death(now_s, Death(process.role, was_active, lived_s, was_killed=True))
        for _ in self._plan.take_due(now_s):
            self.start()
        if self._plan.waits:
            self._look_soon()

    def _grant(self, lock: SimLock) -> None:
        while lock.holder is None and lock.waiting:
            process = lock.waiting.popleft()
            if process.is_alive:
                lock.holder = process
                process.soon(lambda process=process: self._promote(process), PROMOTION_S)  # type: ignore[misc]

    def _promote(self, process: SimProcess) -> None:
        process.promote()
        self.note_state(process)

    def lose_lock(self) -> None:
        """The lock's file is removed: who holds it or waits for it goes on, who comes later makes another."""
        self.lock = SimLock()
        self._locks.append(self.lock)

    def grant_to_the_warm(self) -> None:
        """What a kernel never does: the lock is granted while its holder lives."""
        self.lock.holder = None
        self._grant(self.lock)

    # What must be so in the end -------------------------------------------------------------------------------------

    def wrongs(self) -> list[str]:
        """Once the faults are over there is one active process and a warm one behind it."""
        states = sorted(each.state for each in self.members if each.is_alive and not each.is_frozen)
        if states != ["active", "warm"] or len(self.members) != PAIR:
            return [f"the calls processes are {states}, of {len(self.members)}"]
        return []
