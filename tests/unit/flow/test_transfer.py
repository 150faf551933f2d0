"""The verb `transfer`: what can be asked, what comes back, and a flow that tells them apart."""

import pytest

from keepline.flow import Call, NotTransferred, StepFailedError, Transfer, TransferReason, Transferred, flow
from keepline.flow.transfer import reason_of
from keepline.model.limits import TRANSFER_S_MAX
from keepline.testing import FlowTester

CALLER = Call("0194f1c2d3e4f5a6", "alice", "1000")


@pytest.mark.parametrize("target", ["+18005550111", "1000", "reception", "sip:sales@pbx.example.com"])
def test_who_a_caller_can_be_handed_to(target: str) -> None:
    assert CALLER.transfer(target, timeout_s=5).request == Transfer(target, 5)


@pytest.mark.parametrize("target", ["", "a b", "+", "tel:+1800", "sip:a@b>, <sip:c@d", "sip:a@b?x=y", "+49 30 1"])
def test_who_it_cannot(target: str) -> None:
    with pytest.raises(ValueError, match="is nobody"):
        CALLER.transfer(target)


@pytest.mark.parametrize("timeout_s", [0, -1, TRANSFER_S_MAX + 1, float("nan")])
def test_times_that_are_none(timeout_s: float) -> None:
    with pytest.raises(ValueError, match="timeout_s must be above 0"):
        CALLER.transfer("1000", timeout_s=timeout_s)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (486, "busy"), (600, "busy"), (408, "no_answer"), (480, "no_answer"), (487, "no_answer"), (603, "refused"),
        (403, "refused"), (404, "refused"), (405, "unsupported"), (420, "unsupported"), (501, "unsupported"),
        (500, "failed"), (503, "failed"), (302, "refused"),
    ],
)  # fmt: skip
def test_every_status_has_its_reason(status: int, reason: str) -> None:
    assert reason_of(status) == reason


def test_the_results_are_true_and_false() -> None:
    assert Transferred()
    assert Transferred().ok
    assert not NotTransferred(TransferReason.BUSY, 486)
    assert not NotTransferred(TransferReason.BUSY).ok


@flow
async def handing(call: Call) -> None:
    result = await call.transfer("+18005550111", timeout_s=20)
    if result:
        await call.outcome("transferred")
        return
    await call.outcome("kept", reason=result.reason, status=result.status)
    await call.say("Nobody is there. Goodbye.")


@flow
async def nowhere(call: Call) -> None:
    try:
        await call.transfer("sip:a@[zz]")
    except StepFailedError:
        await call.say("That is nowhere.")


def test_a_flow_is_over_with_its_caller_where_it_works() -> None:
    with FlowTester(handing) as tester:
        call = tester.call()
        call.ends()
        assert (call.outcome, call.record.ended_by, call.record.reason) == ("transferred", "flow", "flow transferred")
        assert [step.result for step in call.steps][:1] == ["transferred"]


@pytest.mark.parametrize(
    ("status", "reason", "told"), [(486, "busy", 486), (480, "no_answer", 480), (None, "unsupported", 405)]
)
def test_a_flow_goes_on_with_its_caller_where_it_does_not(status: int | None, reason: str, told: int) -> None:
    with FlowTester(handing) as tester:
        call = tester.call(transfer=status)
        call.hears("Nobody is there")
        call.ends()
        assert (call.outcome, call.outcome_fields) == ("kept", {"reason": reason, "status": told})


def test_a_crash_in_the_middle_asks_nobody_twice() -> None:
    with FlowTester(handing) as tester:
        call = tester.call(transfer=486)
        tester.crash()
        call.hears("Nobody is there")
        call.ends()
        assert call.outcome_fields["reason"] == "busy"


def test_what_is_no_uri_fails_the_step() -> None:
    with FlowTester(nowhere) as tester:
        call = tester.call()
        call.hears("That is nowhere")
        call.ends()
