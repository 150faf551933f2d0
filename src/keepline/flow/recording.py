"""The verb `record_message`: what is asked of a caller who may speak, and what came of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from keepline.flow.questions import KEYS
from keepline.flow.steps import StepRequest, StepResult, check_words
from keepline.model.limits import ASK_RETRIES_MAX, RECORDING_LENGTH_S_MAX, RECORDING_SILENCE_S_MIN

DIRECTORY = "recordings"
"""Of the files, below the data directory."""


class RecordingReason(StrEnum):
    """How a message ended. Equal to its text: `message.reason == "silence"`."""

    TERMINATOR = "terminator"
    """The caller pressed a key that ends it."""
    SILENCE = "silence"
    """The caller was silent for `silence_s`."""
    LIMIT = "limit"
    """It is as long as it may be."""
    TOO_SHORT = "too_short"
    """Less than `min_s` of it is before the caller's last sound."""
    FAILED = "failed"
    """The disk would not have it, or the caller's phone changed its codec; what there is of it is there."""
    HUNG_UP = "hung_up"
    """Of the record alone: the flow hears `HungUp`. What was said is there."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A message. It is false where there is none to speak of: too short, or failed."""

    key: str
    """32 hexadecimal digits: the stem of its file's name."""
    length_s: float
    """Of the file."""
    reason: RecordingReason
    attempts: int = 1
    """How often it was asked for."""

    @property
    def path(self) -> str:
        """Of the WAV file, below the data directory."""
        return recording_path(self.key)

    def __bool__(self) -> bool:
        return self.reason not in (RecordingReason.TOO_SHORT, RecordingReason.FAILED)


def recording_path(key: str) -> str:
    """Where the file of a recording is, below the data directory."""
    return f"{DIRECTORY}/{key}.wav"


@dataclass(frozen=True, slots=True)
class RecordMessage(StepRequest):
    """Say something that a key cuts short, sound a tone, and record what the caller says."""

    text: str = ""
    prompt: str = ""
    language: str = ""
    length_s_max: float = 120.0
    silence_s: float | None = 5.0
    """Of the caller, that ends the message; None waits for a key or the limit."""
    terminator: str = "#"
    """Keys that end it, each of them; empty for none."""
    beep: bool = True
    min_s: float = 1.0
    """A message whose last sound comes before that is too short."""
    retries: int = 0
    """How often a message that is too short is asked for again."""
    on_invalid: str = ""
    """Said before it is asked for again."""

    verb = "record_message"

    def returned(self, result: StepResult) -> Recording:
        key, length_s = read_recorded(result.value)
        return Recording(key, length_s, RecordingReason(result.reason), result.attempts)

    def reason_of(self, why: str, heard_s: float) -> RecordingReason:
        """What media's word for the end of a recording means, where the caller's last sound ended `heard_s` in it."""
        if why not in _REASONS:
            return RecordingReason.FAILED
        return _REASONS[why] if heard_s >= self.min_s else RecordingReason.TOO_SHORT


_REASONS: Mapping[str, RecordingReason] = {
    "stopped": RecordingReason.TERMINATOR,
    "silence": RecordingReason.SILENCE,
    "limit": RecordingReason.LIMIT,
}


def write_recorded(key: str, length_s: float) -> str:
    """What the journal keeps of a message."""
    return json.dumps({"recording": key, "length_s": length_s})


def read_recorded(value: str) -> tuple[str, float]:
    """What `write_recorded` wrote; no key of nothing."""
    told = json.loads(value) if value else {}
    return str(told.get("recording", "")), float(told.get("length_s", 0.0))


def checked_recording(request: RecordMessage) -> RecordMessage:
    """The request itself; raises `ValueError` or `TypeError` for what cannot be recorded."""
    verb = request.verb
    check_words(verb, prompt=request.prompt, on_invalid=request.on_invalid, terminator=request.terminator)
    if request.text and request.prompt:
        raise ValueError(f"{verb}: give either a text to speak or prompt='a name of the operation file'")
    if not 1 <= request.length_s_max <= RECORDING_LENGTH_S_MAX:  # so written, NaN is refused too
        raise ValueError(f"{verb}: length_s_max must be 1 to {RECORDING_LENGTH_S_MAX}, not {request.length_s_max}")
    if request.silence_s is not None and not RECORDING_SILENCE_S_MIN <= request.silence_s <= RECORDING_LENGTH_S_MAX:
        wanted = f"{RECORDING_SILENCE_S_MIN} or more, or None"
        raise ValueError(f"{verb}: silence_s must be {wanted}, not {request.silence_s}")
    if not 0 <= request.min_s <= request.length_s_max:
        raise ValueError(f"{verb}: min_s must be 0 to length_s_max ({request.length_s_max}), not {request.min_s}")
    if not 0 <= request.retries <= ASK_RETRIES_MAX:
        raise ValueError(f"{verb}: retries must be 0 to {ASK_RETRIES_MAX}, not {request.retries}")
    if set(request.terminator) - set(KEYS):
        raise ValueError(f"{verb}: terminator is made of the keys {KEYS}, not {request.terminator!r}")
    return request
