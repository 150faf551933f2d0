"""What an outlet is asked to pass on: the same for all of them, and refused where an exercise is not marked as one."""

from dataclasses import dataclass

from keepline.connectors.interface import Asked
from keepline.flow.capabilities import Refused, Unavailable
from keepline.model.exercise import mistake_in_mark
from keepline.model.outlets import SEND_ARGUMENTS

UNMARKED = "unmarked"
"""The code of a refusal of ours: an exercise that does not say so, or the other way round."""


@dataclass(frozen=True, slots=True)
class OutgoingNote:
    """One message to one address."""

    to: str
    subject: str
    text: str
    exercise: str
    """Id of its drill; empty in earnest."""
    message: str
    incident: str


def note_of(asked: Asked) -> OutgoingNote | Unavailable | Refused:
    """The note, or why it cannot be one; every outlet begins with this."""
    missing = next((name for name in SEND_ARGUMENTS if not isinstance(asked.arguments.get(name), str)), None)
    if missing is not None:
        return Unavailable(f"the message cannot be made: it needs `{missing}`, as text")
    note = OutgoingNote(*(asked.arguments[name] for name in SEND_ARGUMENTS))
    wrong = mistake_in_mark(note.exercise, note.subject, note.text)
    if wrong:
        return Refused(0, UNMARKED, f"it is not sent: {wrong}")
    if not note.to.strip() or any(each in note.to + note.subject for each in "\r\n\0"):
        return Refused(0, "address", "an address and a subject are one line of text")
    return note
