"""The verb `transfer`: the caller is handed over to somebody else, and leaves us where that works."""

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Literal

from keepline.flow.steps import StepRequest, StepResult, check_words
from keepline.model.limits import TRANSFER_S_MAX

_TARGET = re.compile(r"\+?[0-9]{2,15}|[A-Za-z][A-Za-z0-9._-]{0,31}|sips?:[^\s<>\"?,]{1,200}", re.A)


class TransferReason(StrEnum):
    """Why a caller was not transferred."""

    BUSY = "busy"
    """Who was called is in another call (486, 600)."""
    NO_ANSWER = "no_answer"
    """Nobody answered there (408, 480, 487)."""
    REFUSED = "refused"
    """The caller's side would not call, or who was called would not talk (403, 404, 603 and the like)."""
    UNSUPPORTED = "unsupported"
    """The caller's side cannot transfer (405, 420, 501)."""
    TIMED_OUT = "timed_out"
    """Nothing was heard of it in time; it may still come about."""
    FAILED = "failed"
    """It came to nothing (5xx and the like)."""


@dataclass(frozen=True, slots=True)
class Transferred:
    """Somebody else has the caller; the call with us ends."""

    ok: ClassVar[Literal[True]] = True


@dataclass(frozen=True, slots=True)
class NotTransferred:
    """The caller is still with us. It is false, so that `if not await call.transfer(…)` reads as it should."""

    reason: TransferReason
    status: int = 0
    """Of SIP; 0 where nobody gave one."""
    ok: ClassVar[Literal[False]] = False

    def __bool__(self) -> bool:
        return False


TransferOutcome = Transferred | NotTransferred


@dataclass(frozen=True, slots=True)
class Transfer(StepRequest):
    """Hand the caller over."""

    target: str
    """A number, the name of a user, or a SIP URI."""
    timeout_s: float = 30.0
    """Until it is known what became of it."""

    verb = "transfer"

    def returned(self, result: StepResult) -> TransferOutcome:
        if result.reason == TRANSFERRED:
            return Transferred()
        return NotTransferred(TransferReason(result.reason), json.loads(result.value)["status"])


TRANSFERRED = "transferred"
"""The reason on record where it worked."""


def checked_transfer(target: str, timeout_s: float) -> Transfer:
    """The request; raises `TypeError` or `ValueError` for what cannot be asked for."""
    check_words("transfer", target=target)
    if not _TARGET.fullmatch(target):
        raise ValueError(
            f"transfer: {target!r} is nobody: give a number as +18005550100, an extension, a user's name or a SIP URI"
        )
    if not 0 < timeout_s <= TRANSFER_S_MAX:  # so written, NaN is refused too
        raise ValueError(f"transfer: timeout_s must be above 0 and at most {TRANSFER_S_MAX}, not {timeout_s}")
    return Transfer(target, timeout_s)


def reason_of(status: int) -> TransferReason:
    """What a final status other than 2xx means, of a REFER or of the call that it asked for."""
    if status in (486, 600):
        return TransferReason.BUSY
    if status in (408, 480, 487):
        return TransferReason.NO_ANSWER
    if status in (405, 420, 501):
        return TransferReason.UNSUPPORTED
    return TransferReason.REFUSED if status < 500 or status in (603, 604, 606, 607, 608) else TransferReason.FAILED
