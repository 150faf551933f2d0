"""RFC 3261 §11: carriers that no call was tried with are asked whether they are there, and calls are believed first."""

from random import Random

import pytest

from keepline.call import effects as fx
from keepline.call.carriers.carrier import POLICY
from keepline.call.carriers.probing import AGAIN_S, ANSWER_S, RETURN_S
from keepline.paths.delays import SILENCE_S_MAX
from keepline.paths.hearing import QUIET_GAPS
from keepline.sip.message import Message, Request, make_response
from tests.spec.carriers_rig import HOSTS, CarriersPlacer
from tests.spec.placing_rig import answered

EVERY_S = 30.0
ANSWERS = {"INVITE": 603}


def probed(placer: CarriersPlacer, name: str) -> Request:
    """The last OPTIONS that a carrier was sent."""
    found = [each for carrier, each in placer.log if carrier == name and isinstance(each, Request)]
    return next(each for each in reversed(found) if each.method == "OPTIONS")


def answer(placer: CarriersPlacer, name: str, status: int = 200) -> list[Message]:
    return placer.hear_of(name, make_response(probed(placer, name), status, to_tag="there"))


def standing(placer: CarriersPlacer, name: str) -> dict[str, object]:
    found = placer.exchange.switchboard.carriers.standings(placer.operation, placer.now_s)
    return next(each for each in found if each["path"] == f"telephony/{name}")


def test_rfc3261_11_1_idle_carriers_are_asked_each_for_itself() -> None:
    placer = CarriersPlacer(probe_every_s=EVERY_S)
    placer.wait(0.1)
    assert sorted(placer.take_log()) == ["first OPTIONS", "second OPTIONS"]
    placer.wait(0.0)


def test_rfc3261_11_2_an_answer_of_any_kind_proves_that_it_is_there() -> None:
    placer = CarriersPlacer(probe_every_s=EVERY_S)
    placer.wait(0.1)
    answer(placer, "first", 200)
    answer(placer, "second", 404)
    assert (standing(placer, "first")["condition"], standing(placer, "second")["condition"]) == ("healthy", "healthy")
    assert standing(placer, "first")["evidence"] == "the last probe went well"
    placer.take_log()
    placer.wait(EVERY_S - 1.0)
    assert placer.take_log() == []
    placer.wait(1.0)
    assert sorted(placer.take_log()) == ["first OPTIONS", "second OPTIONS"]


@pytest.mark.parametrize("status", [0, 408, 500, 503])
def test_one_that_is_not_there_is_asked_again_soon_and_found_down(status: int) -> None:
    placer = CarriersPlacer(probe_every_s=EVERY_S)
    for _ in range(5):
        placer.wait(0.1)
        if status:
            answer(placer, "first", status)
        answer(placer, "second")
        placer.wait(ANSWER_S + AGAIN_S if not status else AGAIN_S)
    found = standing(placer, "first")
    assert (found["condition"], found["breaker"]) == ("down", "open")
    assert str(found["evidence"]).startswith("5 of the last 5 probes ")
    placer.take_log()
    placer.place()
    assert "second INVITE" in placer.take_log()


def test_one_that_comes_back_is_tried_and_takes_its_place_again() -> None:
    placer = CarriersPlacer(probe_every_s=1.0)
    for _ in range(5):
        placer.wait(ANSWER_S + AGAIN_S)
    assert standing(placer, "first")["condition"] == "down"
    for _ in range(60):
        placer.wait(1.0)
        for name in HOSTS:
            if any(carrier == name for carrier, _ in placer.log):
                answer(placer, name)
    assert standing(placer, "first")["breaker"] == "closed"


