"""When the outcome of a change is in doubt, and nobody can wait any longer: it is put on record, and gone on with.

What can be found out is *pending*: repeated where the other side does it once for one key and nothing of it is secret,
else asked for. What cannot is work for a person at once. Nothing is guessed.
"""

from dataclasses import dataclass

from keepline.call.facts import UseStarted
from keepline.call.facts.run import RunUseStarted
from keepline.call.facts.work import UsePending, WorkOpened
from keepline.call.state import CallState
from keepline.call.turn import Turn
from keepline.call.unfinished.book import USE
from keepline.flow.capabilities import Pending, Unknown, UseOutcome, handles_in
from keepline.model.capability import CapabilityAction
from keepline.model.limits_capabilities import PENDING_PAUSE_S_MIN


@dataclass(frozen=True, slots=True)
class Asker:
    """Whose change is in doubt: a call, or a run, which has no numbers."""

    id: str
    flow: str
    operation: str
    from_number: str = ""
    to_number: str = ""


def asker_of(call: CallState) -> Asker:
    """The call as one who asked."""
    begun = call.received
    return Asker(call.id, begun.flow, begun.operation, begun.from_number, begun.to_number)


def key_of(call: str, step: int) -> str:
    """The idempotency key of a use: the same for all of its attempts, and of no other."""
    return f"{call}-{step}"


def way_out(name: str, action: CapabilityAction, arguments: str) -> str:
    """What is asked to end a doubt once the call is over: the action itself, the one that tells, or nothing."""
    if action.idempotent and not handles_in(arguments):
        return name
    return action.resolve or action.lookup


def settle(
    turn: Turn,
    asker: Asker,
    use: UseStarted | RunUseStarted,
    found: Unknown,
    action: CapabilityAction | None,
    path: str = "",
) -> UseOutcome:
    """Put a doubt on record; returns what the flow is told: `Pending` where it is found out, else `Unknown`.

    `path` is that which may have done it, where there are several.
    """
    item = key_of(asker.id, use.step)
    first_at_s, sent_at_s = use.first_at_s or use.at_s, use.sent_at_s or use.at_s
    if action is not None and way_out(use.action, action, use.arguments):
        next_at_s, until_s = turn.now_s + PENDING_PAUSE_S_MIN, turn.now_s + action.pending_s
        turn.leave(
            UsePending(
                asker.id, turn.now_s, item, use.step, asker.flow, use.capability, use.action, use.arguments,
                asker.operation, asker.from_number, asker.to_number, found.reason, first_at_s, sent_at_s,
                use.attempt, min(next_at_s, until_s), until_s, path,
            )
        )  # fmt: skip
        return Pending(found.reason)
    turn.leave(
        WorkOpened(
            asker.id, turn.now_s, item, USE, found.reason, asker.flow, asker.from_number, asker.to_number,
            use.step, use.capability, use.action, use.arguments, asker.operation, first_at_s, sent_at_s, use.attempt,
            path=path,
        )
    )  # fmt: skip
    return found
