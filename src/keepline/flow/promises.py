"""What a flow can promise: that somebody is called back. The promise is a ticket, a run that outlives whoever made it.

One ticket is open for each number and flow; whoever is promised the same again has the one that there is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from keepline.flow.capabilities import handles_in, read_value, write_value
from keepline.flow.steps import StepRequest, StepResult, check_times, check_words
from keepline.model.limits_callbacks import CALLBACK_VARIABLES_CHARS_MAX, CALLBACK_WITHIN_S_MAX


@dataclass(frozen=True, slots=True)
class CallbackPromised:
    """They will be called back, once."""

    ticket: str
    """Id of the run that sees to it."""
    known: bool = False
    """It was promised before, and is still to be kept: this promise adds nothing."""
    ok: ClassVar[Literal[True]] = True


@dataclass(frozen=True, slots=True)
class NoCallback:
    """They cannot be called back. It is false."""

    reason: str
    """withheld (nobody knows their number), not_allowed (by `outbound`), no_hours (none are left in time), full (too
    many are promised a call) or not_set_up (the operation has no `callbacks`)."""
    detail: str = ""
    ok: ClassVar[Literal[False]] = False

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class PromiseCallback(StepRequest):
    """Promise that a number is called back."""

    number: str
    """Empty for the caller's."""
    flow: str
    """Empty for that of the operation's `callbacks`."""
    after_s: float
    within_s: float | None
    """None for that of the operation."""
    unless_called: bool
    """A call of theirs that is served keeps the promise."""
    variables: str
    """JSON, as `write_value` has it."""

    verb = "promise_callback"

    def returned(self, result: StepResult) -> CallbackPromised | NoCallback:
        told = read_value(result.value)
        if result.reason == "promised":
            return CallbackPromised(told["ticket"], told["known"])
        return NoCallback(told["reason"], told["detail"])


def checked_promise(
    number: str, flow: str, after_s: float, within_s: float | None, variables: Mapping[str, str], *, unless_called: bool
) -> PromiseCallback:
    """The request; raises `ValueError` or `TypeError` for what cannot be promised or recorded."""
    verb = PromiseCallback.verb
    check_words(verb, number=number, flow=flow, **variables)
    check_times(verb, after_s=after_s, within_s=within_s)
    for name, time_s in (("after_s", after_s), ("within_s", within_s)):
        if time_s is not None and time_s > CALLBACK_WITHIN_S_MAX:
            raise ValueError(f"{verb}: {name} is at most {CALLBACK_WITHIN_S_MAX}, not {time_s}")
    text = write_value(dict(variables))
    if handles_in(text):
        raise ValueError(f"{verb}: a secret ends with its call, and cannot be kept for another")
    if len(text) > CALLBACK_VARIABLES_CHARS_MAX:
        raise ValueError(f"{verb}: the variables have {len(text)} characters, more than {CALLBACK_VARIABLES_CHARS_MAX}")
    return PromiseCallback(number, flow, float(after_s), within_s, unless_called, text)
