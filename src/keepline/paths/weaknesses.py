"""What an operation should worry about: single points, pairs, common causes that a choice hides, and what to do first.

A cause is hidden where the operation has a choice (two carriers, two people), and the choice does not help: both need
the same thing. A remedy is ranked by what it takes off: how many critical parts no longer fall by one failure, then how
many pairs are gone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from keepline.model.dependency import Need
from keepline.paths.cut_sets import CutSets, FailureTable, failure_table
from keepline.paths.own_parts import OWN_PARTS
from keepline.paths.structure import Structure

_APART: Final = {
    "isp": "have one of them go by another provider",
    "region": "move one of them to another region",
    "power": "feed one of them from elsewhere",
    "machine": "let one of them run on another machine",
    "host": "let one of them run on another machine",
    "network": "give one of them a network of its own",
    "dns": "give one of them names from another provider, or an address",
    "vendor": "replace one of them by another vendor's",
    "person": "name somebody else for one of them",
    "role": "give one of them to somebody else",
}
"""Kind of what is shared -> what parts those that share it."""
_SECOND: Final = {
    "isp": "a second provider beside {}, by another cable",
    "region": "a second region beside {}",
    "power": "a second supply beside {}",
    "machine": "a second machine beside {}",
    "host": "a second path, that does not run on {}",
    "network": "a second network beside {}",
    "dns": "a second provider of names beside {}",
    "vendor": "a second vendor beside {}",
    "person": "a deputy for {}, who may do the same",
    "role": "a second role beside {}",
    "path": "a second path beside {}, that shares nothing with it",
    "keepline/machine": "a second machine with a node of its own, that the numbers can be pointed to",
    "keepline/network": "a second network connection of this machine, by another way",
    "keepline/disk": "a mirror of the disk that the data directory is on",
    "keepline/resolver": "addresses in place of names, or a second resolver",
}
"""Kind, or one of Keepline's own parts -> what would do the same as it."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A choice that one failure takes away."""

    chooser: str
    """The part that has the choice."""
    choices: tuple[str, ...]
    """Those that fall by it."""


@dataclass(frozen=True, slots=True)
class SinglePoint:
    """A part whose failure alone brings something critical down."""

    name: str
    kind: str
    brings_down: tuple[str, ...]
    """The critical parts that fall by it."""
    shared: tuple[Shared, ...]
    """Where there seemed to be a choice; empty where there never was one."""

    @property
    def is_hidden(self) -> bool:
        return bool(self.shared)


@dataclass(frozen=True, slots=True)
class DoublePoint:
    """Two parts whose failure together brings something critical down, and neither alone."""

    names: tuple[str, str]
    brings_down: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do about one part."""

    part: str
    what: str
    singles: int
    """Critical parts that no longer fall by this part alone."""
    pairs: int
    """Pairs with this part that are gone."""


@dataclass(frozen=True, slots=True)
class Weaknesses:
    """All of them, the worst first."""

    critical: tuple[str, ...]
    parts: int
    singles: tuple[SinglePoint, ...]
    doubles: tuple[DoublePoint, ...]
    remedies: tuple[Remedy, ...]


def weaknesses_of(parts: Structure) -> Weaknesses:
    """Of every critical part of a structure."""
    critical = tuple(sorted(name for name, part in parts.items() if part.is_critical))
    table = failure_table(parts, critical)
    found = {name: table.cut_sets(name) for name in critical}
    singles = _singles(parts, table, found)
    doubles = _doubles(found)
    remedies = _remedies(singles, doubles, parts)
    return Weaknesses(critical, len(table.down), singles, doubles, remedies)


def _singles(parts: Structure, table: FailureTable, found: Mapping[str, CutSets]) -> tuple[SinglePoint, ...]:
    falls: dict[str, list[str]] = {}
    for name, cuts in found.items():
        for event in cuts.singles:
            falls.setdefault(event, []).append(name)
    chooser = _Choosers(parts, table)
    points = [
        SinglePoint(event, parts[event].kind, tuple(names), chooser.shared_by(event, names))
        for event, names in falls.items()
    ]
    return tuple(sorted(points, key=lambda each: (-len(each.brings_down), not each.is_hidden, each.name)))


def _doubles(found: Mapping[str, CutSets]) -> tuple[DoublePoint, ...]:
    falls: dict[tuple[str, str], list[str]] = {}
    for name, cuts in found.items():
        for pair in cuts.pairs:
            falls.setdefault(pair, []).append(name)
    points = [DoublePoint(pair, tuple(names)) for pair, names in falls.items()]
    return tuple(sorted(points, key=lambda each: (-len(each.brings_down), each.names)))


class _Choosers:
    """Looks for the choices that one failure takes away."""

    def __init__(self, parts: Structure, table: FailureTable) -> None:
        self._parts, self._table = parts, table
        self._places = {event: at for at, event in enumerate(table.events)}

    def shared_by(self, event: str, tops: list[str]) -> tuple[Shared, ...]:
        """The nearest to the cause: of a choice between choices, those at the bottom."""
        seen: set[str] = set()
        found: list[Shared] = []
        pending = list(tops)
        while pending:
            name = pending.pop()
            if name in seen or name == event:
                continue
            seen.add(name)
            for need in self._parts[name].needs:
                fallen = self._fallen(need, event)
                if len(fallen) <= need.spare:
                    continue  # it is met, whatever falls below
                if need.spare and event not in need.names:
                    found.append(Shared(name, fallen))
                pending += fallen
        return tuple(sorted(found, key=lambda each: each.chooser))

    def _fallen(self, need: Need, event: str) -> tuple[str, ...]:
        at = self._places[event]
        return tuple(name for name in need.names if self._table.down[name][at] >> at & 1)


def _remedies(
    singles: tuple[SinglePoint, ...], doubles: tuple[DoublePoint, ...], parts: Structure
) -> tuple[Remedy, ...]:
    pairs: dict[str, int] = {}
    for each in doubles:
        for name in each.names:
            pairs[name] = pairs.get(name, 0) + len(each.brings_down)
    found = [Remedy(point.name, _what(point), len(point.brings_down), pairs.get(point.name, 0)) for point in singles]
    alone = {point.name for point in singles}
    found += [
        Remedy(name, _second(name, parts[name].kind), 0, count)
        for name, count in pairs.items()
        if name not in alone and name not in OWN_PARTS
    ]
    hidden = {point.name for point in singles if point.is_hidden}
    return tuple(sorted(found, key=lambda each: (-each.singles, each.part not in hidden, -each.pairs, each.part)))


def _what(point: SinglePoint) -> str:
    if not point.shared:
        return _second(point.name, point.kind)
    [first, *_] = point.shared
    every = "both" if len(first.choices) == 2 else "all"
    what = _APART.get(point.kind, "have one of them do without it")
    return f"{' and '.join(first.choices)} {every} need {point.name}: {what}"


def _second(name: str, kind: str) -> str:
    return _SECOND.get(name, _SECOND.get(kind, "a second one beside {}")).format(name)
