"""What brings a structure down: by the fast way and by trying everything."""

import pytest
from hypothesis import given, settings

from keepline.model.dependency import Need
from keepline.model.errors import LocalError
from keepline.paths.cut_sets import CutSets, failure_table
from keepline.paths.own_parts import OperationPart
from keepline.paths.structure import in_order, works
from tests.unit.paths.structures import brute_force, part, structure, structures

EITHER = Need(("first", "second"), 1)


def cuts(*parts: OperationPart, top: str = "top") -> CutSets:
    return failure_table(structure(*parts), [top]).cut_sets(top)


@settings(max_examples=200, deadline=None)
@given(structures())
def test_the_fast_way_finds_what_trying_everything_finds(parts: dict[str, OperationPart]) -> None:
    tops = [name for name, each in parts.items() if each.is_critical]
    table = failure_table(parts, tops)
    for name in in_order(parts, tops):
        found, expected = table.cut_sets(name), brute_force(parts, name)
        below = set(in_order(parts, [name]))
        assert found == expected, "and nothing that is not below it"
        assert {*found.singles, *(each for pair in found.pairs for each in pair)} <= below
        assert all(table.falls_by(name, event) == (event in expected.singles) for event in table.events)


@settings(deadline=None)
@given(structures())
def test_another_failure_never_mends_anything(parts: dict[str, OperationPart]) -> None:
    order = in_order(parts, parts)
    events = [name for name in order if parts[name].can_fail]
    failed: set[str] = set()
    before = works(parts, order, frozenset())
    for event in events:
        failed.add(event)
        after = works(parts, order, frozenset(failed))
        assert all(before[name] or not after[name] for name in order)
        before = after


def test_two_that_share_nothing_fall_together_alone() -> None:
    found = cuts(part("first"), part("second"), part("top", EITHER, can_fail=False))
    assert found == CutSets((), (("first", "second"),))


def test_two_that_share_something_fall_by_it() -> None:
    found = cuts(part("isp"), part("first", "isp"), part("second", "isp"), part("top", EITHER, can_fail=False))
    assert found == CutSets(("isp",), (("first", "second"),))


def test_two_of_three_fall_by_any_two() -> None:
    choice = Need(("a", "b", "c"), 2)
    found = cuts(part("a"), part("b"), part("c"), part("top", choice, can_fail=False))
    assert found == CutSets((), (("a", "b"), ("a", "c"), ("b", "c")))


def test_one_of_three_falls_by_no_two() -> None:
    choice = Need(("a", "b", "c"), 1)
    assert cuts(part("a"), part("b"), part("c"), part("top", choice, can_fail=False)) == CutSets((), ())


def test_what_needs_itself_is_a_bug_of_ours() -> None:
    with pytest.raises(LocalError, match="needs itself"):
        in_order(structure(part("a", "b"), part("b", "a")), ["a"])
