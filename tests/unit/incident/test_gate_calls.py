"""The gate of a carrier makes test calls out by it and in by it, and takes what comes of them for what it is."""

from keepline.call.facts import CallAnswered, CallEnded, CallPlaced, CallReceived
from keepline.call.facts.incident import GateMoved, PathTested
from keepline.incident.returning import ALONE, HEARD_PACKETS_MIN, TEST_WITHIN_S
from keepline.model.preflight import ANSWERING, CALLING
from tests.spec.incidents_rig import IncidentsRig

NUMBERS = {"north": "+18005550190", "south": "+18005550191"}


def back(*failing: str, numbers: dict[str, str] | None = None) -> IncidentsRig:
    """North has failed and is well again; `failing` are not."""
    rig = IncidentsRig(test_numbers=NUMBERS if numbers is None else numbers)
    for name in ("north", *failing):
        rig.carrier_fails(name, 3)
    rig.carrier_works("north", 30.0)
    return rig


def made(rig: IncidentsRig) -> list[CallPlaced]:
    """The test calls, in their order."""
    return [each for each in rig.facts if isinstance(each, CallPlaced) and each.flow == CALLING]


def goes(rig: IncidentsRig, call: CallPlaced, into: str, packets: int = HEARD_PACKETS_MIN) -> None:
    """It comes in by that carrier, is answered, and heard so well."""
    at_s = rig.now_s
    came = CallReceived(
        f"{int(call.call, 16) ^ 1:016x}", at_s, into, "192.0.2.51", 5060, "", "x", "", 1, "", call.to_number, "",
        ANSWERING, "a1", at_s, -1, 0, 0, 0, 0,
    )  # fmt: skip
    answered = CallAnswered(call.call, at_s, "", "pcmu", 0, 101, "192.0.2.50", 4_000)
    ended = CallEnded(call.call, at_s, "flow", 200, "", "x", "", "", 1, -1, packets_received=packets)
    rig.happen(came, answered, ended)


def outcomes(rig: IncidentsRig) -> list[PathTested]:
    return [each for each in rig.facts if isinstance(each, PathTested)]


def test_a_carrier_is_called_out_by_and_in_by_and_must_be_heard_both_ways() -> None:
    rig = back()
    out, into = made(rig)
    assert [(each.carrier, each.to_number) for each in (out, into)] == [
        ("north", NUMBERS["south"]), ("south", NUMBERS["north"]),
    ]  # fmt: skip
    goes(rig, into, "north")
    assert outcomes(rig) == [], "one of them alone says nothing yet"
    goes(rig, out, "south")
    [found] = outcomes(rig)
    assert (found.path, found.ok, found.test, found.test_in) == ("telephony/north", True, out.call, into.call)
    assert found.words == ("a test call out by north came in by south, and one out by south came in by north: heard")
    rig.pass_time(1.0)
    assert [each.event for each in rig.facts if isinstance(each, GateMoved)] == ["cleared", "tested"]


def test_what_comes_in_by_another_carrier_or_is_not_heard_or_not_answered_has_failed() -> None:
    for which, into, packets, words in (
        (0, "north", HEARD_PACKETS_MIN, "the test call came in by north, not by south"),
        (1, "north", HEARD_PACKETS_MIN - 1, f"nothing is heard: {HEARD_PACKETS_MIN - 1} packets came back"),
    ):
        rig = back()
        goes(rig, made(rig)[which], into, packets)
        [found] = outcomes(rig)
        assert (found.ok, found.words) == (False, words)
        rig.pass_time(1.0)
        assert [each.event for each in rig.facts if isinstance(each, GateMoved)] == ["cleared", "reverted"]
    rig = back()
    rig.pass_time(TEST_WITHIN_S + 1.0)
    assert not any(each.ok for each in outcomes(rig))
    attempts = [each.attempt for each in outcomes(rig)]
    assert attempts == sorted(set(attempts)), "one test is on record of each attempt, of whichever call ended first"


def test_a_carrier_is_not_tested_by_one_that_fails_itself() -> None:
    rig = back("south")
    assert made(rig) == []
    assert [(each.path, each.ok, each.words) for each in outcomes(rig)] == [("telephony/north", True, ALONE)]


def test_who_has_a_number_of_the_other_carrier_alone_is_called_out_by() -> None:
    rig = back(numbers={"south": NUMBERS["south"]})
    [out] = made(rig)
    goes(rig, out, "south")
    [found] = outcomes(rig)
    assert (found.ok, found.test, found.test_in) == (True, out.call, "")
