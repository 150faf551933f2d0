"""The transition tables leave no pair to chance, and the same inputs make the same machine."""

from itertools import product

import pytest

from keepline.model.errors import LocalError
from keepline.sip.transaction import (
    InviteClientTransaction,
    InviteServerTransaction,
    NonInviteClientTransaction,
    NonInviteServerTransaction,
    RequestReceived,
    ResponseReceived,
    SendResponse,
    Start,
    State,
    TimerFired,
    Timers,
    Transaction,
    TransportFailed,
)
from keepline.sip.transaction_base import Event
from tests.spec.sip_machines import invite_client, invite_server, non_invite_client, non_invite_server, send
from tests.spec.sip_messages import PEER, request, response

SERVERS = [InviteServerTransaction, NonInviteServerTransaction]
CLIENTS = [InviteClientTransaction, NonInviteClientTransaction]
FROM_OUTSIDE = {
    InviteServerTransaction: {Event.REQUEST, Event.ACK, Event.TRANSPORT_ERROR},
    NonInviteServerTransaction: {Event.REQUEST, Event.TRANSPORT_ERROR},
    InviteClientTransaction: {Event.RECEIVED_1XX, Event.RECEIVED_2XX, Event.RECEIVED_FAILURE, Event.TRANSPORT_ERROR},
    NonInviteClientTransaction: {Event.RECEIVED_1XX, Event.RECEIVED_2XX, Event.RECEIVED_FAILURE, Event.TRANSPORT_ERROR},
}
"""What a peer or the network may do at any time: never our bug."""


def states(machine: type[Transaction]) -> set[State]:
    return {state for state, _ in machine.TABLE} | {row[0] for row in machine.TABLE.values()} - {State.TERMINATED}


@pytest.mark.parametrize("machine", SERVERS + CLIENTS)
def test_a_pair_is_in_one_list_only(machine: type[Transaction]) -> None:
    assert not set(machine.TABLE) & machine.IGNORED


@pytest.mark.parametrize("machine", SERVERS + CLIENTS)
def test_nothing_from_outside_is_illegal(machine: type[Transaction]) -> None:
    for pair in product(states(machine) - {State.TERMINATED}, FROM_OUTSIDE[machine]):
        assert pair in machine.TABLE or pair in machine.IGNORED, pair


@pytest.mark.parametrize("machine", SERVERS + CLIENTS)
def test_every_state_can_be_reached_and_left(machine: type[Transaction]) -> None:
    reached = {State.INITIAL}
    while more := {row[0] for (state, _), row in machine.TABLE.items() if state in reached} - reached:
        reached |= more
    assert reached == states(machine) | {State.TERMINATED}
    for state in states(machine) - {State.TERMINATED}:
        assert any(row[0] is not state for (begin, _), row in machine.TABLE.items() if begin is state)


@pytest.mark.parametrize("machine", SERVERS + CLIENTS)
def test_what_is_over_takes_anything_and_does_nothing(machine: type[Transaction]) -> None:
    over = machine(request(), PEER, Timers())
    over.state = State.TERMINATED
    inputs = [TransportFailed("gone"), TimerFired()]
    if machine in SERVERS:
        inputs += [RequestReceived(request()), SendResponse(response(request(), 200))]
    else:
        inputs += [ResponseReceived(response(request(), 200))]
    for each in inputs:
        assert over.step(1.0, each) == []
    assert over.deadline_s is None


def test_the_user_cannot_answer_what_it_was_not_passed() -> None:
    for machine in SERVERS:
        with pytest.raises(LocalError):
            send(machine(request(), PEER, Timers()), 0.0, 200)


def test_an_input_of_the_other_side_is_a_bug() -> None:
    with pytest.raises(LocalError):
        invite_server().step(0.0, Start())
    with pytest.raises(LocalError):
        invite_client().step(0.0, SendResponse(response(request(), 200)))
    with pytest.raises(LocalError):
        non_invite_client().step(0.0, Start())
    with pytest.raises(LocalError):
        non_invite_server().step(0.0, ResponseReceived(response(request(), 200)))


def test_a_machine_fed_the_same_inputs_is_the_same_machine() -> None:
    invite = request()
    inputs = [
        (0.0, RequestReceived(invite)),
        (0.1, SendResponse(response(invite, 180))),
        (0.3, RequestReceived(invite)),
        (1.0, SendResponse(response(invite, 486))),
        (1.5, TimerFired()),
        (2.5, TimerFired()),
    ]
    first, second = (InviteServerTransaction(invite, PEER, Timers()) for _ in range(2))
    assert [first.step(*each) for each in inputs] == [second.step(*each) for each in inputs]
    assert (first.state, first.deadline_s) == (second.state, second.deadline_s)
    assert first.deadline_s == 4.5
