"""The part of a call's record that only calls have that we place."""

from dataclasses import replace

from keepline.call.carriers.record import begin_carriers
from keepline.call.facts import CallCancelled, CallPlaced, CallProgressed, CallRefused, CallRetried, PlacedFact
from keepline.call.outbound.ending import cancelled_outcome, refused_outcome
from keepline.call.record_types import CallRecord


def begin_placed(fact: CallPlaced) -> CallRecord:
    """The record of a call whose INVITE is on its way."""
    return CallRecord(
        id=fact.call,
        direction="outbound",
        carrier=fact.carrier,
        from_=fact.from_number,
        to=fact.to_number,
        flow=fact.flow,
        state="ringing",
        received_at=fact.at_s,
        sip_call_id=fact.sip_call_id,
        parent=fact.parent,
        carriers=begin_carriers(fact),
    )


def fold_placed(record: CallRecord, fact: PlacedFact) -> None:
    """What a fact that only such calls have adds to it."""
    if isinstance(fact, CallProgressed):
        if fact.terms is not None:
            record.media = replace(record.media, codec=fact.terms.codec)
    elif isinstance(fact, CallRetried):
        record.attempts += 1
    elif isinstance(fact, CallCancelled):
        record.state = "leaving"
        record.reason = fact.why
        record.outcome = cancelled_outcome(fact.why)
    elif isinstance(fact, CallRefused):
        record.state = "leaving"
        record.outcome = record.outcome or refused_outcome(fact)
