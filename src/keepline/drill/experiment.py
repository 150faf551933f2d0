"""A drill as it is written: YAML in the words of Chaos Toolkit, read into frozen values.

`steady-state-hypothesis`, `method`, `rollbacks`, actions, probes, tolerances, providers and pauses are those of its
open specification (chaostoolkit.org, Experiment 1.0); every provider is of type `python` and names a function of
`keepline.drill.faults`. Beside them a drill has `path`, what it is about, and must state its `blast-radius`.
"""

from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from keepline.model.limits_drills import DRILL_STEPS_MAX, LEASE_S_MAX

MODULE = "keepline.drill.faults"
NAME = r"^[a-z][a-z0-9-]{0,63}$"
EXPIRING = ("carrier_fault", "office_fault", "frozen", "disk_full", "surge")
"""Functions whose faults are leases, so each names its `expires_s`."""


class DrillError(Exception):
    """A file that is no drill; says what is wrong with it and what would be right."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Provider(_Strict):
    """Who does it."""

    type: Literal["python"]
    module: Literal["keepline.drill.faults"]
    func: Literal[
        "carrier_fault", "office_fault", "killed", "frozen", "disk_full", "surge", "heal", "share_well", "answers"
    ]
    arguments: dict[str, str | int | float] = {}


class Pauses(_Strict):
    """Seconds."""

    before: float = Field(default=0.0, ge=0, le=LEASE_S_MAX)
    after: float = Field(default=0.0, ge=0, le=LEASE_S_MAX)


class DrillAction(_Strict):
    """Something that is done."""

    type: Literal["action"]
    name: str
    provider: Provider
    pauses: Pauses = Pauses()


class Range(_Strict):
    """A tolerance of figures."""

    type: Literal["range"]
    range: tuple[float, float]


class Probe(_Strict):
    """Something that is looked at."""

    type: Literal["probe"]
    name: str
    tolerance: bool | Range = True
    provider: Provider

    def holds(self, value: object) -> bool:
        """Whether what was found is within the tolerance."""
        if isinstance(self.tolerance, bool):
            return value is self.tolerance
        first, last = self.tolerance.range
        return isinstance(value, int | float) and first <= value <= last


class Hypothesis(_Strict):
    """What is so before and after."""

    title: str
    probes: list[Probe] = Field(min_length=1, max_length=DRILL_STEPS_MAX)


class _File(_Strict):
    version: str = "1.0.0"
    title: str = Field(min_length=1)
    description: str = ""
    tags: list[str] = []
    path: str = ""
    detects: str = ""
    callers: str = Field(default="", pattern=r"^([a-z_]+:[0-9]+(,[a-z_]+:[0-9]+)*)?$")
    blast_radius: str = Field(alias="blast-radius", min_length=10)
    steady_state: Hypothesis = Field(alias="steady-state-hypothesis")
    method: Annotated[list[DrillAction | Probe], Field(min_length=1, max_length=DRILL_STEPS_MAX)]
    rollbacks: list[DrillAction] = Field(default=[], max_length=DRILL_STEPS_MAX)


@dataclass(frozen=True, slots=True)
class Drill:
    """One drill."""

    name: str
    title: str
    blast_radius: str
    steady_state: Hypothesis
    method: tuple[DrillAction | Probe, ...]
    rollbacks: tuple[DrillAction, ...]
    path: str = ""
    """The path that it is about, as `keepline paths` has it; "" for one that is about something else."""
    description: str = ""
    detects: str = ""
    """What the node is to notice is unwell, a path or a part of its own: `path`, where nothing else is said."""
    callers: str = ""
    """Who calls meanwhile, `NAME:WEIGHT,…` of the world's personas: those who use what is broken."""
    made_from: str = ""
    """The file, or the operation whose model it was generated from."""


def read_drill(text: str, name: str, made_from: str) -> Drill:
    """A drill of YAML; raises `DrillError`."""
    try:
        plain = YAML(typ="safe", pure=True).load(text)
        parsed = _File.model_validate(plain)
    except YAMLError as error:
        raise DrillError(f"{made_from}: not YAML: {str(error).splitlines()[0]}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(each) for each in first["loc"]) or "the file"
        raise DrillError(f"{made_from}: {where}: {first['msg']}; see docs/reference/drills.md") from error
    for step in (*parsed.method, *parsed.rollbacks):
        lasts = step.provider.arguments.get("expires_s")
        if step.provider.func in EXPIRING and not (isinstance(lasts, int | float) and 0 < lasts <= LEASE_S_MAX):
            right = f"every fault says how long it may stand at most, `expires_s: 15`, up to {LEASE_S_MAX:g}"
            raise DrillError(f"{made_from}: {step.name}: no `expires_s`; {right}")
    return Drill(
        name, parsed.title, parsed.blast_radius, parsed.steady_state, tuple(parsed.method), tuple(parsed.rollbacks),
        parsed.path, parsed.description, parsed.detects or parsed.path, parsed.callers, made_from,
    )  # fmt: skip


def read_drills(directory: Path) -> dict[str, Drill]:
    """Every `NAME.yaml` of a directory; none where there is no such directory. Raises `DrillError`."""
    return {
        file.stem: read_drill(file.read_text(encoding="utf-8"), file.stem, str(file))
        for file in sorted(directory.glob("*.yaml"))
    }


def written(drill: Drill) -> str:
    """The same as YAML, for a file."""
    plain: dict[str, Any] = {"version": "1.0.0", "title": drill.title, "description": drill.description}
    plain |= {"path": drill.path, "detects": drill.detects, "callers": drill.callers}
    plain["blast-radius"] = drill.blast_radius
    plain["steady-state-hypothesis"] = drill.steady_state.model_dump(mode="json")
    plain["method"] = [step.model_dump(mode="json") for step in drill.method]
    plain["rollbacks"] = [step.model_dump(mode="json") for step in drill.rollbacks]
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.sort_base_mapping_type_on_output = False, False  # type: ignore[assignment]
    out = StringIO()
    yaml.dump(plain, out)
    return out.getvalue()