def test_one_that_brings_calls_again_is_asked_until_it_may_take_some_too() -> None:
    placer = CarriersPlacer(probe_every_s=1.0)
    for _ in range(5):
        placer.wait(ANSWER_S + AGAIN_S)
    assert standing(placer, "first")["condition"] == "down"
    for _ in range(120):
        placer.wait(0.5)
        placer.exchange.probing.heard(placer.now_s, "first")  # a call came in by it
        if any(carrier == "first" for carrier, _ in placer.log):
            answer(placer, "first")
    assert standing(placer, "first")["breaker"] == "closed"
    placer.take_log()
    for _ in range(20):
        placer.wait(0.5)
        placer.exchange.probing.heard(placer.now_s, "first")
    assert "first OPTIONS" not in placer.take_log(), "who is well and heard of is asked nothing"


def test_one_that_holds_takes_its_place_again_though_nobody_calls_by_it() -> None:
    placer = CarriersPlacer(probe_every_s=EVERY_S)
    for _ in range(5):
        placer.wait(ANSWER_S + AGAIN_S)
    assert standing(placer, "first")["condition"] == "down"
    back_s = placer.now_s
    while standing(placer, "first")["breaker"] != "closed" and placer.now_s < back_s + 5 * EVERY_S:
        placer.wait(0.5)
        if any(carrier == "first" for carrier, _ in placer.log):
            answer(placer, "first")
            placer.take_log()
    open_s, hold_s = POLICY.open_s, POLICY.hold_s
    assert placer.now_s - back_s < open_s + hold_s + 2 * RETURN_S


def test_calls_come_first() -> None:
    placer = CarriersPlacer(probe_every_s=EVERY_S)
    placer.wait(0.1)
    answer(placer, "first")
    placer.wait(20.0)
    invite = placer.place()
    placer.hear_of("first", answered(invite))
    placer.take_log()
    placer.wait(20.0)
    assert "first OPTIONS" not in placer.take_log(), "a call went by it 20 s ago"
    placer.wait(10.1)
    assert "first OPTIONS" in placer.take_log()


def test_options_fine_invite_dead_is_dead() -> None:
    placer = CarriersPlacer(probe_every_s=1.0)
    for number in range(5):
        placer.place(call=f"00000000000000a{number}")
    placer.wait(SILENCE_S_MAX + 0.01)
    answer(placer, "first")
    found = standing(placer, "first")
    assert (found["condition"], found["probe"]) == ("down", "answered")


def busy(placer: CarriersPlacer, *, calls: int = 12, every_s: float = 0.5) -> None:
    """Both have answered OPTIONS, and calls go out by the first now and then."""
    placer.wait(0.1)
    answer(placer, "first")
    answer(placer, "second")
    for number in range(calls):
        placer.wait(every_s)
        invite = placer.place(call=f"00000000000001{number:02x}")
        placer.hear_of("first", make_response(invite, 100))
        placer.hear_of("first", make_response(invite, 603, to_tag="callee"))
    placer.take_log()


def test_one_that_is_quieter_than_usual_is_asked_and_found_down_within_seconds() -> None:
    placer = CarriersPlacer(probe_every_s=EVERY_S)
    busy(placer)
    placer.wait(QUIET_GAPS * 0.5 - 0.1)
    assert placer.take_log() == []
    placer.wait(0.2 + ANSWER_S)
    assert standing(placer, "first")["condition"] == "healthy", "one question without an answer proves nothing"
    placer.wait(ANSWER_S)
    found = standing(placer, "first")
    assert (found["condition"], found["breaker"]) == ("down", "open")
    assert str(found["evidence"]).startswith("2 of the last ")


def test_one_that_leaves_a_call_waiting_is_asked_at_once() -> None:
    placer = CarriersPlacer(probe_every_s=EVERY_S)
    busy(placer, every_s=2.0)
    placer.place(call="00000000000002aa")
    placer.wait(SILENCE_S_MAX)
    log = placer.take_log()
    assert log.count("first OPTIONS") >= 1, log
    assert standing(placer, "first")["condition"] == "healthy"
    placer.wait(ANSWER_S + 0.1)
    assert standing(placer, "first")["condition"] == "down", "an INVITE and an OPTIONS, and nothing else was heard"


