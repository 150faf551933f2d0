"""RFC 6026: the Accepted state on both sides of an INVITE transaction."""

import pytest

from keepline.model.errors import LocalError
from keepline.sip.transaction import PassRequest, PassResponse, State, Terminated, TerminationReason, Timers
from tests.spec.sip_machines import again, firings, invite_client, invite_server, receive, send, sent


def test_rfc6026_7_1_a_2xx_makes_the_server_accepted() -> None:
    machine = invite_server()
    assert sent(send(machine, 0.5, 200)) == ["SIP/2.0 200 OK"]
    assert machine.state is State.ACCEPTED


def test_rfc6026_7_1_a_copy_of_the_invite_is_absorbed() -> None:
    machine = invite_server()
    send(machine, 0.0, 200)
    assert again(machine, 0.5) == []


def test_rfc6026_7_1_the_user_sends_its_2xx_again_through_the_transaction() -> None:
    machine = invite_server()
    send(machine, 0.0, 200)
    assert sent(send(machine, 0.5, 200)) == ["SIP/2.0 200 OK"]


def test_rfc6026_7_1_an_ack_is_passed_to_the_user() -> None:
    machine = invite_server()
    send(machine, 0.0, 200)
    (passed,) = again(machine, 0.1, "ACK")
    assert isinstance(passed, PassRequest)
    assert passed.request.method == "ACK"
    assert machine.state is State.ACCEPTED


@pytest.mark.parametrize("reliable", [False, True])
def test_rfc6026_7_1_timer_l_ends_it_after_64_t1_on_any_transport(reliable: bool) -> None:
    machine = invite_server(reliable, Timers(t1_s=0.1))
    send(machine, 1.0, 200)
    assert firings(machine, 1000.0) == [(pytest.approx(7.4), [Terminated(TerminationReason.NORMAL)])]


def test_rfc6026_7_1_a_failure_after_a_2xx_is_a_bug_of_ours() -> None:
    machine = invite_server()
    send(machine, 0.0, 200)
    with pytest.raises(LocalError):
        send(machine, 0.1, 486)


@pytest.mark.parametrize("provisional", [True, False])
def test_rfc6026_7_2_every_2xx_is_passed_and_none_acknowledged_here(provisional: bool) -> None:
    machine = invite_client()
    if provisional:
        receive(machine, 0.1, 180)
    for at_s in (0.2, 0.7, 1.7):
        (passed,) = receive(machine, at_s, 200)
        assert isinstance(passed, PassResponse)
    assert machine.state is State.ACCEPTED


@pytest.mark.parametrize("reliable", [False, True])
def test_rfc6026_7_2_timer_m_ends_it_after_64_t1_on_any_transport(reliable: bool) -> None:
    machine = invite_client(reliable)
    receive(machine, 1.0, 200)
    receive(machine, 2.0, 200)
    assert firings(machine, 1000.0) == [(33.0, [Terminated(TerminationReason.NORMAL)])]


def test_rfc6026_7_2_other_responses_are_absorbed() -> None:
    machine = invite_client()
    receive(machine, 0.0, 200)
    assert receive(machine, 0.1, 180) == []
    assert receive(machine, 0.1, 486) == []
