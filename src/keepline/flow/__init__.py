"""The durable flow engine and the verbs of a call.

A flow is an async function whose every await is a verb. The engine drives it without an event loop, records each
verb's result as a step, and after a crash runs the function again with the recorded results until it reaches the
first step that has none. It refuses to await anything that is not a verb: such a wait could not be replayed.
"""

from keepline.flow.engine import (
    Advance,
    Finished,
    FlowEnding,
    FlowMisuseError,
    FlowRun,
    HungUp,
    StepFailedError,
    StepOutcome,
    StepResult,
    Waiting,
    flow,
)
from keepline.flow.verbs import AskDigits, Call, HangUp, Say, StepRequest

__all__ = [
    "Advance",
    "AskDigits",
    "Call",
    "Finished",
    "FlowEnding",
    "FlowMisuseError",
    "FlowRun",
    "HangUp",
    "HungUp",
    "Say",
    "StepFailedError",
    "StepOutcome",
    "StepRequest",
    "StepResult",
    "Waiting",
    "flow",
]
