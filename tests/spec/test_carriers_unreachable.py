"""Nobody is where a carrier was (RFC 3261 §18.4): nobody waits for it, and calls that ring there ring elsewhere."""

from keepline.call.facts.bid import BidLed, BidPlaced
from keepline.call.inputs import RequestBounced
from keepline.paths.delays import SILENCE_S_MAX
from keepline.paths.health import GOOD, Condition
from keepline.sip.message import Request
from tests.spec.carriers_rig import HOSTS, CarriersPlacer
from tests.spec.placing_rig import answer_of, answered, methods

LIVE = 5
"""So many calls find out that a carrier has died."""


def bounced(invite: Request, carrier: str = "first") -> RequestBounced:
    return RequestBounced("INVITE", invite.top_via.branch, HOSTS[carrier], "unreachable (ICMP 3/3)")


def test_rfc3261_18_4_the_next_carrier_is_asked_at_once_beside_one_that_is_not_there() -> None:
    placer = CarriersPlacer()
    first = placer.place()
    placer.step(bounced(first))
    placer.wait(0.001)
    assert placer.take_log() == ["first INVITE", "second INVITE"]
    [placed] = [fact for fact in placer.facts if isinstance(fact, BidPlaced)]
    assert placed.is_hedge
    assert placed.why.startswith("first: nobody is at its address, 0 ms after the INVITE")
    placer.wait(0.6)
    assert placer.take_log()[:2] == ["first INVITE", "second INVITE"], "it may be back in a moment: sent again"


def test_a_single_carrier_is_asked_again_as_if_the_request_had_been_lost() -> None:
    placer = CarriersPlacer("first")
    invite = placer.place()
    placer.step(bounced(invite))
    placer.wait(0.51)
    assert placer.take_log() == ["first INVITE", "first INVITE"]
    placer.hear_of("first", answer_of(invite, 180))
    assert methods(placer.hear_of("first", answered(invite))) == ["ACK"]


def test_what_shows_no_request_of_ours_changes_nothing() -> None:
    placer = CarriersPlacer()
    first = placer.place()
    for strange in (
        RequestBounced("INVITE", "z9hG4bK-made-up", HOSTS["first"], "unreachable"),
        RequestBounced("BYE", first.top_via.branch, HOSTS["first"], "unreachable"),
        bounced(first, "second"),
    ):
        placer.step(strange)
    placer.hear_of("first", answer_of(first, 100))
    placer.step(bounced(first))
    placer.wait(0.2)
    assert placer.take_log() == ["first INVITE"], "one that was heard of is there"


def test_an_options_that_comes_to_nobody_has_its_answer() -> None:
    placer = CarriersPlacer(probe_every_s=30.0)
    placer.wait(0.01)
    [probe] = [each for name, each in placer.log if name == "first" and isinstance(each, Request)]
    placer.step(RequestBounced("OPTIONS", probe.top_via.branch, HOSTS["first"], "unreachable (ICMP 3/3)"))
    told = placer.exchange.switchboard.carriers.standings(placer.operation, placer.now_s)
    assert told[0]["probe"] == "unreachable (ICMP 3/3)"


def ringing_and_dead(*, bounces: bool) -> tuple[CarriersPlacer, Request]:
    """A call that rings at the first carrier, which has died since, as others have found out."""
    placer = CarriersPlacer(slots=16)
    ringing = placer.place()
    placer.hear_of("first", answer_of(ringing, 180))
    for index in range(LIVE):
        invite = placer.place(call=f"00000000000000b{index}")
        if bounces:
            placer.step(bounced(invite))
    placer.take_log()
    placer.wait(0.001 if bounces else SILENCE_S_MAX + 0.01)
    return placer, ringing


def test_a_call_that_rings_at_a_carrier_that_is_gone_rings_by_another() -> None:
    placer, _ = ringing_and_dead(bounces=True)
    placer.wait(0.001)
    assert placer.take_log().count("second INVITE") == LIVE + 1
    assert [fact.why.startswith("first has died while it rang, ") for fact in rescued(placer)] == [True]


def test_it_rings_by_another_though_the_others_are_asked_before_the_carrier_counts_as_down() -> None:
    placer = CarriersPlacer(slots=16)
    ringing = placer.place()
    placer.hear_of("first", answer_of(ringing, 180))
    while placer.exchange.switchboard.carriers.view("first", placer.now_s).condition in GOOD:
        placer.step(bounced(placer.place(call=f"00000000000000b{len(placer.log)}")))
        placer.wait(0.001)
    placer.wait(0.001)
    assert placer.exchange.switchboard.carriers.view("first", placer.now_s).condition is not Condition.DOWN
    assert [fact.why.startswith("first has died while it rang, ") for fact in rescued(placer)] == [True]


def rescued(placer: CarriersPlacer) -> list[BidPlaced]:
    """What the call that rings, the first one, was tried by besides."""
    return [fact for fact in placer.facts_of(placer.facts[0].call) if isinstance(fact, BidPlaced)]


def test_one_that_only_fell_silent_is_given_two_seconds_to_say_a_word() -> None:
    placer, _ = ringing_and_dead(bounces=False)
    assert placer.take_log().count("second INVITE") == LIVE
    placer.wait(1.9)
    assert rescued(placer) == []
    placer.wait(0.2)
    assert len(rescued(placer)) == 1


def test_one_that_is_heard_meanwhile_goes_on_ringing() -> None:
    placer, ringing = ringing_and_dead(bounces=False)
    placer.wait(1.0)
    placer.hear_of("first", answer_of(ringing, 183))
    placer.wait(3.0)
    assert rescued(placer) == []
    placer.hear_of("first", answered(ringing))
    assert not [fact for fact in placer.facts if isinstance(fact, BidLed)]
