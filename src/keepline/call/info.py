"""Keys by INFO: the call's source of keys where telephone-event was not agreed on, and never beside it.

The first one ends the search for tones in the audio; of a phone that sends both, the key that was heard already is not
counted again.

A key is written before its INFO is answered, and known again by the number of its INFO: neither a copy nor a crash
counts it twice. One that nobody may see is not written: media has it before its INFO is answered, and counts it once.
Media does not see the others, so the prompt that they interrupt is stopped from here.
"""

from keepline.call import established
from keepline.call.effects import IgnoreTones, PassSecretKey, StopPrompt
from keepline.call.facts import DigitSignalled
from keepline.call.state import CallState, Phase
from keepline.call.steps.common import play_number_of
from keepline.call.steps.record_message import interrupts
from keepline.call.steps.secret import is_private
from keepline.call.turn import Turn
from keepline.flow.questions import Question
from keepline.sip.info import info_key
from keepline.sip.message import Request


def on_info(turn: Turn, call: CallState, info: Request) -> None:
    """Count the key of an INFO, where it is one and is to be counted. PeerError 415 or 400 for a body that is none."""
    key, agreement = info_key(info), call.agreement
    if not key or call.phase not in (Phase.ANSWERED, Phase.ESTABLISHED):
        return
    if agreement.terms is None or agreement.terms.dtmf_payload_type >= 0 or info.cseq.number <= agreement.info_cseq:
        return
    is_first, is_heard = not agreement.info_cseq, agreement.is_heard(turn.now_s, key)
    if is_private(call) and not is_heard:  # one that was heard as a tone before is of the question before
        _pass_on(turn, call, info.cseq.number, key)
        return
    waiting = call.waiting
    is_asking = waiting is not None and (isinstance(waiting.request, Question) or interrupts(call, waiting))
    turn.record(call, DigitSignalled(call.id, turn.now_s, info.cseq.number, "" if is_heard else key))
    if is_first:
        turn.emit(IgnoreTones(call.id, call.received.slot))
    if is_heard:
        return
    if waiting is not None and is_asking and call.prompt_over_at_s is None:
        _stop(turn, call, play_number_of(call, waiting))
    established.on_keys(turn, call)


def _pass_on(turn: Turn, call: CallState, cseq: int, key: str) -> None:
    """To media, which counts it once by its CSeq; on record is what media says of it. Its INFO is answered after it."""
    if cseq > call.secrets.passed_cseq:
        if not call.agreement.info_cseq and not call.secrets.passed_cseq:
            turn.emit(IgnoreTones(call.id, call.received.slot))
        call.secrets.passed_cseq = cseq
        turn.emit(PassSecretKey(call.id, call.received.slot, cseq, key))


def restore(turn: Turn, call: CallState) -> None:
    """After a switch-over: a prompt that a key had interrupted is stopped, should it still play."""
    waiting = call.waiting
    if not call.agreement.info_cseq or waiting is None:
        return
    is_over = isinstance(waiting.request, Question) and call.prompt_over_at_s is not None
    _stop(turn, call, play_number_of(call, waiting) - (0 if is_over else 1))


def _stop(turn: Turn, call: CallState, number: int) -> None:
    turn.emit(StopPrompt(call.id, call.received.slot, number))
