"""The step that lets the caller talk to somebody else: `connect`.

A leg is placed; until it is answered the caller hears it ring, or a prompt, or what the callee's side says before the
answer; then media bridges the two slots. The step is over with the leg. All that a successor needs is in the facts of
the two calls: the leg that this step placed, whether it was answered, and since when. A caller who hangs up takes the
leg along (`exchange`).
"""

import json

from keepline.call.effects import BridgeMedia, PlaceCall, PlayPrompt, StopPrompt, UnbridgeMedia
from keepline.call.facts import CallPlaced, LegJoined, LegPlaced
from keepline.call.facts.refer import LegReferred, Moving, ReferralEnded
from keepline.call.outbound.ending import ANSWERED, RANG_OUT, REFUSED
from keepline.call.outbound.legs import LegEvent, LegNews, transfer_step
from keepline.call.outbound.refers import notify
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
HANDED_ON = "handed its caller on"


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
    if _joined(call, waiting) is not None and _moving(call, waiting) is not None:
        return _resume_moved(turn, call, waiting)
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


def is_leg_of(call: CallState, waiting: Waiting, parent_step: int) -> bool:
    """Whether a leg that was placed for `parent_step` is one of the step that waits."""
    moving = _moving(call, waiting)
    if parent_step == step_number(call, waiting):
        return True
    return moving is not None and parent_step in (transfer_step(moving.number), transfer_step(moving.talker))


def _on_leg_news(turn: Turn, call: CallState, waiting: Waiting, news: LegNews) -> Result | None:
    if _moving(call, waiting) is not None:
        return _on_moved_news(turn, call, waiting, news)
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
    leg = turn.switchboard.leg_at(turn, call.id, _talker_step(call, waiting))
    if _joined(call, waiting) is not None:
        moving = _moving(call, waiting)
        if moving is not None and moving.is_pending:
            return _watch_new_leg(turn, call, waiting, moving)
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
    if placed is None:
        return
    steps, moving = [placed.step], call.handing.moving
    if moving is not None and moving.step == placed.step:
        steps += [transfer_step(moving.talker), transfer_step(moving.number)]
    for step in dict.fromkeys(steps):
        leg = turn.switchboard.leg_at(turn, call.id, step)
        if leg is not None:
            turn.emit(UnbridgeMedia(call.id, call.received.slot, placed.step + 1 + call.repeats))
            turn.switchboard.end_leg(turn, leg.id, LEFT)


# Handed on by REFER -----------------------------------------------------------------------------------------------


def _moving(call: CallState, waiting: Waiting) -> Moving | None:
    moving = call.handing.moving
    return moving if moving is not None and moving.step == step_number(call, waiting) else None


def _talker_step(call: CallState, waiting: Waiting) -> int:
    """The `parent_step` of the leg that the caller talks with."""
    moving = _moving(call, waiting)
    return transfer_step(moving.talker) if moving is not None and moving.talker else step_number(call, waiting)


def is_talker(call: CallState, leg: CallState) -> bool:
    """Whether the caller talks with this leg now, so that it may hand the caller on."""
    waiting = call.waiting
    if waiting is None or not isinstance(waiting.request, Connect) or not call.has_caller:
        return False
    at = step_of(leg)
    return _joined(call, waiting) is not None and at == _talker_step(call, waiting)


def step_of(leg: CallState) -> int:
    """The `parent_step` that a leg was placed with."""
    return leg.received.parent_step if isinstance(leg.received, CallPlaced) else -1


def from_number_of(call: CallState) -> str:
    """Whom a leg of the step that waits is called from; empty for the trunk's."""
    return _request(call.waiting).from_number if call.waiting is not None else ""


def hand_on(turn: Turn, call: CallState, waiting: Waiting, leg: CallState, to_number: str) -> None:
    """Place the leg that a callee has asked for; `is_talker` was true of it."""
    request, before = _request(waiting), call.handing.moving
    number = before.number + 1 if before is not None else 1
    turn.record(call, LegReferred(call.id, turn.now_s, step_number(call, waiting), number, to_number, leg.id))
    turn.set_timer(call, Timer.STEP, turn.now_s + WATCH_S)
    turn.switchboard.place(
        turn,
        PlaceCall(
            to_number,
            from_number=request.from_number,
            ring_timeout_s=request.timeout_s,
            parent=call.id,
            parent_step=transfer_step(number),
        ),
    )


