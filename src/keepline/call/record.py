"""The record of a call: a fold over its facts, the same for a call that ended long ago and one that is live."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from keepline.call.carriers.record import fold_carriers
from keepline.call.facts import (
    ByeReceived,
    ByeSent,
    CallAcknowledged,
    CallAnswered,
    CallEnded,
    CallPlaced,
    CallReceived,
    CallRefused,
    CancelReceived,
    Fact,
    FlowEnded,
    FlowFailed,
    JournalGap,
    MessageRecorded,
    MessageStarted,
    PlacedFact,
    ReinviteAcknowledged,
    ReinviteAnswered,
    StepEnded,
    UseEnded,
    UseResolved,
)
from keepline.call.facts.placed import PLACED_TYPES
from keepline.call.outbound.record import begin_placed, fold_placed
from keepline.call.record_types import CallRecord, MediaRecord, MessageRecord, StepRecord, UnrecordedRecord
from keepline.flow.capabilities import outcome_words
from keepline.flow.recording import recording_path
from keepline.model.errors import LocalError, PeerError
from keepline.sip.identity import asked_privacy, reason_of, signed_identity
from keepline.sip.message import Message, parse_message

__all__ = ["CallRecord", "MediaRecord", "MessageRecord", "StepRecord", "UnrecordedRecord", "record_of"]

_HAS_IDENTITY = re.compile(r"\n(?:identity|y|privacy)[ \t]*:", re.I)
_HAS_REASON = re.compile(r"\nreason[ \t]*:", re.I)


def record_of(facts: Iterable[Fact]) -> CallRecord:
    """The record that these facts of one call make. Raises `LocalError` where they do not begin with its INVITE."""
    record: CallRecord | None = None
    for fact in facts:
        if isinstance(fact, CallReceived):
            record = _begin(fact)
        elif isinstance(fact, CallPlaced):
            record = begin_placed(fact)
        elif record is None:
            raise LocalError(f"call {fact.call}: its facts do not begin with its INVITE")
        else:
            if record.carriers:
                fold_carriers(record, fact)
            fold = _FOLDS.get(type(fact))
            if fold is not None:
                fold(record, fact)
    if record is None:
        raise LocalError("no facts, no record")
    return record


def _begin(fact: CallReceived) -> CallRecord:
    invite = _read(fact.invite) if _HAS_IDENTITY.search(fact.invite) else None
    return CallRecord(
        id=fact.call,
        direction="inbound",
        carrier=fact.carrier,
        from_=fact.from_number,
        to=fact.to_number,
        flow=fact.flow,
        state="ringing",
        received_at=fact.at_s,
        sip_call_id=fact.sip_call_id,
        asserted_identity=fact.asserted_identity,
        identity="" if invite is None else signed_identity(invite),
        privacy="" if invite is None else asked_privacy(invite),
    )


def _answered(record: CallRecord, fact: CallAnswered) -> None:
    record.state = "live"
    record.answered_at = fact.at_s
    record.sip_status = 200
    record.media = MediaRecord(codec=fact.codec)


def _agreed(record: CallRecord, fact: CallAcknowledged | ReinviteAnswered | ReinviteAcknowledged) -> None:
    if fact.terms is not None:
        record.media = replace(record.media, codec=fact.terms.codec)


def _step(record: CallRecord, fact: StepEnded) -> None:
    took_ms = round((fact.at_s - fact.began_at_s) * 1000, 1)
    name = f"use {fact.reason}" if fact.verb == "use" and fact.reason else fact.verb
    record.steps.append(StepRecord(name, fact.began_at_s, _result_of(fact), took_ms))
    if fact.verb == "outcome":
        noted = json.loads(fact.value)
        record.outcome, record.outcome_fields = noted["outcome"], noted["fields"]


def _flow_ended(record: CallRecord, fact: FlowEnded) -> None:
    if fact.error:
        record.error = f"{record.error}\n\nand then:\n\n{fact.error}" if record.error else fact.error


def _flow_failed(record: CallRecord, fact: FlowFailed) -> None:
    record.error = fact.error


def _leaves(record: CallRecord, fact: ByeSent | ByeReceived | CancelReceived) -> None:
    record.state = "leaving"
    record.reason_header, record.cause = _reason(_last_word(fact))


def _message_started(record: CallRecord, fact: MessageStarted) -> None:
    record.messages.append(MessageRecord(recording_path(fact.key), fact.at_s))


def _message_recorded(record: CallRecord, fact: MessageRecorded) -> None:
    path = recording_path(fact.key)
    record.messages = [
        replace(each, length_s=round(fact.length_s, 3), reason=fact.reason) if each.path == path else each
        for each in record.messages
    ]


def _use_ended(record: CallRecord, fact: UseEnded) -> None:
    record.steps.append(StepRecord(f"use {fact.name}", fact.at_s, outcome_words(fact.outcome), 0.0))


def _use_resolved(record: CallRecord, fact: UseResolved) -> None:
    record.steps.append(StepRecord(f"use {fact.name}", fact.at_s, f"resolved: {outcome_words(fact.outcome)}", 0.0))


def _placed(record: CallRecord, fact: PlacedFact) -> None:
    fold_placed(record, fact)
    if isinstance(fact, CallRefused):
        record.reason_header, record.cause = _reason(fact.response)


def _gap(record: CallRecord, fact: JournalGap) -> None:
    record.unrecorded.append(UnrecordedRecord(fact.since_s, fact.at_s, fact.facts, fact.lost))


def _last_word(fact: ByeSent | ByeReceived | CancelReceived) -> str:
    """The peer's message that ends the call; empty where we end it."""
    if isinstance(fact, ByeSent):
        return ""
    return fact.bye if isinstance(fact, ByeReceived) else fact.cancel


