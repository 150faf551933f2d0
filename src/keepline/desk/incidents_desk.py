"""The incidents as the desk knows them: followed in the journal, and asked for over the node's control socket.

Nothing is decided here: each request goes the way that the commands take, and becomes a fact in the calls process.
"""

import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from keepline.call.effects_incident import IncidentInput
from keepline.call.facts.incident import INCIDENT_TYPES
from keepline.desk.journal_following import JournalFollower
from keepline.desk.models_incidents import IncidentEventShown, IncidentShown, IncidentsNow, IncidentWhole, ModeShown
from keepline.desk.source import Source, Unavailable
from keepline.incident.actions import day_told
from keepline.incident.book import INCIDENT_IDS, IncidentBook
from keepline.incident.shown import incident_told, mode_told
from keepline.node.asking import ask_until_answered
from keepline.node.control import NodeNotRunning
from keepline.node.incident_commands import incident_request

KINDS: Final = tuple(each.kind for each in INCIDENT_TYPES)
ASK_AGAIN_FOR_S: Final = 8.0
HIDDEN: Final = ("call", "at_s", "asked", "kind")
Ask = Callable[[IncidentInput], dict[str, object]]
"""Has something done: `ok` and `incident`, or `error`; raises Unavailable."""


def ask_node(data: Path) -> Ask:
    """The way to the node of a data directory."""

    def ask(wanted: IncidentInput) -> dict[str, object]:
        try:
            return ask_until_answered(data, incident_request(wanted), ASK_AGAIN_FOR_S)
        except (NodeNotRunning, OSError) as error:
            raise Unavailable(str(error)) from error

    return ask


def request_id() -> str:
    """Of a request: asked again under it, it is done once."""
    return secrets.token_hex(8)


class IncidentsDesk:
    """What is known of incidents. Every method may be called from any thread, and may block."""

    def __init__(self, source: Source, ask: Ask) -> None:
        self.ask = ask
        self._source = source
        self._lock = threading.Lock()
        self._follower = JournalFollower(source, KINDS, INCIDENT_IDS)
        self._begin()

    def look(self) -> IncidentBook:
        """The incidents with what the journal has got since; raises Unavailable."""
        with self._lock:
            for fact in self._follower.news(self._begin):
                self._book.note(fact)
            return self._book

    def _begin(self) -> None:
        self._book = IncidentBook()

    def now(self, now_s: float, *, everything: bool = True) -> IncidentsNow:
        """The newest first; raises Unavailable."""
        book = self.look()
        found = [each for each in reversed(book.incidents.values()) if everything or each.is_open]
        return IncidentsNow(
            incidents=[IncidentShown.model_validate(incident_told(each)) for each in found],
            mode=ModeShown.model_validate(mode_told(book, now_s)),
        )

    def whole(self, id_: str) -> IncidentWhole | None:
        """One with its timeline, None where there is none; raises Unavailable."""
        incident = self.look().incidents.get(id_)
        history = self._source.history(id_) if incident is not None else None
        if incident is None or history is None:
            return None
        timeline = [
            IncidentEventShown(
                position=each.position, at=each.at_s, kind=each.kind, fields=each.fields,
                words=words_of(each.kind, each.fields),
            )
            for each in history.events
        ]  # fmt: skip
        return IncidentWhole(incident=IncidentShown.model_validate(incident_told(incident)), timeline=timeline)


def words_of(kind: str, fields: dict[str, Any]) -> str:
    """A fact of an incident as a sentence."""
    get = fields.get
    told = {
        "incident_opened.1": lambda: (
            f"Opened by {get('by') or 'the detector ' + str(get('detector'))}: {get('cause')} – {get('evidence')}"
        ),
        "incident_changed.1": lambda: f"{get('why')} (severity {get('severity')}, {get('customers')} callers)",
        "incident_moved.1": lambda: f"{str(get('event')).capitalize()}: {get('why')}",
        "incident_noted.1": lambda: f"{get('by')}: {get('text')}",
        "incident_taken.1": lambda: (
            f"{get('by')} took command"
            + (f" from {get('before')}" if get("before") else "")
            + (f": {get('why')}" if get("why") else "")
        ),
        "incident_offered.1": lambda: (
            f"{get('by')} offered the command to {get('to') or 'nobody any more'}"
            + (f": {get('why')}" if get("why") else "")
        ),
        "action_added.1": lambda: (
            f"To be done by {get('owner')} until {day_told(float(get('due_s', 0.0)))}: {get('what')}"
        ),
        "action_ended.1": lambda: (
            f"{get('by')}: action {get('number')} is {get('state')}" + (f", {get('why')}" if get("why") else "")
        ),
        "gate_moved.1": lambda: f"Recovery gate {get('event')}: {get('why')}",
        "path_tested.1": lambda: f"Test of {get('path')} {'passed' if get('ok') else 'failed'}: {get('words')}",
        "incident_closed.1": lambda: (
            f"Closed by {get('by') or 'itself'}: {get('why')}"
            + (f" – overridden, though {get('overrode')}" if get("overrode") else "")
        ),
    }.get(kind)
    if told is not None:
        return told()
    return ", ".join(
        f"{name} {value}" for name, value in fields.items() if name not in HIDDEN and value not in ("", None)
    )
