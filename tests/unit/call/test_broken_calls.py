"""A bug that one call meets ends that call: answered where it can be, on record, its slot free, the others unharmed."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from keepline.call import effects as fx
from keepline.call import established, setup, teardown
from keepline.call.facts import CallAcknowledged, CallEnded, CallReceived, FlowEnded
from keepline.call.routing import route_invite
from keepline.call.transactions import Transactions
from tests.sim.operation import RTP_PORTS
from tests.transcript.call_transcripts import Stage

BUGS = [AssertionError("wrong"), KeyError("gone"), RuntimeError("odd"), ZeroDivisionError(), RecursionError()]


def broken(error: BaseException) -> Callable[..., None]:
    def fail(*_arguments: object, **_named: object) -> None:
        raise error

    return fail


def begun(*lines: str, number: str = "1000") -> Stage:
    """A stage with a call of another caller's beside the one that is going to break."""
    stage = Stage()
    for line in ("0.0 <- INVITE 2000 call=other", "0.01 <- ACK call=other", f"0.1 <- INVITE {number} call=1", *lines):
        stage.run(line)
    return stage


def ended(stage: Stage) -> list[CallEnded]:
    return [fact for fact in [*stage.written, *stage.unwritten] if isinstance(fact, CallEnded)]


def is_over_once(stage: Stage) -> None:
    """The broken call is over, recorded once, its slot free; the other one lives."""
    assert len(ended(stage)) == 1
    assert next(iter(stage.exchange.calls.values())).received.sip_call_id == "other@192.0.2.1"
    assert stage.exchange.live_calls == 1
    assert len(stage.exchange.slots.free) == len(RTP_PORTS) - 1
    assert "call_acknowledged" not in stage.run("90.0 <- ACK")[0]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: type(bug).__name__)
