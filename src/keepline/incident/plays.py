"""Playbooks at work, folded from the facts of their runs: which step is where, who said what of it, what is overdue.

The node's own view and everybody else's: what takes over goes on with it, and pages and commands show it. It refuses to
know time; what is overdue is what the run has noted as such.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from keepline.call.facts.run import EventTold, RunEnded, RunStarted, RunStepEnded
from keepline.call.runs.starting import run_id
from keepline.flow.capabilities import read_value
from keepline.flow.playbook import BEGAN, BRANCH, ENDED, LATE, PLAYBOOK, STEP_SAID
from keepline.model.playbook import PlaybookStep, StepKind, StepState, every_step, steps_of

ADDED: Final = "added-"
"""How the ids of steps begin that people add."""


@dataclass(slots=True)
class StepStanding:
    """One step of a playbook at work."""

    step: PlaybookStep
    branch: str = ""
    """Name of the branch that it is in."""
    state: StepState = StepState.AHEAD
    began_at_s: float | None = None
    ended_at_s: float | None = None
    due_at_s: float | None = None
    until_s: float | None = None
    """When it is over by itself."""
    is_overdue: bool = False
    """It was not done when it was due."""
    by: str = ""
    why: str = ""
    is_early: bool = False
    """It was done, or skipped, before its turn: another order."""
    added_by: str = ""
    """Who added it, and why; empty for one of the playbook."""
    added_why: str = ""
    told: str = ""
    """Said of it before its turn, and not heard yet."""
    asked: str = ""
    """Id of the request that said something of it last."""

    @property
    def is_over(self) -> bool:
        """Nothing more comes of it."""
        return self.state not in (StepState.AHEAD, StepState.UNDER_WAY)

    @property
    def deviation(self) -> str:
        """How the playbook was left here; empty where it was not."""
        if self.added_by:
            return "added"
        if self.state is StepState.SKIPPED:
            return "skipped"
        return "before its turn" if self.is_early else ""


@dataclass(slots=True)
class PlaybookRun:
    """The playbook of one incident at work."""

    incident: str
    run: str
    name: str
    title: str
    file: str
    """Empty for one of Keepline's own."""
    digest: str
    """Of the version of the file that it began with."""
    began_at_s: float
    standings: dict[str, StepStanding] = field(default_factory=dict)
    """By the ids of the steps, in the order of the playbook; what was added comes last."""
    runs: dict[str, str] = field(default_factory=dict)
    """Runs of it that are not over -> the step that started them; the playbook's own has none."""
    ended_at_s: float | None = None
    outcome: str = ""
    """completed, closed, or how its run ended; empty while it is at work."""
    error: str = ""

    @property
    def is_over(self) -> bool:
        """The playbook's own run is."""
        return self.ended_at_s is not None

    @property
    def added(self) -> int:
        """How many steps people have added."""
        return sum(bool(each.added_by) for each in self.standings.values())


