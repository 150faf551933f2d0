"""The boundaries of a process: before each thing that it does a crash point, and what was done, counted apart.

Both are noted in different places, so that something that is done without a crash point before it shows.
"""

from collections import Counter

SYNCED = "synced"


class Boundaries:
    """What a node's processes could have died before, and what they did. It notes nothing until it is told to."""

    __slots__ = ("counts_syncs", "crash_points", "notes", "passed")

    def __init__(self) -> None:
        self.notes = False
        self.counts_syncs = False
        """Between writing a group and what waits for its sync lies another moment."""
        self.crash_points: list[str] = []
        """By moment: what would have come next."""
        self.passed: Counter[str] = Counter()

    def watch(self) -> None:
        """Note everything from now on, syncs too."""
        self.notes = self.counts_syncs = True

    def note_crash_point(self, what: object) -> None:
        """It may die now, before this: an input, an effect, a group of facts."""
        if self.notes:
            self.crash_points.append(name_of(what))

    def note_passed(self, what: object) -> None:
        """This was done."""
        if self.notes:
            self.passed[name_of(what)] += 1

    def uncovered(self) -> dict[str, int]:
        """What was done without a crash point before it, and how often."""
        return dict(self.passed - Counter(self.crash_points))


def name_of(what: object) -> str:
    """The boundary before this: inputs and effects by their kind, groups of facts by what they hold."""
    if isinstance(what, str):
        return what
    if isinstance(what, list):
        return f"written {' '.join(dict.fromkeys(fact.kind for fact in what))}"
    return type(what).__name__
