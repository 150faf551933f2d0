"""The life of an incident: its phases, what moves it from one to the next, and which facts those are."""

from enum import Enum
from typing import Final


class IncidentPhase(Enum):
    """How far it has come."""

    OPEN = "open"
    """Callers feel it, or may at any moment."""
    MITIGATED = "mitigated"
    """Callers are served another way; what failed has not come back."""
    RECOVERING = "recovering"
    """What failed is back, and is on its way through the recovery gate."""
    RESTORED = "restored"
    """The gate has passed; somebody closes it, or time does."""
    CLOSED = "closed"


class IncidentEvent(Enum):
    """What moves it."""

    MITIGATED = "mitigated"
    WORSENED = "worsened"
    """Callers feel it again, or for the first time."""
    CLEARED = "cleared"
    """Nothing fails any more that it is of."""
    FAILED_AGAIN = "failed again"
    PASSED = "passed"
    """The recovery gate has."""
    CLOSED = "closed"


P, M, R, S, C = (
    IncidentPhase.OPEN,
    IncidentPhase.MITIGATED,
    IncidentPhase.RECOVERING,
    IncidentPhase.RESTORED,
    IncidentPhase.CLOSED,
)
E = IncidentEvent
INCIDENT_TRANSITIONS: Final[dict[tuple[IncidentPhase, IncidentEvent], IncidentPhase]] = {
    (P, E.MITIGATED): M,
    (P, E.CLEARED): R,
    (P, E.CLOSED): C,  # overridden
    (M, E.WORSENED): P,
    (M, E.CLEARED): R,
    (M, E.CLOSED): C,  # overridden
    (R, E.FAILED_AGAIN): P,
    (R, E.PASSED): S,
    (R, E.CLOSED): C,  # overridden
    (S, E.FAILED_AGAIN): P,
    (S, E.CLOSED): C,
}
"""Of pairs that are absent nothing follows: they are said again, or of an incident that is over."""
