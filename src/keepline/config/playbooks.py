"""A playbook's file: what it may hold, as pydantic models, and what it comes to. See `docs/reference/playbooks.md`.

Whether its names exist in the operation is `playbook_checks`'s business.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from keepline.config.values import Name, StrictModel, matching, mistaken, written_as
from keepline.model.limits_playbooks import (
    PLAYBOOK_BRANCHES_MAX,
    PLAYBOOK_CONDITIONS_MAX,
    PLAYBOOK_STEPS_MAX,
    PLAYBOOK_TIME_S_MAX,
    PLAYBOOK_WORDS_CHARS_MAX,
)
from keepline.model.playbook import FACTS, Playbook, PlaybookStep, StepKind, condition_of

_STEP_ID = re.compile(r"[a-z][a-z0-9_-]{0,39}")
WISH_S = 3_600.0
"""How long a wish for a path holds where nothing is said."""
WITHIN_S = 600.0
"""Of what is waited for, where nothing is said."""


def _checked_id(text: str) -> str:
    if text in FACTS:
        raise mistaken(f"`{text}` is what conditions call a fact of the incident", "give the step another id")
    return text


def _checked_condition(text: str) -> str:
    try:
        condition_of(text)
    except ValueError as error:
        right = "write as `customers >= 100`, `path telephony/first is healthy` or `ID is done`"
        raise mistaken(str(error), right) from None
    return text


StepId = Annotated[
    str,
    AfterValidator(matching(_STEP_ID, "an id is small letters, digits, - and _, a letter first, at most 40")),
    AfterValidator(_checked_id),
    written_as(f"^{_STEP_ID.pattern}$"),
]
Condition = Annotated[str, AfterValidator(_checked_condition)]
Conditions = Annotated[list[Condition], Field(max_length=PLAYBOOK_CONDITIONS_MAX)]
Words = Annotated[str, Field(max_length=PLAYBOOK_WORDS_CHARS_MAX)]
Subject = Annotated[str, Field(min_length=1, max_length=200)]


MessageAudience = Literal[
    "callers", "customers", "agents", "supervisors", "leaders", "social", "status_page", "vendor", "everybody"
]


class PlaybookStepFile(StrictModel):
    """One of `steps:`; which settings go together is checked by `playbook_checks`."""

    id: StepId = Field(description="the step's name in this playbook", examples=["confirm"])
    human: Subject | None = Field(default=None, description="the role of who does it", examples=["supervisor"])
    approve: Subject | None = Field(default=None, description="the role of who says yes or no", examples=["commander"])
    drain: Subject | None = Field(default=None, description="a path that gets nothing new", examples=["affected"])
    prefer: Subject | None = Field(default=None, description="a path that is asked first", examples=["orders/copy"])
    disable: Subject | None = Field(default=None, description="a path that is asked last", examples=["affected"])
    release: Subject | None = Field(
        default=None, description="a path of which nothing is wished", examples=["affected"]
    )
    take: Subject | None = Field(default=None, description="a number to point away", examples=["affected"])
    put: Subject | None = Field(default=None, description="a number to point home", examples=["affected"])
    preflight: Literal["calls", "look"] | None = Field(
        default=None, description="a look whether all would hold, with test calls or without", examples=["calls"]
    )
    message: MessageAudience | None = Field(
        default=None, description="the audience that is told how it stands, in the approved words", examples=["agents"]
    )
    wait_s: float | None = Field(
        default=None, gt=0, le=PLAYBOOK_TIME_S_MAX, description="seconds to wait", examples=["300"]
    )
    until: Conditions | None = Field(
        default=None, description="what must hold before it goes on", examples=["[phase is mitigated]"]
    )
    run: Subject | None = Field(default=None, description="a flow of the operation that takes a Run", examples=["tidy"])
    parallel: dict[Name, list["PlaybookStepFile"]] | None = Field(
        default=None, min_length=2, max_length=PLAYBOOK_BRANCHES_MAX, description="steps that go on at one time"
    )
    do: Words = Field(default="", description="what it is, in words for people", examples=["Ring our number."])
    good: Words = Field(default="", description="what is seen where it went well", examples=["The menu is heard."])
    due_s: float | None = Field(
        default=None, gt=0, le=PLAYBOOK_TIME_S_MAX, description="seconds after which it is overdue", examples=["300"]
    )
    within_s: float | None = Field(
        default=None, gt=0, le=PLAYBOOK_TIME_S_MAX, description="seconds after which it is over", examples=["600"]
    )
    otherwise: Literal["approved", "rejected"] | None = Field(
        default=None, description="what an approval comes to where nobody answers in time", examples=["rejected"]
    )
    for_s: float | None = Field(
        default=None, gt=0, le=PLAYBOOK_TIME_S_MAX, description="seconds that a wish holds", examples=["3600"]
    )
    when: Conditions = Field(
        default=[], description="it is passed over unless all of these hold", examples=["[customers >= 100]"]
    )


class PlaybookFile(StrictModel):
    """The whole file."""

    kind: Literal["carrier", "back_office", "payments", "surge", "node", "speech", "journal"] = Field(
        description="the kind of incident that it is for", examples=["carrier"]
    )
    title: Words = Field(min_length=1, description="what it is about", examples=["A carrier is down"])
    paths: list[Subject] = Field(
        default=[], description="the paths that it is for; none: all of its kind", examples=["[telephony/north]"]
    )
    steps: list[PlaybookStepFile] = Field(
        min_length=1,
        max_length=PLAYBOOK_STEPS_MAX,
        description="what is done, in this order",
        examples=["[{id: look, human: supervisor, do: Look., good: All is green., due_s: 60}]"],
    )


VERBS = tuple(kind.value for kind in StepKind)


def verbs_in(told: dict[str, Any]) -> list[str]:
    """The settings of a step that say what it does."""
    return [name for name in told if name in VERBS]


def playbook_of(name: str, parsed: PlaybookFile, file: str, digest: str) -> Playbook:
    """What a file that is right says."""
    steps = tuple(map(_step_of, parsed.steps))
    return Playbook(name, parsed.kind, parsed.title, steps, tuple(parsed.paths), file, digest)


def _step_of(parsed: PlaybookStepFile) -> PlaybookStep:
    kind = next(each for each in StepKind if getattr(parsed, each.value) is not None)
    value = getattr(parsed, kind.value)
    wishes = kind in (StepKind.DRAIN, StepKind.PREFER, StepKind.DISABLE)
    waits = kind in (StepKind.PREFLIGHT, StepKind.MESSAGE, StepKind.RUN)
    return PlaybookStep(
        parsed.id,
        kind,
        subject=value if isinstance(value, str) else "",
        do=parsed.do,
        good=parsed.good,
        due_s=parsed.due_s,
        within_s=parsed.within_s or (WITHIN_S if waits else None),
        otherwise=parsed.otherwise or "",
        for_s=value if kind is StepKind.WAIT else parsed.for_s or (WISH_S if wishes else 0.0),
        when=tuple(map(condition_of, parsed.when)),
        until=tuple(map(condition_of, value)) if kind is StepKind.UNTIL else (),
        branches=tuple((name, tuple(map(_step_of, below))) for name, below in value.items())
        if kind is StepKind.PARALLEL
        else (),
    )
