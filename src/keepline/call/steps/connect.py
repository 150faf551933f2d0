"""The step that lets the caller talk to somebody else: `connect`.

A leg is placed; until it is answered the caller hears it ring, or a prompt, or what the callee's side says before the
answer; then media bridges the two slots. The step is over with the leg. All that a successor needs is in the facts of
the two calls: the leg that this step placed, whether it was answered, and since when. A caller who hangs up takes the
leg along (`exchange`).
"""

import json

from keepline.call.effects import BridgeMedia, PlaceCall, PlayPrompt, StopPrompt, UnbridgeMedia
from keepline.call.facts import LegJoined, LegPlaced
from keepline.call.outbound.ending import ANSWERED, RANG_OUT, REFUSED
from keepline.call.outbound.legs import LegEvent, LegNews
from keepline.call.state import CallState, Phase, Timer
from keepline.call.steps.common import Behaviour, Result, no_prompt, play_number_of, step_number
from keepline.call.turn import Turn
from keepline.flow import StepOutcome, StepResult, Waiting
from keepline.flow.connect import CONNECTED, Connect, ConnectReason
from keepline.flow.steps import fingerprint
from keepline.model.operation import RINGBACK, RINGBACK_AMERICAN, Prompt

GONE_S = 0.5
"""Until a leg of which nothing is heard, and which is not there, is given up."""
LATE_S = 2.0
"""Beyond its time, until a leg that does not end by itself is left to do so without the caller."""
WATCH_S = 30.0
"""How often it is seen whether the leg of a conversation is still there."""
AMERICAN = "+1"
LEFT = "nobody waits for it any more"


def _request(waiting: Waiting) -> Connect:
    request = waiting.request
    assert isinstance(request, Connect)
    return request


def _joined(call: CallState, waiting: Waiting) -> LegJoined | None:
    joined = call.joined
    return joined if joined is not None and joined.step == step_number(call, waiting) else None


# As the leg has it ----------------------------------------------------------------------------------------------------


