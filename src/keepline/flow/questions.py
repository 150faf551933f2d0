"""The questions that a flow can ask, and what keys mean to each of them: plain decisions, without a clock.

When a question is asked again, and what is played in between, is the call core's; here is what an entry is worth.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from keepline.flow.steps import SpokenRequest, StepResult, check_times, check_words
from keepline.flow.words import WORDS, words_of
from keepline.model.frozen import frozen
from keepline.model.limits import ASK_DIGITS_COUNT_MAX, ASK_RETRIES_MAX

KEYS = "0123456789*#ABCD"


class Reason(StrEnum):
    """How a question ended. Equal to its text: `answer.reason == "no_input"`."""

    ANSWERED = "answered"
    NO_INPUT = "no_input"
    """Nothing was keyed in time."""
    DEAD_AIR = "dead_air"
    """Nothing was keyed, and nothing at all comes by the caller's line."""
    TOO_SHORT = "too_short"
    """Fewer digits than `min_count`."""
    INVALID = "invalid"
    """Keys that are no choice."""
    NOT_CONFIRMED = "not_confirmed"
    """The digits were read back, and the caller did not say that they are right."""
    HUNG_UP = "hung_up"
    """Of `HungUp`: no value, since there is nobody left to answer."""


class Digits(str):
    """What `ask_digits` returns: the digits, "" where the question was not answered, and why."""

    reason: Reason
    attempts: int
    """How often the question was asked."""
    keyed: str
    """What was keyed at last, answer or not."""

    def __new__(cls, keyed: str, reason: Reason = Reason.ANSWERED, attempts: int = 1) -> "Digits":
        made = super().__new__(cls, keyed if reason is Reason.ANSWERED else "")
        made.reason, made.attempts, made.keyed = reason, attempts, keyed
        return made


@dataclass(frozen=True, slots=True)
class Failure:
    """A question that was not answered, as often as it was asked. It is false: `if not answer`."""

    reason: Reason
    attempts: int = 1

    def __bool__(self) -> bool:
        return False


@frozen
class Verdict:
    """What an entry is worth."""

    reason: Reason
    value: str
    used: int
    """Keys that the entry consists of."""


class Question(SpokenRequest):
    """What all questions have: words that a key interrupts, a time for the answer, and a number of retries."""

    __slots__ = ()
    text: str
    prompt: str
    language: str
    timeout_s: float | None
    between_s: float
    retries: int
    on_invalid: str

    def judge(self, keyed: str, *, is_over: bool) -> Verdict | None:
        """What these keys are worth; None while more may come. `is_over`: the time for the answer is."""
        raise NotImplementedError

    @property
    def confirms(self) -> bool:
        """Whether an answer is read back."""
        return False


@frozen
class AskDigits(Question):
    """Play a prompt that a digit interrupts, and collect digits."""

    text: str = ""
    prompt: str = ""
    language: str = ""
    count: int = 1
    """Enough digits; the entry ends with the last of them."""
    timeout_s: float | None = 5.0
    """For the first digit, from the end of the prompt; None waits until the caller hangs up."""
    between_s: float = 3.0
    """For each further digit, from the one before."""
    terminator: str = "#"
    """Ends the entry early and is not part of the answer; empty for none."""
    min_count: int = 1
    """Fewer digits are no answer."""
    retries: int = 0
    """How often it is asked again."""
    on_invalid: str = ""
    """Said before it is asked again, but after silence."""
    confirm: bool = False
    """Read the digits back and have the caller say that they are right."""

    verb = "ask_digits"

    def judge(self, keyed: str, *, is_over: bool) -> Verdict | None:
        end = keyed.find(self.terminator, 0, self.count + 1) if self.terminator else -1
        if end < 0 and len(keyed) < self.count and not is_over:
            return None
        digits = keyed[: self.count] if end < 0 else keyed[:end]
        used = len(digits) if end < 0 else end + 1
        if not keyed:
            reason = Reason.NO_INPUT
        else:
            reason = Reason.ANSWERED if len(digits) >= self.min_count else Reason.TOO_SHORT
        return Verdict(reason, digits, used)

    @property
    def confirms(self) -> bool:
        return self.confirm

    def returned(self, result: StepResult) -> Digits:
        return Digits(result.value, reason_of(result), result.attempts)


