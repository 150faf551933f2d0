"""Fact of a call whose carrier died under it. See `facts`."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class CallLost:
    """The carrier has lost the call: its line is silent, and that is the carrier's doing. It may be heard again."""

    kind: ClassVar[str] = "call_lost.1"
    call: str
    at_s: float
    carrier: str
    since_s: float
    """When the silence began."""
    why: str
    ticket: str
    """Id of the run that calls the caller back; empty where nobody is called back."""
    refusal: str = ""
    """Why nobody is."""
