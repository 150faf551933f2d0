"""The question whose answer no flow sees: `ask_secret_digits` gives it a handle, and a connector alone the digits.

The digits are keyed into media's own memory. What a flow, the journal and a replay have is which question was answered
and how many digits it has. A `Secret` cannot be said, noted or written; it can be an argument of `use`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keepline.flow.questions import KEYS, Question, Reason, check_question, reason_of
from keepline.flow.steps import StepResult
from keepline.model.limits import SECRET_COUNT_MAX

CHECKS = ("luhn", "expiry")
LOST = "lost"
"""Why a part of a question began: what had been keyed was lost with the process that held it."""


@dataclass(frozen=True, slots=True)
class AskSecretDigits(Question):
    """Play a prompt that a digit interrupts, and have digits collected out of everybody's sight."""

    text: str = ""
    prompt: str = ""
    language: str = ""
    count: int = 1
    """Enough digits; the entry ends with the last of them."""
    timeout_s: float | None = 5.0
    between_s: float = 3.0
    terminator: str = "#"
    min_count: int = 1
    retries: int = 0
    on_invalid: str = ""
    check: str = ""
    """One of `CHECKS`: an entry that does not pass is no answer."""

    verb = "ask_secret_digits"

    def returned(self, result: StepResult) -> "Secret":
        told = json.loads(result.value) if result.value else {}
        return Secret(told.get("secret", -1), told.get("count", 0), reason_of(result), result.attempts, self)


class Secret:
    """What was keyed, without what it is. True, and `ok`, where there is an answer."""

    __slots__ = ("attempts", "count", "handle", "question", "reason")

    def __init__(
        self, handle: int, count: int, reason: Reason, attempts: int = 1, question: AskSecretDigits | None = None
    ) -> None:
        self.handle = handle
        """The step that asked for it; it means nothing outside of its call."""
        self.count = count
        """How many digits."""
        self.reason = reason
        self.attempts = attempts
        self.question = question

    @property
    def ok(self) -> bool:
        return self.reason is Reason.ANSWERED

    def __bool__(self) -> bool:
        return self.ok

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (self.handle, self.reason) == (other.handle, other.reason)

    def __hash__(self) -> int:
        return hash((self.handle, self.reason))

    def __repr__(self) -> str:
        return f"Secret({self.count} digits)" if self.ok else f"Secret(none: {self.reason})"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)


@dataclass(frozen=True, slots=True)
class SecretHandle:
    """A secret among the arguments of a use, as the journal has it."""

    handle: int
    count: int

    def __repr__(self) -> str:
        return f"Secret({self.count} digits)"


def written_answer(handle: int, count: int) -> str:
    """The value on record of a question that was answered."""
    return json.dumps({"secret": handle, "count": count})


def checked_secret(question: AskSecretDigits) -> AskSecretDigits:
    """The question itself; raises for what cannot be asked."""
    check_question(question)
    verb = question.verb
    if not 1 <= question.count <= SECRET_COUNT_MAX:
        raise ValueError(f"{verb}: count must be 1 to {SECRET_COUNT_MAX}, not {question.count}")
    if not 1 <= question.min_count <= question.count:
        raise ValueError(f"{verb}: min_count must be 1 to count ({question.count}), not {question.min_count}")
    if not isinstance(question.terminator, str) or len(question.terminator) > 1 or question.terminator not in KEYS:
        raise ValueError(f"{verb}: terminator is one key, or empty for none, not {question.terminator!r}")
    if question.check and question.check not in CHECKS:
        raise ValueError(f"{verb}: check is None or one of {', '.join(CHECKS)}, not {question.check!r}")
    return question


def secrets_in(value: Any) -> list[Secret]:
    """The secrets anywhere in an argument. Raises `ValueError` for one that was not given."""
    if isinstance(value, Secret):
        if not value.ok:
            raise ValueError(f"use: this secret was not given ({value.reason}); look at `.ok` before it is used")
        return [value]
    if isinstance(value, dict):
        return [found for each in value.values() for found in secrets_in(each)]
    if isinstance(value, list | tuple):
        return [found for each in value for found in secrets_in(each)]
    return []


def filled(value: Any, give: Callable[[int], Any]) -> Any:
    """Read arguments with what `give` has for each handle in its place."""
    if isinstance(value, SecretHandle):
        return give(value.handle)
    if isinstance(value, dict):
        return {name: filled(each, give) for name, each in value.items()}
    return [filled(each, give) for each in value] if isinstance(value, list) else value
