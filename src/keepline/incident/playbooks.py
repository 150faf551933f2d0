"""Playbooks in the follower of calls: an incident starts that of its kind, people say what they did, the node acts.

What a step comes to is the run's (`flow.playbook`). Here is what it may ask of the node: how an incident stands, a wish
for a path, a number's place. Each is on record in the turn of its step, so it is done once. It refuses to know roles:
who may say what is decided where people are known.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from keepline.call.carriers.wishing import Wishing
from keepline.call.effects import Persist, Report
from keepline.call.effects_incident import IncidentAnswered
from keepline.call.effects_number import PointNumber
from keepline.call.effects_path import WishPath
from keepline.call.effects_playbook import SayOfStep
from keepline.call.facts.run import EventTold, RunStarted
from keepline.call.numbers.book import AWAY, NumberState
from keepline.call.runs.state import RunState
from keepline.call.turn import Turn
from keepline.flow.capabilities import write_value
from keepline.flow.playbook import (
    BRANCH,
    CLOSED,
    LOOK,
    PLAYBOOK,
    POINT,
    STATE,
    STEP_SAID,
    WISH,
    step_key,
)
from keepline.incident.hooks import CLOSED as INCIDENT_CLOSED
from keepline.incident.hooks import OPENED, IncidentNews
from keepline.incident.modes import mode_now
from keepline.incident.phases import IncidentPhase
from keepline.incident.plays import (
    ADDED,
    PlaybookRun,
    PlaybookRuns,
    StepStanding,
    added_run,
    playbook_key,
    playbook_run,
)
from keepline.incident.saying import mistake_in_saying
from keepline.incident.state import Incident
from keepline.model.operation import Operation
from keepline.model.playbook import PlaybookStep, StepKind, StepState, holds, playbook_for, told_of
from keepline.paths.own_parts import TELEPHONY
from keepline.paths.wishes import Wish

if TYPE_CHECKING:
    from keepline.incident.room import Incidents

LOOK_EVERY_S: Final = 1.0
"""While a step waits for a state."""
ADDED_DUE_S: Final = 900.0
"""Of a step that somebody adds."""
PERSON: Final = "person"


class Playbooks:
    """The playbooks of one node's incidents."""

    def __init__(self, incidents: "Incidents", book: PlaybookRuns) -> None:
        self._incidents = incidents
        self._exchange = incidents.exchange
        self._wishing = Wishing(incidents.exchange)
        self.book = book
        self._told: set[str] = set()
        """Events that this process has told, which nobody has heard yet."""
        self.handlers: Mapping[type, Callable[..., None]] = {SayOfStep: self._on_said}
        self._exchange.runs.acts |= {LOOK: self._look, WISH: self._wish, POINT: self._point}

    # What becomes of incidents ----------------------------------------------------------------------------------------

    def on_news(self, turn: Turn, news: IncidentNews) -> None:
        """An incident was opened, has changed or was closed."""
        if news.event == OPENED:
            self._begin(turn, news.incident)
        elif news.event == INCIDENT_CLOSED:
            self._close(turn, news.incident.id)
        else:
            self.look(turn)

    def _begin(self, turn: Turn, incident: Incident) -> None:
        operation = self._operation
        found = playbook_for(operation.playbooks, incident.kind, incident.paths)
        if found is None:
            turn.emit(Report("playbook_missing", "", f"{incident.id}: there is none for {incident.kind}"))
            return
        variables = {
            "incident": incident.id,
            "playbook": found.name,
            "title": found.title,
            "file": found.file,
            "digest": found.digest,
            "steps": told_of(found.steps),
        }
        key, run = playbook_key(incident.id), playbook_run(incident.id)
        started = RunStarted(run, turn.now_s, PLAYBOOK, key, operation.digest, "", -1, write_value(variables))
        self.book.note(started)
        self._exchange.runs.start(turn, started, is_new=True)

    def _close(self, turn: Turn, incident: str) -> None:
        play = self.book.plays.get(incident)
        for each in play.standings.values() if play is not None else ():
            if each.state is StepState.UNDER_WAY:
                self._tell(turn, incident, each.step.id, CLOSED, "", "the incident was closed", "closed")

    # What becomes of steps --------------------------------------------------------------------------------------------

    def note(self, turn: Turn) -> None:
        """Follow the runs in what this turn has made true."""
        late: list[tuple[EventTold | Any, StepStanding]] = []
        for effect in turn.effects:
            if isinstance(effect, Persist):
                standing = self.book.note(effect.fact)
                if standing is not None and standing.is_overdue and not standing.is_over:
                    late.append((effect.fact, standing))
        for fact, standing in late:
            if not isinstance(fact, EventTold):
                words = f"{standing.step.id}: {standing.step.do} ({standing.step.subject})"
                turn.emit(Report("step_overdue", fact.call, words))
        for play in self.book:
            incident = self._incidents.book.incidents.get(play.incident)
            if not play.runs and (incident is None or not incident.is_open):
                self.book.forget(play.incident)
        if self._waiting():
            self._incidents.look_at(turn.now_s + LOOK_EVERY_S)

    def _waiting(self) -> list[tuple[PlaybookRun, StepStanding]]:
        """Steps that wait for a state."""
        return [
            (play, each)
            for play in self.book
            for each in play.standings.values()
            if each.state is StepState.UNDER_WAY and each.step.kind is StepKind.UNTIL
        ]

    def look(self, turn: Turn) -> None:
        """See whether what steps wait for has come."""
        for play, each in self._waiting():
            if all(holds(condition, self._value(turn, play, condition.subject)) for condition in each.step.until):
                self._tell(turn, play.incident, each.step.id, STATE, "", "it is so", "state")
        if self._waiting():
            self._incidents.look_at(turn.now_s + LOOK_EVERY_S)

    def _tell(self, turn: Turn, incident: str, step: str, what: str, by: str, why: str, words: str) -> None:
        """Tell the run of a step by an event, once."""
        event = "e" + playbook_run(f"{incident}/{step}/{words}")[1:]
        if event in self._told or self._exchange.runs.events.has(event):
            return
        self._told.add(event)
        said = {"what": what, "by": by, "why": why, "is_fine": True, "asked": ""}
        told = EventTold(event, turn.now_s, STEP_SAID, step_key(incident, step), write_value(said))
        self._exchange.runs.tell(turn, told)

    def _on_said(self, turn: Turn, given: SayOfStep) -> None:
        """Somebody says something of a step."""
        play = self.book.plays.get(given.incident)
        standing = play.standings.get(given.step) if play is not None else None
        is_again = given.asked != "" and any(
            each.asked == given.asked for each in (play.standings.values() if play is not None else ())
        )
        mistake = "" if is_again else mistake_in_saying(given, play, standing)
        turn.emit(IncidentAnswered(given.asked, mistake, given.incident))
        if mistake or is_again or play is None:
            return
        if given.said == "add":
            self._add(turn, play, given)
            return
        said = {"what": given.said, "by": given.by, "why": given.why, "is_fine": given.is_fine, "asked": given.asked}
        event = "e" + playbook_run(given.asked)[1:]
        self._exchange.runs.tell(
            turn, EventTold(event, turn.now_s, STEP_SAID, step_key(given.incident, given.step), write_value(said))
        )

    def _add(self, turn: Turn, play: PlaybookRun, given: SayOfStep) -> None:
        """A step that no playbook has: what is to be done is `step`, for whoever commands."""
        number = play.added + 1
        step = PlaybookStep(f"{ADDED}{number}", StepKind.HUMAN, "supervisor", given.step, "it is done", ADDED_DUE_S)
        variables = {
            "incident": play.incident,
            "of": "",
            "branch": "",
            "steps": told_of([step]),
            "states": {},
            "added_by": given.by,
            "added_why": given.why,
            "asked": given.asked,
        }
        run, key = added_run(play.incident, number), f"{playbook_key(play.incident)}:{ADDED}{number}"
        digest = self._operation.digest
        started = RunStarted(run, turn.now_s, BRANCH, key, digest, play.run, -1, write_value(variables))
        self.book.note(started)
        self._exchange.runs.start(turn, started, is_new=True)

    # Acts -------------------------------------------------------------------------------------------------------------

    @property
    def _operation(self) -> Operation:
        return self._exchange.programs[self._exchange.current].operation

    def _look(self, turn: Turn, _run: RunState, said: Mapping[str, Any]) -> dict[str, Any]:
        incident = self._incidents.book.incidents.get(said["incident"])
        found = {each: self._of_incident(turn, incident, each) for each in said["subjects"]}
        return {"is_closed": incident is None or not incident.is_open, "found": found}

    def _value(self, turn: Turn, play: PlaybookRun, subject: str) -> object:
        standing = play.standings.get(subject)
        if standing is not None:
            return standing.state.value
        return self._of_incident(turn, self._incidents.book.incidents.get(play.incident), subject)

    def _of_incident(self, turn: Turn, incident: Incident | None, subject: str) -> object:
        """What a condition asks of: the incident, a path, a number."""
        word, _, name = subject.partition(" ")
        if word == "path":
            return self._condition_of(turn, name)
        if word == "number":
            return self._exchange.numbers.book.of(name).state.value
        if incident is None:
            return None
        book = self._incidents.book
        mode, _ = mode_now(book.open, book.set_mode(turn.now_s), in_exercise=bool(incident.exercise))
        facts: dict[str, object] = {
            "kind": incident.kind,
            "cause": incident.cause,
            "severity": incident.severity.name.lower(),
            "phase": incident.phase.value,
            "exercise": bool(incident.exercise),
            "customers": incident.customers,
            "paths": list(incident.paths),
            "capabilities": list(incident.capabilities),
            "mode": mode.value,
        }
        return facts.get(subject)

    def _condition_of(self, turn: Turn, path: str) -> str:
        """How a path is: of a carrier as calls have found it; of others what open incidents say of them."""
        capability, _, name = path.partition("/")
        if capability == TELEPHONY and name in {each.trunk for each in self._operation.outbound.carriers}:
            view = self._exchange.switchboard.carriers.view(name, turn.now_s)
            return view.condition.value
        over = (IncidentPhase.RECOVERING, IncidentPhase.RESTORED)
        failing = [each for each in self._incidents.book.open if path in each.paths and each.phase not in over]
        return "down" if failing else "healthy"

    def _is_talk(self, incident: Incident | None) -> bool:
        """An exercise that a person has declared has no fault behind it: nothing is touched."""
        return incident is not None and bool(incident.exercise) and incident.detectors == (PERSON,)

    def _wish(self, turn: Turn, _run: RunState, said: Mapping[str, Any]) -> dict[str, Any]:
        """What is wished of one path, or of each of the incident."""
        incident = self._incidents.book.incidents.get(said["incident"])
        paths = [said["path"]] if said["path"] else list(incident.paths) if incident is not None else []
        done: list[str] = []
        failed: list[str] = []
        for path in paths:
            by = f"playbook of {said['incident']}"
            why = said["why"] or f"step {said['step']}"
            asked = WishPath("", path, _wish_of(said), said["for_s"], why, by)
            mistake = "" if self._is_talk(incident) else self._wishing.wish(turn, asked)
            words = f"{said['wish']} {path}"
            if self._is_talk(incident):
                done.append(f"{words}: an exercise, nothing was touched")
            elif mistake:
                failed.append(f"{words}: {mistake}")
            else:
                done.append(words)
        return {"done": done, "failed": failed}

    def _point(self, turn: Turn, _run: RunState, said: Mapping[str, Any]) -> dict[str, Any]:
        """A number is asked to point away or home, or each of the incident's carriers that can."""
        incident, to = self._incidents.book.incidents.get(said["incident"]), said["to"]
        done: list[str] = []
        failed: list[str] = []
        for number in [said["number"]] if said["number"] else self._numbers_of(incident):
            state = self._exchange.numbers.book.of(number).state
            is_there = state.value == to or state is (NumberState.MOVING if to == AWAY else NumberState.RETURNING)
            if is_there:
                done.append(f"{number} is {state.value} already")
            elif self._is_talk(incident):
                done.append(f"{number} {to}: an exercise, nothing was touched")
            else:
                why, by = said["why"] or f"step {said['step']}", f"playbook of {said['incident']}"
                mistake = self._exchange.numbers.point(turn, PointNumber("", number, to, why, by))
                (failed if mistake else done).append(f"{number} {to}: {mistake or 'asked for'}")
        return {"done": done, "failed": failed}

    def _numbers_of(self, incident: Incident | None) -> list[str]:
        """Those of the incident's carriers that somebody can be asked to point."""
        paths = incident.paths if incident is not None else ()
        return [
            name
            for name, number in self._operation.numbers.items()
            if f"{TELEPHONY}/{number.carrier}" in paths
            and number.failover is not None
            and number.failover.method == "api"
        ]


def _wish_of(said: Mapping[str, Any]) -> str:
    """What failed must be let show that it is back: its drain is one for as long as it is not well."""
    return Wish.REST.value if said["wish"] == Wish.DRAIN.value and not said["path"] else str(said["wish"])