def _reason(raw: str) -> tuple[str, int | None]:
    message = _read(raw) if _HAS_REASON.search(raw) else None
    return ("", None) if message is None else reason_of(message)


def _read(raw: str) -> Message | None:
    try:
        return parse_message(raw.encode("latin-1"))
    except PeerError:
        return None


def _result_of(fact: StepEnded) -> str:
    """A step's result in one word where there is one; an entry that is no answer is not shown."""
    if fact.verb == "use" and fact.outcome == "done":
        return outcome_words(fact.value)
    if fact.reason not in ("", "answered"):
        return fact.reason  # of a message too, which is told of by itself
    if fact.verb == "ask_secret_digits" and fact.outcome == "done":
        return f"{json.loads(fact.value)['count']} digits"
    return fact.value or fact.outcome


def _audio(fact: CallEnded) -> str:
    if not fact.packets_sent and not fact.packets_received:
        return ""
    if not fact.packets_received:
        return "one_way"
    return "dead_air" if fact.dead_air_at_s is not None else "both_ways"


def _end(record: CallRecord, fact: CallEnded) -> None:
    record.state = "ended"
    record.ended_at = fact.at_s
    record.ended_by = fact.ended_by
    record.sip_status = fact.sip_status or record.sip_status
    record.reason = fact.reason
    record.media = MediaRecord(
        record.media.codec,
        fact.packets_sent,
        fact.packets_received,
        fact.lost,
        fact.jitter_ms,
        fact.mos,
        fact.peer_mos,
        fact.round_trip_ms,
        _audio(fact),
        fact.dead_air_s,
        fact.dead_air_at_s,
    )
    if record.answered_at is not None:
        record.outcome = "failed" if record.error or fact.sip_status == 0 else record.outcome or "answered"
    elif record.direction == "outbound":
        record.outcome = record.outcome or ("refused" if fact.ended_by == "node" else "failed")
    else:
        record.outcome = "cancelled" if fact.sip_status == 487 else "refused" if fact.sip_status else "failed"


_FOLDS: dict[type, Callable[[CallRecord, Any], None]] = {
    CallAnswered: _answered,
    **dict.fromkeys((CallAcknowledged, ReinviteAnswered, ReinviteAcknowledged), _agreed),
    StepEnded: _step,
    FlowEnded: _flow_ended,
    FlowFailed: _flow_failed,
    **dict.fromkeys((ByeSent, ByeReceived, CancelReceived), _leaves),
    CallEnded: _end,
    MessageStarted: _message_started,
    MessageRecorded: _message_recorded,
    UseEnded: _use_ended,
    UseResolved: _use_resolved,
    **dict.fromkeys(PLACED_TYPES, _placed),
    JournalGap: _gap,
}
"""What a kind of fact adds to a record; of the others it has nothing."""
