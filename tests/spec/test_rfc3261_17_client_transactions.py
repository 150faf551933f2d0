"""RFC 3261 §17.1 (as RFC 6026 leaves it): the client's machines. The Accepted state is in test_rfc6026_*."""

import pytest

from keepline.sip.message import Request, parse_message
from keepline.sip.transaction import (
    Abandon,
    PassResponse,
    ReportTransportError,
    SendAgain,
    State,
    Terminated,
    TerminationReason,
    Timers,
    Transmit,
    TransportFailed,
    ack_for_failure,
    cancel_for,
    client_key,
)
from tests.spec.sip_machines import (
    firings,
    invite_client,
    non_invite_client,
    receive,
    sent,
    transmissions_s,
)
from tests.spec.sip_messages import request, response


def passed(effects: list[object]) -> list[int]:
    return [effect.response.status for effect in effects if isinstance(effect, PassResponse)]


# INVITE -------------------------------------------------------------------------------------------------------------


def test_rfc3261_17_1_1_2_timer_a_doubles_without_a_bound() -> None:
    assert transmissions_s(invite_client()) == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]


def test_rfc3261_17_1_1_2_timer_b_times_out() -> None:
    machine = invite_client()
    assert firings(machine, 1000.0)[-1] == (32.0, [Terminated(TerminationReason.TIMEOUT)])


def test_rfc3261_17_1_1_2_over_a_reliable_transport_a_is_not_set() -> None:
    machine = invite_client(reliable=True)
    assert firings(machine, 1000.0) == [(32.0, [Terminated(TerminationReason.TIMEOUT)])]


def test_rfc3261_17_1_1_2_a_provisional_response_stops_a_and_b() -> None:
    machine = invite_client()
    assert passed(receive(machine, 0.3, 180)) == [180]
    assert (machine.state, machine.deadline_s) == (State.PROCEEDING, None)
    assert passed(receive(machine, 60.0, 183)) == [183]


def test_rfc3261_17_1_1_2_what_was_abandoned_is_not_sent_again_and_still_heard() -> None:
    machine = invite_client()
    assert machine.step(0.2, Abandon()) == []
    assert passed(receive(machine, 20.0, 180)) == [180], "whoever abandoned it can cancel it now"
    assert machine.step(20.0, Abandon()) == []
    assert firings(machine, 1000.0) == [(52.0, [Terminated(TerminationReason.TIMEOUT)])]


def test_rfc3261_17_1_1_2_an_invite_is_sent_again_at_its_users_word_and_timer_a_goes_on() -> None:
    machine = invite_client()
    first = machine.request.encode()
    assert [each.data for each in machine.step(0.2, SendAgain()) if isinstance(each, Transmit)] == [first]
    assert transmissions_s(machine) == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]


@pytest.mark.parametrize("status", [100, 200, 486])
def test_rfc3261_17_1_1_2_an_invite_of_which_something_was_heard_is_not_sent_again(status: int) -> None:
    machine = invite_client()
    receive(machine, 0.1, status)
    assert machine.step(0.2, SendAgain()) == []


def test_rfc3261_17_1_1_2_of_what_was_abandoned_nothing_is_left_after_64_t1() -> None:
    machine = invite_client()
    machine.step(0.2, Abandon())
    assert firings(machine, 1000.0) == [(32.2, [Terminated(TerminationReason.TIMEOUT)])]


def test_rfc6026_7_2_a_2xx_to_what_was_abandoned_is_passed_with_its_copies() -> None:
    machine = invite_client()
    machine.step(0.2, Abandon())
    assert passed(receive(machine, 1.0, 200)) == [200]
    assert machine.step(1.1, Abandon()) == []
    assert passed(receive(machine, 1.5, 200)) == [200]


@pytest.mark.parametrize("provisional", [True, False])
def test_rfc3261_17_1_1_2_a_failure_is_passed_and_acknowledged(provisional: bool) -> None:
    machine = invite_client()
    if provisional:
        receive(machine, 0.1, 100)
    effects = receive(machine, 0.3, 486)
    assert passed(effects) == [486]
    assert sent(effects) == ["ACK sip:bob@biloxi.example.com SIP/2.0"]
    assert machine.state is State.COMPLETED


def test_rfc3261_17_1_1_2_a_copy_of_the_failure_is_acknowledged_again_and_not_passed() -> None:
    machine = invite_client()
    first = [effect for effect in receive(machine, 0.3, 486) if isinstance(effect, Transmit)]
    assert receive(machine, 0.8, 486) == first
    assert receive(machine, 0.9, 180) == []


def test_rfc3261_17_1_1_2_timer_d_lasts_32_s() -> None:
    machine = invite_client()
    receive(machine, 1.0, 486)
    assert firings(machine, 1000.0) == [(33.0, [Terminated(TerminationReason.NORMAL)])]


