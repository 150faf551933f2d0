"""What a flow can ask of a call.

Each method of `Call` makes a verb: a frozen request that the engine turns into a journaled step when it is awaited.
A verb does nothing until it is awaited, and a flow never touches a socket, a clock or a file itself.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from keepline.model.limits import ASK_DIGITS_COUNT_MAX

T = TypeVar("T")


class StepRequest:
    """What a flow awaits. Each kind is a frozen dataclass whose `verb` names it in the journal."""

    __slots__ = ()
    verb: ClassVar[str]

    def returned(self, value: str) -> object:
        """What the await gives back, made from the value on record; None where the verb returns nothing."""
        return None


@dataclass(frozen=True, slots=True)
class Say(StepRequest):
    """Play one prompt to its end; digits keyed meanwhile are kept for the next question."""

    text: str = ""
    prompt: str = ""
    """Name of a prompt of the operation; empty where `text` is spoken."""
    language: str = ""
    repeat: bool = False
    """Start again at the end, until the caller hangs up."""

    verb = "say"


@dataclass(frozen=True, slots=True)
class AskDigits(StepRequest):
    """Play a prompt that a digit interrupts, and collect digits."""

    text: str = ""
    prompt: str = ""
    language: str = ""
    count: int = 1
    """Enough digits; the step ends with the last of them."""
    timeout_s: float | None = 5.0
    """For the first digit, from the end of the prompt; None waits until the caller hangs up."""
    between_s: float = 3.0
    """For each further digit, from the one before."""
    terminator: str = "#"
    """Ends the entry early and is not part of the answer; empty for none."""

    verb = "ask_digits"

    def returned(self, value: str) -> object:
        return value


@dataclass(frozen=True, slots=True)
class HangUp(StepRequest):
    """End the call. The flow may go on without its caller; a verb that needs one then raises `HungUp`."""

    verb = "hangup"


class Verb(Generic[T]):
    """An awaitable that hands its request to the engine and gives back the step's result."""

    __slots__ = ("request",)

    def __init__(self, request: StepRequest) -> None:
        self.request = request

    def __await__(self) -> Generator[StepRequest, T, T]:
        return (yield self.request)


@dataclass(frozen=True, slots=True)
class Call:
    """The call a flow runs for: who calls, and the verbs."""

    id: str
    from_number: str
    """User part of the From URI; empty when it has none."""
    to_number: str
    """The number that was dialled."""

    def say(self, text: str = "", *, prompt: str = "", language: str = "", repeat: bool = False) -> Verb[None]:
        """Say `text`, or the operation's prompt of that name, to its end (again and again with `repeat`)."""
        _check_words("say", text, prompt, language)
        _one_of(text, prompt, "say")
        return Verb(Say(text, prompt, language, repeat))

    def ask_digits(
        self,
        text: str = "",
        *,
        prompt: str = "",
        language: str = "",
        count: int = 1,
        timeout_s: float | None = 5.0,
        between_s: float = 3.0,
        terminator: str = "#",
    ) -> Verb[str]:
        """Ask, and collect up to `count` digits; returns them, "" when the caller keyed none in time.

        A digit interrupts the prompt. `timeout_s` counts from the end of the prompt to the first digit, `between_s`
        from one digit to the next. `terminator` ends the entry early. With neither text nor prompt it only listens.
        """
        _check_words("ask_digits", text, prompt, language)
        if not 1 <= count <= ASK_DIGITS_COUNT_MAX:
            raise ValueError(f"ask_digits: count must be 1 to {ASK_DIGITS_COUNT_MAX}, not {count}")
        if text and prompt:
            _one_of(text, prompt, "ask_digits")
        if not (timeout_s is None or timeout_s >= 0) or not between_s >= 0:  # so written, NaN is refused too
            raise ValueError(f"ask_digits: times are 0 s or more, not timeout_s={timeout_s}, between_s={between_s}")
        if len(terminator) > 1:
            raise ValueError(f"ask_digits: terminator is one key, or empty for none, not {terminator!r}")
        return Verb(AskDigits(text, prompt, language, count, timeout_s, between_s, terminator))

    def hangup(self) -> Verb[None]:
        """End the call with a BYE."""
        return Verb(HangUp())


def _check_words(verb: str, *words: str) -> None:
    for word in words:
        if not isinstance(word, str):
            raise TypeError(f"{verb}: text, prompt and language are strings, not {word!r}")
        word.encode()  # half a character is a ValueError here and not where it is spoken


def _one_of(text: str, prompt: str, verb: str) -> None:
    if bool(text) == bool(prompt):
        raise ValueError(f"{verb}: give either a text to speak or prompt='a name of the operation file'")
