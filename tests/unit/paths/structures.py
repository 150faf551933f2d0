"""Structures of all kinds, and the slow way to find what brings them down."""

from collections.abc import Sequence
from itertools import combinations

from hypothesis import strategies as st

from keepline.model.dependency import Need
from keepline.paths.cut_sets import CutSets
from keepline.paths.own_parts import OperationPart
from keepline.paths.structure import Structure, in_order, works


def structure(*parts: OperationPart) -> dict[str, OperationPart]:
    return {part.name: part for part in parts}


def part(name: str, *needs: str | Need, can_fail: bool = True, is_critical: bool = False) -> OperationPart:
    found = tuple(each if isinstance(each, Need) else Need((each,), 1) for each in needs)
    return OperationPart(name, "thing", found, can_fail, is_critical)


@st.composite
def structures(draw: st.DrawFn, parts_max: int = 16) -> dict[str, OperationPart]:
    """Parts p0, p1, …, each needing some of those before it; the last one is critical."""
    count = draw(st.integers(1, parts_max))
    made: list[OperationPart] = []
    for number in range(count):
        names = [each.name for each in made]
        needs = draw(st.lists(needs_of(names), max_size=3)) if names else []
        can_fail = not needs or draw(st.booleans())
        made.append(OperationPart(f"p{number:02d}", "thing", tuple(needs), can_fail, number == count - 1))
    return structure(*made)


def needs_of(names: Sequence[str]) -> st.SearchStrategy[Need]:
    return st.lists(st.sampled_from(names), min_size=1, max_size=5, unique=True).flatmap(
        lambda chosen: st.integers(1, len(chosen)).map(lambda at_least: Need(tuple(chosen), at_least))
    )


def brute_force(parts: Structure, top: str) -> CutSets:
    """Every one and every two that bring the top down, tried one after the other."""
    order = in_order(parts, [top])
    events = sorted(name for name in order if parts[name].can_fail)

    def falls(*failed: str) -> bool:
        return not works(parts, order, frozenset(failed))[top]

    singles = tuple(event for event in events if falls(event))
    rest = [event for event in events if event not in singles]
    return CutSets(singles, tuple(pair for pair in combinations(rest, 2) if falls(*pair)))
