"""The table of verbs: the request that a flow awaits, and what it does as a step of a call."""

from keepline.call.steps import Handlers
from keepline.call.steps_ask import ASK_DIGITS
from keepline.call.steps_say import HANG_UP, SAY
from keepline.flow import AskDigits, HangUp, Say
from keepline.flow.verbs import StepRequest

HANDLERS: dict[type[StepRequest], Handlers] = {
    Say: SAY,
    AskDigits: ASK_DIGITS,
    HangUp: HANG_UP,
}
"""A verb that is absent cannot be awaited: every kind of request is here (tested)."""
