"""Following some kinds of facts in a journal: all there are at first, and what came since at each look after that.

It begins anew where another journal stands in the place of the one it knew. It belongs to whoever holds a lock.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from keepline.call.facts import Fact
from keepline.desk.source import Source

FACTS_PER_LOOK: Final = 1_000
Span = tuple[str, str]
"""Of ids: the first, and what comes after the last."""


class JournalFollower:
    """Where somebody is in a journal. Facts of the kinds stand under ids of the spans: so the first look finds them
    among millions of others.
    """

    def __init__(self, source: Source, kinds: Sequence[str], spans: Sequence[Span]) -> None:
        self._source, self._kinds, self._spans = source, kinds, spans
        self._position: int | None = None

    def news(self, begin: Callable[[], None]) -> Iterator[Fact]:
        """The next facts, in order, up to the last; `begin` is called before they come from the beginning.

        Raises `Unavailable`; one fact may come twice.
        """
        last = self._source.last_position()
        if self._position is None or last < self._position:  # another journal is in its place
            found = [each for first, end in self._spans for each in self._source.facts_within(first, end)]
            begin()
            self._position = None
            yield from (fact for _, fact in sorted(found, key=lambda each: each[0]))
            self._position = last
        while found := self._source.facts_after(self._position, self._kinds, FACTS_PER_LOOK):
            for self._position, fact in found:
                yield fact
