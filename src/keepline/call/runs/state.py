"""The state of one run: a fold over its facts, and nothing that the facts do not say.

`TRANSITIONS` is the whole life of a run. A run has no caller, so its life is its flow's.
"""

import json
from enum import Enum
from typing import Any

from keepline.call.facts.run import RunEnded, RunFact, RunStarted, RunStepEnded, RunUseStarted, RunWaiting
from keepline.call.facts.work import WorkFact
from keepline.flow import FlowRun, StepResult, Waiting
from keepline.flow.capabilities import read_value
from keepline.flow.steps import OUTCOMES
from keepline.model.errors import LocalError
from keepline.model.ids import mark_of


class RunPhase(Enum):
    """Where a run is."""

    AT_WORK = "at_work"
    WAITING = "waiting"
    ENDED = "ended"

    __hash__ = object.__hash__
    """As it is equal to itself alone; what Enum has looks up a name each time."""


A, W, E = RunPhase.AT_WORK, RunPhase.WAITING, RunPhase.ENDED
TRANSITIONS: dict[tuple[RunPhase, type[RunFact]], RunPhase] = {
    (A, RunStarted): A,  # asked for again
    (A, RunUseStarted): A,
    (A, RunStepEnded): A,
    (A, RunWaiting): W,
    (A, RunEnded): E,
    (W, RunStarted): W,
    (W, RunWaiting): W,
    (W, RunStepEnded): A,
    (W, RunEnded): E,
    (E, RunStarted): E,
}
"""Of pairs that are absent, a use cannot begin while the run waits, and nothing follows the end."""


class RunState:
    """One run in memory. Only `apply` changes what facts speak of; the rest is this process's own working state."""

    __slots__ = (
        "armed_at_s", "asking", "began_at_s", "ended", "facts", "flow_run", "mark", "noted", "phase", "started",
        "steps", "timer_at_s", "turn_steps", "use", "waiting", "waits",
    )  # fmt: skip

    def __init__(self, started: RunStarted) -> None:
        self.started = started
        self.phase = RunPhase.AT_WORK
        self.facts = 1
        self.steps: list[StepResult] = []
        self.began_at_s = started.at_s
        """Of the step."""
        self.use: RunUseStarted | None = None
        """The change that the step asks for."""
        self.waits: RunWaiting | None = None
        """What the step waits for."""
        self.ended: RunEnded | None = None
        self.noted = ""
        """What the flow noted last by `outcome`."""
        self.mark = mark_of(started.call)
        """Who dies while it works on this run leaves this behind."""
        self.flow_run: FlowRun | None = None
        self.waiting: Waiting | None = None
        self.asking = 0
        """Attempt at the use that is under way; 0 for none."""
        self.timer_at_s: float | None = None
        self.armed_at_s: float | None = None
        """When the agenda looks at it next."""
        self.turn_steps = 0

    @property
    def id(self) -> str:
        return self.started.call

    @property
    def variables(self) -> dict[str, Any]:
        """What it was started with."""
        return dict(read_value(self.started.variables))

    @property
    def subject(self) -> str:
        """What it waits for; empty where that is time, or nothing."""
        return self.waits.subject if self.waits is not None else ""

    def apply(self, fact: RunFact) -> None:
        """Fold one fact into the state; raises `LocalError` where it cannot follow."""
        following = TRANSITIONS.get((self.phase, type(fact)))
        if following is None:
            raise LocalError(f"run {self.id}: {fact.kind} cannot follow in phase {self.phase.value}")
        self.phase = following
        self.facts += 1
        if isinstance(fact, RunStepEnded):
            self.use = self.waits = None
            self.began_at_s = fact.at_s
            outcome = OUTCOMES[fact.outcome]
            said = (fact.value, fact.reason, fact.attempts)
            self.steps.append(StepResult(fact.verb, fact.fingerprint, outcome, *said, at_s=fact.at_s))
            if fact.verb == "outcome":
                self.noted = json.loads(fact.value)["outcome"]
        elif isinstance(fact, RunWaiting):
            self.waits = fact
        elif isinstance(fact, RunUseStarted):
            self.use = fact
        elif isinstance(fact, RunEnded):
            self.ended = fact


def fold(facts: tuple[Any, ...]) -> RunState:
    """The state that the facts of one run make. Raises `LocalError` for facts that make none."""
    started, *others = facts
    if not isinstance(started, RunStarted):
        raise LocalError("a run's facts must begin with its start")
    run = RunState(started)
    for fact in others:
        if not isinstance(fact, WorkFact):  # the run is none the wiser
            run.apply(fact)
    return run
