"""The part of a call's record that only calls over several carriers have: who was asked, why, and what came of it."""

from dataclasses import replace

from keepline.call.facts import CallAnswered, CallCancelled, CallPlaced, CallRefused, Fact
from keepline.call.facts.bid import BidAbandoned, BidDeclined, BidEnded, BidLed, BidPlaced
from keepline.call.record_types import CallRecord, CarrierRecord

ENDING = CallAnswered | CallRefused | CallCancelled | BidAbandoned | BidEnded | BidDeclined


def begin_carriers(fact: CallPlaced) -> list[CarrierRecord]:
    """The first carrier of a call that may go over several; of any other none."""
    return [CarrierRecord(fact.carrier, fact.at_s, fact.why, leads=True)] if fact.is_routed and fact.carrier else []


def fold_carriers(record: CallRecord, fact: Fact) -> None:
    """What a fact adds to it."""
    if isinstance(fact, BidPlaced):
        record.carriers.append(CarrierRecord(fact.carrier, fact.at_s, fact.why))
        record.attempts += 1
    elif isinstance(fact, BidLed):
        record.carriers = [replace(each, leads=place == fact.bid) for place, each in enumerate(record.carriers)]
        record.carrier = record.carriers[fact.bid].carrier
    elif isinstance(fact, ENDING) and record.carriers:
        lead = next(place for place, each in enumerate(record.carriers) if each.leads)
        place = lead if isinstance(fact, CallAnswered | CallRefused | CallCancelled) else fact.bid
        before = record.carriers[place]
        took_ms = before.took_ms if before.took_ms is not None else round((fact.at_s - before.at) * 1000, 1)
        result = before.result if before.result and not isinstance(fact, BidDeclined) else _result_of(fact)
        record.carriers[place] = replace(before, result=result, took_ms=took_ms)


def _result_of(fact: ENDING) -> str:
    if isinstance(fact, CallAnswered):
        return "answered"
    if isinstance(fact, CallRefused):
        return f"{fact.status} {fact.reason}" if fact.response else fact.reason
    if isinstance(fact, BidEnded):
        return f"{fact.status} {fact.why}" if fact.status else fact.why
    if isinstance(fact, BidDeclined):
        return "answered too late, and was hung up on"
    return f"given up: {fact.why}"
