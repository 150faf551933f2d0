"""Facts of the journal's own: what it could not take in time. No state of a call follows from them. See `facts`."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class JournalGap:
    """Facts of this call came true while the disk took nothing: it went on from memory, and they were written late.

    Written in one transaction with the last of them. Until then a crash would have lost them.
    """

    kind: ClassVar[str] = "journal_gap.1"
    call: str
    at_s: float
    """When they were written."""
    since_s: float
    """When the first of them came true."""
    facts: int
    """How many were written late."""
    lost: int = 0
    """How many more came true while the backlog was full: they are missing."""


@dataclass(frozen=True, slots=True)
class JournalReplaced:
    """This journal began in place of a damaged one, which was set aside; what was open is copied from it."""

    kind: ClassVar[str] = "journal_replaced.1"
    call: str
    at_s: float
    aside: str
    """Name of the directory that the damaged one was moved to, in the data directory."""
    why: str
    calls: int
    """How many open calls could be copied."""
    facts: int
    """How many facts were copied."""
    runs: int = 0
    """How many runs that had not ended could be copied."""


JournalFact = JournalGap | JournalReplaced
JOURNAL_TYPES: tuple[type[JournalFact], ...] = (JournalGap, JournalReplaced)
