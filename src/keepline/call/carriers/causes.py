"""What a refusal of our INVITE means: whether it is the callee's word or the carrier's trouble. A table, read by rows.

The callee's word is final: whoever is busy, or does not want the call, is not called again over somebody else's lines.
The carrier's trouble is no word of the callee's: the next carrier is asked. A cause of ITU-T Q.850 in a Reason header
decides where it is one that is known, but for words that no cause can mend.
Source: RFC 3261 §21; RFC 3326; RFC 3398 §7.2.6; RFC 8197 (607); RFC 8688 (608); RFC 8224 §6.2.2; ITU-T Q.850.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Fault(Enum):
    """Whose word a refusal is."""

    CALLEE = "the callee's word"
    CARRIER = "the carrier's trouble"
    NOBODY = "nobody's fault"
    """Another carrier may do better, and this one is no worse for it."""


class Trouble(Enum):
    """What goes wrong without a refusal."""

    UNANSWERED = "nothing was heard, not even 100"
    UNREACHABLE = "nobody is at its address"
    NO_RINGING = "100, then nothing"
    UNSENT = "could not be sent"
    NO_AUDIO = "answered, and nothing was heard"
    PROBE_ALONE = "OPTIONS is answered, INVITE is not"


@dataclass(frozen=True, slots=True)
class Cause:
    """One row: whose word it is, and whether another carrier may be asked."""

    fault: Fault
    is_retried: bool
    why: str
    may_be_echo: bool = False
    """It may speak of another INVITE of ours for the same call, so it is not final while one is alive."""
    overrides_q850: bool = False


_FINAL, _NEXT, _ELSEWHERE = (Fault.CALLEE, False), (Fault.CARRIER, True), (Fault.NOBODY, True)
BY_STATUS: Final[dict[int, Cause]] = {
    400: Cause(*_ELSEWHERE, "the carrier does not understand the INVITE"),
    401: Cause(*_NEXT, "the carrier does not accept our credentials"),
    402: Cause(*_NEXT, "the carrier wants to be paid"),
    403: Cause(*_ELSEWHERE, "forbidden, perhaps by the carrier alone"),
    404: Cause(*_FINAL, "there is no such number"),
    405: Cause(*_NEXT, "the carrier does not take calls here"),
    406: Cause(*_ELSEWHERE, "not acceptable to the carrier"),
    407: Cause(*_NEXT, "the carrier does not accept our credentials"),
    408: Cause(*_NEXT, "the carrier waited in vain"),
    410: Cause(*_FINAL, "the number is gone"),
    413: Cause(*_ELSEWHERE, "too large for the carrier"),
    414: Cause(*_ELSEWHERE, "too long for the carrier"),
    415: Cause(*_ELSEWHERE, "the carrier cannot read the offer"),
    416: Cause(*_ELSEWHERE, "the carrier cannot read the URI"),
    420: Cause(*_ELSEWHERE, "the carrier lacks an extension"),
    421: Cause(*_ELSEWHERE, "the carrier wants an extension"),
    428: Cause(*_NEXT, "the carrier did not sign the call (Identity)"),
    429: Cause(*_FINAL, "the callee wants to know who referred it"),
    433: Cause(*_FINAL, "the callee takes no anonymous calls"),
    436: Cause(*_NEXT, "the carrier's signature could not be read"),
    437: Cause(*_NEXT, "the carrier's certificate is not trusted"),
    438: Cause(*_NEXT, "the carrier's signature is not valid"),
    480: Cause(*_FINAL, "nobody is there to take it"),
    481: Cause(*_NEXT, "the carrier lost the call"),
    482: Cause(*_NEXT, "the carrier runs in a circle", may_be_echo=True),
    483: Cause(*_NEXT, "the carrier runs in a circle"),
    484: Cause(*_FINAL, "the number is not complete"),
    485: Cause(*_FINAL, "the number is ambiguous"),
    486: Cause(*_FINAL, "busy", may_be_echo=True),
    487: Cause(*_FINAL, "it was taken back there"),
    488: Cause(*_ELSEWHERE, "the offer is not acceptable there"),
    491: Cause(*_NEXT, "the carrier has something pending"),
    493: Cause(*_NEXT, "the carrier cannot decipher it"),
    494: Cause(*_NEXT, "the carrier wants another security"),
    600: Cause(*_FINAL, "busy everywhere", may_be_echo=True),
    603: Cause(*_FINAL, "declined"),
    604: Cause(*_FINAL, "there is no such number anywhere"),
    606: Cause(*_FINAL, "the callee cannot take what is offered"),
    607: Cause(*_FINAL, "the callee does not want this call", overrides_q850=True),
    608: Cause(*_FINAL, "blocked on the callee's behalf", overrides_q850=True),
}
BY_CLASS: Final[dict[int, Cause]] = {
    3: Cause(*_FINAL, "moved to where we may not call"),
    4: Cause(*_FINAL, "refused"),
    5: Cause(*_NEXT, "the carrier has failed"),
    6: Cause(*_FINAL, "refused everywhere"),
}
"""Of the statuses that have no row of their own, by their first digit."""
BY_Q850: Final[dict[int, Cause]] = {
    1: Cause(*_FINAL, "the number is not assigned"),
    2: Cause(*_NEXT, "no route to the network"),
    3: Cause(*_NEXT, "no route to the destination"),
    5: Cause(*_FINAL, "a prefix is wrong"),
    6: Cause(*_NEXT, "the channel is not acceptable"),
    16: Cause(*_FINAL, "cleared there"),
    17: Cause(*_FINAL, "busy", may_be_echo=True),
    18: Cause(*_FINAL, "nobody responds there"),
    19: Cause(*_FINAL, "nobody answers there"),
    20: Cause(*_FINAL, "the subscriber is absent"),
    21: Cause(*_FINAL, "rejected there"),
    22: Cause(*_FINAL, "the number has changed"),
    25: Cause(*_NEXT, "an exchange has a routing error"),
    27: Cause(*_FINAL, "the callee's line is out of order"),
    28: Cause(*_FINAL, "the number is not complete"),
    34: Cause(*_NEXT, "no circuit is free"),
    38: Cause(*_NEXT, "the network is out of order"),
    39: Cause(*_NEXT, "a connection is out of service"),
    41: Cause(*_NEXT, "a temporary failure"),
    42: Cause(*_NEXT, "the exchange is congested"),
    43: Cause(*_NEXT, "information was discarded"),
    44: Cause(*_NEXT, "the circuit is not free"),
    47: Cause(*_NEXT, "no resource is free"),
    50: Cause(*_ELSEWHERE, "a facility that is not subscribed to"),
    55: Cause(*_FINAL, "calls to it are barred"),
    57: Cause(*_ELSEWHERE, "the bearer is not authorised"),
    58: Cause(*_NEXT, "the bearer is not free"),
    63: Cause(*_NEXT, "a service is not available"),
    87: Cause(*_FINAL, "not a member of the group"),
    88: Cause(*_FINAL, "the destination is not compatible"),
    102: Cause(*_NEXT, "a timer ran out"),
    111: Cause(*_NEXT, "a protocol error"),
}
"""31 (normal, unspecified) and 127 (interworking) say nothing: the status decides."""
BY_TROUBLE: Final[dict[Trouble, Cause]] = {
    Trouble.UNANSWERED: Cause(*_NEXT, "unanswered"),
    Trouble.UNREACHABLE: Cause(*_NEXT, "unreachable"),
    Trouble.NO_RINGING: Cause(*_NEXT, "without ringing"),
    Trouble.UNSENT: Cause(*_NEXT, "unsent"),
    Trouble.NO_AUDIO: Cause(Fault.CARRIER, False, "answered without audio"),
    Trouble.PROBE_ALONE: Cause(*_NEXT, "unanswered though OPTIONS is answered"),
}
RANG: Final = Cause(*_FINAL, "it rang, and nobody answered")
_GIVEN_UP: Final = frozenset((408, 480, 487))
"""After it rang these say that nobody answered, whatever they say before."""


def cause_of(status: int, q850: int | None, *, rang: bool) -> Cause:
    """The row of a refusal; `q850` is the cause of its Reason header, `rang` that it rang before."""
    own = BY_STATUS.get(status)
    if own is not None and own.overrides_q850:
        return own
    by_reason = BY_Q850.get(q850) if q850 is not None else None
    if by_reason is not None:
        return by_reason
    if rang and status in _GIVEN_UP:
        return RANG
    return own if own is not None else BY_CLASS[status // 100]
