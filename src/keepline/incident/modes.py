"""The mode of an operation: what follows from its open incidents, unless a person says otherwise for a while.

It selects words and staffing. Which path is taken follows from how the paths are, and never from the mode. An exercise
changes it for nobody but the playbook of that exercise, which is rehearsed with the mode that it would have in earnest.
"""

from collections.abc import Iterable

from keepline.call.facts.incident import ModeSet
from keepline.incident.phases import IncidentPhase
from keepline.incident.state import Incident
from keepline.model.incident import Mode, Severity


def derived_mode(incidents: Iterable[Incident], *, in_exercise: bool = False) -> tuple[Mode, str]:
    """The mode that follows from these, of which some may be over, and why; exercises count `in_exercise` alone."""
    every = [each for each in incidents if each.is_open]
    now = [each for each in every if in_exercise or not each.exercise]
    if not now:
        return Mode.NORMAL, f"no incident is open but exercises: {_named(every)}" if every else "no incident is open"
    felt = [each for each in now if not each.is_over]
    if not felt:
        restored = [each.id for each in now if each.phase is IncidentPhase.RESTORED]
        what = "back, to be closed" if len(restored) == len(now) else "on the way back"
        return Mode.RECOVERY, f"{_named(now)}: {what}"
    critical = [each for each in felt if each.severity is Severity.CRITICAL]
    if critical:
        return Mode.CRISIS, f"{_named(critical)}: critical"
    return Mode.DEGRADED, _named(felt)


def mode_now(incidents: Iterable[Incident], wanted: ModeSet | None, *, in_exercise: bool = False) -> tuple[Mode, str]:
    """The mode, and why; `wanted` is what a person has set, while that holds."""
    if wanted is not None:
        return Mode(wanted.mode), f"{wanted.by or 'somebody'} set it: {wanted.why}"
    return derived_mode(incidents, in_exercise=in_exercise)


def _named(incidents: list[Incident]) -> str:
    first = f"{incidents[0].id} ({incidents[0].cause})"
    return first if len(incidents) == 1 else f"{first} and {len(incidents) - 1} more"
