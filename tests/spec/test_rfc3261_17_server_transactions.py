"""RFC 3261 §17.2 (as RFC 6026 leaves it): the server's machines. The Accepted state is in test_rfc6026_*."""

import pytest

from keepline.sip.transaction import (
    PassRequest,
    ReportTransportError,
    State,
    Terminated,
    TerminationReason,
    TimerFired,
    Timers,
    TransportFailed,
    cancel_key,
    server_key,
)
from tests.spec.sip_machines import (
    again,
    firings,
    invite_server,
    non_invite_server,
    send,
    sent,
    transmissions_s,
)
from tests.spec.sip_messages import request

G_INTERVALS = [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
"""T1, doubling up to T2, while H has not fired at 32 s."""


# INVITE -------------------------------------------------------------------------------------------------------------


def test_rfc3261_17_2_1_the_invite_is_passed_once() -> None:
    machine = invite_server()
    assert machine.state is State.PROCEEDING
    assert again(machine, 0.1) == []


def test_rfc3261_17_2_1_100_after_200_ms_if_the_user_is_silent() -> None:
    machine = invite_server()
    assert machine.deadline_s == 0.2
    assert sent(machine.step(0.2, TimerFired())) == ["SIP/2.0 100 Trying"]
    assert machine.deadline_s is None


def test_rfc3261_17_2_1_no_100_once_the_user_has_answered() -> None:
    machine = invite_server()
    send(machine, 0.1, 180)
    assert machine.deadline_s is None


def test_rfc3261_17_2_1_a_copy_of_the_invite_is_answered_with_the_last_provisional() -> None:
    machine = invite_server()
    send(machine, 0.0, 100)
    send(machine, 0.1, 180)
    assert sent(again(machine, 0.5)) == ["SIP/2.0 180 Ringing"]


def test_rfc3261_17_2_1_a_failure_is_sent_and_makes_it_completed() -> None:
    machine = invite_server()
    assert sent(send(machine, 0.0, 486)) == ["SIP/2.0 486 Busy Here"]
    assert machine.state is State.COMPLETED


def test_rfc3261_17_2_1_timer_g_sends_the_failure_again_at_doubling_intervals() -> None:
    machine = invite_server()
    send(machine, 0.0, 486)
    assert transmissions_s(machine) == G_INTERVALS


def test_rfc3261_17_2_1_timer_h_gives_up_waiting_for_the_ack() -> None:
    machine = invite_server()
    send(machine, 0.0, 486)
    assert firings(machine, 1000.0)[-1] == (32.0, [Terminated(TerminationReason.TIMEOUT)])
    assert (machine.state, machine.deadline_s) == (State.TERMINATED, None)


def test_rfc3261_17_2_1_a_copy_of_the_invite_is_answered_with_the_failure() -> None:
    machine = invite_server()
    send(machine, 0.0, 486)
    assert sent(again(machine, 0.3)) == ["SIP/2.0 486 Busy Here"]


def test_rfc3261_17_2_1_the_ack_to_a_failure_is_absorbed_and_stops_g_and_h() -> None:
    machine = invite_server()
    send(machine, 0.0, 486)
    assert again(machine, 1.0, "ACK") == []
    assert machine.state is State.CONFIRMED
    assert again(machine, 1.1, "ACK") == []
    assert again(machine, 1.2) == []


def test_rfc3261_17_2_1_timer_i_ends_it_t4_after_the_ack() -> None:
    machine = invite_server()
    send(machine, 0.0, 486)
    again(machine, 1.0, "ACK")
    assert firings(machine, 1000.0) == [(6.0, [Terminated(TerminationReason.NORMAL)])]


def test_rfc3261_17_2_1_over_a_reliable_transport_g_is_not_set_and_i_is_zero() -> None:
    machine = invite_server(reliable=True)
    send(machine, 0.0, 486)
    assert machine.deadline_s == 32.0
    assert again(machine, 1.0, "ACK") == [Terminated(TerminationReason.NORMAL)]


def test_rfc3261_17_2_1_the_intervals_follow_t1_and_t2() -> None:
    machine = invite_server(timers=Timers(t1_s=0.1, t2_s=0.3))
    send(machine, 0.0, 486)
    assert transmissions_s(machine, 1.6) == pytest.approx([0.1, 0.3, 0.6, 0.9, 1.2, 1.5])


def test_rfc3261_17_2_1_a_timer_that_fires_late_sends_once() -> None:
    machine = invite_server()
    send(machine, 0.0, 486)
    assert len(sent(machine.step(10.0, TimerFired()))) == 1
    assert machine.deadline_s == 11.0


def test_rfc3261_17_2_1_a_timer_that_fires_early_does_nothing() -> None:
    machine = invite_server()
    send(machine, 0.0, 486)
    assert machine.step(0.4, TimerFired()) == []


# Everything else ----------------------------------------------------------------------------------------------------


def test_rfc3261_17_2_2_the_request_is_passed_once() -> None:
    machine = non_invite_server()
    assert (machine.state, machine.deadline_s) == (State.TRYING, None)
    assert again(machine, 0.5) == []


def test_rfc3261_17_2_2_a_copy_is_answered_with_the_last_provisional() -> None:
    machine = non_invite_server("OPTIONS")
    send(machine, 0.0, 100)
    assert machine.state is State.PROCEEDING
    assert sent(again(machine, 0.5)) == ["SIP/2.0 100 Trying"]


@pytest.mark.parametrize(
    ("status", "line"), [(200, "SIP/2.0 200 OK"), (481, "SIP/2.0 481 Call/Transaction Does Not Exist")]
)
def test_rfc3261_17_2_2_a_copy_is_answered_with_the_final_response(status: int, line: str) -> None:
    machine = non_invite_server()
    assert sent(send(machine, 0.0, status)) == [line]
    assert machine.state is State.COMPLETED
    assert sent(again(machine, 0.5)) == [line]


def test_rfc3261_17_2_2_any_response_after_the_final_one_is_discarded() -> None:
    machine = non_invite_server()
    send(machine, 0.0, 200)
    assert send(machine, 0.1, 500) == []
    assert sent(again(machine, 0.5)) == ["SIP/2.0 200 OK"]


def test_rfc3261_17_2_2_timer_j_ends_it_after_64_t1() -> None:
    machine = non_invite_server()
    send(machine, 1.0, 200)
    assert firings(machine, 1000.0) == [(33.0, [Terminated(TerminationReason.NORMAL)])]


def test_rfc3261_17_2_2_over_a_reliable_transport_j_is_zero() -> None:
    machine = non_invite_server(reliable=True)
    effects = send(machine, 1.0, 200)
    assert effects[-1] == Terminated(TerminationReason.NORMAL)
    assert sent(effects) == ["SIP/2.0 200 OK"]


# Matching -----------------------------------------------------------------------------------------------------------


def test_rfc3261_17_2_3_branch_sent_by_and_method_make_the_key() -> None:
    via = "SIP/2.0/UDP a.example.com:5070;branch=z9hG4bKabc"
    key = server_key(request(Via=via))
    assert key == server_key(request(Via=via, uri="sip:other@example.com", Call_ID="other"))
    assert key != server_key(request(Via="SIP/2.0/UDP a.example.com:5071;branch=z9hG4bKabc"))
    assert key != server_key(request(Via="SIP/2.0/UDP b.example.com:5070;branch=z9hG4bKabc"))
    assert key != server_key(request(Via="SIP/2.0/UDP a.example.com:5070;branch=z9hG4bKabd"))
    assert key != server_key(request("BYE", Via=via))


def test_rfc3261_17_2_3_an_ack_has_the_key_of_its_invite() -> None:
    assert server_key(request("ACK")) == server_key(request("INVITE"))


@pytest.mark.parametrize(
    "via", ["SIP/2.0/UDP a.example.com;branch=1", "SIP/2.0/UDP a.example.com", "SIP/2.0/UDP a;branch=z9hG4bK"]
)
def test_rfc3261_17_2_3_without_the_cookie_more_than_the_branch_counts(via: str) -> None:
    key = server_key(request(Via=via))
    assert key == server_key(request(Via=via))
    assert key == server_key(request("ACK", Via=via, To="<sip:bob@biloxi.example.com>;tag=ours"))
    for other in (
        request(Via=via, uri="sip:other@example.com"),
        request(Via=via, Call_ID="other"),
        request(Via=via, From="<sip:alice@atlanta.example.com>;tag=other"),
        request(Via=via, CSeq="1 INVITE"),
        request("BYE", Via=via),
    ):
        assert key != server_key(other)


def test_rfc3261_9_2_a_cancel_finds_the_invite_and_is_a_transaction_of_its_own() -> None:
    cancel = request("CANCEL")
    assert cancel_key(cancel) == server_key(request("INVITE"))
    assert server_key(cancel) != server_key(request("INVITE"))


# Transport ----------------------------------------------------------------------------------------------------------


def test_rfc3261_17_2_4_a_transport_error_ends_a_transaction_that_is_not_invite() -> None:
    machine = non_invite_server()
    send(machine, 0.0, 200)
    assert machine.step(0.1, TransportFailed("gone")) == [Terminated(TerminationReason.TRANSPORT)]


@pytest.mark.parametrize("status", [180, 200, 486])
def test_rfc6026_7_1_a_transport_error_is_told_and_an_invite_transaction_goes_on(status: int) -> None:
    machine = invite_server()
    send(machine, 0.0, status)
    state = machine.state
    assert machine.step(0.1, TransportFailed("gone")) == [ReportTransportError("gone")]
    assert machine.state is state


def test_rfc3261_17_2_the_request_passed_is_the_one_received() -> None:
    machine = invite_server()
    fresh = type(machine)(machine.request, machine.peer, machine.timers)
    assert again(fresh, 0.0) == [PassRequest(machine.request)]