def test_rfc3261_17_1_1_2_timer_d_is_never_shorter() -> None:
    machine = invite_client(timers=Timers(t1_s=0.1))
    receive(machine, 1.0, 486)
    assert machine.deadline_s == 33.0


def test_rfc3261_17_1_1_2_over_a_reliable_transport_d_is_zero() -> None:
    assert receive(invite_client(reliable=True), 1.0, 486)[-1] == Terminated(TerminationReason.NORMAL)


def test_rfc3261_17_1_1_3_the_ack_to_a_failure() -> None:
    invite = request("INVITE", "Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>", "Via: SIP/2.0/UDP other")
    ack = parse_message(ack_for_failure(invite, response(invite, 486)).encode())
    assert isinstance(ack, Request)
    assert (ack.method, ack.uri, str(ack.cseq)) == ("ACK", invite.uri, "314159 ACK")
    assert ack.headers.get_all("Via") == invite.headers.get_all("Via")[:1]
    assert ack.headers.get_all("Route") == invite.headers.get_all("Route")
    assert (ack.call_id, ack.headers.get("From")) == (invite.call_id, invite.headers.get("From"))
    assert ack.to.tag == "a6c85cf"


def test_rfc3261_9_1_the_cancel_of_an_invite() -> None:
    invite = request("INVITE", "Route: <sip:p1.example.com;lr>")
    cancel = parse_message(cancel_for(invite).encode())
    assert isinstance(cancel, Request)
    assert (cancel.method, cancel.uri, str(cancel.cseq)) == ("CANCEL", invite.uri, "314159 CANCEL")
    for name in ("Via", "From", "To", "Call-ID", "Route"):
        assert cancel.headers.get(name) == invite.headers.get(name)


@pytest.mark.parametrize("status", [None, 486])
def test_rfc3261_17_1_4_a_transport_error_ends_it(status: int | None) -> None:
    machine = invite_client()
    if status is not None:
        receive(machine, 0.1, status)
    assert machine.step(0.2, TransportFailed("gone")) == [Terminated(TerminationReason.TRANSPORT)]
    assert machine.deadline_s is None


# Everything else ----------------------------------------------------------------------------------------------------


def test_rfc3261_17_1_2_2_timer_e_doubles_up_to_t2() -> None:
    assert transmissions_s(non_invite_client()) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]


def test_rfc3261_17_1_2_2_timer_f_times_out() -> None:
    assert firings(non_invite_client(), 1000.0)[-1] == (32.0, [Terminated(TerminationReason.TIMEOUT)])


def test_rfc3261_17_1_2_2_after_a_provisional_response_e_is_t2_and_f_goes_on() -> None:
    machine = non_invite_client("OPTIONS")
    assert passed(receive(machine, 0.1, 100)) == [100]
    assert machine.state is State.PROCEEDING
    assert transmissions_s(machine, 31.9) == [0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5]
    assert firings(machine, 1000.0) == [(32.0, [Terminated(TerminationReason.TIMEOUT)])]


@pytest.mark.parametrize("status", [200, 481])
def test_rfc3261_17_1_2_2_the_final_response_is_passed_once_and_k_lasts_t4(status: int) -> None:
    machine = non_invite_client()
    assert passed(receive(machine, 1.0, status)) == [status]
    assert receive(machine, 1.1, status) == []
    assert firings(machine, 1000.0) == [(6.0, [Terminated(TerminationReason.NORMAL)])]


def test_rfc3261_17_1_2_2_over_a_reliable_transport_nothing_is_repeated_and_k_is_zero() -> None:
    machine = non_invite_client(reliable=True)
    assert machine.deadline_s == 32.0
    receive(machine, 0.5, 100)
    assert transmissions_s(machine, 31.9) == []
    assert receive(machine, 1.0, 200)[-1] == Terminated(TerminationReason.NORMAL)


def test_rfc3261_17_1_4_a_transport_error_ends_one_that_is_not_invite() -> None:
    assert non_invite_client().step(0.1, TransportFailed("gone")) == [Terminated(TerminationReason.TRANSPORT)]


def test_rfc3261_17_1_3_branch_and_cseq_method_make_the_key() -> None:
    invite, cancel = request("INVITE"), request("CANCEL")
    assert client_key(response(invite, 200)) == client_key(invite)
    assert client_key(response(cancel, 200)) != client_key(invite)


def test_rfc3261_17_1_no_report_without_an_end() -> None:
    machine = invite_client()
    receive(machine, 0.1, 180)
    assert not any(isinstance(effect, ReportTransportError) for effect in machine.step(0.2, TransportFailed("gone")))