def _begin(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    request, step = _request(waiting), step_number(call, waiting)
    program = turn.program_of(call.received.operation)
    if request.prompt and (program is None or request.prompt not in program.operation.prompts):
        return no_prompt(waiting, request.prompt)
    leg = turn.switchboard.leg_at(turn, call.id, step)
    if leg is not None:
        _follow(turn, call, waiting, leg)
        return None
    if call.leg_placed is not None and call.leg_placed.step == step:
        turn.set_timer(call, Timer.STEP, turn.now_s + GONE_S)  # it is over: the news of it are on their way
        return None
    if turn.now_s >= call.asked_at_s + request.timeout_s:
        return _failed(turn, call, waiting, ConnectReason.NO_ANSWER, 0, "its time was over before it was called")
    turn.set_timer(call, Timer.STEP, call.asked_at_s + request.timeout_s + LATE_S)
    turn.record(call, LegPlaced(call.id, turn.now_s, step, request.number))
    _play(turn, call, waiting)
    turn.switchboard.place(
        turn,
        PlaceCall(
            request.number,
            from_number=request.from_number,
            ring_timeout_s=request.timeout_s,
            parent=call.id,
            parent_step=step,
        ),
    )
    return None


def _follow(turn: Turn, call: CallState, waiting: Waiting, leg: CallState) -> None:
    """Let media do what the leg has come to; it ignores what it has done."""
    if leg.answered is not None:
        if leg.phase is Phase.ESTABLISHED:
            _join(turn, call, waiting, leg)
        turn.set_timer(call, Timer.STEP, turn.now_s + WATCH_S)
        return
    turn.set_timer(call, Timer.STEP, call.asked_at_s + _request(waiting).timeout_s + LATE_S)
    if leg.placing is not None and leg.placing.early is not None:
        _bridge(turn, call, waiting, leg)
    else:
        _play(turn, call, waiting)


def _join(turn: Turn, call: CallState, waiting: Waiting, leg: CallState) -> None:
    if _joined(call, waiting) is None:
        turn.record(call, LegJoined(call.id, turn.now_s, step_number(call, waiting), leg.id))
    _bridge(turn, call, waiting, leg)
    turn.set_timer(call, Timer.STEP, turn.now_s + WATCH_S)


def _on_leg_news(turn: Turn, call: CallState, waiting: Waiting, news: LegNews) -> Result | None:
    if news.event is LegEvent.ENDED:
        return _on_leg_ended(turn, call, waiting, news)
    leg = turn.switchboard.leg_at(turn, call.id, step_number(call, waiting))
    if leg is not None and news.event is not LegEvent.RINGING:
        _follow(turn, call, waiting, leg)
    return None


def _on_leg_ended(turn: Turn, call: CallState, waiting: Waiting, news: LegNews) -> Result:
    if _joined(call, waiting) is not None:
        return _over(turn, call, waiting, "callee" if news.reason == "BYE" else "node")
    if news.status == 0 and news.outcome == REFUSED:
        reason = ConnectReason.NO_PATH
    elif news.outcome in (ConnectReason.BUSY, ConnectReason.NO_ANSWER, ConnectReason.REFUSED):
        reason = ConnectReason(news.outcome)
    else:
        reason = ConnectReason.FAILED
    status = 0 if news.outcome == ANSWERED else news.status
    return _failed(turn, call, waiting, reason, status, news.reason)


def _on_timer(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    """The leg neither was answered nor came to its end in time, or it is time to see whether it is still there."""
    leg = turn.switchboard.leg_at(turn, call.id, step_number(call, waiting))
    if _joined(call, waiting) is not None:
        if leg is None:
            return _over(turn, call, waiting, "node")
        turn.set_timer(call, Timer.STEP, turn.now_s + WATCH_S)
        return None
    if leg is None:
        return _failed(turn, call, waiting, ConnectReason.FAILED, 0, "the leg is gone")
    turn.switchboard.end_leg(turn, leg.id, LEFT)
    return _failed(turn, call, waiting, ConnectReason.NO_ANSWER, 0, RANG_OUT)


def abandon(turn: Turn, call: CallState) -> None:
    """The flow that waits for a leg goes on elsewhere, as one does whose code has changed: the leg is nobody's."""
    placed = call.leg_placed
    leg = turn.switchboard.leg_at(turn, call.id, placed.step) if placed is not None else None
    if placed is not None and leg is not None:
        turn.emit(UnbridgeMedia(call.id, call.received.slot, placed.step + 1))
        turn.switchboard.end_leg(turn, leg.id, LEFT)


# What the caller hears ------------------------------------------------------------------------------------------------


def _play(turn: Turn, call: CallState, waiting: Waiting) -> None:
    """The caller hears that it rings there, or the prompt, again and again."""
    number, slot = play_number_of(call, waiting), call.received.slot
    turn.emit(PlayPrompt(call.id, slot, number, _prompt(turn, call, waiting), True, False, call.digits_head))


def _prompt(turn: Turn, call: CallState, waiting: Waiting) -> Prompt:
    program, name = turn.program_of(call.received.operation), _request(waiting).prompt
    named = program.operation.prompts.get(name) if program is not None and name else None
    if named is not None:
        return named
    return RINGBACK_AMERICAN if _request(waiting).number.startswith(AMERICAN) else RINGBACK


def _bridge(turn: Turn, call: CallState, waiting: Waiting, leg: CallState) -> None:
    number, slot = play_number_of(call, waiting), call.received.slot
    turn.emit(StopPrompt(call.id, slot, number))
    turn.emit(BridgeMedia(call.id, slot, _bridge_number(call, waiting), leg.id, leg.received.slot))


def _bridge_number(call: CallState, waiting: Waiting) -> int:
    return step_number(call, waiting) + 1


def _resume_media(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    leg = turn.switchboard.leg_at(turn, call.id, step_number(call, waiting))
    if leg is not None:
        _follow(turn, call, waiting, leg)
    return None


# Its end --------------------------------------------------------------------------------------------------------------


def _over(turn: Turn, call: CallState, waiting: Waiting, ended_by: str) -> Result:
    joined = _joined(call, waiting)
    assert joined is not None
    duration_s = round(turn.now_s - joined.at_s, 3)
    return _result(turn, call, waiting, CONNECTED, {"duration_s": duration_s, "ended_by": ended_by})


def _failed(turn: Turn, call: CallState, waiting: Waiting, reason: ConnectReason, status: int, detail: str) -> Result:
    return _result(turn, call, waiting, str(reason), {"status": status, "detail": detail})


def _result(turn: Turn, call: CallState, waiting: Waiting, reason: str, value: dict[str, object]) -> Result:
    """The caller is back, and hears nothing; what was keyed until now was not for us."""
    number, slot = play_number_of(call, waiting), call.received.slot
    turn.emit(StopPrompt(call.id, slot, number))
    turn.emit(UnbridgeMedia(call.id, slot, _bridge_number(call, waiting)))
    request = _request(waiting)
    text = json.dumps({"number": request.number, **value}, ensure_ascii=False)
    step = StepResult(request.verb, fingerprint(request), StepOutcome.DONE, text, reason)
    return Result(step, len(call.digits) if reason == CONNECTED else 0)


CONNECT = Behaviour(begin=_begin, on_timer=_on_timer, resume_media=_resume_media, on_leg_news=_on_leg_news)