@frozen
class AskChoice(Question):
    """Play a menu that a key interrupts, and wait for one of its keys."""

    choices: tuple[tuple[str, str], ...]
    """What is keyed, and what it stands for."""
    text: str = ""
    prompt: str = ""
    language: str = ""
    timeout_s: float | None = 5.0
    between_s: float = 3.0
    """For a further key, where one choice begins like another."""
    retries: int = 2
    on_invalid: str = ""

    verb = "ask_choice"

    def judge(self, keyed: str, *, is_over: bool) -> Verdict | None:
        known = dict(self.choices)
        best, length = "", 0
        for length in range(1, len(keyed) + 1):
            begun = keyed[:length]
            if begun in known:
                best = begun
            if not any(key.startswith(begun) and key != begun for key in known):
                break
        else:
            if not is_over:
                return None
        if best:
            return Verdict(Reason.ANSWERED, known[best], len(best))
        return Verdict(Reason.INVALID if keyed else Reason.NO_INPUT, keyed[:length], length)

    def returned(self, result: StepResult) -> object:
        reason = reason_of(result)
        return result.value if reason is Reason.ANSWERED else Failure(reason, result.attempts)


@frozen
class AskYesNo(AskChoice):
    """A choice of two: its values are `yes` and `no`."""

    verb = "ask_yes_no"

    def returned(self, result: StepResult) -> object:
        reason = reason_of(result)
        return result.value == "yes" if reason is Reason.ANSWERED else Failure(reason, result.attempts)


def reason_of(result: StepResult) -> Reason:
    """Of a result on record; one of an older version has none, and was no input where it is empty."""
    return Reason(result.reason or (Reason.ANSWERED if result.value else Reason.NO_INPUT))


def checked_choices(verb: str, choices: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The choices of a menu, frozen; raises for keys that no phone has."""
    if not choices:
        raise ValueError(f"{verb}: there is nothing to choose from")
    check_words(verb, **{f"the choice {key!r}": value for key, value in choices.items()})
    for key in choices:
        if not isinstance(key, str) or not key or len(key) > ASK_DIGITS_COUNT_MAX or set(key) - set(KEYS):
            raise ValueError(f"{verb}: {key!r} cannot be keyed; a choice is made of {KEYS}")
    return tuple(choices.items())


def check_question(question: Question) -> Question:
    """The question itself; raises for what cannot be asked, naming its verb."""
    verb = question.verb
    words = {"text": question.text, "prompt": question.prompt, "language": question.language}
    check_words(verb, on_invalid=question.on_invalid, **words)
    check_times(verb, timeout_s=question.timeout_s, between_s=question.between_s)
    if question.text and question.prompt:
        raise ValueError(f"{verb}: give either a text to speak or prompt='a name of the operation file'")
    if not 0 <= question.retries <= ASK_RETRIES_MAX:
        raise ValueError(f"{verb}: retries must be 0 to {ASK_RETRIES_MAX}, not {question.retries}")
    if isinstance(question, AskDigits):
        if not 1 <= question.count <= ASK_DIGITS_COUNT_MAX:
            raise ValueError(f"{verb}: count must be 1 to {ASK_DIGITS_COUNT_MAX}, not {question.count}")
        if not 0 <= question.min_count <= question.count:
            raise ValueError(f"{verb}: min_count must be 0 to count ({question.count}), not {question.min_count}")
        if not isinstance(question.terminator, str) or len(question.terminator) > 1:
            raise ValueError(f"{verb}: terminator is one key, or empty for none, not {question.terminator!r}")
        if question.confirm and question.language and words_of(question.language) is None:
            raise ValueError(f"{verb}: there are no words to confirm in {question.language!r}, only {', '.join(WORDS)}")
    return question