def test_a_bug_within_the_call_sends_a_bye(bug: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = begun("0.2 <- ACK")
    monkeypatch.setattr(established, "on_digits", broken(bug))
    told = stage.run("1.0 digits 1 5")
    assert told[0].startswith(f"report: call_broken: {type(bug).__name__}")
    assert [line for line in told if line.startswith("-> BYE")]
    monkeypatch.undo()
    assert stage.run("1.01 stopped") == ["nothing"]
    assert stage.run("1.02 <- 200 BYE") == ["fact: call_ended by=node status=200 internal error sent=100"]
    is_over_once(stage)


def test_a_bug_before_the_ack_waits_for_it_as_any_hang_up_does(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = begun()
    monkeypatch.setattr(established, "on_digits", broken(KeyError("gone")))
    told = stage.run("1.0 digits 1 5")
    assert told == ["report: call_broken: KeyError: 'gone'", "fact: flow_ended broken KeyError: 'gone'"]
    assert [line for line in stage.run("1.1 <- ACK") if line.startswith("-> BYE")]
    stage.run("1.11 stopped")
    stage.run("1.12 <- 200 BYE")
    is_over_once(stage)


def test_a_bug_before_the_ack_is_not_tried_again_by_a_successor(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = begun()
    monkeypatch.setattr(established, "on_digits", broken(KeyError("gone")))
    stage.run("1.0 digits 1 5")
    monkeypatch.setattr(established, "start_flow", broken(AssertionError("the flow was begun again")))
    stage.run("crash")
    assert stage.run("1.1 wake 8")[-1] == "media: inspect"
    assert [line for line in stage.run("1.2 <- ACK call=1") if line.startswith("-> BYE")]


def test_a_bug_in_the_answering_is_500(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = begun(number="1001")
    monkeypatch.setattr(setup, "meet", broken(KeyError("gone")))
    told = stage.run("wait 4")
    assert "    fact: call_ended by=node status=500 internal error sent=0" in told
    assert "    -> 500 Server Internal Error (1 INVITE) to 192.0.2.1:5060" in told
    is_over_once(stage)


def test_a_bug_after_the_200_is_on_record_leaves_the_200_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = begun(number="1001")
    monkeypatch.setattr(Transactions, "respond", broken(KeyError("gone")))
    told = [line.strip() for line in stage.run("wait 4")]
    monkeypatch.undo()
    assert "-> 200 OK (1 INVITE) to 192.0.2.1:5060" in told
    assert stage.run("4.1 <- INVITE again") == ["nothing"], "its transaction is done with"
    assert [line for line in stage.run("4.2 <- ACK") if line.startswith("-> BYE")]


@pytest.mark.parametrize("step", ["bye_peer", "end"])
def test_a_bug_in_the_hanging_up_ends_the_call_all_the_same(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = begun("0.2 <- ACK", number="6000")
    monkeypatch.setattr(teardown, step, broken(KeyError("gone")))
    stage.run("3.0 played 2 ended")
    stage.run("3.01 stopped")
    stage.run("3.02 <- BYE")
    monkeypatch.undo()
    is_over_once(stage)


def test_a_bug_in_every_way_out_still_ends_the_call_on_record(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = begun("0.2 <- ACK")
    for module, name in ((established, "on_digits"), (established, "break_flow"), (teardown, "hang_up")):
        monkeypatch.setattr(module, name, broken(KeyError("gone")))
    told = stage.run("1.0 digits 1 5")
    assert told[-2:] == ["media: close slot 1", "fact: call_ended by=node status=0 internal error sent=0"]
    monkeypatch.undo()
    is_over_once(stage)


def test_a_bug_in_a_request_is_that_request_s(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = begun("0.2 <- ACK")
    monkeypatch.setattr("keepline.call.requests.route_invite", broken(RuntimeError("odd")))
    told = stage.run("1.0 <- INVITE 1000 call=3")
    assert told[0] == "report: request_broken: 192.0.2.1:5060: RuntimeError: odd"
    assert told[1].startswith("-> 500 Server Internal Error (1 INVITE)")
    monkeypatch.setattr("keepline.call.requests.route_invite", route_invite)
    assert stage.exchange.live_calls == 2
    assert not stage.exchange.transactions.is_waiting(("z9hG4bK3invite1", "192.0.2.1", 5060, "INVITE"))


def test_a_bug_in_a_bye_does_not_keep_the_caller_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = begun("0.2 <- ACK")
    monkeypatch.setattr(teardown, "on_bye", broken(KeyError("gone")))
    told = stage.run("1.0 <- BYE")
    assert told[-1].startswith("-> 200 OK (2 BYE)")


# Facts that a successor cannot replay -------------------------------------------------------------------------------


def adopted(stage: Stage, change: Callable[[list[object]], list[object]]) -> Stage:
    """The stage after a crash, the facts of its call changed."""
    stage.written = change([*stage.written, *stage.unwritten])  # type: ignore[assignment,arg-type]
    stage.unwritten = []
    stage.run("crash")
    return stage


def test_facts_in_an_impossible_order_end_the_call_with_a_bye() -> None:
    stage = begun("0.2 <- ACK")
    call = stage._call()
    stray = CallAcknowledged(call, 1.0, "")
    told = adopted(stage, lambda facts: [*facts, stray]).run("1.0 wake 8")
    assert [line for line in told if line.startswith("report: call_lost: its facts cannot be replayed")]
    assert [line for line in told if line.startswith("-> BYE")]
    stage.run("1.01 stopped")
    stage.run("1.02 <- 200 BYE")
    is_over_once(stage)


def test_an_invite_that_cannot_be_read_ends_the_call_on_record() -> None:
    stage = begun("0.2 <- ACK")
    call = stage._call()

    def garble(facts: list[object]) -> list[object]:
        mine = [fact for fact in facts if isinstance(fact, CallReceived) and fact.call == call]
        return [replace(fact, invite="nonsense") if fact is mine[0] else fact for fact in facts]  # type: ignore[type-var]

    told = adopted(stage, garble).run("1.0 wake 8")
    assert [line for line in told if "not even its INVITE can be read" in line]
    assert told[-1] == "fact: call_ended by=node status=0 internal error sent=0"
    is_over_once(stage)


def test_a_flow_that_cannot_be_begun_again_ends_the_call_with_a_bye(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = begun("0.2 <- ACK")
    stage.run("crash")
    monkeypatch.setattr(established, "start_flow", broken(RuntimeError("odd")))
    told = stage.run("1.0 <- ACK")
    monkeypatch.undo()
    assert [line for line in told if line.startswith("-> BYE")]
    assert isinstance(stage.unwritten[0], FlowEnded)


@pytest.mark.parametrize("number", ["1000", "1001"])
def test_a_call_whose_slot_is_not_to_be_had_is_not_left_alone(number: str) -> None:
    stage = begun("0.2 <- ACK", number=number)

    def elsewhere(facts: list[object]) -> list[object]:
        return [replace(fact, slot=99) if isinstance(fact, CallReceived) and fact.slot == 1 else fact for fact in facts]

    told = adopted(stage, elsewhere).run("1.0 wake 8")
    if number == "1000":
        assert [line for line in told if line.startswith("-> BYE")]
        stage.run("1.01 stopped")
        stage.run("1.02 <- 200 BYE")
    else:
        assert [line for line in told if line.startswith("-> 503")]
    is_over_once(stage)


def test_facts_that_do_not_begin_with_an_invite_are_refused_at_once() -> None:
    stage = begun()
    with pytest.raises(Exception, match="do not begin with its INVITE"):
        stage.exchange.step(stage.now_s, fx.CallAdopted("x", (CallAcknowledged("x", 1.0, ""),)))
    assert stage.exchange.live_calls == 2
