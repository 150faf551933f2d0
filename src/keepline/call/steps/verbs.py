"""The table of verbs: the request that a flow awaits, and what it does as a step of a call."""

from keepline.call.steps.apology import APOLOGY
from keepline.call.steps.ask import QUESTION
from keepline.call.steps.common import Behaviour
from keepline.call.steps.connect import CONNECT
from keepline.call.steps.promise import PROMISE
from keepline.call.steps.quiet import NOTE, WAIT
from keepline.call.steps.record_message import RECORD_MESSAGE
from keepline.call.steps.say import HANG_UP, SAY
from keepline.call.steps.secret import SECRET
from keepline.call.steps.start import START
from keepline.call.steps.transfer import TRANSFER
from keepline.call.steps.use import USE
from keepline.flow import (
    Apologise,
    AskChoice,
    AskDigits,
    AskSecretDigits,
    AskYesNo,
    Connect,
    HangUp,
    Log,
    Outcome,
    PromiseCallback,
    RecordMessage,
    Say,
    StartFlow,
    StepRequest,
    Transfer,
    Use,
    Wait,
)

BEHAVIOURS: dict[type[StepRequest], Behaviour] = {
    Say: SAY,
    AskDigits: QUESTION,
    AskSecretDigits: SECRET,
    AskChoice: QUESTION,
    AskYesNo: QUESTION,
    RecordMessage: RECORD_MESSAGE,
    Wait: WAIT,
    Log: NOTE,
    Outcome: NOTE,
    Use: USE,
    Transfer: TRANSFER,
    Connect: CONNECT,
    StartFlow: START,
    PromiseCallback: PROMISE,
    HangUp: HANG_UP,
    Apologise: APOLOGY,
}
"""A verb that is absent cannot be awaited: every kind of request is here (tested)."""
