"""The flow of a callback ticket: waits for its hours, calls, and calls again who did not answer, while there is time.

It is a run as any other: each wait and each call is a step, so whichever process has the node goes on with it and
nobody is called twice for one promise. Whom it may call, and who is served meanwhile, others decide and tell it by an
event. What its steps are must stay what it is: tickets that are open run again with what is on record.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from keepline.flow.capabilities import Reply
from keepline.flow.engine import flow
from keepline.flow.runs import Called, NotCalled, Run

CALLBACK: Final = "keepline.callback"
"""Its name: no flow of an operation can have one with a point in it."""
OFF: Final = "callback_off"
"""The event that ends a ticket, under the run's id."""
ON_LINE: Final = "on_line"
"""What a call comes to that is not placed, since they are on the line with us."""
REACHED, CALLED_OFF, MISSED = "reached", "called_off", "missed"
"""What a ticket comes to."""
PAUSE_S_MIN, PAUSE_S_MAX = 30.0, 600.0
"""After a call that never came to them; it doubles from one to the next."""
ON_LINE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class CallbackPlan:
    """What was promised: a ticket's variables."""

    number: str
    flow: str
    windows: tuple[tuple[float, float], ...]
    """When they may be called, in order; seconds since the epoch."""
    attempts: int
    retry_s: float
    ring_timeout_s: float
    from_number: str
    not_reached: tuple[str, ...]
    ends: str
    """The call that was lost: it is hung up on before they are called; empty for none."""
    avoid: str
    """The carrier that lost it."""
    unless_called: bool
    """A call of theirs that is served keeps the promise."""
    why: str
    variables: Mapping[str, str]
    """What the flow that talks to them finds in `call.variables`."""

    def next_open_s(self, from_s: float) -> float | None:
        """When they may be called next; None where it is too late."""
        return next((max(begin_s, from_s) for begin_s, end_s in self.windows if from_s < end_s), None)

    def is_open(self, now_s: float) -> bool:
        """They may be called now."""
        return any(begin_s <= now_s < end_s for begin_s, end_s in self.windows)

    def told(self) -> dict[str, Any]:
        """As the variables of a run."""
        return {name: getattr(self, name) for name in self.__slots__}


def plan_of(variables: Mapping[str, Any]) -> CallbackPlan:
    """What the variables of a ticket say."""
    said = {name: variables[name] for name in CallbackPlan.__slots__}
    said["windows"] = tuple((begin_s, end_s) for begin_s, end_s in said["windows"])
    return CallbackPlan(**said | {"not_reached": tuple(said["not_reached"])})


class CallbackResult(Enum):
    """What came of one call."""

    REACHED = "reached"
    NOBODY = "nobody"
    """It rang, or was busy, or a machine took it: that counts."""
    NEVER_CAME = "never came"
    """No carrier brought it to them, or none could be asked: that does not."""
    ON_LINE = "on the line"
    FINAL = "final"
    """They do not want it, or there is no such number."""


def judge(plan: CallbackPlan, called: Called | NotCalled) -> CallbackResult:
    """What came of a call, by its record."""
    if isinstance(called, Called):
        return CallbackResult.NOBODY if called.outcome in plan.not_reached else CallbackResult.REACHED
    if called.outcome == ON_LINE:
        return CallbackResult.ON_LINE
    if called.answered:
        return CallbackResult.NEVER_CAME if called.outcome == "lost" else CallbackResult.FINAL
    if called.outcome in ("busy", "no_answer"):
        return CallbackResult.NOBODY
    return (
        CallbackResult.FINAL
        if called.outcome == "refused" and called.ended_by == "callee"
        else CallbackResult.NEVER_CAME
    )


@flow
async def calling_back(run: Run) -> str:
    """Call them, once; gives reached, called_off or missed."""
    plan = plan_of(run.variables)
    due_s, tried, pause_s, came = plan.next_open_s(run.now_s), 0, PAUSE_S_MIN, "nobody was called"
    while due_s is not None and tried < plan.attempts:
        off = await run.wait_for(OFF, timeout_s=max(0.0, due_s - run.now_s))
        if isinstance(off, Reply):
            await run.outcome(CALLED_OFF, why=str(off.why), tried=tried)
            return CALLED_OFF
        if not plan.is_open(run.now_s):  # nobody was there to call at the time
            due_s = plan.next_open_s(run.now_s)
            continue
        called = await run.call_out(
            plan.number, plan.flow, from_=plan.from_number, ring_timeout_s=plan.ring_timeout_s, ends=plan.ends,
            avoid=plan.avoid, **plan.variables,
        )  # fmt: skip
        found = judge(plan, called)
        came = called.outcome if isinstance(called, Called) else f"{called.outcome}: {called.detail}"
        if found is CallbackResult.REACHED:
            await run.outcome(REACHED, call=called.call, came_to=called.outcome, tried=tried + 1)
            return REACHED
        if found is CallbackResult.FINAL:
            tried += 1
            break
        tried += found is CallbackResult.NOBODY
        wait_s = (
            plan.retry_s
            if found is CallbackResult.NOBODY
            else ON_LINE_S
            if found is CallbackResult.ON_LINE
            else pause_s
        )
        if found is CallbackResult.NEVER_CAME:
            pause_s = min(2 * pause_s, PAUSE_S_MAX)
        due_s = plan.next_open_s(run.now_s + wait_s)
    await run.outcome(MISSED, why=came, tried=tried)
    return MISSED
