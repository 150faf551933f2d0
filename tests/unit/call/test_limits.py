"""The limits of a call that no other test reaches by its name."""

from keepline.call.facts import CallEnded, FlowEnded, FlowFailed, StepEnded
from keepline.model.limits import FLOW_STEPS_AFTER_HANGUP_MAX, FLOW_STEPS_PER_S_MAX, MEDIA_CLOSE_S_MAX
from tests.transcript.call_transcripts import BEGAN_S, Stage


def run(*lines: str) -> Stage:
    stage = Stage()
    for line in lines:
        stage.run(line)
    stage.run("crash")  # what is written counts
    return stage


def test_a_flow_that_goes_round_in_circles_ends_before_others_feel_it() -> None:
    stage = run("0.0 <- INVITE 6006", "0.1 <- ACK", "wait 0.1")
    steps = [fact for fact in stage.written if isinstance(fact, StepEnded)]
    [failed] = [fact for fact in stage.written if isinstance(fact, FlowFailed)]
    assert len(steps) == FLOW_STEPS_PER_S_MAX + 1
    assert failed.error == f"the flow took more than {FLOW_STEPS_PER_S_MAX} steps in a second"


def test_a_flow_may_take_many_steps_over_a_longer_time() -> None:
    stage = Stage()
    stage.run("0.0 <- INVITE 2000")
    stage.run("0.1 <- ACK")
    count = 3 * FLOW_STEPS_PER_S_MAX
    for number in range(count):
        stage.run(f"{0.2 + number / (FLOW_STEPS_PER_S_MAX / 2):.4f} digits {number + 1} 5")
    stage.run("crash")
    assert sum(isinstance(fact, StepEnded) for fact in stage.written) == count
    assert not [fact for fact in stage.written if isinstance(fact, FlowEnded)]


def test_a_flow_that_is_deaf_to_the_hang_up_ends_soon_after() -> None:
    stage = run("0.0 <- INVITE 6003", "0.1 <- ACK", "1.0 <- BYE")
    steps = [fact for fact in stage.written if isinstance(fact, StepEnded)]
    assert len(steps) == FLOW_STEPS_AFTER_HANGUP_MAX + 1
    assert isinstance(stage.written[-1], FlowEnded)


def test_media_that_never_closes_is_waited_for_so_long() -> None:
    stage = Stage()
    for line in ("0.0 <- INVITE 2000", "0.1 <- ACK", "1.0 <- BYE"):
        stage.run(line)
    told = stage.run(f"wait {1.0 + MEDIA_CLOSE_S_MAX}")
    assert "    media: close slot 0 at once" in told
    stage.run(f"{1.0 + MEDIA_CLOSE_S_MAX} stopped")
    stage.run("crash")
    ended = stage.written[-1]
    assert isinstance(ended, CallEnded)
    assert ended.at_s == BEGAN_S + 1.0 + MEDIA_CLOSE_S_MAX
