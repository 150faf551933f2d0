"""A playbook: what is done in one kind of incident, step by step, as plain frozen values, and as JSON for a run.

A run is started with the steps themselves, so that it finishes on what it began with, whatever becomes of the file. It
refuses to know files, time and incidents: `config.playbooks` reads one, `flow.playbook` does what it says.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

AFFECTED: Final = "affected"
"""In the place of a path or a number: those of the incident."""
KINDS: Final = ("carrier", "back_office", "payments", "surge", "node", "speech", "journal")
"""Of incidents, one playbook or more each."""
APPROVED, REJECTED = "approved", "rejected"


class StepKind(Enum):
    """What a step does. The value is its key in a file."""

    HUMAN = "human"
    """Somebody with this role does something, and says so."""
    APPROVE = "approve"
    """Somebody with this role says yes or no; in time, or what was declared counts."""
    DRAIN = "drain"
    PREFER = "prefer"
    DISABLE = "disable"
    RELEASE = "release"
    TAKE = "take"
    """A number is pointed away from its carrier."""
    PUT = "put"
    """A number is pointed home."""
    PREFLIGHT = "preflight"
    MESSAGE = "message"
    WAIT = "wait_s"
    UNTIL = "until"
    """Conditions hold, or time is over."""
    RUN = "run"
    """A flow of the operation that takes a `Run`."""
    PARALLEL = "parallel"


K = StepKind
PATH_STEPS: Final = (K.DRAIN, K.PREFER, K.DISABLE, K.RELEASE)
HALF_A_DAY_S: Final = 43_200.0
"""What is due so much later is told with its day."""
NUMBER_STEPS: Final = (K.TAKE, K.PUT)
PEOPLE_STEPS: Final = (K.HUMAN, K.APPROVE)


class StepState(Enum):
    """Where a step of a run is."""

    AHEAD = "ahead"
    UNDER_WAY = "under way"
    DONE = "done"
    APPROVED = APPROVED
    REJECTED = REJECTED
    SKIPPED = "skipped"
    """By somebody, for a reason."""
    PASSED = "passed over"
    """Its conditions did not hold."""
    FAILED = "failed"
    TIMED_OUT = "timed out"
    LEFT = "left"
    """The incident was closed before."""


S = StepState
OVER: Final = (S.DONE, S.APPROVED, S.REJECTED, S.SKIPPED, S.PASSED, S.FAILED, S.TIMED_OUT, S.LEFT)
_CONDITION: Final = re.compile(r"((?:path|number) \S+|[a-z][a-z0-9_-]*) (is not|is|has no|has|>=|<=|>|<) (\S(?:.*\S)?)")
FACTS: Final = ("kind", "cause", "severity", "phase", "exercise", "customers", "paths", "capabilities", "mode")
"""What conditions may ask of the incident."""


@dataclass(frozen=True, slots=True)
class StepCondition:
    """Something that holds, or not: `customers >= 100`, `path telephony/first is healthy`, `confirm is done`."""

    subject: str
    """One of `FACTS`, `path NAME`, `number NUMBER`, or the id of a step."""
    operator: str
    value: str

    def __str__(self) -> str:
        return f"{self.subject} {self.operator} {self.value}"

    @property
    def names(self) -> tuple[str, str]:
        """`path` or `number` with its name; `fact` or `step` with its own."""
        word, _, name = self.subject.partition(" ")
        if name:
            return word, name
        return ("fact", word) if word in FACTS else ("step", word)


def condition_of(text: str) -> StepCondition:
    """What such a text says; raises `ValueError` for what is no condition."""
    found = _CONDITION.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"`{text}` is no condition")
    if found[2] in (">=", "<=", ">", "<"):
        try:
            float(found[3])
        except ValueError:
            raise ValueError(f"`{found[3]}` is no number, and `{found[2]}` compares numbers") from None
    return StepCondition(found[1], found[2], found[3])


def holds(condition: StepCondition, found: object) -> bool:
    """Whether it holds of what was found: text, a number, yes or no, or several names. None is nothing known."""
    operator, value = condition.operator, condition.value
    if operator in ("has", "has no"):
        has = value in found if isinstance(found, list | tuple) else False
        return has is (operator == "has")
    if operator in ("is", "is not"):
        said = ("yes" if found else "no") if isinstance(found, bool) else "" if found is None else str(found)
        return (said == value) is (operator == "is")
    if not isinstance(found, int | float):
        return False
    limit = float(value)
    compared = {">=": found >= limit, "<=": found <= limit, ">": found > limit, "<": found < limit}
    return compared[operator]


@dataclass(frozen=True, slots=True)
class PlaybookStep:
    """One step."""

    id: str
    kind: StepKind
    subject: str = ""
    """The role, the path, the number, the messages or the flow that it is about."""
    do: str = ""
    """What it is, in words for people."""
    good: str = ""
    """What is seen where it went well."""
    due_s: float | None = None
    """Of what people do: later than this it is overdue."""
    within_s: float | None = None
    """Of what may end without its aim: an approval, a wait for a state, messages, a flow."""
    otherwise: str = ""
    """What an approval comes to where nobody answers in time."""
    for_s: float = 0.0
    """How long a wait takes, or a wish for a path holds."""
    when: tuple[StepCondition, ...] = ()
    """It is passed over where one of these does not hold."""
    until: tuple[StepCondition, ...] = ()
    branches: tuple[tuple[str, tuple["PlaybookStep", ...]], ...] = ()
    """Of `parallel`: steps that go on at one time, by names."""

    def told(self) -> dict[str, Any]:
        """As a run is started with it; what has its default is left out."""
        told: dict[str, Any] = {"id": self.id, "kind": self.kind.value}
        for name in ("subject", "do", "good", "due_s", "within_s", "otherwise", "for_s"):
            if getattr(self, name) not in ("", None, 0.0):
                told[name] = getattr(self, name)
        for name in ("when", "until"):
            if getattr(self, name):
                told[name] = [str(each) for each in getattr(self, name)]
        if self.branches:
            told["branches"] = [[name, told_of(steps)] for name, steps in self.branches]
        return told


def told_of(steps: Sequence[PlaybookStep]) -> list[dict[str, Any]]:
    """Steps as JSON."""
    return [each.told() for each in steps]


def steps_of(told: Sequence[Mapping[str, Any]]) -> tuple[PlaybookStep, ...]:
    """Steps from JSON, as `told_of` made it."""
    return tuple(map(_step_of, told))


def _step_of(told: Mapping[str, Any]) -> PlaybookStep:
    said = dict(told)
    for name in ("when", "until"):
        said[name] = tuple(map(condition_of, said.get(name, ())))
    said["branches"] = tuple((name, steps_of(steps)) for name, steps in said.get("branches", ()))
    return PlaybookStep(**said | {"kind": StepKind(said["kind"])})


@dataclass(frozen=True, slots=True)
class Playbook:
    """The steps of one kind of incident."""

    name: str
    kind: str
    """One of `KINDS`."""
    title: str
    steps: tuple[PlaybookStep, ...]
    paths: tuple[str, ...] = ()
    """It is for incidents of these alone; none: of all."""
    file: str = ""
    """Below the operation's directory; empty for one that Keepline brings along."""
    digest: str = ""
    """blake2b-128 of the file's bytes, in hex: the version that a run began with."""

    def every_step(self) -> tuple[PlaybookStep, ...]:
        """Those of branches, too, in the order of the file."""
        return every_step(self.steps)


def every_step(steps: Sequence[PlaybookStep]) -> tuple[PlaybookStep, ...]:
    """These and those of their branches, in order."""
    found: list[PlaybookStep] = []
    for step in steps:
        found.append(step)
        for _, below in step.branches:
            found += every_step(below)
    return tuple(found)


def playbook_for(playbooks: Mapping[str, Playbook], kind: str, paths: Sequence[str]) -> Playbook | None:
    """The playbook of an incident: the first of its kind that is for one of its paths, else one that is for all."""
    of_kind = [each for each in playbooks.values() if each.kind == kind]
    named = (each for each in of_kind if set(each.paths) & set(paths))
    general = (each for each in of_kind if not each.paths)
    return next(named, None) or next(general, None)


def playbook_files(playbooks: Mapping[str, Playbook]) -> set[str]:
    """The files of an operation's own, below its directory."""
    return {each.file for each in playbooks.values() if each.file}
