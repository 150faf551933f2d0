"""One incident, as its facts have it: a fold, and nothing that the facts do not say."""

from keepline.call.facts.action import ActionAdded, ActionEnded
from keepline.call.facts.incident import (
    GateMoved,
    IncidentChanged,
    IncidentClosed,
    IncidentFact,
    IncidentMoved,
    IncidentNoted,
    IncidentOffered,
    IncidentOpened,
    IncidentTaken,
    PathTested,
)
from keepline.incident.actions import IncidentAction, note_action
from keepline.incident.gate import RecoveryGate
from keepline.incident.phases import INCIDENT_TRANSITIONS, IncidentEvent, IncidentPhase
from keepline.model.incident import Severity

TIMES = {
    IncidentPhase.MITIGATED: "mitigated_at_s",
    IncidentPhase.RECOVERING: "cleared_at_s",
    IncidentPhase.RESTORED: "restored_at_s",
    IncidentPhase.CLOSED: "closed_at_s",
}
"""What is noted when a phase is come to."""


class Incident:
    """Something that affects callers, from its detection to its end. Only `apply` changes it."""

    __slots__ = (
        "actions", "capabilities", "cause", "changed_at_s", "cleared_at_s", "closed", "closed_at_s", "commander",
        "customers", "detectors", "evidence", "gate", "mitigated_at_s", "notes", "offered_to", "opened", "paths",
        "phase", "restored_at_s", "severity", "taken_at_s", "widened_at_s", "worst",
    )  # fmt: skip

    def __init__(self, opened: IncidentOpened) -> None:
        self.opened = opened
        self.phase = IncidentPhase.OPEN
        self.cause, self.evidence = opened.cause, opened.evidence
        self.severity = self.worst = Severity(opened.severity)
        """As it is, and as it was at its worst."""
        self.capabilities, self.paths = opened.capabilities, opened.paths
        self.detectors: tuple[str, ...] = (opened.detector,)
        """Each that had news of it, in the order in which they came."""
        self.customers = opened.customers
        """Callers who have felt it."""
        self.changed_at_s = self.widened_at_s = opened.at_s
        """When it changed, and when it came to more paths."""
        self.gate = RecoveryGate()
        self.commander = ""
        """Empty while nobody commands it."""
        self.offered_to = ""
        """Who is to take it over."""
        self.taken_at_s: float | None = None
        """When somebody took it for the first time."""
        self.mitigated_at_s: float | None = None
        """When callers were served again for the first time."""
        self.cleared_at_s: float | None = None
        """When what failed came back, the last time."""
        self.restored_at_s: float | None = None
        self.closed_at_s: float | None = None
        self.closed: IncidentClosed | None = None
        self.notes: set[str] = set()
        """Ids of the requests by which notes came."""
        self.actions: dict[int, IncidentAction] = {}
        """What is to be done after it, by its number."""

    @property
    def id(self) -> str:
        return self.opened.call

    @property
    def kind(self) -> str:
        """carrier, back_office, payments, surge, node, speech or journal."""
        return self.opened.about

    @property
    def exercise(self) -> str:
        """Id of its drill; empty in earnest."""
        return self.opened.exercise

    @property
    def is_open(self) -> bool:
        """It is not closed."""
        return self.phase is not IncidentPhase.CLOSED

    @property
    def is_over(self) -> bool:
        """Nothing fails any more that it is of."""
        return self.phase in (IncidentPhase.RECOVERING, IncidentPhase.RESTORED, IncidentPhase.CLOSED)

    def apply(self, fact: IncidentFact) -> bool:
        """Fold one fact; False where it changes nothing."""
        if isinstance(fact, IncidentNoted):
            self.notes.add(fact.asked)  # also of one that is closed
            return True
        if isinstance(fact, ActionAdded | ActionEnded):
            return note_action(self.actions, fact)
        if not self.is_open:
            return False
        if isinstance(fact, IncidentMoved | IncidentClosed):
            return self._move(fact)
        if isinstance(fact, IncidentChanged):
            self.cause, self.evidence = fact.cause, fact.evidence
            if len(fact.paths) > len(self.paths):
                self.widened_at_s = fact.at_s
            self.capabilities, self.paths, self.customers = fact.capabilities, fact.paths, fact.customers
            self.severity = Severity(fact.severity)
            self.worst = min(self.worst, self.severity)
            self.changed_at_s = fact.at_s
            if fact.detector not in self.detectors:
                self.detectors = (*self.detectors, fact.detector)
        elif isinstance(fact, IncidentTaken):
            self.commander, self.offered_to = fact.by, ""
            self.taken_at_s = fact.at_s if self.taken_at_s is None else self.taken_at_s
        elif isinstance(fact, IncidentOffered):
            self.offered_to = fact.to
        elif isinstance(fact, GateMoved | PathTested):
            return self.gate.apply(fact)
        else:
            return False
        return True

    def _move(self, fact: IncidentMoved | IncidentClosed) -> bool:
        event = IncidentEvent.CLOSED if isinstance(fact, IncidentClosed) else IncidentEvent(fact.event)
        following = INCIDENT_TRANSITIONS.get((self.phase, event))
        if following is None:
            return False
        self.phase = following
        name = TIMES.get(following)
        is_again = following is IncidentPhase.MITIGATED and self.mitigated_at_s is not None
        if name is not None and not is_again:
            setattr(self, name, fact.at_s)
        if following is IncidentPhase.RECOVERING and self.mitigated_at_s is None:
            self.mitigated_at_s = fact.at_s  # what does not fail harms nobody
        if event is IncidentEvent.FAILED_AGAIN:
            self.cleared_at_s = self.restored_at_s = None
        if isinstance(fact, IncidentClosed):
            self.closed = fact
        return True
