"""The table of causes, a row a test: whose word a refusal is, and that another carrier is asked, or is not.

RFC 3261 §21, RFC 3326, RFC 3398 §7.2.6, RFC 8197, RFC 8688, RFC 8224 §6.2.2, ITU-T Q.850.
"""

import pytest

from keepline.call.carriers.causes import BY_CLASS, BY_Q850, BY_STATUS, BY_TROUBLE, RANG, Fault, Trouble, cause_of
from keepline.call.facts.bid import BidEnded
from tests.spec.carriers_rig import CarriersPlacer
from tests.spec.placing_rig import answer_of, methods

CALLEES = {404, 410, 429, 433, 480, 484, 485, 486, 487, 600, 603, 604, 606, 607, 608}
CARRIERS = {401, 402, 405, 407, 408, 428, 436, 437, 438, 481, 482, 483, 491, 493, 494}
NOBODYS = {400, 403, 406, 413, 414, 415, 416, 420, 421, 488}
CALLEES_Q850 = {1, 5, 16, 17, 18, 19, 20, 21, 22, 27, 28, 55, 87, 88}
CARRIERS_Q850 = {2, 3, 6, 25, 34, 38, 39, 41, 42, 43, 44, 47, 58, 63, 102, 111}
NOBODYS_Q850 = {50, 57}
SILENT_Q850 = (31, 127, 99)
"""They decide nothing."""
BY_FAULT = {
    **dict.fromkeys(CALLEES, Fault.CALLEE),
    **dict.fromkeys(CARRIERS, Fault.CARRIER),
    **dict.fromkeys(NOBODYS, Fault.NOBODY),
}
BY_FAULT_Q850 = {
    **dict.fromkeys(CALLEES_Q850, Fault.CALLEE),
    **dict.fromkeys(CARRIERS_Q850, Fault.CARRIER),
    **dict.fromkeys(NOBODYS_Q850, Fault.NOBODY),
}


def refuse(status: int, *causes: int, rings: bool = False) -> tuple[CarriersPlacer, bool]:
    """A call that its first carrier refuses so, and whether the second was asked."""
    placer = CarriersPlacer()
    invite = placer.place()
    if rings:
        placer.hear_of("first", answer_of(invite, 180))
    reasons = [("Reason", f'Q.850;cause={cause};text="so"') for cause in causes]
    sent = methods(placer.hear_of("first", answer_of(invite, status, *reasons)))
    assert sent in (["ACK"], ["ACK", "INVITE"])
    assert (placer.record().state == "ended") == (len(sent) == 1)
    return placer, len(sent) == 2


def test_every_row_has_a_test() -> None:
    assert set(BY_STATUS) == set(BY_FAULT)
    assert set(BY_Q850) == set(BY_FAULT_Q850)
    assert set(BY_TROUBLE) == set(Trouble)
    assert set(BY_CLASS) == {3, 4, 5, 6}


@pytest.mark.parametrize("status", sorted(BY_FAULT))
def test_rfc3261_21_a_status(status: int) -> None:
    fault = BY_FAULT[status]
    assert cause_of(status, None, rang=False).fault is fault
    placer, is_retried = refuse(status)
    assert is_retried == (fault is not Fault.CALLEE)
    if is_retried:
        [ended] = [fact for fact in placer.facts if isinstance(fact, BidEnded)]
        assert ended.why == f"{fault.value}: {BY_STATUS[status].why}"
    view = placer.exchange.switchboard.carriers.view("first", placer.now_s)
    assert ("INVITE went well" in view.evidence) == (fault is Fault.CALLEE)
    assert ("1 of the last 1 INVITEs" in view.evidence) == (fault is Fault.CARRIER)


@pytest.mark.parametrize(("status", "is_retried"), [(399, False), (499, False), (599, True), (500, True), (699, False)])
def test_rfc3261_8_1_3_2_a_status_without_a_row_is_read_by_its_class(status: int, is_retried: bool) -> None:
    assert refuse(status)[1] is is_retried


@pytest.mark.parametrize("cause", sorted(BY_FAULT_Q850))
@pytest.mark.parametrize("status", [404, 480, 486, 500, 503, 603])
def test_rfc3326_the_cause_of_q850_decides(status: int, cause: int) -> None:
    assert refuse(status, cause)[1] == (BY_FAULT_Q850[cause] is not Fault.CALLEE)


@pytest.mark.parametrize("cause", SILENT_Q850)
@pytest.mark.parametrize(("status", "is_retried"), [(404, False), (503, True)])
def test_rfc3326_a_cause_that_says_nothing_leaves_it_to_the_status(cause: int, status: int, is_retried: bool) -> None:
    assert refuse(status, cause)[1] is is_retried


@pytest.mark.parametrize("status", [607, 608])
@pytest.mark.parametrize("cause", sorted(CARRIERS_Q850))
def test_rfc8688_no_cause_makes_a_call_wanted(status: int, cause: int) -> None:
    assert not refuse(status, cause)[1]


@pytest.mark.parametrize("status", [408, 480, 487])
def test_after_it_rang_these_say_that_nobody_answered(status: int) -> None:
    placer, is_retried = refuse(status, rings=True)
    assert not is_retried
    assert placer.record().outcome == "no_answer"
    assert cause_of(status, None, rang=True) is RANG


@pytest.mark.parametrize("status", [500, 503])
def test_a_carrier_that_fails_after_it_rang_is_followed_by_the_next(status: int) -> None:
    assert refuse(status, rings=True)[1]


def test_a_reason_of_another_protocol_decides_nothing() -> None:
    placer = CarriersPlacer()
    invite = placer.place()
    reason = ("Reason", "SIP;cause=503")
    assert methods(placer.hear_of("first", answer_of(invite, 486, reason))) == ["ACK"]
    assert placer.record().outcome == "busy"
