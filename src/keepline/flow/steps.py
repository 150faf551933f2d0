"""What the verbs of a flow are made of: a request, the awaitable around it, and the result that goes on record.

A further verb is a `StepRequest` of its own, a method of `Call` that makes it, and an entry in the call core's table.
"""

from collections.abc import Callable, Generator
from dataclasses import MISSING, fields
from enum import Enum
from functools import cache, lru_cache
from hashlib import blake2b
from operator import attrgetter
from typing import Any, ClassVar, Generic, TypeVar

from keepline.model.frozen import frozen
from keepline.model.limits import FINGERPRINTS_CACHED_MAX

T = TypeVar("T")
UNTOLD = {"fingerprint": False}
"""Metadata of a request's field that follows from the others: no fingerprint has it."""


class StepOutcome(Enum):
    """How a step ended."""

    DONE = "done"
    HUNG_UP = "hung_up"
    FAILED = "failed"


OUTCOMES = {each.value: each for each in StepOutcome}
"""As `StepOutcome(value)`, which takes longer than all the rest of a step's fold."""


@frozen
class StepResult:
    """One recorded step."""

    verb: str
    fingerprint: str
    """Of the request; a replay that asks for something else is found out by it."""
    outcome: StepOutcome
    value: str = ""
    """What the await's value is made of: the digits of `ask_digits`; what went wrong where the step failed."""
    reason: str = ""
    """Of a question: how it ended."""
    attempts: int = 1
    """Of a question: how often it was asked."""
    line_silent: bool = False
    """Whether nothing came by the caller's line when the step ended."""
    at_s: float = 0.0
    """Of a run: when the step ended."""


class StepRequest:
    """What a flow awaits. Each kind is a frozen dataclass whose `verb` names it in the journal."""

    __slots__ = ()
    verb: ClassVar[str]

    def fingerprint(self) -> str:
        """See the function of this name."""
        return fingerprint_of(self)

    def returned(self, result: StepResult) -> object:
        """What the await gives back, made from the result on record; None where the verb returns nothing."""
        return None


class SpokenRequest(StepRequest):
    """A request with words, which one call after the other makes alike: its fingerprint is worked out once.

    Its fields are strings, numbers, and tuples of strings.
    """

    __slots__ = ()

    def fingerprint(self) -> str:
        return _kept_fingerprint(type(self), *_told_values(self))  # type: ignore[arg-type]


class Verb(Generic[T]):
    """An awaitable that hands its request to the engine and gives back the step's result."""

    __slots__ = ("request",)

    def __init__(self, request: StepRequest) -> None:
        self.request = request

    def __await__(self) -> Generator[StepRequest, T, T]:
        return (yield self.request)


@cache
def _told_fields(described: Any) -> tuple[tuple[str, Any], ...]:
    """The fields of a kind of request that its fingerprint has, with their defaults."""
    return tuple((each.name, each.default) for each in fields(described) if each.metadata.get("fingerprint", True))


def fingerprint(request: StepRequest) -> str:
    """12 hex digits that change whenever the request does.

    What has its default is left out, so that a version of Keepline whose verbs can do more goes on with older calls.
    """
    return request.fingerprint()


def fingerprint_of(request: StepRequest) -> str:
    """The fingerprint, worked out."""
    return _work_out(type(request), *_told_values(request))


def _told_values(request: StepRequest) -> tuple[object, ...]:
    return _values_of(type(request))(request)  # type: ignore[arg-type]


@cache
def _values_of(described: Any) -> Callable[[StepRequest], tuple[object, ...]]:
    names = [name for name, _ in _told_fields(described)]
    if len(names) > 1:
        return attrgetter(*names)
    return lambda request: tuple(getattr(request, name) for name in names)


def _work_out(kind: type[StepRequest], *values: object) -> str:
    told = zip(_told_fields(kind), values, strict=True)  # type: ignore[arg-type]
    said = [f"{name}={value!r}" for (name, default), value in told if value != default or default is MISSING]
    return blake2b(f"{kind.verb}({', '.join(said)})".encode(), digest_size=6).hexdigest()


_kept_fingerprint = lru_cache(FINGERPRINTS_CACHED_MAX, typed=True)(_work_out)
"""1, 1.0 and True are equal, and no fingerprint takes one for another."""


def check_words(verb: str, **words: object) -> None:
    """Raise `TypeError` for a word that is no string, `ValueError` for half a character."""
    for name, word in words.items():
        if not isinstance(word, str):
            raise TypeError(f"{verb}: {name} is a string, not {word!r}")
        word.encode()


def check_times(verb: str, **times_s: float | None) -> None:
    """Raise `ValueError` for a time that is no number of 0 s or more; None is a time that never comes."""
    for name, time_s in times_s.items():
        if time_s is not None and not time_s >= 0:  # so written, NaN is refused too
            raise ValueError(f"{verb}: {name} is 0 s or more, not {time_s}")
