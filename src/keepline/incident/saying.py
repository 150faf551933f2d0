"""What may be wrong with what somebody says of a step, in words that say what would be right."""

from typing import Final

from keepline.call.effects_playbook import SayOfStep
from keepline.incident.plays import PlaybookRun, StepStanding
from keepline.model.limits_incidents import INCIDENT_NAME_CHARS_MAX
from keepline.model.limits_playbooks import PLAYBOOK_ADDED_MAX, PLAYBOOK_WORDS_CHARS_MAX
from keepline.model.playbook import StepKind, StepState

SAYINGS: Final = ("done", "skip", "approve", "reject", "add", "looked")
_OF_KIND: Final = {"done": StepKind.HUMAN, "looked": StepKind.PREFLIGHT}
_AT_ONCE: Final = (StepKind.RUN, StepKind.MESSAGE, StepKind.PARALLEL)
"""Once they have begun, what they started goes on by itself."""


def mistake_in_saying(given: SayOfStep, play: PlaybookRun | None, standing: StepStanding | None) -> str:
    """What is wrong with it; empty where nothing is."""
    if given.said not in SAYINGS:
        return f"{given.said!r} is nothing that is said of a step: write one of {', '.join(SAYINGS)}"
    if not given.by.strip() or len(given.by) > INCIDENT_NAME_CHARS_MAX:
        return f"say who you are, in up to {INCIDENT_NAME_CHARS_MAX} characters"
    if len(given.why) > PLAYBOOK_WORDS_CHARS_MAX:
        return f"say it in up to {PLAYBOOK_WORDS_CHARS_MAX} characters"
    if play is None:
        return f"no playbook is at work for {given.incident!r}: `keepline incident list` has what is open"
    if given.said == "add":
        return _in_adding(given, play)
    if standing is None:
        known = ", ".join(each.step.id for each in play.standings.values() if not each.is_over)
        return f"the playbook has no step {given.step!r}; what is left are: {known or 'none'}"
    return _in_saying(given, standing)


def _in_adding(given: SayOfStep, play: PlaybookRun) -> str:
    if not given.step.strip() or len(given.step) > PLAYBOOK_WORDS_CHARS_MAX:
        return f"say what is to be done, in up to {PLAYBOOK_WORDS_CHARS_MAX} characters"
    if play.is_over:
        return f"the playbook of {play.incident} is over"
    if play.added >= PLAYBOOK_ADDED_MAX:
        return f"{PLAYBOOK_ADDED_MAX} steps were added: more is another playbook"
    return "" if given.why.strip() else "say why the playbook needs another step: that is kept"


def _in_saying(given: SayOfStep, standing: StepStanding) -> str:
    step, name = standing.step, standing.step.id
    if standing.is_over:
        by = f" by {standing.by}" if standing.by else ""
        return f"{name} is {standing.state.value}{by} already"
    if standing.told:
        return f"of {name} it was said already: {standing.told}; its turn has not come"
    is_ahead = standing.state is StepState.AHEAD
    if given.said == "skip":
        if step.kind in _AT_ONCE and not is_ahead:
            return f"{name} has begun, and goes on by itself" + _within(standing)
        return "" if given.why.strip() else f"say why {name} is skipped: that is kept"
    if given.said in ("approve", "reject"):
        if step.kind is not StepKind.APPROVE:
            return f"{name} asks for no approval"
    elif step.kind is not _OF_KIND[given.said]:
        return f"{name} is done by the node: skip it, and say why, where it is not to be done"
    if is_ahead and not given.why.strip():
        return f"the turn of {name} has not come: say why it is done before, that is kept"
    return ""


def _within(standing: StepStanding) -> str:
    ids = [each.id for _, below in standing.step.branches for each in below]
    return f": skip those in it ({', '.join(ids)})" if ids else ""
