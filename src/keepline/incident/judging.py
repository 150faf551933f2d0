"""From symptoms to incidents: which is new, which belongs to one that is open, how bad it is, how far it has come.

It looks at everything that is known of one moment, and records what has changed since the last look.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from keepline.call.carriers.wishing import names_of
from keepline.call.effects_incident import JournalTroubled, ProcessDied
from keepline.call.facts.incident import IncidentChanged, IncidentMoved, IncidentOpened
from keepline.call.turn import Turn
from keepline.incident.causes import Causes, capability_of
from keepline.incident.counts import BAD, Counts
from keepline.incident.phases import INCIDENT_TRANSITIONS, IncidentEvent, IncidentPhase
from keepline.incident.state import Incident
from keepline.incident.symptoms import (
    BURN,
    CRASH_LOOP,
    SURGING,
    TROUBLE,
    Symptom,
    belongs_to,
    kind_for,
    severity_of,
)
from keepline.model.incident import IncidentSettings, Severity
from keepline.model.limits_incidents import INCIDENT_SCOPE_MAX, INCIDENTS_OPEN_MAX
from keepline.model.operation import Operation
from keepline.paths.inbound import Inbound
from keepline.paths.own_parts import TELEPHONY
from keepline.paths.structure import structure_of

if TYPE_CHECKING:
    from keepline.incident.room import Incidents

DIED_FOR_S: Final = 5.0
"""A process that died once is replaced by then."""
LOOPS_FOR_S: Final = 60.0
"""A loop is over once nothing has died for so long."""
CUSTOMERS_EVERY_S: Final = 5.0
"""At most, where nothing else has changed."""


class Judging:
    """The part of the incidents that looks."""

    def __init__(self, room: "Incidents", settings: IncidentSettings, operation: Operation, now_s: float) -> None:
        self._room, self._exchange, self._began_s = room, room.exchange, now_s
        self.settings, self.operation = settings, operation
        self.watching = Counts(settings)
        self.causes = Causes(structure_of(operation))
        self.symptoms: dict[str, Symptom] = {}
        """What is wrong now."""
        self._of: dict[str, str] = {}
        """Incident of each symptom."""
        self._journal: Symptom | None = None
        self._processes: dict[str, tuple[Symptom, float]] = {}
        """What died, and until when that counts."""
        self._base: dict[str, int] = {each.id: each.customers for each in room.book.open}
        """Callers that incidents had before this process."""

    # News of the shell's ----------------------------------------------------------------------------------------------

    def on_journal(self, turn: Turn, given: JournalTroubled) -> None:
        """The journal is in trouble, or well again."""
        self._journal = None
        if given.what:
            since_s = self.symptoms[TROUBLE].since_s if TROUBLE in self.symptoms else turn.now_s
            words = given.what + (f"; {given.lost} facts are lost" if given.lost else "")
            self._journal = Symptom(TROUBLE, TROUBLE, words, since_s, is_grave=bool(given.lost))

    def on_death(self, turn: Turn, given: ProcessDied) -> None:
        """A process of the node has died."""
        is_loop = given.deaths > 0
        words = f"{given.role} dies again and again, {given.deaths} times by now" if is_loop else f"{given.role} died"
        key = f"process {given.role}"
        symptom = Symptom(key, CRASH_LOOP, f"{words} ({given.how or 'nobody knows how'})", turn.now_s, is_grave=is_loop)
        self._processes[key] = (symptom, turn.now_s + (LOOPS_FOR_S if is_loop else DIED_FOR_S))

    # Looking ----------------------------------------------------------------------------------------------------------

    def look(self, turn: Turn) -> None:
        """Look at everything, and have what follows on record."""
        before, self.symptoms = self.symptoms, self._found(turn.now_s)
        for symptom in self.symptoms.values():
            self._place(turn, symptom, before.get(symptom.key))
        for key in set(self._of) - set(self.symptoms):
            del self._of[key]
        for incident in self._room.book.open:
            self._weigh(turn, incident)
            self.settle(turn, incident)

    def _found(self, now_s: float) -> dict[str, Symptom]:
        watching, before = self.watching, self.symptoms
        found = [each for path in watching.conditions if (each := self._path(path, now_s)) is not None]
        found += watching.burning(now_s, before)
        found += self._inbound(now_s, {each.key for each in found})
        surge = watching.surging(now_s, before.get(SURGING))
        found += [each for each in (surge, self._journal) if each is not None]
        self._processes = {key: each for key, each in self._processes.items() if each[1] > now_s}
        found += [symptom for symptom, _ in self._processes.values()]
        return {each.key: each for each in found}

    def _path(self, path: str, now_s: float) -> Symptom | None:
        found = self.watching.path_symptom(path)
        if found is not None and found.capability == TELEPHONY:
            view = self._exchange.switchboard.carriers.view(path.partition("/")[2], now_s)
            return found if view.condition.value in BAD else None  # nobody writes that it is not known any more
        return found

    def _inbound(self, now_s: float, known: set[str]) -> list[Symptom]:
        """Carriers that bring no calls any more, where that is watched."""
        found, numbers = [], self._exchange.numbers.watching
        for trunk in self.operation.trunks if len(numbers) else ():
            watched, path = numbers.get(trunk.name), f"{TELEPHONY}/{trunk.name}"
            if watched is not None and watched.was is Inbound.DEAD and path not in known:
                since_s = self.symptoms[path].since_s if path in self.symptoms else now_s
                words = "it brings no calls, and answers nothing"
                found.append(Symptom(path, "path", words, since_s, TELEPHONY, path, is_down=True))
        return found

    def _works(self) -> dict[str, bool]:
        """Every path, and whether it is not down."""
        down = {each.path for each in self.symptoms.values() if each.path and each.is_down}
        return {path: path not in down for path in names_of(self.operation)}

    def _healthy(self, now_s: float) -> list[str]:
        """Carriers that are known to be well, and paths that were never known not to be."""
        carriers = self._exchange.switchboard.carriers
        found = []
        for path in names_of(self.operation):
            if path in self.symptoms:
                continue
            capability, _, name = path.partition("/")
            if capability != TELEPHONY or carriers.view(name, now_s).condition.value == "healthy":
                found.append(path)
        return found

    # One symptom ------------------------------------------------------------------------------------------------------

    def _place(self, turn: Turn, symptom: Symptom, before: Symptom | None) -> None:
        """To the incident that it is of."""
        book = self._room.book
        incident = book.incidents.get(self._of.get(symptom.key, ""))
        if incident is None or not incident.is_open:
            working = self._healthy(turn.now_s)
            incident, cause = belongs_to(symptom, book.open, self.causes, working, self.settings, turn.now_s)
            if incident is None and len(book.open) >= INCIDENTS_OPEN_MAX:
                incident, cause = book.open[0], book.open[0].cause
            if incident is None:
                self._open(turn, symptom, cause)
                return
            self._of[symptom.key] = incident.id
            self._widen(turn, incident, symptom, cause)
        elif before is not None and symptom.is_down and not before.is_down:
            self._change(turn, incident, symptom, incident.cause, f"{symptom.subject} is down now")

    def _open(self, turn: Turn, symptom: Symptom, cause: str) -> None:
        id_, now_s = self._room.book.next_id(turn.now_s), turn.now_s
        capabilities = (symptom.capability,) if symptom.capability else ()
        paths = (symptom.path,) if symptom.path else ()
        since_s = min(symptom.since_s, now_s)
        customers = self.watching.felt.since(since_s, _subjects(capabilities, paths, (symptom,)))
        severity = severity_of(capabilities, (symptom,), self._works(), customers, self.settings)
        self._of[symptom.key], self._base[id_] = id_, 0
        fact = IncidentOpened(
            id_, now_s, kind_for(symptom, self.settings), cause, int(severity), capabilities, paths, symptom.detector,
            symptom.evidence, since_s, customers, self.settings.exercise,
        )  # fmt: skip
        self._room.record(turn, fact)

    def _widen(self, turn: Turn, incident: Incident, symptom: Symptom, cause: str) -> None:
        """One more thing is wrong with it, or the same again."""
        is_known = symptom.detector in incident.detectors and (not symptom.path or symptom.path in incident.paths)
        if is_known and cause == incident.cause:
            return
        why = f"{symptom.subject} as well" if symptom.path and symptom.path not in incident.paths else symptom.evidence
        self._change(turn, incident, symptom, cause, why)

    def _change(self, turn: Turn, incident: Incident, symptom: Symptom, cause: str, why: str) -> None:
        capabilities = dict.fromkeys((*incident.capabilities, *((symptom.capability,) if symptom.capability else ())))
        paths = dict.fromkeys((*incident.paths, *((symptom.path,) if symptom.path else ())))
        scope = (tuple(capabilities)[:INCIDENT_SCOPE_MAX], tuple(paths)[:INCIDENT_SCOPE_MAX])
        customers = self._customers(incident, *scope)
        severity = self._severity(incident, scope[0], customers)
        fact = IncidentChanged(
            incident.id, turn.now_s, cause, int(severity), *scope, customers, symptom.detector, symptom.evidence, why
        )
        self._room.record(turn, fact)

    # One incident -----------------------------------------------------------------------------------------------------

    def symptoms_of(self, incident: Incident) -> list[Symptom]:
        """What is wrong now that it is of."""
        return [each for key, each in self.symptoms.items() if self._of.get(key) == incident.id]

    def failing(self, incident: Incident) -> str:
        """What still is wrong, in words; empty where nothing is."""
        return "; ".join(f"{each.subject}: {each.evidence}" for each in self.symptoms_of(incident)[:3])

    def _customers(self, incident: Incident, capabilities: tuple[str, ...], paths: tuple[str, ...]) -> int:
        """Who have felt it; what went before this process is on record."""
        base = self._base.get(incident.id, 0)
        since_s = max(incident.opened.since_s, self._began_s) if base else incident.opened.since_s
        subjects = _subjects(capabilities, paths, self.symptoms_of(incident))
        return max(incident.customers, base + self.watching.felt.since(since_s, subjects))

    def _severity(self, incident: Incident, capabilities: tuple[str, ...], customers: int) -> Severity:
        """As it is now; what a person has said it is, at least."""
        found = severity_of(capabilities, self.symptoms_of(incident), self._works(), customers, self.settings)
        return min(found, Severity(incident.opened.severity)) if incident.opened.by else found

    def _weigh(self, turn: Turn, incident: Incident) -> None:
        symptoms = self.symptoms_of(incident)
        if not symptoms:
            return
        customers = self._customers(incident, incident.capabilities, incident.paths)
        severity = self._severity(incident, incident.capabilities, customers)
        is_due = turn.now_s >= incident.changed_at_s + CUSTOMERS_EVERY_S
        if severity != incident.severity or (
            is_due and customers >= max(incident.customers + 1, 1.1 * incident.customers)
        ):
            what = f"severity {severity}" if severity != incident.severity else f"{customers} callers have felt it"
            fact = IncidentChanged(
                incident.id, turn.now_s, incident.cause, int(severity), incident.capabilities, incident.paths,
                customers, symptoms[0].detector, symptoms[0].evidence, what,
            )  # fmt: skip
            self._room.record(turn, fact)

    def settle(self, turn: Turn, incident: Incident) -> None:
        """Whether callers are served all the same."""
        symptoms = self.symptoms_of(incident)
        if not symptoms or incident.phase not in (IncidentPhase.OPEN, IncidentPhase.MITIGATED):
            return
        works = self._works()
        lost = [
            name for name in incident.capabilities
            if not any(up for path, up in works.items() if capability_of(path) == name and path not in incident.paths)
        ]  # fmt: skip
        if lost or not incident.paths or any(each.is_grave for each in symptoms):
            words = f"{', '.join(lost)}: no other path" if lost else symptoms[0].evidence
            self.move(turn, incident, IncidentEvent.WORSENED, words)
        else:
            self.move(turn, incident, IncidentEvent.MITIGATED, "other paths carry")

    def move(self, turn: Turn, incident: Incident, event: IncidentEvent, why: str) -> None:
        """To another phase, where that follows."""
        if (incident.phase, event) in INCIDENT_TRANSITIONS:
            self._room.record(turn, IncidentMoved(incident.id, turn.now_s, event.value, why))


def _subjects(capabilities: tuple[str, ...], paths: tuple[str, ...], symptoms: Sequence[Symptom]) -> set[str]:
    """What callers feel of this."""
    return {*capabilities, *paths, *(each.key.removeprefix(f"{BURN} ") for each in symptoms if not each.path)}
