"""What a detector finds, and to which incident it belongs: one that it is of already, one with the same cause, or none.

Pure: what is open, what fails and what works are arguments.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from keepline.incident.causes import Causes, capability_of, kind_of
from keepline.incident.phases import IncidentPhase
from keepline.incident.state import Incident
from keepline.model.incident import CARRIER, JOURNAL, NODE, SURGE, IncidentSettings, Severity

PATH, BURN, DEAD_AIR, SURGING, TROUBLE, CRASH_LOOP = "path", "burn", "dead_air", "surge", "journal", "crash_loop"
DETECTORS: Final = (PATH, BURN, DEAD_AIR, SURGING, TROUBLE, CRASH_LOOP)
EVERYBODY: Final = ("answered", "flows")
"""Objectives that whatever fails may make miss."""


@dataclass(frozen=True, slots=True)
class Symptom:
    """Something that is wrong now, as one detector sees it."""

    key: str
    """Of a path its name; else what is looked at: `burn answered`, `surge`, `journal`, `process media`."""
    detector: str
    evidence: str
    since_s: float
    capability: str = ""
    path: str = ""
    is_down: bool = False
    """Of a path: it does not work at all; else it works badly."""
    is_grave: bool = False
    """Callers feel it, whatever else is known."""

    @property
    def subject(self) -> str:
        """What it is of, in a word or two."""
        return self.path or self.capability or self.key


def kind_for(symptom: Symptom, settings: IncidentSettings) -> str:
    """The kind of the incident that a symptom opens."""
    usual = {SURGING: SURGE, TROUBLE: JOURNAL, CRASH_LOOP: NODE, DEAD_AIR: CARRIER if symptom.path else NODE}
    if symptom.detector in usual:
        return usual[symptom.detector]
    return kind_of(symptom.capability, settings.kinds) if symptom.capability else NODE


def belongs_to(
    symptom: Symptom,
    incidents: Sequence[Incident],
    causes: Causes,
    working: Collection[str],
    settings: IncidentSettings,
    now_s: float,
) -> tuple[Incident | None, str]:
    """The open incident that it is of, and the cause that then is known; None where it is another one.

    `working` are the paths that are known to be well.
    """
    open_ = [each for each in incidents if each.is_open]
    if symptom.path:
        for each in open_:
            if symptom.path in each.paths:
                return each, each.cause
        recent = [each for each in open_ if now_s - each.widened_at_s <= settings.together_s and not each.is_over]
        for each in recent:
            if each.paths and (cause := causes.shared((*each.paths, symptom.path), working)):
                return each, cause
        for each in recent:
            if not each.paths and symptom.capability in each.capabilities:
                return each, symptom.path
        return None, symptom.path
    kind = kind_for(symptom, settings)
    for each in open_:
        is_of = symptom.capability in each.capabilities if symptom.capability else each.kind == kind and not each.paths
        if is_of:
            return each, each.cause
    if symptom.key.removeprefix(f"{BURN} ") in EVERYBODY:
        felt = [each for each in open_ if each.phase in (IncidentPhase.OPEN, IncidentPhase.MITIGATED)]
        if felt:
            worst = min(felt, key=lambda each: (each.severity, each.opened.at_s))
            return worst, worst.cause
    return None, symptom.subject


def severity_of(
    capabilities: Collection[str],
    symptoms: Collection[Symptom],
    paths: Mapping[str, bool],
    customers: int,
    settings: IncidentSettings,
) -> Severity:
    """How bad it is, by what is lost and who feels it.

    `paths` has every path of the operation, and whether it is not down.
    """
    for capability in capabilities:
        of = [works for path, works in paths.items() if capability_of(path) == capability]
        if of and not any(of):
            return Severity.CRITICAL
    if customers >= settings.critical_customers:
        return Severity.CRITICAL
    is_alone = any(
        len([path for path in paths if capability_of(path) == each.capability]) == 1 for each in symptoms if each.path
    )
    if customers >= settings.major_customers or is_alone or any(each.is_grave for each in symptoms):
        return Severity.MAJOR
    return Severity.MINOR
