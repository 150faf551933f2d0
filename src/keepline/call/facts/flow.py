"""Facts of a call's flow: digits, steps, what was asked of capabilities, how it ended. See `facts`."""

from typing import ClassVar

from keepline.model.frozen import frozen


@frozen
class DigitSignalled:
    """A digit that an INFO carried, in a call without telephone-event."""

    kind: ClassVar[str] = "digit_signalled.1"
    call: str
    at_s: float
    cseq: int
    """Of the INFO: its repetition, seen by a successor, is known by it."""
    digit: str
    """Empty where the same key had been heard in the audio, and counted."""


@frozen
class DigitsPressed:
    """Digits that media received, each exactly once."""

    kind: ClassVar[str] = "digits_pressed.1"
    call: str
    at_s: float
    head: int
    """Digits received in this call so far, these included."""
    digits: str
    """Empty where they were tones of keys that had come by INFO."""


@frozen
class LineFellSilent:
    """Nothing has come by the caller's line for as long as counts as dead air."""

    kind: ClassVar[str] = "line_fell_silent.1"
    call: str
    at_s: float
    silent_s: float
    """So far."""


@frozen
class LineHeard:
    """The line that was silent is heard again, or for the first time."""

    kind: ClassVar[str] = "line_heard.1"
    call: str
    at_s: float


@frozen
class PromptEnded:
    """The prompt of a question is over; the time for its answer runs."""

    kind: ClassVar[str] = "prompt_ended.1"
    call: str
    at_s: float
    number: int
    reason: str


@frozen
class QuestionContinued:
    """A question is not over with its prompt and an entry: the next part of it begins."""

    kind: ClassVar[str] = "question_continued.1"
    call: str
    at_s: float
    step: int
    attempt: int
    """1 the first time it is asked."""
    part: str
    """question, preface (what is said before it is asked again), confirm (the entry is read back), beep (the tone
    before a message) or again (the question once more, since what was keyed is lost)."""
    why: str
    """What the entry before was worth: a `Reason`, or that it is lost; empty after a preface."""
    entry: str
    """What is read back."""
    digits_used: int
    """Digits of the call used up so far."""


@frozen
class MessageStarted:
    """The caller speaks from here on, into `recordings/<key>.wav`."""

    kind: ClassVar[str] = "message_started.1"
    call: str
    at_s: float
    step: int
    number: int
    """Of the recording in its call, upwards from 1."""
    key: str


@frozen
class MessageRecorded:
    """The file of a message is whole."""

    kind: ClassVar[str] = "message_recorded.1"
    call: str
    at_s: float
    step: int
    number: int
    key: str
    length_s: float
    reason: str
    """A `RecordingReason`."""


@frozen
class StepEnded:
    """A verb of the flow has its result."""

    kind: ClassVar[str] = "step_ended.1"
    call: str
    at_s: float
    step: int
    verb: str
    fingerprint: str
    outcome: str
    value: str
    digits_used: int
    """Digits of the call used up so far."""
    began_at_s: float
    reason: str = ""
    """Of a question: how it ended; of a use: what was asked."""
    attempts: int = 1
    """Of a question: how often it was asked."""
    line_silent: bool = False
    """Whether nothing came by the caller's line just then."""


@frozen
class FlowFailed:
    """The flow raised, or its code changed, while the caller was there: the apology and its fallback follow."""

    kind: ClassVar[str] = "flow_failed.1"
    call: str
    at_s: float
    flow: str
    ending: str
    error: str
    language: str
    """Of the call, as the flow left it."""


@frozen
class UseStarted:
    """Something is about to be asked of a capability; of what changes anything, synced before it is asked."""

    kind: ClassVar[str] = "use_started.1"
    call: str
    at_s: float
    step: int
    capability: str
    action: str
    """What the flow wants."""
    asks: str
    """What is asked: the action itself, or the lookup of what became of it."""
    arguments: str
    """JSON, as `keepline.flow.capabilities` writes it."""
    changes: bool
    """Of the action."""
    attempt: int
    """1 the first time."""
    deadline_s: float
    first_at_s: float = 0.0
    """When the first attempt began."""
    sent_at_s: float = 0.0
    """When the action itself, and not its lookup, was asked last."""
    path: str = ""
    """Of a change that has several: the one that it is asked of."""
    path_attempt: int = 1
    """The first attempt at that path."""
    doubted: str = ""
    """The path that may have done it, where it is asked to be kept after a doubt."""
    why: str = ""
    """Why the path before was left."""


@frozen
class UseRouted:
    """A use that changes nothing was not simply answered by the first path of its capability."""

    kind: ClassVar[str] = "use_routed.1"
    call: str
    at_s: float
    step: int
    name: str
    """CAPABILITY.ACTION."""
    path: str
    """That answered; empty where none did."""
    hedged: str
    """The path that was asked beside a silent one; empty where none was."""
    after_s: float
    """How long the silent one had been waited for."""
    why: str
    """Why each path was asked, and what came of it."""


@frozen
class UseEnded:
    """What became of a change whose step was over before it: the caller had hung up."""

    kind: ClassVar[str] = "use_ended.1"
    call: str
    at_s: float
    step: int
    name: str
    outcome: str
    """JSON, as the value of the step would have been."""


@frozen
class FlowEnded:
    """The flow is over; the call may outlive it by its BYE."""

    kind: ClassVar[str] = "flow_ended.1"
    call: str
    at_s: float
    ending: str
    error: str
