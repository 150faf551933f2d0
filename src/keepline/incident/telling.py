"""Who is told what of an incident, when: it follows the incidents of a node, decides, and starts the runs that tell.

Approved words go out in the turn of the incident's fact. Other words wait for a second person, and for no longer than
the operation says. A promise of the next message that is not kept is an alarm. It refuses to send anything itself.
"""

import json
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from keepline.call.agenda import Due
from keepline.call.deciding import is_same_person
from keepline.call.effects import Persist, Report
from keepline.call.effects_message import DecideMessage, MessageAnswered, SendMessage, SetGreeting
from keepline.call.facts.incident import IncidentChanged, IncidentClosed, IncidentOpened
from keepline.call.facts.message import (
    MESSAGES,
    GreetingLifted,
    GreetingSet,
    MessageDecided,
    MessageEdited,
    MessageFact,
    MessageSent,
    UpdateMissed,
)
from keepline.call.runs.state import RunState
from keepline.call.turn import Turn
from keepline.flow.playbook import MESSAGE
from keepline.flow.telling import DELIVERY, GREET, PUBLISH, DeliveryPlan, message_key
from keepline.incident import hooks
from keepline.incident.message_book import MessageBook, MessagePhase
from keepline.incident.state import Incident
from keepline.incident.symptoms import CRASH_LOOP
from keepline.incident.taking_back import TakingBack
from keepline.incident.wording import Words, facts_of, greetings_for, in_language, words_for
from keepline.model.exercise import marked_subject, marked_text
from keepline.model.incident import Severity
from keepline.model.limits_messages import MESSAGE_SUBJECT_CHARS_MAX, MESSAGE_TEXT_CHARS_MAX, MESSAGE_WORDS_CHARS_MAX
from keepline.model.messages import (
    CALLERS,
    CLOSED,
    CUSTOMERS,
    INVESTIGATING,
    MESSAGE_AUDIENCES,
    MONITORING,
    OPENED,
    PAGE,
    RESOLVED,
    SEND_APPROVED,
    SEND_EDITED,
    SOCIAL,
    SUPERVISORS,
    UPDATE,
    MessageSettings,
)
from keepline.model.operation import Operation

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange
    from keepline.incident.book import IncidentBook

EVERYBODY = "everybody"
OUTSIDE = (CALLERS, CUSTOMERS, SOCIAL, PAGE)
"""Who is not told that a process of ours died once: another has its place before they could read of it."""
APPROVED, REJECTED, REPLACED, OVERDUE, OVER = "approved", "rejected", "replaced", "overdue", "over"
IMPACTS = {1: "critical", 2: "major", 3: "minor"}


