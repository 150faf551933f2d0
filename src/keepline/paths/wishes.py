"""What people want of paths for a while: a word that expires, and is heeded by the choice as far as callers allow.

No wish leaves a caller without a path: what is drained or disabled comes last, and not never.
"""

from dataclasses import dataclass
from enum import Enum

from keepline.model.limits_carriers import PATH_WISHES_MAX


class Wish(Enum):
    """What is to become of a path."""

    PREFER = "prefer"
    """Before the others, while its breaker lets it."""
    DRAIN = "drain"
    """Nothing new, while another one is fit; what is under way goes on."""
    REST = "rest"
    """The same of a path that is not well; it may still show that it is back, and then comes back by its shares. What
    a playbook wishes of the paths of its incident: they would else stay away for as long as that wish holds.
    """
    DISABLE = "disable"
    """Nothing new, while there is any other at all."""


WORDS = {Wish.PREFER: "preferred", Wish.DRAIN: "drained", Wish.REST: "given rest", Wish.DISABLE: "disabled"}


@dataclass(frozen=True, slots=True)
class Wished:
    """A wish with its end and its reason."""

    wish: Wish
    until_s: float
    why: str
    by: str


class Wishes:
    """Those that hold, by the path's whole name: `telephony/first`."""

    __slots__ = ("_by_path",)

    def __init__(self) -> None:
        self._by_path: dict[str, Wished] = {}

    def __len__(self) -> int:
        return len(self._by_path)

    def set(self, path: str, wished: Wished | None) -> None:
        """The latest word about a path; None for none any more. Beyond the limit what ends first is forgotten."""
        self._by_path.pop(path, None)
        if wished is None:
            return
        if len(self._by_path) >= PATH_WISHES_MAX:
            del self._by_path[min(self._by_path, key=lambda each: self._by_path[each].until_s)]
        self._by_path[path] = wished

    def of(self, path: str, now_s: float) -> Wished | None:
        """What holds now."""
        wished = self._by_path.get(path)
        if wished is not None and wished.until_s <= now_s:
            del self._by_path[path]
            return None
        return wished
