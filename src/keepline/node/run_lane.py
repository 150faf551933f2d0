"""The effects of runs on their way: each waits until all facts before it are synced, beside those of calls.

A call's effects wait for its facts to be written; a run has nobody on the line, and waits for the disk as long as
that takes. So a slow disk holds up runs and no call, and one that takes nothing makes them stand still. What comes
within one round of the loop shares one group, and with it one flush. It decides nothing.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from keepline.call import effects as fx
from keepline.call.effects_run import ReadDue, ReadFacts, ReadWaiting, RestRun, RunAnswered, RunRested
from keepline.call.facts import Fact
from keepline.node.journal import Journal, JournalFailed, Written
from keepline.node.run_reader import Wanted

RETRY_EVERY_S = 0.5
"""While the journal takes nothing more."""
BACKLOG_FACTS_MAX = 1_000
"""Facts that wait for the disk; beyond it runs leave it to calls."""
log = structlog.get_logger("calls")


class Asks(Protocol):
    """Who carries out uses."""

    def ask(self, wanted: fx.CallCapability) -> None:
        """Begin a use."""
        ...


class Reads(Protocol):
    """Who reads the journal."""

    def ask(self, wanted: Wanted) -> None:
        """Begin a read."""
        ...


class RunLane:
    """What runs want done, in order."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        journal: Journal,
        capabilities: Asks,
        reader: Reads,
        feed: Callable[[fx.Input], None],
        tell: Callable[[RunAnswered | fx.WorkEffect], None],
    ) -> None:
        self._loop = loop
        self._journal = journal
        self._capabilities = capabilities
        self._reader = reader
        self._feed = feed
        self._tell = tell
        self._facts: list[Fact] = []
        self._effects: list[fx.Effect] = []
        self._outbox: deque[tuple[int, list[fx.Effect]]] = deque()
        self._wants_group = True
        """What follows must wait for a sync, facts or not: at first for that of what processes before wrote."""
        self._flushes_soon = False
        self._is_stopped = False

    def take(self, effects: Sequence[fx.Effect]) -> None:
        """A turn that concerns runs alone."""
        for effect in effects:
            if isinstance(effect, fx.Persist):
                self._facts.append(effect.fact)
            else:
                self._effects.append(effect)
        self._flush_soon()

    def after_sync(self, effect: fx.Effect) -> None:
        """An effect whose facts were written with those of calls."""
        self._effects.append(effect)
        self._wants_group = True
        self._flush_soon()

    def hand_over(self) -> list[Fact]:
        """The facts that wait, for a group with facts of runs that come after them; `handed` says which it is."""
        facts, self._facts = self._facts, []
        return facts

    def handed(self, group: int) -> None:
        """The facts that were handed over are in this group."""
        if self._effects:
            self._outbox.append((group, self._effects))
            self._effects = []

    def stop(self) -> None:
        """Write what is left; nothing more is carried out."""
        self._flush()
        self._is_stopped = True

    def _flush_soon(self, wait_s: float = 0.0) -> None:
        if not self._flushes_soon and not self._is_stopped:
            self._flushes_soon = True
            if wait_s:
                self._loop.call_later(wait_s, self._flush)
            else:
                self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushes_soon = False
        if self._is_stopped:
            return
        if self._facts or self._wants_group:
            if self._journal.failure or self._journal.backlog > BACKLOG_FACTS_MAX:
                self._flush_soon(RETRY_EVERY_S)
                return
            try:
                group = self._journal.submit(self._facts, synced=True, quiet=True)
            except JournalFailed:
                self._flush_soon(RETRY_EVERY_S)
                return
            self._outbox.append((group, self._effects))
            self._facts, self._effects, self._wants_group = [], [], False
        elif self._effects:
            effects, self._effects = self._effects, []
            if self._outbox:
                self._outbox[-1][1].extend(effects)
            else:
                self._carry_out(effects)

    def on_written(self, written: Written) -> None:
        """News of the journal. A sync that succeeds is one of all that was submitted before."""
        if written.error or not written.synced:
            if self._outbox and (written.error or not written.group):  # nobody will be told of these groups again
                self._wants_group = True
                self._flush_soon(RETRY_EVERY_S)
            return
        outbox = self._outbox
        while outbox and outbox[0][0] <= written.group and not self._is_stopped:
            self._carry_out(outbox.popleft()[1])

    def _carry_out(self, effects: list[fx.Effect]) -> None:
        for effect in effects:
            if isinstance(effect, fx.CallCapability):
                self._capabilities.ask(effect)
            elif isinstance(effect, ReadDue | ReadWaiting | ReadFacts):
                self._reader.ask(effect)
            elif isinstance(effect, RestRun):
                self._loop.call_soon(self._feed, RunRested(effect.run, effect.facts))
            elif isinstance(effect, RunAnswered | fx.WorkEffect):
                self._tell(effect)
            elif isinstance(effect, fx.Report):
                log.warning(effect.event, run=effect.call, detail=effect.detail)