class Telling:
    """The part of what follows an exchange that tells people."""

    def __init__(self, exchange: "Exchange", incidents: "IncidentBook", book: MessageBook | None = None) -> None:
        """`incidents` is that of the room; `book` is what there was before this process."""
        self._exchange, self._incidents = exchange, incidents
        self.book = book if book is not None else MessageBook()
        self.taking_back = TakingBack(exchange, self.book)
        self._due_at_s: float | None = None
        self.handlers: Mapping[type, Callable[..., None]] = {
            SendMessage: self._on_send,
            DecideMessage: self._on_decide,
            SetGreeting: self._on_greeting,
        }
        exchange.runs.acts |= {MESSAGE: self._act}
        self._look_ahead()

    # The incident -----------------------------------------------------------------------------------------------------

    def hear(self, turn: Turn, fact: object) -> None:
        """A fact of an incident: what opens and closes it is told."""
        settings = self._operation.messages
        if isinstance(fact, IncidentOpened | IncidentChanged) and settings is not None:
            incident = self._incidents.incidents[fact.call]
            is_one_death = incident.opened.detector == CRASH_LOOP and incident.worst is Severity.MINOR
            is_told = isinstance(fact, IncidentOpened) or fact.detector == CRASH_LOOP
            for audience in settings.sets.get(incident.kind, {}) if is_told else ():
                is_kept_in = is_one_death and audience in OUTSIDE
                if not is_kept_in and not self.book.count(incident.id, audience):
                    self._send(turn, incident, OPENED, audience)
        elif isinstance(fact, IncidentClosed):
            self._close(turn, self._incidents.incidents[fact.call], settings)

    def _close(self, turn: Turn, incident: Incident, settings: MessageSettings | None) -> None:
        for edited in self.book.waiting:
            if edited.incident == incident.id:
                self._record(turn, MessageDecided(MESSAGES, turn.now_s, edited.message, OVER, "", "it closed"))
        self.taking_back.before(turn, incident.id)
        for audience in settings.sets.get(incident.kind, {}) if settings is not None else ():
            if audience != CALLERS and self.book.count(incident.id, audience):
                self._send(turn, incident, CLOSED, audience)
        self.book.due.pop(incident.id, None)
        if incident.id in self._exchange.greetings.by_incident:
            self._record(turn, GreetingLifted(MESSAGES, turn.now_s, incident.id, "the incident has closed"))

    @property
    def _operation(self) -> Operation:
        return self._exchange.programs[self._exchange.current].operation

    # What goes out ----------------------------------------------------------------------------------------------------

    def _send(
        self, turn: Turn, incident: Incident, stage: str, audience: str, edited: MessageEdited | None = None,
        asked: str = "", by: str = "", *, in_edited_words: bool = False,
    ) -> str:  # fmt: skip
        """Have an audience told now; the message's id, empty where there are no words for it."""
        operation = self._operation
        settings = operation.messages
        if settings is None:
            return ""
        next_s = turn.now_s + settings.every_s if stage != CLOSED else 0.0
        languages = settings.sets.get(incident.kind, {}).get(audience, {})
        words = words_for(languages, stage, facts_of(incident, operation, turn.now_s, next_s or turn.now_s))
        if edited is not None and in_edited_words:
            words = dict.fromkeys(words or [operation.language], (edited.subject, edited.text))
        if not words:
            return ""
        id_ = edited.message if edited is not None else self._new_id(incident.id, audience)
        if incident.exercise and audience != CALLERS:
            words = {each: (marked_subject(subject), text) for each, (subject, text) in words.items()}
        contacts = tuple(name for name, each in operation.contacts.items() if audience in each.audiences)
        self.taking_back.before(turn, incident.id, audience)
        self._record(
            turn,
            MessageSent(
                MESSAGES, turn.now_s, id_, incident.id, stage, audience, json.dumps(words, ensure_ascii=False),
                contacts,
                incident.exercise, by, in_edited_words, next_s, asked,
            ),
        )  # fmt: skip
        until_s = turn.now_s + (settings.every_s if stage != CLOSED else settings.expires_s)
        if audience == CALLERS:
            self._greet(turn, incident, id_, words, until_s)
        elif audience == PAGE:
            self._publish(turn, incident, id_, stage, in_language(words, operation.language, ""), until_s)
        for name in contacts:
            self._deliver(turn, incident, id_, name, words, until_s)
        self._look_ahead()
        return id_

    def _deliver(self, turn: Turn, incident: Incident, message: str, name: str, words: Words, until_s: float) -> None:
        operation = self._operation
        contact = operation.contacts[name]
        subject, text = in_language(words, contact.language, operation.language)
        channels = tuple((each.outlet, each.to) for each in contact.channels)
        plan = DeliveryPlan(message, incident.id, incident.exercise, name, channels, subject, text, until_s)
        hooks.start_run(self._exchange, turn, DELIVERY, message_key(message, name), plan.told())

    def _greet(self, turn: Turn, incident: Incident, message: str, words: Words, until_s: float) -> None:
        languages = (self._operation.messages or MessageSettings()).sets.get(incident.kind, {}).get(CALLERS, {})
        mark = incident.exercise
        texts = greetings_for({each: text for each, (_, text) in words.items()}, exercise=mark)
        standing = greetings_for({each: words.standing for each, words in languages.items()}, exercise=mark)
        told: dict[str, Any] = {
            "incident": incident.id, "message": message, "exercise": mark, "texts": texts, "standing": standing,
            "until_s": until_s,
        }  # fmt: skip
        hooks.start_run(self._exchange, turn, GREET, message_key(message, "callers"), told)

    def _publish(
        self, turn: Turn, incident: Incident, message: str, stage: str, said: tuple[str, str], until_s: float
    ) -> None:
        page = self._operation.status_page
        if page is None:
            return
        subject, text = said
        parts = [c.name for c in page.components if set(c.capabilities) & set(incident.capabilities)]
        status = RESOLVED if stage == CLOSED else MONITORING if incident.mitigated_at_s is not None else INVESTIGATING
        told: dict[str, Any] = {
            "incident": incident.id, "message": message, "exercise": incident.exercise, "subject": subject,
            "text": marked_text(text) if incident.exercise else text, "status": status,
            "impact": IMPACTS[int(incident.severity)], "components": parts, "at_s": turn.now_s, "until_s": until_s,
        }  # fmt: skip
        hooks.start_run(self._exchange, turn, PUBLISH, message_key(message, "page"), told)

    # Commands ---------------------------------------------------------------------------------------------------------

    def _on_send(self, turn: Turn, given: SendMessage) -> None:
        known = self.book.asked_for(given.asked)
        mistake = "" if known else self._mistake_in(given)
        if known or mistake:
            turn.emit(MessageAnswered(given.asked, mistake, known))
            return
        incident = self._incidents.incidents[given.incident]
        stage = UPDATE if self.book.count(incident.id, given.audience) else OPENED
        before = self.book.messages[given.instead].edited if given.instead else None
        if before is not None:
            stage = before.stage
            why = "other words stand in its place"
            self._record(turn, MessageDecided(MESSAGES, turn.now_s, before.message, REPLACED, given.by, why))
        if not given.text:
            id_ = self._send(turn, incident, stage, given.audience, asked=given.asked, by=given.by)
            turn.emit(MessageAnswered(given.asked, "", id_))
            return
        settings = self._operation.messages or MessageSettings()
        id_ = self._new_id(incident.id, given.audience)
        approval = settings.approval
        self._record(
            turn,
            MessageEdited(
                MESSAGES, turn.now_s, id_, incident.id, stage, given.audience, given.subject, given.text, given.by,
                turn.now_s + approval.within_s, approval.otherwise, given.asked,
            ),
        )  # fmt: skip
        self._look_ahead()
        turn.emit(MessageAnswered(given.asked, "", id_))

    def _act(self, turn: Turn, _run: RunState, said: Mapping[str, Any]) -> dict[str, Any]:
        """A step of a playbook: an audience is told how it stands, or each that the operation has words for."""
        incident, settings = said["incident"], self._operation.messages
        found = self._incidents.incidents.get(incident)
        has_words = settings.sets.get(found.kind, {}) if settings is not None and found is not None else {}
        audiences = list(has_words) if said["message"] == EVERYBODY else [said["message"]]
        wanted = [SendMessage("", incident, each, f"playbook of {incident}") for each in audiences]
        mistakes = [mistake for each in wanted if (mistake := self._mistake_in(each))]
        if mistakes or not wanted:
            return {"run": "", "is_fine": False, "why": "; ".join(mistakes) or "there are no words for anybody"}
        for each in wanted:
            stage = UPDATE if self.book.count(incident, each.audience) else OPENED
            self._send(turn, self._incidents.incidents[incident], stage, each.audience, by=each.by)
        return {"run": "", "is_fine": True, "why": f"sent to {', '.join(audiences)}"}

    def _mistake_in(self, given: SendMessage) -> str:
        incident = self._incidents.incidents.get(given.incident)
        settings = self._operation.messages
        if incident is None:
            return f"there is no incident {given.incident!r}"
        if not incident.is_open:
            return f"{incident.id} is closed: its last message has gone out"
        if given.audience not in MESSAGE_AUDIENCES:
            return f"{given.audience!r} is nobody: write one of {', '.join(MESSAGE_AUDIENCES)}"
        if not given.by.strip() or len(given.by) > MESSAGE_WORDS_CHARS_MAX:
            return "say who wants it"
        languages = settings.sets.get(incident.kind, {}).get(given.audience) if settings is not None else None
        if not languages:
            return f"the operation has no words of {incident.kind} for {given.audience}: `messages.sets`"
        if len(given.text) > MESSAGE_TEXT_CHARS_MAX or len(given.subject) > MESSAGE_SUBJECT_CHARS_MAX:
            return f"a text has up to {MESSAGE_TEXT_CHARS_MAX} characters, a subject {MESSAGE_SUBJECT_CHARS_MAX}"
        if "\n" in given.subject or "\r" in given.subject:
            return "a subject is one line"
        if given.text and given.audience != CALLERS and not given.subject.strip():
            return "edited words need a subject"
        if given.subject and not given.text:
            return "a subject needs a text"
        return self._mistake_in_replacing(given) if given.instead else ""

    def _mistake_in_replacing(self, given: SendMessage) -> str:
        found = self.book.messages.get(given.instead)
        if (
            found is None
            or found.edited is None
            or (found.incident, found.audience) != (given.incident, given.audience)
        ):
            return f"no edited message {given.instead!r} waits of {given.incident} for {given.audience}"
        if found.phase is not MessagePhase.WAITING:
            return (
                f"it is decided: {found.decided.verdict} {found.decided.by}".rstrip() if found.decided else "it is sent"
            )
        return "" if given.text else "say which words stand in its place, or approve or reject it"

    def _on_decide(self, turn: Turn, given: DecideMessage) -> None:
        found = self.book.messages.get(given.message)
        edited = found.edited if found is not None else None
        wanted = APPROVED if given.approve else REJECTED
        mistake = ""
        if found is None or edited is None:
            mistake = f"no edited message {given.message!r} waits"
        elif found.decided is not None:
            said = found.decided
            is_same = (said.verdict, said.by) == (wanted, given.by)
            mistake = "" if is_same else f"it is decided: {said.verdict} {said.by}".rstrip()
        elif (
            not given.by.strip() or len(given.by) > MESSAGE_WORDS_CHARS_MAX or len(given.why) > MESSAGE_WORDS_CHARS_MAX
        ):
            mistake = "say who decides, and why in few words"
        elif given.approve and is_same_person(given.by, edited.by):  # he may take it back
            mistake = f"{given.by} wrote it: a second person has to decide"
        else:
            self._decide(turn, edited, wanted, given.by, given.why)
        turn.emit(MessageAnswered(given.asked, mistake, given.message))

    def _decide(self, turn: Turn, edited: MessageEdited, verdict: str, by: str = "", why: str = "") -> None:
        self._record(turn, MessageDecided(MESSAGES, turn.now_s, edited.message, verdict, by, why))
        incident = self._incidents.incidents.get(edited.incident)
        if incident is None or verdict == REJECTED:
            return
        is_edited = verdict == APPROVED or edited.otherwise == SEND_EDITED
        if is_edited or edited.otherwise == SEND_APPROVED:
            self._send(turn, incident, edited.stage, edited.audience, edited, by=edited.by, in_edited_words=is_edited)

    def _on_greeting(self, turn: Turn, given: SetGreeting) -> None:
        """Speech is ready: callers hear it from here on, unless it is no longer true."""
        incident = self._incidents.incidents.get(given.incident)
        found = self.book.messages.get(given.message)
        settings = self._operation.messages
        if incident is None or not incident.is_open or found is None or found.sent is None or settings is None:
            return
        now = self._exchange.greetings.by_incident.get(incident.id)
        if now is not None:
            before = self.book.messages.get(now[0].message)
            is_late = before is not None and before.sent is not None and before.sent.at_s > found.sent.at_s
            if is_late or now[0].message == given.message:
                return
        until_s = turn.now_s + settings.expires_s
        self._record(
            turn,
            GreetingSet(MESSAGES, turn.now_s, incident.id, given.message, given.texts, until_s, incident.exercise),
        )

    # Time -------------------------------------------------------------------------------------------------------------

    def due(self, turn: Turn) -> None:
        """See to what nobody decided in time, and to promises that were not kept. May come before it is due."""
        if self._due_at_s is not None and self._due_at_s <= turn.now_s:
            self._due_at_s = None
        for edited in self.book.waiting:
            if edited.until_s <= turn.now_s:
                self._decide(turn, edited, OVERDUE, why=f"nobody decided in time: {edited.otherwise}")
        for incident_id, due_s in list(self.book.due.items()):
            if due_s <= turn.now_s:
                self._alarm(turn, incident_id, due_s)
        self._look_ahead()

    def _alarm(self, turn: Turn, incident_id: str, due_s: float) -> None:
        incident = self._incidents.incidents.get(incident_id)
        settings = self._operation.messages
        if incident is None or not incident.is_open or settings is None:
            self.book.due.pop(incident_id, None)
            return
        promised = settings.clock(due_s)
        what = f"{incident.id}: the message that was promised by {promised} has not been sent"
        self._record(turn, UpdateMissed(MESSAGES, turn.now_s, incident_id, due_s))
        turn.emit(Report("update_missed", "", what))
        words = {self._operation.language: (f"Overdue: {incident.id}", f"{what}. Send it: keepline message send.")}
        if incident.exercise:
            words = {each: (marked_subject(subject), text) for each, (subject, text) in words.items()}
        for name, contact in self._operation.contacts.items():
            if SUPERVISORS in contact.audiences:
                alarm = f"alarm-{incident_id}-{round(due_s)}"
                self._deliver(turn, incident, alarm, name, words, turn.now_s + settings.every_s)

    def is_stale(self, at_s: float) -> bool:
        """Whether it has asked for another time since."""
        return self._due_at_s != at_s

    def _look_ahead(self) -> None:
        """Look when the next decision or promise is due."""
        times = [each.until_s for each in self.book.waiting] + list(self.book.due.values())
        if times and (self._due_at_s is None or min(times) < self._due_at_s):
            self._due_at_s = min(times)
            self._exchange.agenda.add(Due(self._due_at_s, "follow", ""))

    # Facts ------------------------------------------------------------------------------------------------------------

    def _record(self, turn: Turn, fact: MessageFact) -> None:
        self.book.note(fact)
        self._exchange.greetings.note(fact)
        turn.emit(Persist(fact, synced=True))

    def _new_id(self, incident: str, audience: str) -> str:
        number = self.book.count(incident, audience)
        return "m" + blake2b(f"{incident}\0{audience}\0{number}".encode(), digest_size=8).hexdigest()[:15]
