"""RFC 3261 §13.2, §9.1, §8.1.3: a call that we place, until it is answered or is not."""

import pytest

from keepline.call import effects as fx
from keepline.call.facts import CallPlaced
from keepline.sip.message import Request
from tests.spec.placing_rig import ANSWER, CALLEE, PROXY, Placer, answer_of, answered, callee_request, methods


@pytest.fixture
def placer() -> Placer:
    return Placer()


def test_rfc3261_13_2_1_an_invite_with_all_that_it_needs(placer: Placer) -> None:
    invite = placer.place("+15550001", "greet", from_number="+15550009")
    assert invite.uri == "sip:+15550001@192.0.2.50"
    assert invite.from_.uri == "sip:+15550009@192.0.2.9"
    assert invite.from_.tag
    assert invite.to.tag is None
    assert invite.contacts[0].uri == "sip:keepline@192.0.2.9:5060"
    assert invite.headers.get("Content-Type") == "application/sdp"
    assert b"m=audio 40000 RTP/AVP 0 8 101" in invite.body
    assert "timer" in invite.headers.get_all("Supported")
    assert placer.peers == [PROXY]
    placed = placer.facts[0]
    assert isinstance(placed, CallPlaced)
    assert placed.invite.encode("latin-1") == invite.encode()
    assert placer.answers == [fx.PlacementAnswered(placed.call)]


def test_rfc3261_13_2_2_4_the_flow_begins_with_the_answer(placer: Placer) -> None:
    invite = placer.place(flow="greet", variables=(("order", "4711"),))
    assert placer.hear(answer_of(invite, 100)) == []
    assert placer.hear(answer_of(invite, 180)) == []
    assert placer.media == []
    [ack] = placer.hear(answered(invite))
    assert isinstance(ack, Request)
    assert (ack.method, ack.uri, ack.cseq.number) == ("ACK", f"sip:callee@{CALLEE[0]}:{CALLEE[1]}", 1)
    assert placer.peers[-1] == CALLEE
    opened, played = placer.media
    assert isinstance(opened, fx.OpenMedia)
    assert (opened.remote_host, opened.remote_port, opened.payload_type) == ("192.0.2.60", 49170, 0)
    assert isinstance(played, fx.PlayPrompt)
    assert played.prompt.text == "Your order 4711."
    [bye] = placer.tell(fx.PromptPlayed(played.call, played.number, "ended"))
    assert isinstance(bye, Request)
    assert (bye.method, bye.cseq.number) == ("BYE", 2)
    assert placer.hear(answer_of(bye, 200)) == []
    record = placer.record()
    assert (record.direction, record.state, record.outcome, record.ended_by) == (
        "outbound",
        "ended",
        "answered",
        "flow",
    )
    assert (record.from_, record.to, record.sip_status) == ("+18005550100", "+15550001", 200)
    assert placer.exchange.live_calls == 0


def test_rfc3261_15_the_callee_hangs_up(placer: Placer) -> None:
    invite, _ = placer.connect()
    assert methods(placer.hear(callee_request(invite, "BYE"))) == ["200"]
    record = placer.record()
    assert (record.ended_by, record.reason, record.outcome) == ("callee", "BYE", "answered")
    assert placer.exchange.live_calls == 0


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (486, "busy"),
        (600, "busy"),
        (480, "no_answer"),
        (408, "no_answer"),
        (404, "refused"),
        (603, "refused"),
        (500, "failed"),
    ],
)
def test_rfc3261_17_1_1_3_a_refusal_is_acknowledged_and_recorded(placer: Placer, status: int, outcome: str) -> None:
    invite = placer.place()
    [ack] = placer.hear(answer_of(invite, status))
    assert isinstance(ack, Request)
    assert (ack.method, ack.top_via.branch, ack.uri) == ("ACK", invite.top_via.branch, invite.uri)
    record = placer.record()
    assert (record.sip_status, record.outcome, record.ended_by, record.state) == (status, outcome, "callee", "ended")
    assert placer.exchange.live_calls == 0
    assert len(placer.exchange.slots.free) == 8


def test_rfc3261_17_1_1_2_nobody_answers_at_all(placer: Placer) -> None:
    placer.place()
    sent = placer.wait(32.1)
    assert methods(sent) == ["INVITE"] * 6
    record = placer.record()
    assert (record.sip_status, record.outcome, record.ended_by) == (408, "failed", "nobody")


def test_rfc3261_9_1_no_cancel_before_a_provisional_answer(placer: Placer) -> None:
    invite = placer.place(ring_timeout_s=3.0)
    assert methods(placer.wait(3.2)) == ["INVITE"] * 2
    assert placer.record().state == "leaving"
    [cancel] = placer.hear(answer_of(invite, 180))
    assert isinstance(cancel, Request)
    assert (cancel.method, cancel.top_via.branch, cancel.cseq.number) == ("CANCEL", invite.top_via.branch, 1)
    placer.hear(answer_of(cancel, 200))
    assert methods(placer.hear(answer_of(invite, 487))) == ["ACK"]
    record = placer.record()
    assert (record.outcome, record.sip_status, record.ended_by, record.reason) == (
        "no_answer",
        487,
        "nobody",
        "no answer",
    )


def test_rfc3261_9_1_an_answer_that_crosses_our_cancel_is_hung_up(placer: Placer) -> None:
    invite = placer.place(ring_timeout_s=3.0)
    placer.hear(answer_of(invite, 180))
    assert methods(placer.wait(3.1)) == ["CANCEL"]
    assert methods(placer.hear(answered(invite))) == ["ACK", "BYE"]
    assert [each for each in placer.media if isinstance(each, fx.PlayPrompt | fx.OpenMedia)] == []
    assert methods(placer.hear(answered(invite))) == ["ACK"]


