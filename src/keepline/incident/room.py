"""The incidents of one node: who follows its calls, opens, changes and closes, and tells the hooks.

Each decision is a fact, written in the turn of what it follows from. It looks at everything when something has come,
and at the times that it has asked for. It refuses to carry anything out: paths are chosen by how they are.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from keepline.call.agenda import Due
from keepline.call.effects import CapabilityAnswered, Persist, Report
from keepline.call.effects_incident import (
    AddAction,
    CloseIncident,
    EndAction,
    IncidentAnswered,
    IncidentInput,
    JournalTroubled,
    NoteIncident,
    OfferIncident,
    OpenIncident,
    ProcessDied,
    SetMode,
    TakeIncident,
)
from keepline.call.facts.action import ActionAdded, ActionEnded
from keepline.call.facts.incident import (
    MODE,
    IncidentClosed,
    IncidentFact,
    IncidentNoted,
    IncidentOffered,
    IncidentOpened,
    IncidentTaken,
    ModeChanged,
    ModeSet,
)
from keepline.call.facts.path import PathStood
from keepline.call.following import NO_SHARES
from keepline.call.turn import Turn
from keepline.incident.asking import mistake_in
from keepline.incident.book import IncidentBook
from keepline.incident.hooks import CHANGED, CLOSED, OPENED, IncidentNews, tell_hooks
from keepline.incident.judging import Judging
from keepline.incident.modes import mode_now
from keepline.incident.playbooks import Playbooks
from keepline.incident.plays import PlaybookRuns
from keepline.incident.returning import Returning
from keepline.model.operation import Operation
from keepline.paths.health import HealthPolicy

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange

PERSON = "person"
"""The detector that a person is."""
LOOK_EVERY_S: Final = 1.0


class Incidents:
    """The follower of an exchange that has incidents."""

    def __init__(
        self,
        exchange: "Exchange",
        book: IncidentBook | None = None,
        plays: PlaybookRuns | None = None,
        standings: Iterable[PathStood] = (),
        now_s: float = 0.0,
    ) -> None:
        """`book`, `plays` and `standings` are what there was before this process, which begins now."""
        self.exchange = exchange
        self.book = book if book is not None else IncidentBook()
        self._due_at_s: float | None = None
        self._began_s = self._now_s = now_s
        calm_s = HealthPolicy().calm_s  # what is older no process goes by any more
        self._standings = {each.path: each for each in standings if now_s < each.at_s + calm_s}
        self._judging: Judging | None = None
        self._returning: Returning | None = None
        self.handlers: dict[type, Callable[..., None]] = {
            OpenIncident: self._on_open,
            TakeIncident: self._on_take,
            OfferIncident: self._on_offer,
            NoteIncident: self._on_note,
            CloseIncident: self._on_close,
            AddAction: self._on_action,
            EndAction: self._on_action_ended,
            SetMode: self._on_mode,
            JournalTroubled: self._on_journal,
            ProcessDied: self._on_death,
        }
        self.playbooks = Playbooks(self, plays if plays is not None else PlaybookRuns())
        self.handlers |= self.playbooks.handlers
        wanted = self.book.mode_set
        if wanted is not None and wanted.mode:
            self.look_at(wanted.until_s)

    # What follows calls -----------------------------------------------------------------------------------------------

    def use(self, operation: Operation) -> None:
        """Judge by this version of the operation."""
        if operation.incidents is None:
            self._judging = self._returning = None
            return
        before = self._judging
        judging = self._judging = Judging(self, operation.incidents, operation, self._began_s)
        judging.watching.conditions |= self._standings if before is None else before.watching.conditions
        self._returning = Returning(self, judging)
        if self.book.open or judging.watching.conditions:
            self.look_at(self._now_s)

    def note(self, turn: Turn) -> None:
        """Look at what has become true in this turn."""
        judging, returning = self._judging, self._returning
        if judging is not None and returning is not None:
            stood = judging.watching.note(turn)
            returning.note(turn)
            for fact in stood:
                judging.watching.conditions[fact.path] = fact
            if stood:
                self._look(turn)
            elif self._due_at_s is None and judging.watching.is_busy(turn.now_s):
                self.look_at(turn.now_s + LOOK_EVERY_S)
        if self.playbooks.book.runs:
            self.playbooks.note(turn)

    def on_answered(self, turn: Turn, given: CapabilityAnswered) -> bool:
        """What came of a path's test; False where it is none."""
        return self._returning is not None and self._returning.on_answered(turn, given)

    def shares(self) -> Mapping[str, float]:
        """Paths that not every new call may choose yet: which share may."""
        if self._returning is None or not self.book.open:
            return NO_SHARES
        return self._returning.shares(self._now_s)

    def due(self, turn: Turn) -> None:
        """It is time to look at everything."""
        self._due_at_s = None
        self._look(turn)

    def _look(self, turn: Turn) -> None:
        self._now_s = turn.now_s
        judging, returning = self._judging, self._returning
        if judging is not None and returning is not None:
            judging.look(turn)
            returning.look(turn)
            for incident in self.book.open:
                judging.settle(turn, incident)  # what came back to its beginning may be served another way
            if self.book.open or judging.symptoms or judging.watching.is_busy(turn.now_s):
                self.look_at(turn.now_s + LOOK_EVERY_S)
        self._settle_mode(turn)
        self.playbooks.look(turn)

    # News of the shell's ----------------------------------------------------------------------------------------------

    def _on_journal(self, turn: Turn, given: JournalTroubled) -> None:
        if self._judging is not None:
            self._judging.on_journal(turn, given)
            self._look(turn)

    def _on_death(self, turn: Turn, given: ProcessDied) -> None:
        if self._judging is not None:
            self._judging.on_death(turn, given)
            self._look(turn)

    def is_stale(self, at_s: float) -> bool:
        """A look was put off, or brought forward."""
        return self._due_at_s != at_s

    # Commands ---------------------------------------------------------------------------------------------------------

    def _on_open(self, turn: Turn, given: OpenIncident) -> None:
        known = self.book.asked_for(given.asked)
        if known or self._refuses(turn, given):
            if known:
                turn.emit(IncidentAnswered(given.asked, incident=known))
            return
        id_ = self.book.next_id(turn.now_s)
        evidence = f"{given.by} says so"
        fact = IncidentOpened(
            id_, turn.now_s, given.about, given.cause, given.severity, given.capabilities, given.paths, PERSON,
            evidence, turn.now_s, exercise=given.exercise or self._exercise, by=given.by, asked=given.asked,
        )  # fmt: skip
        self.record(turn, fact)
        turn.emit(IncidentAnswered(given.asked, incident=id_))

    @property
    def _exercise(self) -> str:
        """The drill that this node was started for, if any."""
        return self._judging.settings.exercise if self._judging is not None else ""

    def _on_take(self, turn: Turn, given: TakeIncident) -> None:
        if self._refuses(turn, given):
            return
        incident = self.book.incidents[given.incident]
        if incident.commander != given.by:
            is_offered = incident.offered_to == given.by
            why = given.why if incident.commander and not is_offered else ""
            self.record(turn, IncidentTaken(incident.id, turn.now_s, given.by, why, incident.commander))
        turn.emit(IncidentAnswered(given.asked, incident=incident.id))

    def _on_offer(self, turn: Turn, given: OfferIncident) -> None:
        if self._refuses(turn, given):
            return
        incident = self.book.incidents[given.incident]
        if incident.offered_to != given.to:
            self.record(turn, IncidentOffered(incident.id, turn.now_s, given.to, given.by, given.why))
        turn.emit(IncidentAnswered(given.asked, incident=incident.id))

    def _on_note(self, turn: Turn, given: NoteIncident) -> None:
        if self._refuses(turn, given):
            return
        incident = self.book.incidents[given.incident]
        if given.asked not in incident.notes:
            self.record(turn, IncidentNoted(incident.id, turn.now_s, given.text, given.by, given.asked))
        turn.emit(IncidentAnswered(given.asked, incident=incident.id))

    def _on_action(self, turn: Turn, given: AddAction) -> None:
        if self._refuses(turn, given):
            return
        actions = self.book.incidents[given.incident].actions
        if not any(each.added.asked == given.asked for each in actions.values()):
            number = max(actions, default=0) + 1
            told = (given.what, given.owner, given.due_s, given.by, given.asked)
            self.record(turn, ActionAdded(given.incident, turn.now_s, number, *told))
        turn.emit(IncidentAnswered(given.asked, incident=given.incident))

    def _on_action_ended(self, turn: Turn, given: EndAction) -> None:
        if self._refuses(turn, given):
            return
        found = self.book.incidents[given.incident].actions[given.number]
        if found.state.value != given.state:
            self.record(turn, ActionEnded(given.incident, turn.now_s, given.number, given.state, given.by, given.why))
        turn.emit(IncidentAnswered(given.asked, incident=given.incident))

    def _on_close(self, turn: Turn, given: CloseIncident) -> None:
        if self._refuses(turn, given):
            return
        incident = self.book.incidents[given.incident]
        if not incident.is_open:
            turn.emit(IncidentAnswered(given.asked, incident=incident.id))
            return
        missing = self._returning.missing(incident, turn.now_s) if self._returning is not None else ""
        if missing and not given.override:
            mistake = f"{incident.id} is not through its recovery gate: {missing}; overriding that needs a reason"
            turn.emit(IncidentAnswered(given.asked, mistake, incident.id))
            return
        self.record(turn, IncidentClosed(incident.id, turn.now_s, given.by, given.why, missing))
        turn.emit(IncidentAnswered(given.asked, incident=incident.id))

    def _on_mode(self, turn: Turn, given: SetMode) -> None:
        if self._refuses(turn, given):
            return
        until_s = turn.now_s + given.for_s if given.mode else turn.now_s
        self.record(turn, ModeSet(MODE, turn.now_s, given.mode, until_s, given.why, given.by))
        if given.mode:
            self.look_at(until_s)
        turn.emit(IncidentAnswered(given.asked))

    def _refuses(self, turn: Turn, given: IncidentInput) -> bool:
        """Say what is wrong with it, if something is."""
        mistake = mistake_in(given, self.book)
        if mistake:
            turn.emit(IncidentAnswered(given.asked, mistake))
        return bool(mistake)

    # Facts ------------------------------------------------------------------------------------------------------------

    def record(self, turn: Turn, fact: IncidentFact) -> None:
        """Make a fact true, have the hooks told of it, and the mode follow."""
        self.book.note(fact)
        turn.emit(Persist(fact, synced=True))
        if isinstance(fact, ModeChanged):
            turn.emit(Report("mode_changed", "", f"{fact.before} -> {fact.mode}: {fact.why}"))
            return
        if not isinstance(fact, ModeSet):
            self._tell(turn, fact)
        self._settle_mode(turn)

    def _tell(self, turn: Turn, fact: IncidentFact) -> None:
        incident = self.book.incidents[fact.call]
        event = OPENED if isinstance(fact, IncidentOpened) else CLOSED if isinstance(fact, IncidentClosed) else CHANGED
        if event != CHANGED:
            words = f"{incident.kind}, severity {incident.severity}: {incident.cause}"
            turn.emit(Report(f"incident_{event}", "", f"{incident.id}: {words}"))
        news = IncidentNews(event, incident, fact)
        self.playbooks.on_news(turn, news)
        tell_hooks(self.exchange, turn, news)

    def _settle_mode(self, turn: Turn) -> None:
        wanted = self.book.set_mode(turn.now_s)
        mode, why = mode_now(self.book.open, wanted)
        if mode is not self.book.mode:
            self.record(turn, ModeChanged(MODE, turn.now_s, mode.value, self.book.mode.value, why))
        if wanted is not None:
            self.look_at(wanted.until_s)

    def look_at(self, at_s: float) -> None:
        """Look at everything then, or before."""
        if self._due_at_s is None or at_s < self._due_at_s:
            self._due_at_s = at_s
            self.exchange.agenda.add(Due(at_s, "follow", ""))
