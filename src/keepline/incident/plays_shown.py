"""A playbook at work in the words that people are told: names and figures, nothing else."""

from typing import Any

from keepline.incident.plays import PlaybookRun, StepStanding
from keepline.model.playbook import StepKind


def play_told(play: PlaybookRun) -> dict[str, Any]:
    """The playbook of an incident, as JSON has it. Times are seconds since the epoch."""
    return {
        "incident": play.incident,
        "run": play.run,
        "playbook": play.name,
        "title": play.title,
        "file": play.file,
        "digest": play.digest,
        "state": play.outcome or "at work",
        "error": play.error,
        "began_at": play.began_at_s,
        "ended_at": play.ended_at_s,
        "steps": [step_told(each) for each in play.standings.values()],
    }


def step_told(standing: StepStanding) -> dict[str, Any]:
    """One step of it."""
    step = standing.step
    return {
        "id": step.id,
        "kind": step.kind.value,
        "subject": step.subject,
        "branch": standing.branch,
        "do": step.do or " ".join(map(str, step.until)),
        "good": step.good,
        "when": [str(each) for each in step.when],
        "state": standing.state.value,
        "began_at": standing.began_at_s,
        "ended_at": standing.ended_at_s,
        "due_at": standing.due_at_s,
        "until": standing.until_s,
        "otherwise": step.otherwise,
        "overdue": standing.is_overdue,
        "by": standing.by,
        "why": standing.why,
        "deviation": standing.deviation,
        "added_by": standing.added_by,
        "added_why": standing.added_why,
        "told": standing.told,
        "is_asked": _is_asked(standing),
    }


def _is_asked(standing: StepStanding) -> bool:
    """Whether people are to say something of it now."""
    return not standing.is_over and standing.step.kind in (StepKind.HUMAN, StepKind.APPROVE) and not standing.told
