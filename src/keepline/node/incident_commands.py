"""Requests about incidents and the mode, on their way to the active calls process."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from keepline.node.control import Message

if TYPE_CHECKING:
    from keepline.call.effects_incident import IncidentInput, ProcessDied
    from keepline.call.effects_playbook import SayOfStep

OPEN, TAKE, OFFER, NOTE, CLOSE, ADD, END, MODE, SAY = (
    "open_incident",
    "take_incident",
    "offer_incident",
    "note_incident",
    "close_incident",
    "add_action",
    "end_action",
    "set_mode",
    "say_of_step",
)
DIED: Final = "died"
"""What the supervisor tells calls processes of one that died."""
OPS: Final = (OPEN, TAKE, OFFER, NOTE, CLOSE, ADD, END, MODE, SAY)


def died_in(message: Message) -> "ProcessDied":
    """What the supervisor tells of the death of a process."""
    from keepline.call.effects_incident import ProcessDied

    deaths = message.get("deaths")
    return ProcessDied(
        str(message.get("role", "")), deaths if isinstance(deaths, int) else 0, str(message.get("how", ""))
    )


def incident_request(wanted: "IncidentInput") -> Message:
    """What a command sends; the answer comes back under the request's own id, as that of a call does."""
    from keepline.call.effects_incident import (
        AddAction,
        CloseIncident,
        EndAction,
        NoteIncident,
        OfferIncident,
        OpenIncident,
        SetMode,
        TakeIncident,
    )

    ops: dict[type, str] = {
        OpenIncident: OPEN, TakeIncident: TAKE, OfferIncident: OFFER, NoteIncident: NOTE, CloseIncident: CLOSE,
        AddAction: ADD, EndAction: END, SetMode: MODE,
    }  # fmt: skip
    fields = asdict(wanted)
    return {"op": ops[type(wanted)], "call": fields.pop("asked"), **fields}


def say_request(wanted: "SayOfStep") -> Message:
    """The same of a step of a playbook."""
    fields = asdict(wanted)
    return {"op": SAY, "call": fields.pop("asked"), **fields}


def incident_wanted(message: Message) -> "IncidentInput | SayOfStep | None":
    """What such a message asks for, None for another kind; the core says what is wrong with it."""
    from keepline.call.effects_incident import (  # the supervisor, which passes it on, does without
        AddAction,
        CloseIncident,
        EndAction,
        NoteIncident,
        OfferIncident,
        OpenIncident,
        SetMode,
        TakeIncident,
    )
    from keepline.call.effects_playbook import SayOfStep

    def text(name: str) -> str:
        return str(message.get(name) or "")

    def names(name: str) -> tuple[str, ...]:
        found = message.get(name)
        return tuple(map(str, found)) if isinstance(found, list | tuple) else ()

    def number(name: str) -> float:
        found = message.get(name)
        return float(found) if isinstance(found, int | float) else 0.0

    match message.get("op"):
        case "open_incident":
            scope = (int(number("severity")), names("capabilities"), names("paths"))
            return OpenIncident(text("call"), text("about"), text("cause"), *scope, text("by"), text("exercise"))
        case "take_incident":
            return TakeIncident(*map(text, ("call", "incident", "by", "why")))
        case "offer_incident":
            return OfferIncident(*map(text, ("call", "incident", "to", "by", "why")))
        case "note_incident":
            return NoteIncident(*map(text, ("call", "incident", "text", "by")))
        case "close_incident":
            asked, incident, by, why = map(text, ("call", "incident", "by", "why"))
            return CloseIncident(asked, incident, by, why, message.get("override") is True)
        case "add_action":
            asked, incident, what, owner, by = map(text, ("call", "incident", "what", "owner", "by"))
            return AddAction(asked, incident, what, owner, number("due_s"), by)
        case "end_action":
            asked, incident, state, by, why = map(text, ("call", "incident", "state", "by", "why"))
            return EndAction(asked, incident, int(number("number")), state, by, why)
        case "set_mode":
            return SetMode(text("call"), text("mode"), number("for_s"), text("why"), text("by"))
        case "say_of_step":
            asked, incident, step, said, why, by = map(text, ("call", "incident", "step", "said", "why", "by"))
            return SayOfStep(asked, incident, step, said, why, by, message.get("is_fine") is not False)
        case _:
            return None
