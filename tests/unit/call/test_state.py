"""The table of a call's life leaves no pair to chance, and the fold gives the same state live and after a crash."""

from dataclasses import fields
from itertools import product
from typing import get_args

import pytest

from keepline.call.carriers.folding import bids_of
from keepline.call.facts import (
    FACT_TYPES,
    CallAnswered,
    CallEnded,
    CallPlaced,
    CallReceived,
    CallRetried,
    DigitsPressed,
    Fact,
    StepEnded,
)
from keepline.call.facts.bid import BID_TYPES, BidPlaced, UnresolvedBid
from keepline.call.facts.incident import INCIDENT_TYPES
from keepline.call.facts.journal import JOURNAL_TYPES
from keepline.call.facts.message import MESSAGE_TYPES
from keepline.call.facts.number import NUMBER_TYPES
from keepline.call.facts.path import PATH_TYPES
from keepline.call.facts.person import PERSON_TYPES
from keepline.call.facts.placed import PLACED_TYPES
from keepline.call.facts.run import RUN_TYPES, EventForgotten, EventTold
from keepline.call.facts.work import WORK_TYPES
from keepline.call.outbound.state import Placing
from keepline.call.runs.state import TRANSITIONS as RUN_TRANSITIONS
from keepline.call.state import TRANSITIONS, CallState, Phase
from keepline.call.terms import Terms
from keepline.model.errors import LocalError
from keepline.model.limits import CALL_DIGITS_MAX
from tests.spec.sip_messages import request

EXAMPLES = {
    float: 1.0,
    int: 1,
    str: "x",
    float | None: 1.0,
    bool: False,
    tuple[tuple[str, int], ...]: (),
    tuple[str, ...]: (),
    tuple[UnresolvedBid, ...]: (),
    Terms | None: Terms("PCMU", 0, 101, "192.0.2.1", 49170, 20, False, "sendrecv"),
}


def example(kind: type[Fact], **given: object) -> Fact:
    """A fact of this kind with something in each field."""
    values = {each.name: EXAMPLES.get(each.type) for each in fields(kind)}
    if kind is StepEnded:
        values |= {"outcome": "done"}
    if kind in (CallRetried, BidPlaced):
        values |= {"invite": request().encode().decode()}
    return kind(**(values | given))  # type: ignore[arg-type]


def call_in(phase: Phase, kind: type[Fact] = CallReceived) -> CallState:
    received = example(CallPlaced if kind in PLACED_TYPES else CallReceived)
    assert isinstance(received, CallReceived | CallPlaced)
    call = CallState(received, request())
    if kind in BID_TYPES:
        call.bids = (*bids_of(call), Placing(example(BidPlaced)))  # type: ignore[arg-type]
        call.bids[1].request = request()
    call.phase = phase
    return call


def digits(keyed: str, head: int) -> Fact:
    return example(DigitsPressed, digits=keyed, head=head)


def used(count: int) -> Fact:
    return example(StepEnded, digits_used=count)


@pytest.mark.parametrize(("phase", "kind"), list(product(Phase, FACT_TYPES)))
def test_every_pair_follows_or_is_a_bug(phase: Phase, kind: type[Fact]) -> None:
    call = call_in(phase, kind)
    following = TRANSITIONS.get((phase, kind))
    if following is None:
        with pytest.raises(LocalError, match=f"cannot follow in phase {phase.value}"):
            call.apply(example(kind))
        assert call.phase is phase, "a fact that cannot follow changes nothing"
    else:
        call.apply(example(kind))
        assert call.phase is following


def test_every_kind_of_fact_is_in_the_table_but_the_first() -> None:
    assert set(get_args(Fact)) == set(FACT_TYPES)
    assert {kind for _, kind in TRANSITIONS} == set(FACT_TYPES) - {
        CallReceived,
        CallPlaced,
        *WORK_TYPES,
        *JOURNAL_TYPES,
        *RUN_TYPES,
        *PATH_TYPES,
        *NUMBER_TYPES,
        *INCIDENT_TYPES,
        *MESSAGE_TYPES,
        *PERSON_TYPES,
    }
    assert {kind for _, kind in RUN_TRANSITIONS} == set(RUN_TYPES) - {EventTold, EventForgotten}
    assert len({kind.kind for kind in FACT_TYPES}) == len(FACT_TYPES)


def test_every_phase_can_be_reached_and_leads_to_the_end() -> None:
    reached = {Phase.RINGING, Phase.PLACING}
    while more := {to for (phase, _), to in TRANSITIONS.items() if phase in reached} - reached:
        reached |= more
    assert reached == set(Phase)
    ends = {Phase.ENDED}
    while more := {phase for (phase, _), to in TRANSITIONS.items() if to in ends} - ends:
        ends |= more
    assert ends == set(Phase)
    assert not [phase for phase, _ in TRANSITIONS if phase is Phase.ENDED]


def test_only_its_last_fact_ends_a_call() -> None:
    assert {kind for (_, kind), to in TRANSITIONS.items() if to is Phase.ENDED} == {CallEnded}


def test_digits_are_kept_until_an_answer_uses_them_up() -> None:
    call = call_in(Phase.ESTABLISHED)
    call.apply(digits("123", 3))
    call.apply(used(2))
    assert (call.digits, call.digits_used, call.digits_head) == ("3", 2, 3)
    call.apply(digits("45", 5))
    call.apply(used(2))
    assert (call.digits, call.digits_used, call.digits_head) == ("345", 2, 5)
    call.apply(used(5))
    assert (call.digits, call.digits_used) == ("", 5)


def test_unused_digits_are_kept_up_to_their_limit_and_a_long_call_goes_on_hearing() -> None:
    call = call_in(Phase.ESTABLISHED)
    call.apply(digits("1" * (CALL_DIGITS_MAX + 10), CALL_DIGITS_MAX + 10))
    assert len(call.digits) == CALL_DIGITS_MAX
    assert call.digits_head == CALL_DIGITS_MAX + 10
    call.apply(used(CALL_DIGITS_MAX))
    call.apply(digits("7", CALL_DIGITS_MAX + 11))
    assert call.digits == "7"


def test_an_answer_is_remembered_as_it_was_sent() -> None:
    call = call_in(Phase.RINGING)
    answered = example(CallAnswered, response="SIP/2.0 200 OK\r\n\r\n")
    call.apply(answered)
    assert call.answered is answered
    assert call.has_caller
