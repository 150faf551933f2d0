"""NOTIFY within a call: what is heard of a transfer that its flow asked for.

A NOTIFY is answered 200 as long as its call has ever asked for a transfer; its repetition changes nothing. A REFER from
a peer is refused in `sip.uas`. Source: RFC 3515 §2.4, RFC 6665 §4.1.3.
"""

from keepline.call import established
from keepline.call.state import CallState, Phase
from keepline.call.steps.transfer import go_on, note, on_refer_over
from keepline.call.turn import Turn
from keepline.model.errors import PeerError
from keepline.sip.message import Request
from keepline.sip.refer import SIPFRAG, is_of_refer, refer_news
from keepline.sip.uas import Refusal


def notify_refusal(call: CallState | None, notify: Request) -> Refusal | None:
    """Why a NOTIFY is refused: it is of nothing that we asked for (481, 489), or cannot be read (400, 415)."""
    if not is_of_refer(notify):
        return Refusal(489, "no events but refer", (("Allow-Events", "refer"),))
    if call is None or call.transfer is None:
        return Refusal(481, "nothing was asked that this could be about")
    try:
        refer_news(notify)
    except PeerError as error:
        return Refusal(error.status, str(error), (("Accept", SIPFRAG),) if error.status == 415 else ())
    return None


def on_notify(turn: Turn, call: CallState, notify: Request) -> None:
    """What a NOTIFY says of the transfer that the flow waits for goes on record; the caller of this answers it."""
    if call.waiting is not None and call.phase in (Phase.ANSWERED, Phase.ESTABLISHED):
        note(turn, call, call.waiting, refer_news(notify))


def after_notify(turn: Turn, call: CallState) -> None:
    """What follows from it: perhaps a BYE, so that it comes after the answer."""
    if call.phase in (Phase.ANSWERED, Phase.ESTABLISHED):
        established.on_news(turn, call, go_on)


def on_answer(turn: Turn, call: CallState, status: int) -> None:
    """Our REFER was answered; 0 where nobody answers it."""
    if call.phase in (Phase.ANSWERED, Phase.ESTABLISHED):
        established.on_news(turn, call, lambda t, c, waiting: on_refer_over(t, c, waiting, status))
