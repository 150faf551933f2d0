"""`incidents:` of an operation file: what an incident is, how bad, how it ends. See `docs/reference/incidents.md`."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from keepline.config.dependencies import DependencyName
from keepline.config.values import Name, StrictModel, mistaken
from keepline.model.incident import INCIDENT_KINDS, GateSettings, IncidentSettings, Objectives, PathTest
from keepline.model.limits_incidents import EXERCISE_NAME_MAX, GATE_SHARES_MAX, INCIDENT_WINDOW_S_MAX

_OBJECTIVES, _USUAL, _GATE = Objectives(), IncidentSettings(), GateSettings()
HOLD_S_MAX = 86_400
Kind = Literal["carrier", "back_office", "payments", "surge", "node", "speech", "journal"]
assert set(Kind.__args__) == set(INCIDENT_KINDS)  # type: ignore[attr-defined]


def check_shares(shares: list[float]) -> list[float]:
    """They rise, and end with all."""
    if not shares or shares[-1] != 1.0 or any(not 0 < a < b for a, b in pairwise([1e-9, *shares])):
        raise mistaken(f"{shares} do not rise to 1", "write them as `[0.05, 0.25, 0.5, 1]`")
    return shares


Shares = Annotated[list[float], AfterValidator(check_shares)]


class ObjectivesFile(StrictModel):
    """`incidents.objectives:`"""

    answered: float = Field(
        default=_OBJECTIVES.answered,
        ge=0.5,
        le=0.99999,
        description="the share of calls to us that are not refused for a reason of ours",
        examples=["0.99"],
    )
    flows: float = Field(
        default=_OBJECTIVES.flows,
        ge=0.5,
        le=0.99999,
        description="the share of flows that do not fail",
        examples=["0.99"],
    )
    heard: float = Field(
        default=_OBJECTIVES.heard,
        ge=0.5,
        le=0.99999,
        description="the share of answered calls whose line does not fall silent",
        examples=["0.95"],
    )
    uses: float = Field(
        default=_OBJECTIVES.uses,
        ge=0.5,
        le=0.99999,
        description="the share of uses of a capability that are answered, each by itself",
        examples=["0.95"],
    )


class PathTestFile(StrictModel):
    """One of `incidents.gate.tests:`"""

    action: Name = Field(description="what is asked of it; it changes nothing", examples=["status"])
    arguments: dict[Name, str] = Field(
        default_factory=dict, description="with which arguments", examples=["{order: '1000'}"]
    )


class GateFile(StrictModel):
    """`incidents.gate:`"""

    hold_s: float = Field(
        default=_GATE.hold_s,
        ge=0,
        le=HOLD_S_MAX,
        description="seconds that all is well before callers come by what failed",
        examples=["60"],
    )
    step_s: float = Field(
        default=_GATE.step_s,
        ge=0,
        le=HOLD_S_MAX,
        description="seconds that each share is carried well before the next",
        examples=["30"],
    )
    shares: Shares = Field(
        default=list(_GATE.shares),
        max_length=GATE_SHARES_MAX,
        description="the shares of new calls that may choose it, one after another",
    )
    tests: dict[DependencyName, PathTestFile] = Field(
        default_factory=dict,
        description="what is asked of a path before it carries callers again",
        examples=["{billing/main: {action: balance, arguments: {invoice: '1'}}}"],
    )


class IncidentsFile(StrictModel):
    """`incidents:`"""

    objectives: ObjectivesFile = Field(default=ObjectivesFile(), description="the shares that are to go well")
    short_s: float = Field(
        default=_USUAL.short_s,
        ge=5,
        le=INCIDENT_WINDOW_S_MAX,
        description="seconds of the window that says that it goes on",
        examples=["60"],
    )
    long_s: float = Field(
        default=_USUAL.long_s,
        ge=5,
        le=INCIDENT_WINDOW_S_MAX,
        description="seconds of the window that says that it matters",
        examples=["600"],
    )
    burn: float = Field(
        default=_USUAL.burn, ge=1, le=1000, description="times what an objective allows, in both", examples=["8"]
    )
    bad_min: int = Field(
        default=_USUAL.bad_min, ge=1, le=10_000, description="bad ones that a window must have", examples=["5"]
    )
    surge_times: float = Field(
        default=_USUAL.surge_times, ge=1.1, le=1000, description="times the usual calls of a minute", examples=["3"]
    )
    surge_calls_min: int = Field(
        default=_USUAL.surge_calls_min, ge=1, le=1_000_000, description="calls of a minute at least", examples=["60"]
    )
    kinds: dict[Name, Kind] = Field(
        default_factory=dict,
        description="the kind of incident that a capability's are",
        examples=["{gateway: payments}"],
    )
    critical_customers: int = Field(
        default=_USUAL.critical_customers, ge=1, description="callers who feel it: critical", examples=["200"]
    )
    major_customers: int = Field(
        default=_USUAL.major_customers, ge=1, description="callers who feel it: major", examples=["5"]
    )
    together_s: float = Field(
        default=_USUAL.together_s,
        ge=0,
        le=3_600,
        description="seconds within which what shares a cause is one",
        examples=["120"],
    )
    close_after_s: float = Field(
        default=_USUAL.close_after_s,
        ge=0,
        le=HOLD_S_MAX,
        description="seconds until one that nobody commands closes by itself; 0 never",
        examples=["900"],
    )
    gate: GateFile = Field(default=GateFile(), description="how what failed comes back")
    exercise: str = Field(
        default=_USUAL.exercise,
        max_length=EXERCISE_NAME_MAX,
        pattern=r"^[A-Za-z0-9 ._:-]*$",
        description="the drill that this node was started for: every incident of it is an exercise",
        examples=["telephony-carrier-dead"],
    )


def incident_settings_of(parsed: IncidentsFile) -> IncidentSettings:
    """What `incidents:` of a file that is right says."""
    told, gate = parsed.objectives, parsed.gate
    tests = {name: PathTest(each.action, dict(each.arguments)) for name, each in gate.tests.items()}
    return IncidentSettings(
        Objectives(told.answered, told.flows, told.heard, told.uses),
        parsed.short_s,
        parsed.long_s,
        parsed.burn,
        parsed.bad_min,
        parsed.surge_times,
        parsed.surge_calls_min,
        dict(parsed.kinds),
        parsed.critical_customers,
        parsed.major_customers,
        parsed.together_s,
        parsed.close_after_s,
        GateSettings(gate.hold_s, gate.step_s, tuple(gate.shares), tests),
        parsed.exercise,
    )
