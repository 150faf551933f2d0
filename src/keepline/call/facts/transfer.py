"""Facts of a transfer: the REFER that asks for it, and what is heard of it. See `facts`."""

from dataclasses import dataclass
from typing import ClassVar

BY_REFER, BY_NOTIFY = "refer", "notify"


@dataclass(frozen=True, slots=True)
class TransferAsked:
    """Our REFER, as sent: a successor sends the very same."""

    kind: ClassVar[str] = "transfer_asked.1"
    call: str
    at_s: float
    step: int
    target: str
    refer: str
    cseq: int
    deadline_s: float


@dataclass(frozen=True, slots=True)
class TransferProgressed:
    """The answer to our REFER, or a NOTIFY that says something new."""

    kind: ClassVar[str] = "transfer_progressed.1"
    call: str
    at_s: float
    step: int
    by: str
    """refer (its answer) or notify."""
    status: int
    """0 where a NOTIFY says that no more is to be heard."""
    is_final: bool
    """What became of the transfer is known."""


TransferFact = TransferAsked | TransferProgressed
TRANSFER_TYPES: tuple[type[TransferFact], ...] = (TransferAsked, TransferProgressed)


@dataclass(frozen=True, slots=True)
class Transferring:
    """What is known of the last transfer of a call: a fold over its facts."""

    asked: TransferAsked
    is_answered: bool = False
    """The REFER need not be sent again."""
    by: str = ""
    """What the last word came by, as in the fact."""
    status: int = 0
    """The last that was heard of the call that it asks for, or of a refusal."""
    is_final: bool = False
    count: int = 0
    """Facts about how it goes."""


def after(before: Transferring | None, fact: TransferFact) -> Transferring | None:
    """The transfer after a fact of it."""
    if isinstance(fact, TransferAsked):
        return Transferring(fact)
    if before is None or before.asked.step != fact.step:
        return before
    is_word = fact.status and (fact.by != BY_REFER or fact.is_final)
    status = fact.status if is_word else before.status
    return Transferring(before.asked, True, fact.by, status, before.is_final or fact.is_final, before.count + 1)