def _on_moved_news(turn: Turn, call: CallState, waiting: Waiting, news: LegNews) -> Result | None:
    moving = _moving(call, waiting)
    assert moving is not None
    if moving.is_pending and news.step == transfer_step(moving.number):
        return _on_new_leg(turn, call, waiting, moving, news)
    if news.step != _talker_step(call, waiting) or news.event is not LegEvent.ENDED:
        return None  # of whom it was handed on from
    if not moving.is_pending:
        return _over(turn, call, waiting, "callee" if news.reason == "BYE" else "node")
    return _resume_moved(turn, call, waiting)


def _on_new_leg(turn: Turn, call: CallState, waiting: Waiting, moving: Moving, news: LegNews) -> Result | None:
    if news.event is LegEvent.ENDED:
        return _fail_move(turn, call, waiting, moving, news.status)
    asker = turn.switchboard.leg_at(turn, call.id, _talker_step(call, waiting))
    if news.event is not LegEvent.ANSWERED:
        if asker is not None:
            notify(turn, asker, news.status)
        elif news.event is LegEvent.EARLY_MEDIA:
            _resume_moved(turn, call, waiting)
        return None
    leg = turn.switchboard.leg_at(turn, call.id, transfer_step(moving.number))
    if leg is None:
        return None  # its end is on its way
    turn.record(call, ReferralEnded(call.id, turn.now_s, moving.step, moving.number, leg.id, 200))
    _bridge(turn, call, waiting, leg)
    turn.set_timer(call, Timer.STEP, turn.now_s + WATCH_S)
    if asker is not None:
        notify(turn, asker, 200)
        turn.switchboard.end_leg(turn, asker.id, HANDED_ON)
    return None


def _fail_move(turn: Turn, call: CallState, waiting: Waiting, moving: Moving, status: int) -> Result | None:
    """Nobody took the caller: whoever handed them on keeps them, or nobody is left."""
    turn.record(call, ReferralEnded(call.id, turn.now_s, moving.step, moving.number, "", status))
    asker = turn.switchboard.leg_at(turn, call.id, _talker_step(call, waiting))
    if asker is None:
        return _over(turn, call, waiting, "callee")
    notify(turn, asker, status if status >= 300 else 503)
    turn.set_timer(call, Timer.STEP, turn.now_s + WATCH_S)
    return None


def _watch_new_leg(turn: Turn, call: CallState, waiting: Waiting, moving: Moving) -> Result | None:
    if turn.switchboard.leg_at(turn, call.id, transfer_step(moving.number)) is None:
        return _fail_move(turn, call, waiting, moving, 500)
    turn.set_timer(call, Timer.STEP, turn.now_s + WATCH_S)
    return None


def _resume_moved(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    """Let media do what the transfer has come to."""
    moving = _moving(call, waiting)
    assert moving is not None
    talker = turn.switchboard.leg_at(turn, call.id, _talker_step(call, waiting))
    new = turn.switchboard.leg_at(turn, call.id, transfer_step(moving.number)) if moving.is_pending else None
    is_there = talker is not None and talker.phase is Phase.ESTABLISHED
    turn.set_timer(call, Timer.STEP, turn.now_s + (WATCH_S if is_there or new is not None else GONE_S))
    if talker is not None and is_there:
        _bridge(turn, call, waiting, talker)
    elif new is not None and new.placing is not None and new.placing.early is not None:
        _bridge(turn, call, waiting, new)
    elif moving.is_pending:
        _play(turn, call, waiting)
    return None


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
    return step_number(call, waiting) + 1 + call.repeats


def _resume_media(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    if _moving(call, waiting) is not None:
        return _resume_moved(turn, call, waiting)
    leg = turn.switchboard.leg_at(turn, call.id, step_number(call, waiting))
    if leg is not None:
        _follow(turn, call, waiting, leg)
    return None


# Its end --------------------------------------------------------------------------------------------------------------


def _over(turn: Turn, call: CallState, waiting: Waiting, ended_by: str) -> Result:
    joined = _joined(call, waiting)
    assert joined is not None
    duration_s = round(turn.now_s - joined.at_s, 3)
    moving = _moving(call, waiting)
    transfers = {"transfers": moving.done} if moving is not None and moving.done else {}
    return _result(turn, call, waiting, CONNECTED, {"duration_s": duration_s, "ended_by": ended_by, **transfers})


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
