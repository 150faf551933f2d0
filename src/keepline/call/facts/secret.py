"""Facts of questions whose answers nobody sees: how many keys there are, which handles were lost and found again.

See `facts`. No fact has a key, and none says what a key was.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class SecretKeyed:
    """Keys of an entry that media holds."""

    kind: ClassVar[str] = "secret_keyed.1"
    call: str
    at_s: float
    number: int
    """Of the entry."""
    count: int
    """Keys in it so far."""
    info_cseq: int = 0
    """Of the last INFO that brought one: its repetition, seen by a successor, is known by it."""


@dataclass(frozen=True, slots=True)
class SecretLost:
    """A use needs digits that died with the process that held them: their questions are asked again within its step."""

    kind: ClassVar[str] = "secret_lost.1"
    call: str
    at_s: float
    step: int
    handles: tuple[int, ...]
    digits_used: int
    """Digits of the call used up so far."""


@dataclass(frozen=True, slots=True)
class SecretKept:
    """One of them was given again; the handle stands for what media holds now."""

    kind: ClassVar[str] = "secret_kept.1"
    call: str
    at_s: float
    step: int
    handle: int
    count: int
    digits_used: int
