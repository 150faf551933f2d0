"""The table of verbs: the request that a flow awaits, and what it does as a step of a call."""

from keepline.call.steps import Behaviour
from keepline.call.steps_apology import APOLOGY
from keepline.call.steps_ask import QUESTION
from keepline.call.steps_connect import CONNECT
from keepline.call.steps_quiet import NOTE, WAIT
from keepline.call.steps_record import RECORD_MESSAGE
from keepline.call.steps_say import HANG_UP, SAY
from keepline.call.steps_secret import SECRET
from keepline.call.steps_transfer import TRANSFER
from keepline.call.steps_use import USE
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
    RecordMessage,
    Say,
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
    HangUp: HANG_UP,
    Apologise: APOLOGY,
}
"""A verb that is absent cannot be awaited: every kind of request is here (tested)."""
