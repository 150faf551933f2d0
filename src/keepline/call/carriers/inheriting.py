"""How carriers were when it was written last: a fold over facts, with which a process that takes over begins."""

from collections.abc import Iterable, Iterator

from keepline.call.facts.path import PathStood


class Standings:
    """The last word on each carrier that was not well at some time."""

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
