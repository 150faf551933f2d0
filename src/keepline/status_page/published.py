"""What the page has said so far, and the one way in which that changes. Pure: files are `writer`'s.

Incidents, their updates and the words for states are those of the published Statuspage API v2, which many tools read.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from keepline.model.limits_messages import STATUS_HISTORY_MAX, STATUS_UPDATES_MAX
from keepline.model.messages import RESOLVED

OPERATIONAL = "operational"
COMPONENT_STATES = {
    "none": OPERATIONAL,
    "minor": "degraded_performance",
    "major": "partial_outage",
    "critical": "major_outage",
}
"""What an incident of some impact makes of the components that it affects."""
IMPACTS = tuple(COMPONENT_STATES)
DESCRIPTIONS = {
    "none": "All Systems Operational",
    "minor": "Minor Service Outage",
    "major": "Partial System Outage",
    "critical": "Major Service Outage",
}


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What the page is, whatever happens."""

    title: str
    components: tuple[str, ...] = ()
    url: str = ""
    language: str = "en"


@dataclass(frozen=True, slots=True)
class PageUpdate:
    """One message to the public."""

    message: str
    """Its id: told again it changes nothing."""
    incident: str
    name: str
    text: str
    status: str
    """investigating, identified, monitoring or resolved."""
    impact: str
    """none, minor, major or critical."""
    components: tuple[str, ...]
    at_s: float
    exercise: str = ""


@dataclass(slots=True)
class PageIncident:
    """One incident, as the public knows it."""

    id: str
    name: str
    impact: str
    components: tuple[str, ...]
    created_at_s: float
    exercise: str = ""
    resolved_at_s: float | None = None
    updates: list[PageUpdate] = field(default_factory=list)
    """The oldest first."""

    @property
    def status(self) -> str:
        return self.updates[-1].status

    @property
    def updated_at_s(self) -> float:
        return self.updates[-1].at_s

    @property
    def is_open(self) -> bool:
        return self.status != RESOLVED


class Published:
    """All that the page has said: the newest incident first."""

    def __init__(self, told: Mapping[str, Any] | None = None) -> None:
        """`told` is what `told()` gave; what cannot be read of it raises `ValueError`."""
        try:
            self.incidents = [_incident_of(each) for each in (told or {}).get("incidents", ())]
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"this is no history of a status page: {type(error).__name__} {error}") from None

    @property
    def open(self) -> list[PageIncident]:
        """Those that are not over, exercises too."""
        return [each for each in self.incidents if each.is_open]

    @property
    def indicator(self) -> str:
        """The worst impact of what is open in earnest."""
        return max((each.impact for each in self.open if not each.exercise), key=IMPACTS.index, default="none")

    def state_of(self, component: str) -> str:
        """How a component is; exercises change nothing."""
        felt = [each.impact for each in self.open if component in each.components and not each.exercise]
        return COMPONENT_STATES[max(felt, key=IMPACTS.index, default="none")]

    def take(self, update: PageUpdate) -> bool:
        """Take one more update; False where it is known, or is of an incident that is over."""
        found = next((each for each in self.incidents if each.id == update.incident), None)
        if found is None:
            found = PageIncident(
                update.incident, update.name, update.impact, update.components, update.at_s, update.exercise
            )
            self.incidents.insert(0, found)
        elif any(each.message == update.message for each in found.updates) or not found.is_open:
            return False
        found.updates.append(update)
        found.name, found.impact, found.components = update.name, update.impact, update.components
        if update.status == RESOLVED:
            found.resolved_at_s = update.at_s
        if len(found.updates) > STATUS_UPDATES_MAX:
            del found.updates[1]
        self._make_room()
        return True

    def _make_room(self) -> None:
        over = [each for each in self.incidents if not each.is_open]
        while len(self.incidents) > STATUS_HISTORY_MAX and over:
            self.incidents.remove(over.pop())

    def told(self) -> dict[str, Any]:
        """As JSON, for the next process."""
        return {"incidents": [asdict(each) for each in self.incidents]}


def _incident_of(told: Mapping[str, Any]) -> PageIncident:
    updates = [PageUpdate(**each | {"components": tuple(each["components"])}) for each in told["updates"]]
    if not updates:
        raise KeyError("updates")
    return PageIncident(**{**told, "components": tuple(told["components"]), "updates": updates})
