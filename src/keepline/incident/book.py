"""Every incident that is open, the latest that are not, and the mode: what a process that takes over goes on with.

It refuses to know time and effects: a fold over facts of all kinds, of which most are none of its.
"""

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, get_args

from keepline.call.facts.incident import MODE, IncidentFact, IncidentOpened, ModeChanged, ModeSet
from keepline.incident.state import Incident
from keepline.model.incident import Mode
from keepline.model.limits_incidents import INCIDENTS_KEPT_MAX

INCIDENT_IDS: Final = (("INC-", "INC."), (MODE, f"{MODE}\0"))
"""Where their ids lie among all others, and that of the mode: from the first of each pair to before the second."""
_TYPES = frozenset(get_args(IncidentFact))


class IncidentBook:
    """A fold over the facts of incidents, in their order."""

    __slots__ = ("_asked", "_numbers", "incidents", "mode", "mode_set")

    def __init__(self, facts: Iterable[object] = ()) -> None:
        """Facts of other things are passed over."""
        self.incidents: dict[str, Incident] = {}
        """By their ids, the oldest first."""
        self.mode = Mode.NORMAL
        """As it was said last."""
        self.mode_set: ModeSet | None = None
        """What a person wants it to be, for a while."""
        self._asked: dict[str, str] = {}
        self._numbers: dict[str, int] = {}
        for fact in facts:
            self.note(fact)

    @property
    def open(self) -> list[Incident]:
        """Those that are, the oldest first."""
        return [each for each in self.incidents.values() if each.is_open]

    def asked_for(self, request: str) -> str:
        """Id of the incident that this request has opened; empty where there is none."""
        return self._asked.get(request, "") if request else ""

    def next_id(self, now_s: float) -> str:
        """Of one that begins now; no other one has it."""
        day = day_of(now_s)
        return f"INC-{day}-{self._numbers.get(day, 0) + 1}"

    def set_mode(self, now_s: float) -> ModeSet | None:
        """What a person wants the mode to be, while that holds."""
        wanted = self.mode_set
        return wanted if wanted is not None and wanted.mode and now_s < wanted.until_s else None

    def note(self, fact: object) -> bool:
        """Take notice of a fact, of whatever kind; whether it changed anything."""
        if type(fact) not in _TYPES:
            return False
        if isinstance(fact, ModeSet):
            self.mode_set = fact
        elif isinstance(fact, ModeChanged):
            self.mode = Mode(fact.mode)
        elif isinstance(fact, IncidentOpened):
            return self._begin(fact)
        else:
            found = self.incidents.get(fact.call)  # type: ignore[attr-defined]
            return found is not None and found.apply(fact)  # type: ignore[arg-type]
        return True

    def _begin(self, fact: IncidentOpened) -> bool:
        if fact.call in self.incidents:
            return False
        self.incidents[fact.call] = Incident(fact)
        if fact.asked:
            self._asked[fact.asked] = fact.call
        _, day, number = fact.call.split("-")
        self._numbers[day] = max(self._numbers.get(day, 0), int(number))
        over = len(self.incidents) - INCIDENTS_KEPT_MAX
        for each in [each for each in self.incidents.values() if not each.is_open][: max(0, over)]:
            del self.incidents[each.id]
            self._asked.pop(each.opened.asked, None)
        return True


def day_of(at_s: float) -> str:
    """`20261123`, in UTC."""
    return datetime.fromtimestamp(max(0.0, at_s) if math.isfinite(at_s) else 0.0, UTC).strftime("%Y%m%d")
