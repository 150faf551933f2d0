"""The SIP messages of a call, as its facts hold them: a ladder. `->` came to us, `<-` went out.

A message that is kept stands there as it was; of another there is its first line, made from what is kept. It refuses to
tell of repetitions, of a 100, and of what changes nothing and so is no fact (an OPTIONS of the peer's, a refused INVITE
within the call).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from keepline.call import facts as ft
from keepline.call.facts.interrupted import PeerAsked, PeerFound
from keepline.call.facts.refer import NotifySent, ReferTaken
from keepline.call.facts.transfer import BY_REFER

IN, OUT = "->", "<-"
Lines = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class LadderLine:
    """One SIP message of a call."""

    at_s: float
    direction: str
    """`->` to us, `<-` from us."""
    text: str


def ladder_of(facts: Iterable[ft.Fact]) -> list[LadderLine]:
    """The SIP messages of one call, in order, repetitions left out."""
    lines: list[LadderLine] = []
    is_placed = False
    for fact in facts:
        is_placed = is_placed or isinstance(fact, ft.CallPlaced)
        lines += [LadderLine(fact.at_s, way, text) for way, text in _of(fact, is_placed)]
    return lines


def _of(fact: ft.Fact, is_placed: bool) -> Lines:
    for read in (_of_placed if is_placed else _of_received, _of_session, _of_transfer, _of_end):
        lines = read(fact)
        if lines:
            return lines
    return []


def _of_received(fact: ft.Fact) -> Lines:
    if isinstance(fact, ft.CallReceived):
        rang = [(OUT, "SIP/2.0 180 Ringing")] if fact.answer_at_s > fact.at_s else []
        return [(IN, fact.invite), *rang]
    if isinstance(fact, ft.CallAnswered):
        return [(OUT, fact.response)]
    if isinstance(fact, ft.CallAcknowledged):
        return [(IN, fact.ack)]
    if isinstance(fact, ft.CancelReceived):
        return [(IN, fact.cancel), (OUT, "SIP/2.0 200 OK (CANCEL)")]
    if isinstance(fact, ft.CallEnded) and fact.sip_status >= 300:
        return [(OUT, f"SIP/2.0 {fact.sip_status}")]
    return []


def _of_placed(fact: ft.Fact) -> Lines:
    if isinstance(fact, ft.CallPlaced):
        return [(OUT, fact.invite)] if fact.slot >= 0 else []  # refused by ourselves: nothing left
    if isinstance(fact, ft.CallProgressed):
        return [(IN, fact.response)]
    if isinstance(fact, ft.CallAnswered | ft.ForkAnswered):
        return [(IN, fact.response), (OUT, "ACK")]
    if isinstance(fact, ft.CallRetried):
        answer = [(IN, fact.response), (OUT, "ACK")] if fact.response else []
        return [*answer, (OUT, fact.invite)]
    if isinstance(fact, ft.CallCancelled):
        return [(OUT, "CANCEL")]
    if isinstance(fact, ft.CallRefused):
        return [(IN, fact.response), (OUT, fact.ack)] if fact.response else []
    return []


def _of_session(fact: ft.Fact) -> Lines:
    if isinstance(fact, ft.ReinviteAnswered):
        return [(IN, fact.invite), (OUT, fact.response)]
    if isinstance(fact, ft.ReinviteAcknowledged):
        return [(IN, fact.ack)]
    if isinstance(fact, ft.ReinviteSent):
        return [(OUT, fact.invite)]
    if isinstance(fact, ft.ReinviteEnded):
        return [(IN, fact.response), (OUT, "ACK")] if fact.response else []
    if isinstance(fact, ft.DigitSignalled):
        return [(IN, "INFO (a key)"), (OUT, "SIP/2.0 200 OK (INFO)")]
    if isinstance(fact, ft.RequestProven):
        acked = [(OUT, "ACK")] if fact.method == "INVITE" else []
        return [(IN, fact.response), *acked, (OUT, fact.request)]
    return []


def _of_transfer(fact: ft.Fact) -> Lines:
    if isinstance(fact, ft.TransferAsked):
        return [(OUT, fact.refer)]
    if isinstance(fact, ft.TransferProgressed) and fact.by == BY_REFER:
        return [(IN, f"SIP/2.0 {fact.status} (REFER)")] if fact.status else []
    if isinstance(fact, ft.TransferProgressed):
        told = f"SIP/2.0 {fact.status}" if fact.status else "the end of it"
        return [(IN, f"NOTIFY ({told})"), (OUT, "SIP/2.0 200 OK (NOTIFY)")]
    if isinstance(fact, ReferTaken):
        return [(IN, fact.refer), (OUT, "SIP/2.0 202 Accepted (REFER)")]
    if isinstance(fact, NotifySent):
        return [(OUT, fact.notify)]
    if isinstance(fact, PeerAsked):
        return [(OUT, fact.request)]
    if isinstance(fact, PeerFound) and fact.by.isdigit():
        return [(IN, f"SIP/2.0 {fact.by} (OPTIONS)")]
    return []


def _of_end(fact: ft.Fact) -> Lines:
    if isinstance(fact, ft.ByeReceived):
        return [(IN, fact.bye), (OUT, "SIP/2.0 200 OK (BYE)")]
    if isinstance(fact, ft.ByeSent):
        return [(OUT, fact.bye)]
    if isinstance(fact, ft.CallEnded) and fact.bye_status:
        return [(IN, f"SIP/2.0 {fact.bye_status} (BYE)")]
    return []
