"""A carrier that is measurably worse than it was is degraded: ASR, post-dial delay, first answer, MOS (ITU-T E.411)."""

from dataclasses import replace

import pytest

from keepline.call import effects as fx
from keepline.call.carriers.carrier import MUTE_PACKETS_MIN, POLICY, RATED_PACKETS_MIN
from keepline.call.facts import CallEnded, ending
from keepline.call.turn import Turn
from keepline.paths.figures import BASELINE_SAMPLES_MIN
from tests.spec.carriers_rig import CarriersPlacer
from tests.spec.placing_rig import answer_of, answered, callee_request

MANY = max(BASELINE_SAMPLES_MIN, POLICY.samples_min) + 20


class Carried:
    """Calls that are placed, rung and answered or refused, one after the other."""

    def __init__(self) -> None:
        self.placer = CarriersPlacer(slots=8)
        self.placer._media_closes = False
        self.calls = 0

    def call(
        self, *, rings_s: float = 0.3, first_s: float = 0.05, status: int = 200, lost: int = 0, packets: int = 500
    ) -> str:
        """One call; the carrier that was asked first."""
        placer = self.placer
        self.calls += 1
        call = f"{self.calls:016x}"
        placer.take_log()
        invite = placer.place(call=call)
        name = placer.take_log()[0].split()[0]
        placer.wait(first_s)
        placer.hear_of(name, answer_of(invite, 100))
        placer.wait(rings_s - first_s)
        placer.hear_of(name, answer_of(invite, 180))
        if status != 200:
            placer.hear_of(name, answer_of(invite, status))
        else:
            placer.hear_of(name, answered(invite))
            placer.hear(callee_request(invite, "BYE", cseq=self.calls))
            placer.tell(fx.MediaStopped(call, packets, packets, lost))
        placer.wait(2.0)
        return name

    def standing(self, name: str = "first") -> tuple[str, str]:
        operation = self.placer.operation
        told = self.placer.exchange.switchboard.carriers.standings(operation, self.placer.now_s)
        found = next(each for each in told if each["path"] == f"telephony/{name}")
        return str(found["condition"]), str(found["evidence"])


@pytest.fixture
def carried() -> Carried:
    """A carrier of which is known what it usually does."""
    found = Carried()
    for index in range(MANY):
        found.call(status=486 if index % 3 == 0 else 200)
    assert found.standing()[0] == "healthy"
    return found


def test_rings_late(carried: Carried) -> None:
    for _ in range(POLICY.samples):
        if carried.standing()[0] == "degraded":
            break
        carried.call(rings_s=1.4)
    condition, evidence = carried.standing()
    assert condition == "degraded"
    assert "rings after" in evidence
    assert "usually 0." in evidence


def test_answers_late(carried: Carried) -> None:
    for _ in range(POLICY.samples):
        if carried.standing()[0] == "degraded":
            break
        carried.call(first_s=0.29)
    assert "answers in" in carried.standing()[1]


def test_sounds_bad(carried: Carried) -> None:
    for _ in range(POLICY.samples):
        if carried.standing()[0] == "degraded":
            break
        carried.call(lost=200)
    condition, evidence = carried.standing()
    assert (condition, "has a MOS of" in evidence) == ("degraded", True)


def test_fewer_are_answered_than_chance_would_have_it(carried: Carried) -> None:
    calls = 0
    while carried.standing()[0] != "degraded" and calls < POLICY.samples:
        carried.call(status=486)
        calls += 1
    condition, evidence = carried.standing()
    assert condition == "degraded"
    assert "of its calls answered, usually " in evidence
    assert calls > 10, "a few who are busy say nothing"


def test_few_calls_say_nothing() -> None:
    found = Carried()
    for _ in range(POLICY.samples_min - 1):
        found.call(rings_s=3.0, lost=250)
    assert found.standing()[0] == "healthy"


def test_what_is_degraded_is_asked_now_and_then_alone_and_is_well_once_it_is_better(carried: Carried) -> None:
    while carried.standing()[0] != "degraded":
        carried.call(lost=200)
    asked = [carried.call() for _ in range(40)]
    assert "first" in asked, "or nobody would know that it is better"
    assert asked.count("first") <= 40 * 2.3 / POLICY.measure_every_s + 1, "every half a minute"
    for _ in range(POLICY.samples * 15):
        if carried.standing()[0] == "healthy":
            break
        carried.call()
    assert carried.standing()[0] == "healthy"


def test_calls_that_came_in_by_it_are_rated_too(carried: Carried) -> None:
    room, placer = carried.placer.exchange.switchboard.carriers, carried.placer
    ended = next(fact for fact in placer.facts if isinstance(fact, CallEnded) and fact.mos)
    began = placer.facts_of(ended.call)[0]
    bad = replace(ending(began, 1.0, "caller", 200, "BYE"), mos=2.0, packets_received=RATED_PACKETS_MIN)  # type: ignore[arg-type]
    short = replace(bad, packets_received=RATED_PACKETS_MIN - 1)
    for each in (short, bad):
        before = room._of("first").health.figures(placer.now_s)["mos"]
        room.rate(_turn(placer), "first", each, answered=None)
        after = room._of("first").health.figures(placer.now_s)["mos"]
        assert (after < before) is (each is bad)
    room.rate(_turn(placer), "stranger", bad, answered=None)
    assert "stranger" not in room._by_name


def test_a_carrier_that_sets_calls_up_without_audio_is_degraded_by_five_of_them(carried: Carried) -> None:
    room, placer = carried.placer.exchange.switchboard.carriers, carried.placer
    ended = next(fact for fact in placer.facts if isinstance(fact, CallEnded) and fact.mos)
    heard = replace(ended, packets_received=1, packets_sent=1, mos=None)
    mute = replace(heard, packets_received=0, packets_sent=MUTE_PACKETS_MIN)
    short = replace(mute, packets_sent=MUTE_PACKETS_MIN - 1)
    for each in (*[heard] * 10, *[short] * 10, *[mute] * 4):
        room.rate(_turn(placer), "first", each, answered=None)
        assert carried.standing()[0] == "healthy", "four telephones that are muted"
    room.rate(_turn(placer), "first", mute, answered=None)
    assert carried.standing() == ("degraded", "is heard in 50% of its calls")
    for _ in range(6):
        room.rate(_turn(placer), "first", heard, answered=None)
    assert carried.standing()[0] == "healthy"


def _turn(placer: CarriersPlacer) -> Turn:
    return Turn(placer.now_s, placer.exchange.services)
