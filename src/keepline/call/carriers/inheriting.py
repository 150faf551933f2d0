"""How paths were when it was written last: a fold over facts, with which a process that takes over begins."""

from collections.abc import Iterable, Iterator

from keepline.call.facts.path import PATHS, PathStood
from keepline.paths.health import Breaker, Condition, Inheritance


class Standings:
    """The last word on each path that was not well at some time."""

    __slots__ = ("_by_path",)

    def __init__(self, facts: Iterable[object] = ()) -> None:
        """Facts of something else are passed over."""
        self._by_path: dict[str, PathStood] = {}
        for fact in facts:
            self.note(fact)

    def __iter__(self) -> Iterator[PathStood]:
        return iter(self._by_path.values())

    def note(self, fact: object) -> None:
        """Take notice of a fact, of whatever kind."""
        if isinstance(fact, PathStood):
            self._by_path[fact.path] = fact


def stood(at_s: float, path: str, left: Inheritance, evidence: str) -> PathStood:
    """The fact of how a path is, by its whole name; while its breaker is open it stands by what opened that."""
    evidence = left.evidence if left.breaker in (Breaker.OPEN, Breaker.HALF_OPEN) else evidence
    return PathStood(
        PATHS, at_s, path, left.condition.value, left.breaker.value, evidence, left.since_s,
        left.opened_at_s, left.until_s, left.openings,
    )  # fmt: skip


def left_by(fact: PathStood, now_s: float, calm_s: float) -> Inheritance | None:
    """What whoever takes over should know; None where the path was well, or it is too long ago."""
    condition = Condition(fact.condition)
    if condition not in (Condition.DOWN, Condition.DEGRADED) or now_s >= fact.at_s + calm_s:
        return None
    return Inheritance(
        condition, Breaker(fact.breaker), fact.evidence, fact.since_s, fact.opened_at_s, fact.until_s, fact.openings
    )
