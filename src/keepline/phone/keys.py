"""What to press and when: `1,wait:2,4711#,bye`. Parts are separated by commas: digits, `wait:SECONDS`, `bye`."""

from dataclasses import dataclass

from keepline.model.errors import KeeplineError
from keepline.model.limits import PHONE_STEPS_MAX, PHONE_WAIT_S_MAX
from keepline.rtp.dtmf import DIGITS

_RIGHT = "parts are separated by commas: digits (0-9 * # A-D), wait:SECONDS, bye; for example 1,wait:2,4711#"


class KeysError(KeeplineError):
    """Keys that cannot be read; the text says which and what would be right."""


@dataclass(frozen=True, slots=True)
class Press:
    digits: str
    """Upper case."""


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: float


@dataclass(frozen=True, slots=True)
class HangUp:
    """Nothing can follow it."""


Step = Press | Wait | HangUp


def parse_keys(text: str) -> tuple[Step, ...]:
    """The steps of a script, none for an empty text; raises KeysError."""
    if not text.strip():
        return ()
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > PHONE_STEPS_MAX:
        raise KeysError(f"--keys: {len(parts)} parts are too many; at most {PHONE_STEPS_MAX} are taken")
    steps = tuple(_parse_part(part) for part in parts)
    if HangUp() in steps[:-1]:
        raise KeysError("--keys: something follows bye; bye is the last part")
    return steps


def _parse_part(part: str) -> Step:
    word, colon, argument = part.partition(":")
    if word.lower() == "bye" and not colon:
        return HangUp()
    if word.lower() == "wait":
        return Wait(_parse_seconds(part, argument))
    digits = part.upper()
    if not digits:
        raise KeysError(f"--keys: a part is empty; {_RIGHT}")
    wrong = [digit for digit in digits if digit not in DIGITS]
    if wrong:
        raise KeysError(f"--keys: {part[:40]!r}: {wrong[0]!r} is no key of a phone; {_RIGHT}")
    return Press(digits)


def _parse_seconds(part: str, argument: str) -> float:
    try:
        seconds = float(argument)
    except ValueError:
        seconds = -1.0
    # Written so that NaN is refused too.
    if not 0 <= seconds <= PHONE_WAIT_S_MAX:
        raise KeysError(f"--keys: {part[:40]!r} is no time; seconds from 0 to {PHONE_WAIT_S_MAX}, for example wait:2.5")
    return seconds
