"""The durable flow engine, the verbs of a call, and those of a run, which has no caller.

A flow is an async function whose every await is a verb. The engine drives it without an event loop, records each
verb's result as a step, and after a crash runs the function again with the recorded results until it reaches the
first step that has none. It refuses to await anything that is not a verb: such a wait could not be replayed.
"""

from keepline.flow.capabilities import Pending, Promised, Refused, Reply, Unavailable, Unknown, Use
from keepline.flow.connect import Connect, Connected, ConnectReason, NotConnected
from keepline.flow.engine import (
    Advance,
    Finished,
    FlowEnding,
    FlowMisuseError,
    FlowRun,
    HungUp,
    StepFailedError,
    Waiting,
    flow,
    takes_run,
)
from keepline.flow.promises import CallbackPromised, NoCallback, PromiseCallback
from keepline.flow.questions import AskChoice, AskDigits, AskYesNo, Digits, Failure, Reason
from keepline.flow.quiet import Log, Outcome, Wait
from keepline.flow.recording import Recording, RecordingReason, RecordMessage
from keepline.flow.recovery import Apologise
from keepline.flow.runs import (
    Called,
    CallOut,
    Join,
    NotCalled,
    Overdue,
    Raised,
    Returned,
    Run,
    StartedRun,
    StartFlow,
    WaitFor,
)
from keepline.flow.secrets import AskSecretDigits, Secret
from keepline.flow.spoken import Money
from keepline.flow.steps import StepOutcome, StepRequest, StepResult
from keepline.flow.transfer import NotTransferred, Transfer, TransferReason, Transferred
from keepline.flow.verbs import Call, HangUp, Say

__all__ = [
    "Advance",
    "Apologise",
    "AskChoice",
    "AskDigits",
    "AskSecretDigits",
    "AskYesNo",
    "Call",
    "CallOut",
    "CallbackPromised",
    "Called",
    "Connect",
    "ConnectReason",
    "Connected",
    "Digits",
    "Failure",
    "Finished",
    "FlowEnding",
    "FlowMisuseError",
    "FlowRun",
    "HangUp",
    "HungUp",
    "Join",
    "Log",
    "Money",
    "NoCallback",
    "NotCalled",
    "NotConnected",
    "NotTransferred",
    "Outcome",
    "Overdue",
    "Pending",
    "PromiseCallback",
    "Promised",
    "Raised",
    "Reason",
    "RecordMessage",
    "Recording",
    "RecordingReason",
    "Refused",
    "Reply",
    "Returned",
    "Run",
    "Say",
    "Secret",
    "StartFlow",
    "StartedRun",
    "StepFailedError",
    "StepOutcome",
    "StepRequest",
    "StepResult",
    "Transfer",
    "TransferReason",
    "Transferred",
    "Unavailable",
    "Unknown",
    "Use",
    "Wait",
    "WaitFor",
    "Waiting",
    "flow",
    "takes_run",
]
