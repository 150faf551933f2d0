"""The verb `connect`: the caller talks to somebody else, through us, and comes back to the flow afterwards."""

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Literal

from keepline.flow.steps import StepRequest, StepResult, check_words
from keepline.model.limits import RING_TIMEOUT_S_MAX

_NUMBER = re.compile(r"\+?[0-9]{2,15}|[A-Za-z][A-Za-z0-9._-]{0,31}", re.A)
CONNECTED = "connected"
"""The reason on record where they talked."""


class ConnectReason(StrEnum):
    """Why a caller was not connected."""

    BUSY = "busy"
    """Who was called is in another call (486, 600)."""
    NO_ANSWER = "no_answer"
    """Nobody answered in time (408, 480, 487 too)."""
    REFUSED = "refused"
    """Who was called, or their side, would not take the call."""
    FAILED = "failed"
    """It came to nothing: 5xx, silence, an answer without audio."""
    NO_PATH = "no_path"
    """No call was placed: none may be, or none can be."""


@dataclass(frozen=True, slots=True)
class Connected:
    """They talked, and the other side hung up; the caller is back."""

    duration_s: float
    """From the answer to the end."""
    ended_by: str
    """`callee`, or `node` where we had to end it."""
    transfers: int = 0
    """How often whom they talked with handed the caller on (REFER)."""
    ok: ClassVar[Literal[True]] = True


@dataclass(frozen=True, slots=True)
class NotConnected:
    """Nobody talked to the caller. It is false, so that `if not await call.connect(…)` reads as it should."""

    reason: ConnectReason
    status: int = 0
    """Of SIP; 0 where nobody gave one."""
    detail: str = ""
    """In words, for the log."""
    ok: ClassVar[Literal[False]] = False

    def __bool__(self) -> bool:
        return False


ConnectOutcome = Connected | NotConnected


@dataclass(frozen=True, slots=True)
class Connect(StepRequest):
    """Call somebody, and let the caller talk to them."""

    number: str
    timeout_s: float = 25.0
    """To the answer."""
    from_number: str = ""
    """Whom the callee sees; empty for the trunk's."""
    prompt: str = ""
    """What the caller hears until then; empty for the tone of a phone that rings."""

    verb = "connect"

    def returned(self, result: StepResult) -> ConnectOutcome:
        value = json.loads(result.value)
        if result.reason == CONNECTED:
            return Connected(value["duration_s"], value["ended_by"], value.get("transfers", 0))
        return NotConnected(ConnectReason(result.reason), value["status"], value["detail"])


def checked_connect(number: str, timeout_s: float, from_: str | None, prompt: str) -> Connect:
    """The request; raises `TypeError` or `ValueError` for what cannot be asked for."""
    check_words("connect", number=number, from_=from_ or "", prompt=prompt)
    for name, value in (("number", number), ("from_", from_)):
        if value is not None and not _NUMBER.fullmatch(value):
            raise ValueError(
                f"connect: {name} {value!r} is no number: give one as +18005550100, an extension or a user's name"
            )
    if not 0 < timeout_s <= RING_TIMEOUT_S_MAX:  # so written, NaN is refused too
        raise ValueError(f"connect: timeout_s must be above 0 and at most {RING_TIMEOUT_S_MAX}, not {timeout_s}")
    return Connect(number, timeout_s, from_ or "", prompt)
