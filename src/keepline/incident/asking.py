"""What may be wrong with what people ask about incidents, in words that say what would be right."""

from keepline.call.effects_incident import (
    AddAction,
    CloseIncident,
    EndAction,
    IncidentInput,
    NoteIncident,
    OfferIncident,
    OpenIncident,
    SetMode,
    TakeIncident,
)
from keepline.incident.actions import mistake_in_adding, mistake_in_ending
from keepline.incident.book import IncidentBook
from keepline.incident.state import Incident
from keepline.model.incident import INCIDENT_KINDS, Mode, Severity
from keepline.model.limits_incidents import (
    INCIDENT_NAME_CHARS_MAX,
    INCIDENT_SCOPE_MAX,
    INCIDENT_WORDS_CHARS_MAX,
    INCIDENTS_OPEN_MAX,
    MODE_SET_S_MAX,
)

MODES = tuple(mode.value for mode in Mode)


def mistake_in(given: IncidentInput, book: IncidentBook) -> str:
    """What is wrong with it; empty where nothing is."""
    if not given.by.strip() or len(given.by) > INCIDENT_NAME_CHARS_MAX:
        return f"say who you are, in up to {INCIDENT_NAME_CHARS_MAX} characters"
    if isinstance(given, OpenIncident):
        return _in_opening(given, book)
    if isinstance(given, SetMode):
        return _in_mode(given)
    incident = book.incidents.get(given.incident)
    if incident is None:
        known = ", ".join(each.id for each in book.open) or "none is open"
        return f"there is no incident {given.incident!r}; open are: {known}"
    if isinstance(given, NoteIncident):
        return _words(given.text, "what is to be noted")
    if isinstance(given, AddAction):
        return mistake_in_adding(given, incident.actions)
    if isinstance(given, EndAction):
        return mistake_in_ending(given, incident.actions)
    if not incident.is_open:
        return "" if is_closed_so(given, incident) else f"{incident.id} is closed"
    if isinstance(given, TakeIncident):
        return _in_taking(given, incident)
    if isinstance(given, OfferIncident):
        return _in_offering(given, incident)
    return _in_closing(given)


def is_closed_so(given: IncidentInput, incident: Incident) -> bool:
    """Whether it was closed by this very request: an answer may be lost, and whoever asks again has asked once."""
    closed = incident.closed
    return isinstance(given, CloseIncident) and closed is not None and (closed.by, closed.why) == (given.by, given.why)


def _in_opening(given: OpenIncident, book: IncidentBook) -> str:
    if given.about not in INCIDENT_KINDS:
        return f"{given.about!r} is no kind of incident: write one of {', '.join(INCIDENT_KINDS)}"
    if given.severity not in tuple(Severity):
        return f"its severity is 1 (critical), 2 (major) or 3 (minor), not {given.severity}"
    if len(given.paths) > INCIDENT_SCOPE_MAX or len(given.capabilities) > INCIDENT_SCOPE_MAX:
        return f"name up to {INCIDENT_SCOPE_MAX} paths and capabilities"
    if len(book.open) >= INCIDENTS_OPEN_MAX and not book.asked_for(given.asked):
        return f"{INCIDENTS_OPEN_MAX} incidents are open: close one, or note it in one of them"
    return _words(given.cause, "what is the matter")


def _in_mode(given: SetMode) -> str:
    if not given.mode:
        return ""
    if given.mode not in MODES:
        return f"{given.mode!r} is no mode: write one of {', '.join(MODES)}"
    if not 0 < given.for_s <= MODE_SET_S_MAX:
        return f"it holds for up to {MODE_SET_S_MAX // 86_400} days, not {given.for_s:g} s"
    return _words(given.why, "why")


def _in_taking(given: TakeIncident, incident: Incident) -> str:
    if incident.commander in ("", given.by) or incident.offered_to == given.by:
        return ""
    if len(given.why) > INCIDENT_WORDS_CHARS_MAX:
        return _words(given.why, "why")
    if not given.why.strip():
        return f"{incident.commander} commands {incident.id}: have them hand it over, or say why you take it from them"
    return ""


def _in_offering(given: OfferIncident, incident: Incident) -> str:
    if incident.commander != given.by:
        who = incident.commander or "nobody"
        return f"{who} commands {incident.id}, so it is not for {given.by} to hand over"
    if len(given.to) > INCIDENT_NAME_CHARS_MAX or len(given.why) > INCIDENT_WORDS_CHARS_MAX:
        return f"write a name in up to {INCIDENT_NAME_CHARS_MAX} characters, and a reason in {INCIDENT_WORDS_CHARS_MAX}"
    return f"{given.by} commands {incident.id} already" if given.to == given.by else ""


def _in_closing(given: CloseIncident) -> str:
    if given.override and not given.why.strip():
        return "say why it is closed before the recovery gate has passed: that is kept"
    if len(given.why) > INCIDENT_WORDS_CHARS_MAX:
        return f"say why in up to {INCIDENT_WORDS_CHARS_MAX} characters"
    return ""


def _words(text: str, what: str) -> str:
    is_right = text.strip() and len(text) <= INCIDENT_WORDS_CHARS_MAX
    return "" if is_right else f"say {what}, in up to {INCIDENT_WORDS_CHARS_MAX} characters"