def test_rfc3261_9_1_a_cancel_that_comes_to_nothing_ends_after_64_t1(placer: Placer) -> None:
    invite = placer.place(ring_timeout_s=3.0)
    placer.hear(answer_of(invite, 180))
    placer.wait(36.0)
    assert placer.record().state == "ended"
    assert placer.record().outcome == "no_answer"
    assert placer.exchange.live_calls == 0
    assert not placer.exchange.transactions.clients


def test_rfc3261_13_2_2_4_a_repeated_200_gets_the_very_same_ack(placer: Placer) -> None:
    invite = placer.place()
    [first] = placer.hear(answered(invite))
    [second] = placer.hear(answered(invite))
    assert first.encode() == second.encode()


def test_rfc3261_13_2_2_4_another_callee_that_answers_is_hung_up(placer: Placer) -> None:
    invite, _ = placer.connect()
    ack, bye = placer.hear(answered(invite, tag="other"))
    assert isinstance(ack, Request)
    assert isinstance(bye, Request)
    assert (ack.method, bye.method, ack.to.tag, bye.to.tag) == ("ACK", "BYE", "other", "other")
    assert placer.record().state == "live"


def test_rfc3261_13_2_1_early_media_opens_before_the_answer(placer: Placer) -> None:
    invite = placer.place(flow="greet")
    assert placer.hear(answer_of(invite, 183, body=ANSWER)) == []
    [opened] = placer.media
    assert isinstance(opened, fx.OpenMedia)
    placer.hear(answered(invite, body=ANSWER.replace(b"49170", b"49180")))
    redirected = [each for each in placer.media if isinstance(each, fx.RedirectMedia)]
    assert [each.remote_port for each in redirected] == [49180] * len(redirected)
    assert redirected


def test_rfc3261_12_2_2_a_request_before_the_answer_is_in_no_dialog(placer: Placer) -> None:
    invite = placer.place()
    placer.hear(answer_of(invite, 180))
    assert methods(placer.hear(callee_request(invite, "INFO"))) == ["481"]


def test_rfc3261_18_1_1_a_call_out_over_tcp_is_sent_once() -> None:
    placer = Placer(transport="tcp")
    invite = placer.place()
    assert placer.peers == [fx.TcpPeer(*PROXY)]
    assert invite.top_via.transport == "TCP"
    assert invite.contacts[0].uri == "sip:keepline@192.0.2.9:5060;transport=tcp"
    assert placer.wait(20.0) == []


def test_rfc3261_17_1_4_what_cannot_be_sent_goes_to_the_next_target() -> None:
    placer = Placer(proxy_host="sip.example.net", transport="tcp")
    placer.exchange.targets = {"carrier": (PROXY, ("192.0.2.51", 5060))}
    invite = placer.place()
    [again] = placer.tell(fx.SendFailed(invite.encode(), fx.TcpPeer(*PROXY), "refused"))
    assert isinstance(again, Request)
    assert (again.cseq.number, placer.peers[-1]) == (2, fx.TcpPeer("192.0.2.51", 5060))


@pytest.mark.parametrize("broken", [("Record-Route", "nonsense"), ("Contact", "<sip:two@192.0.2.60>")])
def test_rfc3261_12_1_2_an_answer_that_spells_badly_is_acknowledged_and_hung_up(
    placer: Placer, broken: tuple[str, str]
) -> None:
    invite = placer.place(flow="greet")
    assert methods(placer.hear(answered(invite, broken))) == ["ACK"]
    [played] = [each for each in placer.media if isinstance(each, fx.PlayPrompt)]
    assert methods(placer.tell(fx.PromptPlayed(played.call, played.number, "ended"))) == ["BYE"]
    assert not [each for each in placer.reports if each.event == "call_broken"]


@pytest.mark.parametrize("dies", [False, True])
def test_rfc3261_13_2_2_4_a_200_that_comes_again_after_our_bye_is_acknowledged_and_no_more(
    placer: Placer, dies: bool
) -> None:
    invite = placer.place(flow="greet")
    placer.hear(answered(invite))
    [played] = [each for each in placer.media if isinstance(each, fx.PlayPrompt)]
    [bye] = placer.tell(fx.PromptPlayed(played.call, played.number, "ended"))
    placer.hear(answer_of(bye, 200))  # type: ignore[arg-type]
    placer.tell(fx.MediaStopped(played.call))
    assert placer.exchange.live_calls == 0
    if dies:
        placer.crash()
    assert methods(placer.hear(answered(invite))) == ["ACK"]


@pytest.mark.parametrize("dies", [False, True])
def test_rfc3261_13_2_2_4_an_answer_after_the_call_was_given_up_is_hung_up(placer: Placer, dies: bool) -> None:
    invite = placer.place(ring_timeout_s=3.0)
    placer.hear(answer_of(invite, 180))
    placer.wait(36.0)
    assert placer.exchange.live_calls == 0
    if dies:
        placer.crash()
    ack, bye = placer.hear(answered(invite))
    assert isinstance(ack, Request)
    assert isinstance(bye, Request)
    assert (ack.method, ack.cseq.number, bye.method, bye.cseq.number) == ("ACK", 1, "BYE", 2)
    assert (bye.to.tag, bye.from_.tag) == ("callee", invite.from_.tag)