class PlaybookRuns:
    """A fold over the facts of runs of playbooks, in their order; facts of others are passed over."""

    __slots__ = ("plays", "runs")

    def __init__(self, facts: Iterable[object] = ()) -> None:
        self.plays: dict[str, PlaybookRun] = {}
        """By incident."""
        self.runs: dict[str, str] = {}
        """Those of playbooks that are at work, with their incidents."""
        for fact in facts:
            self.note(fact)

    def __iter__(self) -> Iterator[PlaybookRun]:
        return iter(list(self.plays.values()))

    def note(self, fact: object) -> StepStanding | None:
        """Take notice of a fact; the step of which it says something new."""
        if isinstance(fact, RunStarted):
            if fact.flow in (PLAYBOOK, BRANCH) and fact.call not in self.runs:
                self._begin(fact)
        elif isinstance(fact, EventTold):
            return self._told(fact) if fact.event == STEP_SAID else None
        elif isinstance(fact, RunStepEnded | RunEnded):
            incident = self.runs.get(fact.call)
            if incident is not None:
                return self._go_on(self.plays[incident], fact)
        return None

    def _begin(self, fact: RunStarted) -> None:
        said = read_value(fact.variables)
        incident = said["incident"]
        play = self.plays.get(incident)
        if fact.flow == PLAYBOOK:
            if play is not None:
                return
            names = (said["playbook"], said["title"], said["file"], said["digest"])
            play = self.plays[incident] = PlaybookRun(incident, fact.call, *names, fact.at_s)
            play.standings = {each.step.id: each for each in _standings(steps_of(said["steps"]))}
            play.runs[fact.call] = ""
        elif play is None:
            return
        else:
            play.runs[fact.call] = said["of"]
            for step in steps_of(said["steps"]) if said.get("added_by") else ():
                added = StepStanding(step, added_by=said["added_by"], added_why=said["added_why"], asked=said["asked"])
                play.standings.setdefault(step.id, added)
        self.runs[fact.call] = incident

    def _told(self, fact: EventTold) -> StepStanding | None:
        incident, _, step = fact.key.partition("/")
        play = self.plays.get(incident)
        standing = play.standings.get(step) if play is not None else None
        if standing is None or standing.is_over:
            return None
        said = read_value(fact.variables)
        if said.get("asked"):
            standing.told, standing.asked = said["what"], said["asked"]
        return standing

    def _go_on(self, play: PlaybookRun, fact: RunStepEnded | RunEnded) -> StepStanding | None:
        if isinstance(fact, RunEnded):
            self._end(play, fact)
            return None
        if fact.verb != "log":
            return None
        noted = json.loads(fact.value)
        name, fields = noted["log"], noted["fields"]
        standing = play.standings.get(fields.get("step", ""))
        if standing is None:
            return None
        if name == BEGAN:
            standing.state, standing.began_at_s = StepState.UNDER_WAY, fact.at_s
            standing.due_at_s, standing.until_s = fields["due_at_s"], fields["until_s"]
        elif name == LATE:
            standing.is_overdue = True
        elif name == ENDED:
            _end_step(play, standing, fields, fact.at_s)
        return standing

    def _end(self, play: PlaybookRun, fact: RunEnded) -> None:
        del self.runs[fact.call]
        of = play.runs.pop(fact.call, "")
        if fact.call == play.run:
            play.ended_at_s = fact.at_s
            play.outcome, play.error = fact.outcome or fact.ending, fact.error.strip().rpartition("\n")[2]
        if fact.error or fact.call == play.run:
            left = StepState.FAILED if fact.error else StepState.LEFT
            for each in play.standings.values():
                is_here = fact.call == play.run or (of and each.step.id == of)
                if is_here and not each.is_over and not (each.added_by and play.runs):
                    _settle(each, left, fact.at_s, why=play.error if each.state is StepState.UNDER_WAY else "")

    def steps_left(self, incident: str) -> list[str]:
        """Ids of the steps that are not over."""
        play = self.plays.get(incident)
        return [each.step.id for each in play.standings.values() if not each.is_over] if play is not None else []

    def forget(self, incident: str) -> None:
        """Nobody asks for it any more."""
        play = self.plays.pop(incident, None)
        for run in play.runs if play is not None else ():
            self.runs.pop(run, None)


def _standings(steps: tuple[PlaybookStep, ...], branch: str = "") -> Iterator[StepStanding]:
    for step in steps:
        yield StepStanding(step, branch)
        for name, below in step.branches:
            yield from _standings(below, name)


def _end_step(play: PlaybookRun, standing: StepStanding, fields: dict[str, Any], at_s: float) -> None:
    state = StepState(fields["state"])
    _settle(standing, state, at_s, fields["by"], fields["why"])
    standing.is_early, standing.told, standing.asked = fields["early"], "", fields["asked"] or standing.asked
    if standing.step.kind is StepKind.PARALLEL and state in (StepState.SKIPPED, StepState.PASSED):
        for _, below in standing.step.branches:
            for step in every_step(below):  # what is in it goes the same way
                _settle(play.standings[step.id], state, at_s, fields["by"], fields["why"])


def _settle(standing: StepStanding, state: StepState, at_s: float, by: str = "", why: str = "") -> None:
    standing.state, standing.ended_at_s, standing.by, standing.why = state, at_s, by, why


def playbook_run(incident: str) -> str:
    """Id of the run of an incident's playbook: it follows from the incident."""
    return run_id("key", PLAYBOOK, playbook_key(incident))


def added_run(incident: str, number: int) -> str:
    """Id of the run of the step that was added as this one, from 1."""
    return run_id("key", BRANCH, f"{playbook_key(incident)}:{ADDED}{number}")


def playbook_key(incident: str) -> str:
    """The key of that run: of several starts the first alone counts."""
    return f"playbook:{incident}"
