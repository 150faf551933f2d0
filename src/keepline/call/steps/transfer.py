"""The step that hands the caller over: `transfer` (RFC 3515).

The caller's side is asked by a REFER to call somebody else, and tells by NOTIFY what comes of it. The first final word
is the result; where it worked the call ends with a BYE of ours. The REFER is a fact before it is sent, and so is each
word that was heard, so a successor asks with the very same REFER and nobody is called twice.
"""

import json

from keepline.call.dialogs import bye_peer, dialog_of
from keepline.call.effects import Report
from keepline.call.facts import TransferAsked, TransferProgressed
from keepline.call.facts.transfer import BY_NOTIFY, BY_REFER
from keepline.call.proving import as_sent
from keepline.call.state import CallState, Phase, Timer
from keepline.call.steps.common import Behaviour, Result, result_of, step_number
from keepline.call.turn import Turn
from keepline.flow import StepOutcome, StepResult, Waiting
from keepline.flow.steps import fingerprint
from keepline.flow.transfer import TRANSFERRED, Transfer, TransferReason, reason_of
from keepline.model.limits import TRANSFER_NEWS_MAX
from keepline.sip.dialog import next_request
from keepline.sip.peers import transport_to
from keepline.sip.refer import ReferNews, refer_target
from keepline.sip.telephone import user_of

BRANCH = "z9hG4bK-refer-"
AGAIN_S = 0.1
"""Until it is tried again where nothing may be sent yet: the caller has not acknowledged our answer."""
LEAVE_WHY = "flow transferred"


def on_refer_over(turn: Turn, call: CallState, waiting: Waiting, status: int) -> Result | None:
    """Our REFER was answered, or nobody answers it (0)."""
    transfer = call.transfer
    if transfer is None or transfer.is_final or not _waits(call, waiting) or 0 < status < 200:
        return None
    if transfer.is_answered and status < 300:
        return None
    is_final = not 200 <= status < 300
    turn.record(call, TransferProgressed(call.id, turn.now_s, transfer.asked.step, BY_REFER, status, is_final))
    return _result_if_known(turn, call, waiting)


def note(turn: Turn, call: CallState, waiting: Waiting, news: ReferNews) -> None:
    """A NOTIFY: how the call that was asked for is going goes on record. It is to be answered before `go_on`."""
    transfer = call.transfer
    if transfer is None or transfer.is_final or not _waits(call, waiting):
        return
    is_final = news.status >= 200 or news.is_over
    is_new = news.status != transfer.status and transfer.count < TRANSFER_NEWS_MAX
    if is_final or is_new:
        fact = TransferProgressed(call.id, turn.now_s, transfer.asked.step, BY_NOTIFY, news.status, is_final)
        turn.record(call, fact)


def go_on(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    """What follows from what is on record."""
    return _result_if_known(turn, call, waiting) if _waits(call, waiting) else None


def _waits(call: CallState, waiting: Waiting) -> bool:
    is_transfer = isinstance(waiting.request, Transfer)
    return is_transfer and call.transfer is not None and call.transfer.asked.step == step_number(call, waiting)


def _begin(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    request = waiting.request
    assert isinstance(request, Transfer)
    transfer = call.transfer
    if not _waits(call, waiting) or transfer is None:
        return _ask(turn, call, waiting, request)
    if transfer.is_final:
        return _result_if_known(turn, call, waiting)
    if not transfer.is_answered:
        _send(turn, call, transfer.asked)
    turn.set_timer(call, Timer.STEP, transfer.asked.deadline_s)
    return None


def _ask(turn: Turn, call: CallState, waiting: Waiting, request: Transfer) -> Result | None:
    deadline_s = call.asked_at_s + request.timeout_s
    if turn.now_s >= deadline_s:
        return _result(turn, call, waiting, TransferReason.TIMED_OUT, 0)
    if call.phase is not Phase.ESTABLISHED or call.agreement.unacknowledged is not None:
        turn.set_timer(call, Timer.STEP, min(deadline_s, turn.now_s + AGAIN_S))
        return None
    step, identity, peer = step_number(call, waiting), turn.identity, bye_peer(call)
    dialog = dialog_of(call)
    try:
        target = refer_target(request.target, dialog.remote_uri)
    except ValueError as error:
        return result_of(waiting, StepOutcome.FAILED, f"transfer: {request.target!r} is nobody: {error}")
    denial = turn.switchboard.denial(turn, _number_in(request.target), "")
    if denial is not None:
        return _result(turn, call, waiting, TransferReason.REFUSED, 403, denial.why)
    headers = [
        ("Refer-To", f"<{target}>"),
        ("Referred-By", f"<{dialog.local_uri}>"),
        ("User-Agent", identity.server),
    ]
    dialog, refer = next_request(
        dialog,
        "REFER",
        branch=f"{BRANCH}{call.id}-{step}",
        via_host=identity.sip.host,
        via_port=identity.sip.port,
        contact=f"sip:{identity.sip}",
        transport=transport_to(peer),
        headers=headers,
    )
    call.dialog = dialog
    text = refer.encode().decode("latin-1")
    asked = TransferAsked(call.id, turn.now_s, step, request.target, text, dialog.local_cseq, deadline_s)
    turn.record(call, asked)
    turn.set_timer(call, Timer.STEP, deadline_s)
    turn.request(call, refer, peer)
    return None


def _send(turn: Turn, call: CallState, asked: TransferAsked) -> None:
    turn.request(call, as_sent(turn, call, asked.refer), bye_peer(call))


def _on_timer(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    request = waiting.request
    assert isinstance(request, Transfer)
    if not _waits(call, waiting):
        return _ask(turn, call, waiting, request)
    return _result(turn, call, waiting, TransferReason.TIMED_OUT, call.transfer.status if call.transfer else 0)


def _result_if_known(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    transfer = call.transfer
    if transfer is None or not transfer.is_final:
        return None
    status = transfer.status
    if transfer.by == BY_REFER and not status:
        return _result(turn, call, waiting, TransferReason.TIMED_OUT, 0)
    if transfer.by == BY_REFER or status >= 300:
        return _result(turn, call, waiting, reason_of(status), status)
    if status < 200:  # no more is to be heard, and the last word was that it is under way
        return _result(turn, call, waiting, TransferReason.FAILED, status)
    call.leave_why = call.leave_why or LEAVE_WHY
    return _result(turn, call, waiting, None, status)


def _number_in(target: str) -> str:
    return user_of(target) if ":" in target else target


def _result(
    turn: Turn, call: CallState, waiting: Waiting, reason: TransferReason | None, status: int, why: str = ""
) -> Result:
    request = waiting.request
    assert isinstance(request, Transfer)
    if reason is not None:
        turn.emit(Report("transfer_failed", call.id, f"to {request.target}: {reason}, {why or f'status {status}'}"))
    value = json.dumps({"target": request.target, "status": status})
    name = TRANSFERRED if reason is None else str(reason)
    return Result(StepResult(request.verb, fingerprint(request), StepOutcome.DONE, value, name))


TRANSFER = Behaviour(begin=_begin, on_timer=_on_timer)
