"""Minimal cut sets of one and of two: which part, or which two, bring something down that needs them.

For each part and each first failure there is a set, as the bits of one integer, of the second failures that bring it
down together: a need that must be met joins such sets, a choice meets them, k of n counts them. So the work grows with
the square of the parts, of which a thousand is a big operation, and not with the number of pairs times the parts.
Source: the bottom-up method for monotone structures, Vesely et al., Fault Tree Handbook (NUREG-0492) §VII.
"""

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

from keepline.model.dependency import Need
from keepline.paths.structure import Structure, in_order


@dataclass(frozen=True, slots=True)
class CutSets:
    """Of one part: what brings it down, and nothing that could be left out."""

    singles: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    """Each in the order of its names; neither of the two is a single."""


@dataclass(frozen=True, slots=True)
class FailureTable:
    """What comes of every two failures, for all parts below some tops."""

    events: tuple[str, ...]
    """The parts that can fail; their places are the bits."""
    down: dict[str, list[int]]
    """OperationPart -> for each first failure, the second failures with which it is down."""

    def falls_by(self, part: str, event: str) -> bool:
        """Whether this failure alone brings the part down."""
        at = self.events.index(event)
        return bool(self.down[part][at] >> at & 1)

    def cut_sets(self, part: str) -> CutSets:
        """Of one part."""
        rows = self.down[part]
        singles = sum(1 << at for at, row in enumerate(rows) if row >> at & 1)
        pairs: list[tuple[str, str]] = []
        for at, row in enumerate(rows):
            if not singles >> at & 1:
                later = (row & ~singles) >> (at + 1) << (at + 1)
                pairs += [_ordered(self.events[at], self.events[other]) for other in _bits(later)]
        return CutSets(tuple(sorted(self.events[at] for at in _bits(singles))), tuple(sorted(pairs)))


def failure_table(parts: Structure, tops: Sequence[str]) -> FailureTable:
    """Everything below these parts. Time and memory grow with the square of the parts that can fail."""
    order = in_order(parts, tops)
    events = tuple(name for name in order if parts[name].can_fail)
    place = {name: at for at, name in enumerate(events)}
    everything = (1 << len(events)) - 1
    down: dict[str, list[int]] = {}
    for name in order:
        rows = [0] * len(events)
        for need in parts[name].needs:
            rows = list(map(operator.or_, rows, _unmet(need, down, len(events))))
        if name in place:
            own = place[name]
            rows = [row | 1 << own for row in rows]
            rows[own] = everything
        down[name] = rows
    return FailureTable(events, down)


def _unmet(need: Need, down: dict[str, list[int]], count: int) -> Sequence[int]:
    """For each first failure, the second failures with which too few of these work."""
    first, *others = (down[name] for name in need.names)
    if need.at_least in (1, len(need.names)):
        join = operator.and_ if need.at_least == 1 else operator.or_
        return reduce(lambda rows, more: list(map(join, rows, more)), others, first)
    failing = need.spare + 1
    found = []
    for at in range(count):
        # reached[n]: the second failures with which more than n of those looked at so far are down
        reached = [0] * failing
        for name in need.names:
            row = down[name][at]
            for n in range(failing - 1, 0, -1):
                reached[n] |= reached[n - 1] & row
            reached[0] |= row
        found.append(reached[-1])
    return found


def _ordered(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one < other else (other, one)


def _bits(number: int) -> Iterator[int]:
    """The places of the bits that are set."""
    while number:
        low = number & -number
        yield low.bit_length() - 1
        number ^= low
