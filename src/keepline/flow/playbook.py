"""The flow that does what a playbook says: one run for an incident, and one for each branch of it.

It is a run like any other: each step is journaled as it begins and as it ends, so whichever process has the node goes
on with it, each machine step is done once, and what people have said stays said. What its steps are must stay what it
is: playbooks that are under way run again with what is on record. It refuses to judge incidents, paths and people.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from keepline.flow.acts import act
from keepline.flow.capabilities import Reply
from keepline.flow.engine import StepFailedError, flow
from keepline.flow.quiet import Field
from keepline.flow.runs import Overdue, Raised, Returned, Run
from keepline.model.playbook import AFFECTED, PlaybookStep, StepCondition, StepKind, StepState, holds, steps_of, told_of

PLAYBOOK: Final = "keepline.playbook"
BRANCH: Final = "keepline.playbook_branch"
"""Their names: no flow of an operation can have one with a point in it."""
STEP_SAID: Final = "playbook_step"
"""The event by which somebody, or the node, says something of a step; its key is `step_key`."""
BEGAN, ENDED, LATE = "step_began", "step_ended", "step_overdue"
"""What the flow notes by `log`: the record that everybody reads."""
DONE, SKIP, APPROVE, REJECT, STATE, LOOKED, CLOSED = "done", "skip", "approve", "reject", "state", "looked", "closed"
"""What is said of a step: by people the first four, by the node the others."""
LOOK, WISH, POINT = "playbook.look", "playbook.wish", "playbook.point"
"""Acts of the node."""
SAID_STATES: Final = {
    DONE: StepState.DONE,
    SKIP: StepState.SKIPPED,
    APPROVE: StepState.APPROVED,
    REJECT: StepState.REJECTED,
    STATE: StepState.DONE,
    CLOSED: StepState.LEFT,
}
STEPS_AT_ONCE: Final = 20
"""That take no time, one after the other."""
DETAIL_CHARS_MAX: Final = 300
"""Of what is noted of a step."""


def step_key(incident: str, step: str) -> str:
    """The key of the events of one step."""
    return f"{incident}/{step}"


@dataclass(frozen=True, slots=True)
class StepCame:
    """What a step came to."""

    state: StepState
    by: str = ""
    why: str = ""
    """What was found, or why it was skipped, or what somebody noted."""
    asked: str = ""
    """Id of the request by which somebody said so."""


@dataclass(slots=True)
class _Playing:
    """One run at work."""

    run: Run
    incident: str
    states: dict[str, str] = field(default_factory=dict)
    """Of the steps that are over, by their ids."""
    is_closed: bool = False

    async def through(self, steps: tuple[PlaybookStep, ...]) -> None:
        """One step after the other, until the incident is closed."""
        for number, step in enumerate(steps, start=1):
            if self.is_closed:
                return
            await self._step(step)
            if number % STEPS_AT_ONCE == 0:  # a turn has a bound; calls come between
                await self.run.wait(0.0)

    async def _step(self, step: PlaybookStep) -> None:
        asked = sorted({each.subject for each in step.when if each.names[0] != "step"})
        seen = await act(LOOK, incident=self.incident, subjects=asked)
        if seen["is_closed"]:
            self.is_closed = True
            return
        early = await self.run.wait_for(STEP_SAID, step_key(self.incident, step.id), timeout_s=0.0)
        if isinstance(early, Reply):
            await self._end(step, _said(early), is_early=True)
            return
        missing = next((each for each in step.when if not holds(each, self._value(each, seen["found"]))), None)
        if missing is not None:
            await self._end(step, StepCame(StepState.PASSED, why=f"not so: {missing}"))
            return
        due_at_s = self.run.now_s + step.due_s if step.due_s is not None else None
        until_s = self.run.now_s + step.within_s if step.within_s is not None else None
        await self.run.log(BEGAN, step=step.id, due_at_s=due_at_s, until_s=until_s)
        try:
            came = await _BEHAVIOURS[step.kind](self, step)
        except StepFailedError as error:
            came = StepCame(StepState.FAILED, why=str(error))
        await self._end(step, came)

    def _value(self, condition: StepCondition, found: dict[str, Any]) -> object:
        what, name = condition.names
        return self.states.get(name, StepState.AHEAD.value) if what == "step" else found.get(condition.subject)

    async def _end(self, step: PlaybookStep, came: StepCame, *, is_early: bool = False) -> None:
        self.states[step.id] = came.state.value
        self.is_closed = self.is_closed or came.state is StepState.LEFT
        why = came.why[:DETAIL_CHARS_MAX]
        noted: dict[str, Field] = {
            "state": came.state.value,
            "by": came.by,
            "why": why,
            "early": is_early,
            "asked": came.asked,
        }
        await self.run.log(ENDED, step=step.id, **noted)

    # What steps do --------------------------------------------------------------------------------------------------

    async def _hear(self, step: PlaybookStep, timeout_s: float | None) -> Reply | Overdue:
        return await self.run.wait_for(STEP_SAID, step_key(self.incident, step.id), timeout_s=timeout_s)

    async def human(self, step: PlaybookStep) -> StepCame:
        said = await self._hear(step, step.due_s)
        if isinstance(said, Overdue):
            await self.run.log(LATE, step=step.id)
            said = await self._hear(step, None)
        assert isinstance(said, Reply)
        return _said(said)

    async def approve(self, step: PlaybookStep) -> StepCame:
        said = await self._hear(step, step.within_s)
        if isinstance(said, Overdue):
            return StepCame(StepState(step.otherwise), why="nobody answered in time: this was declared for it")
        return _said(said)

    async def wish(self, step: PlaybookStep) -> StepCame:
        """Paths are drained, preferred, disabled or released."""
        told = await act(
            WISH,
            incident=self.incident,
            step=step.id,
            path="" if step.subject == AFFECTED else step.subject,
            wish=step.kind.value,
            for_s=step.for_s,
            why=step.do,
        )
        return _acted(told)

    async def point(self, step: PlaybookStep) -> StepCame:
        """Numbers are pointed away, or home."""
        number = "" if step.subject == AFFECTED else step.subject
        to = "away" if step.kind is StepKind.TAKE else "home"
        return _acted(await act(POINT, incident=self.incident, step=step.id, number=number, to=to, why=step.do))

    async def wait(self, step: PlaybookStep) -> StepCame:
        said = await self._hear(step, step.for_s)
        return StepCame(StepState.DONE) if isinstance(said, Overdue) else _said(said)

    async def until(self, step: PlaybookStep) -> StepCame:
        """The node looks whether the conditions hold, and says so by an event."""
        said = await self._hear(step, step.within_s)
        if isinstance(said, Overdue):
            return StepCame(StepState.TIMED_OUT, why="not yet: " + ", ".join(map(str, step.until)))
        return _said(said)

    async def preflight(self, step: PlaybookStep) -> StepCame:
        """The desk looks, and says what it has found by an event."""
        said = await self._hear(step, step.within_s)
        if isinstance(said, Overdue):
            return StepCame(StepState.TIMED_OUT, why="nobody has looked in time: is the desk up?")
        return _said(said)

    async def start(self, step: PlaybookStep) -> StepCame:
        """A flow of the operation."""
        started = await self.run.start(step.subject, incident=self.incident, step=step.id)
        return _returned(await self.run.join(started, timeout_s=step.within_s))

    async def message(self, step: PlaybookStep) -> StepCame:
        """Messages of the operation are sent by a run of their own."""
        told = await act(MESSAGE, incident=self.incident, step=step.id, message=step.subject)
        if not told["run"]:
            return StepCame(StepState.DONE if told["is_fine"] else StepState.FAILED, why=told["why"])
        return _returned(await self.run.join(told["run"], timeout_s=step.within_s))

    async def parallel(self, step: PlaybookStep) -> StepCame:
        """Each branch is a child; the step is over when all are."""
        started = []
        for name, steps in step.branches:
            child = await self.run.start(
                BRANCH, incident=self.incident, of=step.id, branch=name, steps=told_of(steps), states=self.states
            )
            started.append((name, child))
        failed = []
        for name, child in started:
            ended = await self.run.join(child)
            if isinstance(ended, Returned):
                self.states |= ended.value["states"]
                self.is_closed = self.is_closed or ended.value["is_closed"]
            else:
                failed.append(f"{name}: {ended.error if isinstance(ended, Raised) else 'not over'}"[-100:])
        if failed:
            return StepCame(StepState.FAILED, why="; ".join(failed))
        return StepCame(StepState.LEFT if self.is_closed else StepState.DONE)


MESSAGE: Final = "playbook.message"
"""An act too: sending begins, as a run of its own."""
_Behaviour = Callable[[_Playing, PlaybookStep], Awaitable[StepCame]]
_BEHAVIOURS: Final[dict[StepKind, _Behaviour]] = {
    StepKind.HUMAN: _Playing.human,
    StepKind.APPROVE: _Playing.approve,
    StepKind.DRAIN: _Playing.wish,
    StepKind.PREFER: _Playing.wish,
    StepKind.DISABLE: _Playing.wish,
    StepKind.RELEASE: _Playing.wish,
    StepKind.TAKE: _Playing.point,
    StepKind.PUT: _Playing.point,
    StepKind.PREFLIGHT: _Playing.preflight,
    StepKind.MESSAGE: _Playing.message,
    StepKind.WAIT: _Playing.wait,
    StepKind.UNTIL: _Playing.until,
    StepKind.RUN: _Playing.start,
    StepKind.PARALLEL: _Playing.parallel,
}


def _said(said: Reply) -> StepCame:
    """What somebody, or the node, has said of a step."""
    what, words = str(said.what), (str(said.by), str(said.why), str(said.asked))
    if what == LOOKED:
        return StepCame(StepState.DONE if said.is_fine else StepState.FAILED, *words)
    return StepCame(SAID_STATES[what], *words)


def _acted(told: dict[str, Any]) -> StepCame:
    """What an act has done: `done` and `failed` are lists of words."""
    done, failed = told["done"], told["failed"]
    words = "; ".join([*done, *failed])
    if failed and not done:
        return StepCame(StepState.FAILED, why=words)
    return StepCame(StepState.DONE if done else StepState.PASSED, why=words or "the incident names none")


def _returned(ended: Returned | Raised | Overdue) -> StepCame:
    if isinstance(ended, Overdue):
        return StepCame(StepState.TIMED_OUT, why="it is not over yet")
    if isinstance(ended, Raised):
        return StepCame(StepState.FAILED, why=ended.error.strip().rpartition("\n")[2])
    return StepCame(StepState.DONE, why=ended.outcome or ("" if ended.value is None else str(ended.value)))


@flow
async def playing(run: Run) -> str:
    """The playbook of one incident, from its first step to its last; gives completed or closed."""
    play = _Playing(run, run.variables["incident"])
    await play.through(steps_of(run.variables["steps"]))
    ended = CLOSED if play.is_closed else "completed"
    await run.outcome(ended)
    return ended


@flow
async def playing_branch(run: Run) -> dict[str, Any]:
    """Steps that go on beside others: a branch, or one that somebody has added."""
    play = _Playing(run, run.variables["incident"], dict(run.variables["states"]))
    steps = steps_of(run.variables["steps"])
    await play.through(steps)
    ids = [each.id for each in steps]
    return {"states": {id_: play.states[id_] for id_ in ids if id_ in play.states}, "is_closed": play.is_closed}
