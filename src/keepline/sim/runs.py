"""The index of runs in virtual time: folded from what was written, as the journal's table is.

It answers what the core asks of it at once; the facts of what asked are written by then.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from keepline.call import effects_run as fx
from keepline.call.facts import Fact
from keepline.call.facts.run import RUN_TYPES, EventTold
from keepline.call.runs import index
from keepline.model.limits_runs import RUNS_PER_READ

RUN_KINDS = frozenset(RUN_TYPES)


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run in the index."""

    run: str
    flow: str
    since_s: float
    due_s: float | None = index.AT_WORK_S
    subject: str = ""
    ending: str = ""


class SimRuns:
    """The table, over a journal that others write."""

    def __init__(self, written: Sequence[Fact]) -> None:
        self._written = written
        self._read = 0
        self.rows: dict[str, RunRow] = {}
        self.kept: dict[str, EventTold] = {}
        self._told: set[str] = set()
        self.answered: dict[str, fx.RunAnswered] = {}
        """What commands were told, by the ids that they gave."""

    def reread(self) -> "SimRuns":
        """The same table over what is left of the journal."""
        fresh = SimRuns(self._written)
        fresh.answered = self.answered
        return fresh

    def adopted(self) -> fx.RunsAdopted:
        """What a process is told first."""
        self.follow()
        return fx.RunsAdopted(tuple(self.kept.values()))

    def follow(self) -> None:
        """Apply what was written since."""
        fresh = self._written[self._read :]
        self._read += len(fresh)
        for fact in fresh:
            if type(fact) not in RUN_KINDS:
                continue
            for change in index.changes_of(fact):
                self._apply(change)

    def answer(self, effect: fx.RunEffect) -> list[fx.RunInput]:
        """What the shell says to an effect."""
        self.follow()
        match effect:
            case fx.ReadDue(after, until_s):
                due = sorted((row.due_s, row.run) for row in self.rows.values() if row.due_s is not None)
                found = [each for each in due if after < each and each[0] <= until_s][:RUNS_PER_READ]
                last = found[-1] if len(found) == RUNS_PER_READ else None
                next_s = next((due_s for due_s, _ in due if due_s > until_s), None)
                return [fx.RunsDue(tuple(run for _, run in found), last, None if last else next_s)]
            case fx.ReadWaiting(subject):
                return [fx.WaitersRead(subject, tuple(row.run for row in self._waiters(subject)))]
            case fx.ReadFacts(wanted):
                return [fx.FactsRead(wanted, tuple(fact for fact in self._written if fact.call == wanted))]
            case fx.RestRun(run, facts):
                return [fx.RunRested(run, facts)]
            case fx.RunAnswered():
                self.answered[effect.asked] = effect
        return []

    def _waiters(self, subject: str) -> list[RunRow]:
        found = [row for row in self.rows.values() if row.subject == subject and not row.ending]
        return sorted(found, key=lambda row: (row.since_s, row.run))

    def _apply(self, change: index.IndexChange) -> None:
        match change:
            case index.AddRun(started):
                self.rows.setdefault(started.call, RunRow(started.call, started.flow, started.at_s))
            case index.SetRun(run, due_s, subject, since_s):
                self.rows[run] = replace(self.rows[run], due_s=due_s, subject=subject, since_s=since_s)
            case index.EndRun(run, at_s, ending):
                self.rows[run] = replace(self.rows[run], due_s=None, subject="", since_s=at_s, ending=ending)
            case index.MakeDue(subject, at_s, only_first):
                for row in self._waiters(subject)[: 1 if only_first else None]:
                    self.rows[row.run] = replace(row, due_s=at_s)
            case index.KeepEvent(told):
                if told.call not in self._told:
                    self.kept[told.call] = told
                    self._told.add(told.call)
            case index.DropEvent(told_id):
                self.kept.pop(told_id, None)
