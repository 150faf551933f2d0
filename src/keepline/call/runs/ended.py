"""How runs ended lately, for whoever joins them: else each join of a crowd would be a read of the journal, one by one.

It is a memory of this process and no more: what is not in it stands in the journal.
"""

from keepline.call.facts.run import RunEnded
from keepline.model.limits_runs import RUNS_ENDED_KEPT_MAX


class EndedRuns:
    """The latest ends; the oldest gives way."""

    __slots__ = ("_ends",)

    def __init__(self) -> None:
        self._ends: dict[str, RunEnded] = {}

    def __len__(self) -> int:
        return len(self._ends)

    def keep(self, over: RunEnded) -> None:
        """One more."""
        self._ends[over.call] = over
        if len(self._ends) > RUNS_ENDED_KEPT_MAX:
            del self._ends[next(iter(self._ends))]

    def get(self, run: str) -> RunEnded | None:
        """How it ended; None where that is not known here."""
        return self._ends.get(run)