def test_one_that_is_heard_of_meanwhile_is_there() -> None:
    placer = CarriersPlacer(probe_every_s=EVERY_S)
    busy(placer)
    placer.wait(QUIET_GAPS * 0.5 + 0.1 + ANSWER_S)
    invite = placer.place(call="00000000000002aa")
    placer.hear_of("first", make_response(invite, 100))
    placer.hear_of("first", make_response(invite, 603, to_tag="callee"))
    placer.wait(ANSWER_S)
    assert standing(placer, "first")["condition"] == "healthy"


def test_one_that_never_answered_options_is_not_proven_away_by_them() -> None:
    placer = CarriersPlacer(probe_every_s=EVERY_S)
    placer.wait(ANSWER_S * 2 + AGAIN_S)
    assert standing(placer, "first")["condition"] != "down"


@pytest.mark.parametrize("seed", range(2))
def test_a_lossy_line_is_no_dead_one(seed: int) -> None:
    """An hour of calls every 4 s, of whose messages every fiftieth is lost each way; OPTIONS alike."""
    random, placer, heard_of = Random(seed), CarriersPlacer(probe_every_s=EVERY_S), 0
    placer.take_log()
    for number in range(900):
        placer.step(fx.PlaceCall("+15550001", "listen", f"{number:016x}"))
        for _ in range(16):
            log, placer.log = placer.log, []
            for name, message in log:
                if isinstance(message, Request) and message.method != "ACK" and random.random() >= 0.04:
                    placer.hear_of(name, make_response(message, ANSWERS.get(message.method, 200), to_tag="it"))
                    heard_of += name == "first"
            placer.wait(0.25)
            found = [standing(placer, name)["condition"] for name in ("first", "second")]
            assert "down" not in found, (placer.now_s, standing(placer, "first"))
    assert heard_of > 600


def test_a_node_that_drains_asks_nobody() -> None:
    placer = CarriersPlacer(probe_every_s=EVERY_S)
    placer.exchange.draining = True
    placer.wait(100.0)
    assert placer.take_log() == []


class Dying:
    """Calls by two carriers that answered OPTIONS once; the first has died."""

    def __init__(self) -> None:
        self.placer = placer = CarriersPlacer(probe_every_s=EVERY_S, slots=256)
        self.calls = 0
        placer.wait(0.1)
        answer(placer, "first")
        answer(placer, "second")
        for _ in range(10):
            self.call()
        assert standing(placer, "first")["breaker"] != "closed"

    def call(self) -> str:
        """One more, a second later: the carrier that is asked first. The second one declines it."""
        placer, self.calls = self.placer, self.calls + 1
        placer.log.clear()
        placer.place(call=f"{self.calls:016x}")
        asked = next(name for name, each in placer.log if isinstance(each, Request) and each.method == "INVITE")
        if asked == "first":
            placer.wait(SILENCE_S_MAX)
        placer.hear_of("second", make_response(placer.invite_to("second"), 603, to_tag="no"))
        placer.wait(1.0)
        if self.was_asked("second"):
            answer(placer, "second")
        return asked

    def was_asked(self, name: str) -> bool:
        """Whether OPTIONS went to a carrier since the last call began."""
        return any(to == name and isinstance(it, Request) and it.method == "OPTIONS" for to, it in self.placer.log)


def test_no_caller_waits_for_one_whose_options_nobody_answers_but_once_a_minute() -> None:
    dying = Dying()
    assert {dying.call() for _ in range(45)} == {"second"}
    assert [dying.call() for _ in range(30)].count("first") == 1


def test_one_that_answers_options_again_is_tried_soon() -> None:
    dying = Dying()
    for _ in range(10):
        dying.call()
        if dying.was_asked("first"):
            answer(dying.placer, "first")
    assert "first" in {dying.call() for _ in range(30)}
