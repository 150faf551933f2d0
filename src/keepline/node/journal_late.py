"""What the journal could not write in time, by calls, until it says so on record. See `facts.JournalGap`."""

from collections.abc import Sequence
from dataclasses import dataclass

from keepline.call.facts import Fact, JournalGap


@dataclass(frozen=True, slots=True)
class JournalFigures:
    """How the journal does."""

    waiting: int = 0
    """Facts that are not written yet, while something is wrong."""
    lost: int = 0
    """Facts that there was no room for, since the process began."""
    flush_s: float = 0.0
    """That the last flush took, or the one under way has taken so far; in tenths."""


@dataclass(slots=True)
class _Late:
    since_s: float
    facts: int = 0
    lost: int = 0


class Lateness:
    """Counts late and lost facts. Not for two threads at once."""

    __slots__ = ("_calls", "lost")

    def __init__(self) -> None:
        self._calls: dict[str, _Late] = {}
        self.lost = 0
        """Since the process began."""

    def __bool__(self) -> bool:
        return bool(self._calls)

    def note(self, facts: Sequence[Fact]) -> None:
        """These are written late, or will be."""
        for fact in facts:
            self._of(fact).facts += 1

    def note_lost(self, facts: Sequence[Fact]) -> None:
        """There was no room for these."""
        self.lost += len(facts)
        for fact in facts:
            self._of(fact).lost += 1

    def gaps(self, now_s: float) -> list[JournalGap]:
        """What is to be said of it."""
        return [JournalGap(call, now_s, late.since_s, late.facts, late.lost) for call, late in self._calls.items()]

    def clear(self) -> None:
        """It is on record."""
        self._calls.clear()

    def _of(self, fact: Fact) -> _Late:
        return self._calls.setdefault(fact.call, _Late(fact.at_s))
