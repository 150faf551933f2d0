"""What an incident is of, how bad it is, and in which mode an operation is: the words that everything else shares."""

from enum import Enum, IntEnum
from typing import Final

CARRIER: Final = "carrier"
BACK_OFFICE: Final = "back_office"
PAYMENTS: Final = "payments"
SURGE: Final = "surge"
NODE: Final = "node"
SPEECH: Final = "speech"
JOURNAL: Final = "journal"
INCIDENT_KINDS: Final = (CARRIER, BACK_OFFICE, PAYMENTS, SURGE, NODE, SPEECH, JOURNAL)
"""Of incidents: playbooks and messages are chosen by them."""


class Severity(IntEnum):
    """How bad it is; the least number is the worst."""

    CRITICAL = 1
    """A capability is lost, or very many callers feel it."""
    MAJOR = 2
    """Callers feel it."""
    MINOR = 3
    """No caller feels it yet: another path carries, or it is looked at in time."""


class Mode(Enum):
    """In what state the operation is: it selects words and staffing, and never paths."""

    NORMAL = "normal"
    DEGRADED = "degraded"
    """There is an incident."""
    CRISIS = "crisis"
    """There is a critical one."""
    RECOVERY = "recovery"
    """All that there is, is on its way back."""
