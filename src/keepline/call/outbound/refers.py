"""REFER of a callee who hands our caller on: what is taken, and what we owe to whoever asked (RFC 3515).

It is taken from a trunk that `accepts_refer`, of the leg that a caller talks with; everything else is refused. The 202
and every NOTIFY are the same from whichever process. It refuses to place calls: the step that waits for the leg does
(`steps_connect`). A subscription ends with its dialog: after a BYE nobody is told any more (a departure from §2.4.4).
"""

from keepline.call.dialogs import bye_peer, dialog_of
from keepline.call.effects import Address
from keepline.call.facts.refer import NotifySent, ReferTaken
from keepline.call.proving import as_sent
from keepline.call.state import CallState, Phase, request_of
from keepline.call.turn import Identity, Turn
from keepline.model.limits import REFER_NOTIFIES_MAX
from keepline.sip.dialog import next_request
from keepline.sip.message import Request, Response, make_response
from keepline.sip.peers import transport_to
from keepline.sip.refer import SIPFRAG, fragment

BRANCH = "z9hG4bK-notify-"
EXPIRES_S = 180
"""Of the subscription, as we tell it: longer than any leg rings."""


def accepts(turn: Turn, call: CallState) -> bool:
    """Whether the trunk of this call lets its peer hand callers on."""
    program = turn.program_of(call.received.operation)
    trunks = program.operation.trunks if program is not None else ()
    return any(trunk.name == call.carrier and trunk.accepts_refer for trunk in trunks)


def is_taken(call: CallState, refer: Request) -> bool:
    """Whether it is the one that was taken last, sent again."""
    return call.handing.referral is not None and call.handing.referral.taken.cseq == refer.cseq.number


def take(turn: Turn, leg: CallState, refer: Request, source: Address) -> None:
    """Put a REFER on record."""
    text = refer.encode().decode("latin-1")
    fact = ReferTaken(leg.id, turn.now_s, text, refer.cseq.number, source[0], source[1], transport_to(source))
    turn.record(leg, fact)


def accepted(refer: Request, identity: Identity) -> Response:
    """The 202 (§2.4.2)."""
    headers = [("Contact", f"<sip:{identity.sip}>"), ("Server", identity.server)]
    return make_response(refer, 202, headers=headers)


def notify(turn: Turn, leg: CallState, status: int) -> None:
    """Tell whoever asked how the call that they asked for is going; a final status is the last word (§2.4.4)."""
    referral, is_final = leg.handing.referral, status >= 200
    if referral is None or referral.is_over or leg.phase is not Phase.ESTABLISHED or leg.leave_why:
        return
    is_news = referral.notify is None or referral.notify.status != status
    if not is_final and not (is_news and referral.notified < REFER_NOTIFIES_MAX):
        return
    identity, peer = turn.identity, bye_peer(leg)
    event = "refer" if referral.count == 1 else f"refer;id={referral.taken.cseq}"
    state = "terminated;reason=noresource" if is_final else f"active;expires={EXPIRES_S}"
    leg.dialog, request = next_request(
        dialog_of(leg),
        "NOTIFY",
        branch=f"{BRANCH}{leg.id}-{referral.notified + 1}",
        via_host=identity.sip.host,
        via_port=identity.sip.port,
        transport=transport_to(peer),
        contact=f"sip:{identity.sip}",
        headers=[
            ("Event", event),
            ("Subscription-State", state),
            ("Content-Type", SIPFRAG),
            ("User-Agent", identity.server),
        ],
        body=fragment(status),
    )
    text = request.encode().decode("latin-1")
    turn.record(leg, NotifySent(leg.id, turn.now_s, text, request.cseq.number, status, is_final))
    turn.request(leg, request, peer)


def restore(turn: Turn, leg: CallState) -> Request | None:
    """After a switch-over: the last NOTIFY again; the REFER that was taken, so that its copies are answered."""
    referral = leg.handing.referral
    if referral is None or leg.phase not in (Phase.ESTABLISHED, Phase.LEAVING):
        return None
    if referral.notify is not None:
        turn.request(leg, as_sent(turn, leg, referral.notify.notify), bye_peer(leg))
    return request_of(referral.taken.refer)
