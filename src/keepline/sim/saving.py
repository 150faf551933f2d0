"""What a calls process has to save, in virtual time, on a disk that takes its time: written, then synced.

What waits for which of the two is decided as in the node itself (`keepline.node.held_effects`); runs have a lane of
their own, in which everything waits until it is synced. A world whose disk takes no time needs none of this.
"""

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from keepline.call.effects_run import RunEffect
from keepline.call.facts import Fact
from keepline.node.held_effects import HeldEffects, Waiting

if TYPE_CHECKING:
    from keepline.sim.node import SimNode

SYNC_EVERY_S = 0.01
"""Until what nobody waits for is flushed."""
SYNC_AT_ONCE_S = 0.0002


@dataclass(slots=True)
class SimDisk:
    """The journal's disk: what survives a power cut."""

    flush_s: Callable[[], float]
    """How long a flush takes."""
    syncs_first: bool = True
    """False is a planted bug: who takes over builds on what was written before, and may not be on the disk."""
    is_heeded: bool = True
    """False is a planted bug: what is to wait until it is synced leaves when it is written."""
    synced: int = 0
    """So many facts are on it."""
    ends: list[int] = field(default_factory=list)
    """How many facts there were after each group that is not flushed yet: a power cut leaves whole groups."""

    def note_written(self, count: int) -> None:
        """There are so many facts now, a group more than before."""
        self.ends.append(count)

    def note_flushed(self, count: int) -> None:
        """So many were written when the flush began that is over now."""
        if count > self.synced:
            self.synced = count
            self.ends = [end for end in self.ends if end > count]


@dataclass(slots=True)
class _Group:
    number: int
    facts: list[Fact]
    synced: bool


class Saving:
    """The groups of one process on their way, and the effects that wait for them."""

    __slots__ = (
        "_append", "_disk", "_flushed", "_flushes_soon", "_groups", "_lane", "_node", "_outbox", "_soon", "_written",
        "leave", "unwritten",
    )  # fmt: skip

    def __init__(
        self,
        node: "SimNode",
        disk: SimDisk,
        soon: Callable[[Callable[[], None], float], None],
        append: Callable[[list[Fact]], None],
        leave: Callable[[list[Waiting]], None],
    ) -> None:
        """`soon` has the process do something after a while, `append` writes, `leave` is for what waits no longer."""
        self._node = node
        self._disk = disk
        self._soon = soon
        self._append = append
        self.leave = leave
        self._outbox = HeldEffects()
        self._lane: deque[tuple[int, list[Waiting]]] = deque()
        self.unwritten: deque[_Group] = deque()
        self._groups = self._written = 0
        self._flushed = -1
        """The last group that is synced; 0 is what processes before this one wrote."""
        self._flushes_soon = False

    def begin(self, promised: Collection[str]) -> None:
        """What was written before is synced before anything is built on it; `promised` calls have made a change."""
        if not self._disk.syncs_first:
            self._flushed = 0
            return
        self._outbox.hold(0, self._now_s, promised)
        self._flush_soon(SYNC_AT_ONCE_S)

    @property
    def _now_s(self) -> float:
        return self._node.world.now_s

    def put_apart(self, facts: list[Fact], effects: list[Waiting]) -> None:
        """What came of an input that concerns runs alone."""
        if facts:
            self._write(facts, synced=True)
        self._lane_put(effects)

    def put(self, facts: list[Fact], effects: list[Waiting], *, synced: bool, promised: Collection[str]) -> None:
        """What came of any other input."""
        ours: list[Waiting] = [each for each in effects if not isinstance(each, RunEffect)]
        if facts:
            number = self._write(facts, synced=synced)
            self._outbox.put(number, ours, self._now_s, promised)
        else:
            self.leave(self._outbox.pass_on(ours))
        if len(ours) < len(effects):
            self._lane_put([each for each in effects if isinstance(each, RunEffect)])

    def _lane_put(self, effects: list[Waiting]) -> None:
        if self._lane or self._flushed < self._groups:
            self._lane.append((self._groups, effects))
        else:
            self.leave(effects)

    def _write(self, facts: list[Fact], *, synced: bool) -> int:
        self._groups += 1
        self.unwritten.append(_Group(self._groups, facts, synced))
        assert self._node.write_s is not None
        self._soon(self._commit, self._node.write_s())
        return self._groups

    def _commit(self) -> None:
        """The oldest group is written: the process dies here where its epoch is over."""
        if not self.unwritten:
            return
        group = self.unwritten.popleft()
        self._append(group.facts)
        self._written = group.number
        leaving = self._outbox.on_written(group.number)
        if not self._disk.is_heeded:
            self.leave(leaving.effects + self._outbox.on_synced(group.number).effects)
            return
        self._flush_soon(SYNC_AT_ONCE_S if group.synced else SYNC_EVERY_S)
        self.leave(leaving.effects)

    def _flush_soon(self, wait_s: float) -> None:
        if wait_s == SYNC_EVERY_S:
            if self._flushes_soon:
                return
            self._flushes_soon = True
        self._soon(self._flush, wait_s)

    def _flush(self) -> None:
        self._flushes_soon = False
        group, count = self._written, len(self._node.written)
        self._soon(lambda: self._flushed_now(group, count), self._disk.flush_s())

    def _flushed_now(self, group: int, count: int) -> None:
        self._disk.note_flushed(count)
        if group > self._flushed:
            self._flushed = group
            self.leave(self._outbox.on_synced(group).effects)
            while self._lane and self._lane[0][0] <= group:
                self.leave(self._lane.popleft()[1])
