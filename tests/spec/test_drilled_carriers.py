"""A drill has a carrier away for marked test calls, and for no other: what they meet, and that nobody else does."""

from dataclasses import replace

import pytest

from keepline.call import effects as fx
from keepline.call.effects_path import DrillCarrier, PathAnswered
from keepline.call.facts.path import CarrierDrilled, PathStood
from keepline.call.turn import Program
from keepline.model.limits_drills import DRILL_FAULT_S_MAX
from keepline.model.preflight import Preflight
from keepline.paths.delays import SILENCE_S_MAX
from keepline.sip.message import Request, make_response
from tests.spec.carriers_rig import CarriersPlacer
from tests.spec.placing_rig import FLOWS, answered

TEST_NUMBER, REAL_NUMBER = "+15550190", "+15550001"


def placer(**preflight: object) -> CarriersPlacer:
    found = CarriersPlacer(slots=64)
    allowed = {"numbers": {"second": TEST_NUMBER}, "drill_carriers": ("first",)} | preflight
    found.operation = replace(found.operation, preflight=Preflight(**allowed))  # type: ignore[arg-type]
    found.program = Program(found.operation, FLOWS)
    found.exchange.add_program(found.program, current=True)
    return found


def drill(given: CarriersPlacer, fault: str = "silent", carrier: str = "first", for_s: float = 20.0) -> str:
    given.media.clear()
    given.step(DrillCarrier("asked", carrier, fault, for_s, "mara"))
    return next(each for each in given.media if isinstance(each, PathAnswered)).mistake


def call(given: CarriersPlacer, number: str, name: int) -> str:
    """Place one; whoever gets its INVITE answers 100 and declines. Where INVITEs went: `first second`."""
    given.take_log()
    given.step(fx.PlaceCall(number, "listen", f"{name:016x}"))
    asked: list[str] = []
    for _ in range(3):
        log, given.log = given.log, []
        for carrier, message in log:
            if isinstance(message, Request) and message.method == "INVITE":
                asked.append(carrier)
                given.hear_of(carrier, make_response(message, 100))
                given.hear_of(carrier, make_response(message, 603, to_tag="callee"))
        given.wait(SILENCE_S_MAX)
    return " ".join(asked)


def condition(given: CarriersPlacer, *, drilled: bool = False) -> object:
    exchange = given.exchange
    board = exchange.drilling.board if drilled else exchange.switchboard
    assert board is not None
    return board.carriers.standings(given.operation, given.now_s)[0]["condition"]


@pytest.mark.parametrize("fault", ["silent", "503"])
def test_marked_calls_go_by_the_other_carrier_and_all_others_as_ever(fault: str) -> None:
    given = placer()
    assert call(given, TEST_NUMBER, 1) == call(given, REAL_NUMBER, 2) == "first"
    assert drill(given, fault) == ""
    for number in range(6):
        assert call(given, TEST_NUMBER, 0x10 + number) == "second"
        assert call(given, REAL_NUMBER, 0x20 + number) == "first"
    assert condition(given, drilled=True) == "down"
    assert condition(given) == "healthy"
    assert [fact for fact in given.facts if isinstance(fact, PathStood)] == [], "nobody's successor learns of it"
    assert given.exchange.drilling.told(given.now_s)["faults"] == {"first": fault}
    given.wait(20.0)
    assert given.exchange.drilling.told(given.now_s) == {"faults": {}, "calls": 0, "spoilt": 0, "paths": []} | {
        "spoilt": given.exchange.drilling.spoilt
    }
    assert call(given, TEST_NUMBER, 0x30) == "first", "it has ended by itself"


def test_real_calls_see_the_same_whether_or_not_somebody_drills() -> None:
    """Beside each other: the same real calls, with their answers, hedges and refusals, at the same moments."""
    seen: list[list[tuple[str, str]]] = []
    for is_drilled in (False, True):
        given = placer()
        if is_drilled:
            assert drill(given, for_s=DRILL_FAULT_S_MAX) == ""
        lines: list[tuple[str, str]] = []
        for number in range(10):
            if is_drilled:
                given.step(fx.PlaceCall(TEST_NUMBER, "listen", f"{0x100 + number:016x}"))
            given.step(fx.PlaceCall(REAL_NUMBER, "listen", f"{number:016x}"))
            for _ in range(4):
                log, given.log = given.log, []
                for carrier, message in log:
                    if not isinstance(message, Request) or REAL_NUMBER not in message.uri:
                        continue
                    lines.append((f"{given.now_s:.2f} {carrier}", message.method))
                    if message.method == "INVITE" and not (number == 3 and carrier == "first"):
                        given.hear_of(carrier, make_response(message, 503 if number == 5 else 603, to_tag="it"))
                given.wait(SILENCE_S_MAX)
        seen.append(lines)
    assert seen[0] == seen[1]
    assert any(who.endswith("second") for who, _ in seen[0]), "one that was slow, and one that was refused"


def test_an_answered_call_that_began_under_a_fault_goes_on_after_it() -> None:
    given = placer()
    drill(given)
    given.step(fx.PlaceCall(TEST_NUMBER, "listen", "00000000000000aa"))
    given.wait(SILENCE_S_MAX + 0.01)
    given.hear_of("second", answered(given.invite_to("second")))
    assert drill(given, "") == ""
    assert given.exchange.drilling.calls == {"00000000000000aa"}
    given.exchange.step(given.now_s, fx.HangUpAll("over"))
    given.wait(200.0)
    assert (given.exchange.drilling.calls, given.exchange.drilling.faults(given.now_s)) == (set(), {})
    assert given.exchange.drilling.board is None


@pytest.mark.parametrize(
    ("preflight", "wanted", "mistake"),
    [
        ({}, {"carrier": "second"}, "'second' may not be drilled: .* it names first"),
        ({"drill_carriers": ()}, {}, "it names none"),
        ({"numbers": {}}, {}, "no test call can be made"),
        ({}, {"fault": "on fire"}, "write one of silent, 503"),
        ({}, {"for_s": DRILL_FAULT_S_MAX + 0.1}, "up to 60 s"),
        ({}, {"for_s": 0.0}, "up to 60 s"),
    ],
)
def test_what_is_not_allowed_is_refused(preflight: dict[str, object], wanted: dict[str, object], mistake: str) -> None:
    given = placer(**preflight)
    with pytest.raises(AssertionError, match=mistake):
        raise AssertionError(drill(given, **wanted))  # type: ignore[arg-type]
    assert given.exchange.drilling.board is None


def test_it_is_on_record_once_however_often_it_is_prolonged() -> None:
    given = placer()
    for fault in ("silent", "silent", "", ""):
        assert drill(given, fault) == ""
    found = [fact for fact in given.facts if isinstance(fact, CarrierDrilled)]
    assert [(fact.carrier, fact.fault, fact.by) for fact in found] == [
        ("first", "silent", "mara"),
        ("first", "", "mara"),
    ]
