"""The verbs that a caller does not hear: `wait`, `log`, `outcome`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from keepline.flow.steps import StepRequest, check_words
from keepline.model.limits import NOTE_CHARS_MAX, WAIT_S_MAX

Field = str | int | float | bool | None
"""What a field of `log` or `outcome` may hold."""


@dataclass(frozen=True, slots=True)
class Wait(StepRequest):
    """Let time pass; digits keyed meanwhile are kept for the next question."""

    seconds: float

    verb = "wait"


@dataclass(frozen=True, slots=True)
class Note(StepRequest):
    """Something for the record; it takes no time and needs no caller."""

    name: str
    fields: tuple[tuple[str, Field], ...] = ()

    def to_json(self) -> str:
        """The value on record."""
        return json.dumps({self.verb: self.name, "fields": dict(self.fields)}, ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True, slots=True)
class Log(Note):
    """A line in the call's story."""

    verb = "log"


@dataclass(frozen=True, slots=True)
class Outcome(Note):
    """What the call came to; the last one stands."""

    verb = "outcome"


def checked_wait(seconds: float) -> Wait:
    """The request; raises `ValueError` for what is no time to wait."""
    if not 0 <= seconds <= WAIT_S_MAX:  # so written, NaN is refused too
        raise ValueError(f"wait: seconds must be 0 to {WAIT_S_MAX}, not {seconds}")
    return Wait(seconds)


def checked_note(kind: type[Note], name: str, fields: Mapping[str, Field]) -> Note:
    """The request; raises for what cannot be recorded: other than text, numbers, truth and None, or too much."""
    verb = kind.verb
    check_words(verb, name=name)
    if not name:
        raise ValueError(f"{verb}: a name must not be empty")
    for key, value in fields.items():
        if isinstance(value, str):
            check_words(verb, **{key: value})
        elif value is not None and not isinstance(value, bool | int | float):
            raise TypeError(f"{verb}: {key} is text, a number, true, false or None, not {value!r}")
    note = kind(name, tuple(fields.items()))
    try:
        size = len(note.to_json())
    except ValueError:
        raise ValueError(f"{verb}: a field is not a number: {dict(fields)}") from None
    if size > NOTE_CHARS_MAX:
        raise ValueError(f"{verb}: at most {NOTE_CHARS_MAX} characters can be recorded, not {size}")
    return note
