"""A call that kills its process is known by the mark that names the call being stepped, and is set aside.

One death may be chance. After the second the call's flow is not run again: the caller hears the apology, and the call
ends. Should even that kill a process, the call is ended without a word, and at last struck off. One of which nothing
was written yet is refused (500). The others are unharmed.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from keepline.call import established
from keepline.call.effects import Report
from keepline.call.facts import FlowFailed
from keepline.call.state import CallState, Phase
from keepline.call.turn import Turn
from keepline.call.unfinished import failed as left
from keepline.model.limits import CALLS_BLAMED_MAX, DEATHS_OF_CALL_MAX

if TYPE_CHECKING:
    from keepline.call.restoring import Restoring


def blamed(before: Mapping[str, int], mark: str) -> dict[str, int]:
    """How many processes each call has killed, by what was known `before` and the mark of what was being stepped.

    At most `CALLS_BLAMED_MAX` are remembered, those that were blamed last.
    """
    deaths = dict(before)
    if mark:
        deaths[mark] = deaths.pop(mark, 0) + 1
    return dict(list(deaths.items())[-CALLS_BLAMED_MAX:])


def is_set_aside(deaths: int) -> bool:
    """Whether a call has killed too many processes to go on as if nothing had happened."""
    return deaths >= DEATHS_OF_CALL_MAX


def reason(deaths: int) -> str:
    """Why a call is set aside."""
    return f"{deaths} processes died while they worked on this call; it was set aside"


def restore(turn: Turn, call: CallState, deaths: int, restoring: "Restoring") -> None:
    """Take up a call that is set aside: with the apology where there is a caller to hear it."""
    what = reason(deaths)
    turn.emit(Report("set_aside", call.id, what))
    if deaths > DEATHS_OF_CALL_MAX + 1:
        restoring.strike_off(turn, call.received)
        call.phase = Phase.ENDED
    elif deaths > DEATHS_OF_CALL_MAX:
        restoring.give_up(turn, call, what)
    else:
        if call.has_caller and call.failed is None and call.flow_ended is None:
            language = established.language_at(turn, call)
            failed = FlowFailed(call.id, turn.now_s, call.received.flow, established.SET_ASIDE, what, language)
            left.leave_call(turn, call, what)
            left.leave_undone(turn, call, what)
            turn.record(call, failed)
        restoring.restore(turn, call)
