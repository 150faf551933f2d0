"""What is to be done after an incident: whose it is, by when, and whether it is done. A fold over facts.

An incident that is closed has them too: most are found in its review. It refuses to remind anybody; who looks at the
list sees what is overdue.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from keepline.call.effects_incident import AddAction, EndAction
from keepline.call.facts.action import ActionAdded, ActionEnded
from keepline.model.limits_incidents import (
    INCIDENT_ACTIONS_MAX,
    INCIDENT_NAME_CHARS_MAX,
    INCIDENT_WORDS_CHARS_MAX,
)

if TYPE_CHECKING:
    from keepline.incident.state import Incident

LAST_OF_DAY_S: Final = 86_399.0
DUE_S_MAX: Final = 4_102_444_800.0
"""The year 2100: what is due later was written wrongly."""


class ActionState(Enum):
    """Where an action is."""

    OPEN = "open"
    DONE = "done"
    DROPPED = "dropped"


_O, _D, _X = ActionState.OPEN, ActionState.DONE, ActionState.DROPPED
ACTION_TRANSITIONS: Final = {(_O, _D): _D, (_O, _X): _X, (_D, _O): _O, (_X, _O): _O}
"""From where to where; of pairs that are absent nothing follows."""


class IncidentAction:
    """One of them. Only `apply` changes it."""

    __slots__ = ("added", "ended", "state")

    def __init__(self, added: ActionAdded) -> None:
        self.added = added
        self.ended: ActionEnded | None = None
        """What was said of it last."""
        self.state = ActionState.OPEN

    def is_overdue(self, now_s: float) -> bool:
        """It is open, and was to be done by now."""
        return self.state is ActionState.OPEN and now_s >= self.added.due_s

    def apply(self, fact: ActionEnded) -> bool:
        """Fold one fact; False where it changes nothing."""
        following = ACTION_TRANSITIONS.get((self.state, ActionState(fact.state)))
        if following is None:
            return False
        self.state, self.ended = following, fact
        return True


def note_action(actions: dict[int, IncidentAction], fact: ActionAdded | ActionEnded) -> bool:
    """Fold a fact into the actions of its incident; False where it changes nothing."""
    if isinstance(fact, ActionAdded):
        if fact.number in actions:
            return False
        actions[fact.number] = IncidentAction(fact)
        return True
    found = actions.get(fact.number)
    return found is not None and found.apply(fact)


def mistake_in_adding(given: AddAction, actions: dict[int, IncidentAction]) -> str:
    """What is wrong with it; empty where nothing is."""
    if not given.what.strip() or len(given.what) > INCIDENT_WORDS_CHARS_MAX:
        return f"say what is to be done, in up to {INCIDENT_WORDS_CHARS_MAX} characters"
    if not given.owner.strip() or len(given.owner) > INCIDENT_NAME_CHARS_MAX:
        return f"say whose it is, in up to {INCIDENT_NAME_CHARS_MAX} characters"
    if not 0 < given.due_s < DUE_S_MAX:
        return "say by when it is to be done, in seconds since the epoch"
    is_known = any(each.added.asked == given.asked for each in actions.values() if given.asked)
    if len(actions) >= INCIDENT_ACTIONS_MAX and not is_known:
        return f"it has {INCIDENT_ACTIONS_MAX} actions already: more is a project"
    return ""


def mistake_in_ending(given: EndAction, actions: dict[int, IncidentAction]) -> str:
    """What is wrong with it; empty where nothing is."""
    found = actions.get(given.number)
    if found is None:
        known = ", ".join(map(str, actions)) or "none"
        return f"{given.incident} has no action {given.number}; there are {known}"
    if given.state not in {each.value for each in ActionState}:
        return f"{given.state!r} is nothing that becomes of an action: write done, dropped or open"
    if len(given.why) > INCIDENT_WORDS_CHARS_MAX:
        return f"say why in up to {INCIDENT_WORDS_CHARS_MAX} characters"
    if given.state != ActionState.DONE.value and not given.why.strip():
        return "say why: that is kept"
    is_again = found.state.value == given.state
    if not is_again and (found.state, ActionState(given.state)) not in ACTION_TRANSITIONS:
        return f"it is {found.state.value}: say that it is open again before"
    is_same = is_again and found.ended is not None and (found.ended.by, found.ended.why) == (given.by, given.why)
    return f"it is {given.state} already" if is_again and not is_same else ""


def action_told(action: IncidentAction, now_s: float) -> dict[str, Any]:
    """An action, as JSON has it. Times are seconds since the epoch."""
    added, ended = action.added, action.ended
    return {
        "id": f"{added.call}/{added.number}",
        "incident": added.call,
        "number": added.number,
        "what": added.what,
        "owner": added.owner,
        "due": added.due_s,
        "state": action.state.value,
        "is_overdue": action.is_overdue(now_s),
        "added_by": added.by,
        "added_at": added.at_s,
        "ended_by": ended.by if ended is not None else "",
        "ended_at": ended.at_s if ended is not None else None,
        "why": ended.why if ended is not None else "",
    }


def actions_told(incidents: Iterable["Incident"], now_s: float) -> list[dict[str, Any]]:
    """The actions of these incidents, in their order."""
    return [action_told(action, now_s) for each in incidents for action in each.actions.values()]


def end_of_day(day: str) -> float:
    """The last second of `2026-11-30`, in UTC; raises `ValueError`."""
    return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp() + LAST_OF_DAY_S


def day_told(at_s: float) -> str:
    """`2026-11-30`, in UTC."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d")
