"""The SIP messages of a call, as its facts hold them: a ladder. `->` came to us, `<-` went out."""

from collections.abc import Iterable
from dataclasses import dataclass

from keepline.call.facts import (
    ByeReceived,
    ByeSent,
    CallAcknowledged,
    CallAnswered,
    CallCancelled,
    CallEnded,
    CallPlaced,
    CallProgressed,
    CallReceived,
    CallRefused,
    CallRetried,
    CancelReceived,
    Fact,
    ForkAnswered,
)

IN, OUT = "->", "<-"


@dataclass(frozen=True, slots=True)
class LadderLine:
    """One SIP message of a call."""

    at_s: float
    direction: str
    """`->` to us, `<-` from us."""
    text: str


def ladder_of(facts: Iterable[Fact]) -> list[LadderLine]:
    """The SIP messages of one call, in order, repetitions left out."""
    lines: list[LadderLine] = []
    is_placed = False
    for fact in facts:
        is_placed = is_placed or isinstance(fact, CallPlaced)
        lines += [LadderLine(fact.at_s, way, text) for way, text in (_of_placed if is_placed else _of_received)(fact)]
    return lines


def _of_received(fact: Fact) -> list[tuple[str, str]]:
    if isinstance(fact, CallReceived):
        rang = [(OUT, "SIP/2.0 180 Ringing")] if fact.answer_at_s > fact.at_s else []
        return [(IN, fact.invite), *rang]
    if isinstance(fact, CallAnswered):
        return [(OUT, fact.response)]
    if isinstance(fact, CallAcknowledged):
        return [(IN, fact.ack)]
    if isinstance(fact, CancelReceived):
        return [(IN, fact.cancel), (OUT, "SIP/2.0 200 OK (CANCEL)")]
    if isinstance(fact, CallEnded) and fact.sip_status >= 300:
        return [(OUT, f"SIP/2.0 {fact.sip_status}")]
    return _of_either(fact)


def _of_placed(fact: Fact) -> list[tuple[str, str]]:
    if isinstance(fact, CallPlaced):
        return [(OUT, fact.invite)]
    if isinstance(fact, CallProgressed):
        return [(IN, fact.response)]
    if isinstance(fact, CallAnswered | ForkAnswered):
        return [(IN, fact.response), (OUT, "ACK")]
    if isinstance(fact, CallRetried):
        answer = [(IN, fact.response), (OUT, "ACK")] if fact.response else []
        return [*answer, (OUT, fact.invite)]
    if isinstance(fact, CallCancelled):
        return [(OUT, "CANCEL")]
    if isinstance(fact, CallRefused):
        return [(IN, fact.response), (OUT, fact.ack)] if fact.response else []
    return _of_either(fact)


def _of_either(fact: Fact) -> list[tuple[str, str]]:
    if isinstance(fact, ByeReceived):
        return [(IN, fact.bye), (OUT, "SIP/2.0 200 OK (BYE)")]
    if isinstance(fact, ByeSent):
        return [(OUT, fact.bye)]
    if isinstance(fact, CallEnded) and fact.bye_status:
        return [(IN, f"SIP/2.0 {fact.bye_status} (BYE)")]
    return []
