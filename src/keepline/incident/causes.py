"""What several failures have in common: what all their paths need, and nothing that works needs.

From the model that single points are found with: what is on loopback shares this machine, and no cause is drawn from
Keepline's own parts, which have detectors of their own. It refuses to guess: where nothing is shared there are as many
incidents as there are failures.
"""

from collections.abc import Iterable, Mapping

from keepline.paths.own_parts import OWN_PARTS, TELEPHONY
from keepline.paths.structure import Structure


class Causes:
    """The needs of every path of one version of an operation."""

    __slots__ = ("_needs", "_users")

    def __init__(self, structure: Structure) -> None:
        self._needs: dict[str, frozenset[str]] = {}
        """Path -> all without which it does not work."""
        self._users: dict[str, int] = {}
        """Of each of these, how many paths there are."""
        for name, part in structure.items():
            if part.kind == "path":
                self._needs[name] = frozenset(_closure(structure, name))
                for each in self._needs[name]:
                    self._users[each] = self._users.get(each, 0) + 1

    def needs(self, path: str) -> frozenset[str]:
        """All without which a path does not work; of one that nobody knows nothing."""
        return self._needs.get(path, frozenset())

    def shared(self, failed: Iterable[str], working: Iterable[str]) -> str:
        """What the failed paths all need and none of the working ones: the nearest; empty where there is nothing."""
        names = sorted(set(failed))
        if len(names) < 2:
            return ""
        common = frozenset.intersection(*(self.needs(name) for name in names))
        for path in working:
            common -= self.needs(path)
        return min(common, key=lambda each: (self._users[each], each), default="")


def _closure(structure: Structure, path: str) -> Iterable[str]:
    """What a path needs, and what that needs, where nothing can stand in for it."""
    found: dict[str, None] = {}
    pending = [path]
    while pending:
        part = structure.get(pending.pop())
        for need in part.needs if part is not None else ():
            if need.spare:
                continue
            for name in need.names:
                if name not in found and name not in OWN_PARTS:
                    found[name] = None
                    pending.append(name)
    return found


def capability_of(path: str) -> str:
    """`telephony` of `telephony/north`."""
    return path.partition("/")[0]


def kind_of(capability: str, kinds: Mapping[str, str]) -> str:
    """The kind of incident that a capability's failures are."""
    if capability == TELEPHONY:
        return "carrier"
    usual = {"payments": "payments", "payment": "payments", "speech": "speech"}
    return kinds.get(capability) or usual.get(capability, "back_office")
