"""Facts of a transfer that a callee asks for by REFER: on its own leg, and on the call whose caller is moved.

The two are folds of their own: `Referral` is what the leg owes to whoever asked (RFC 3515), `Moving` is whom the caller
talks with. See `facts`.
"""

from dataclasses import replace
from typing import ClassVar

from keepline.model.frozen import frozen


@frozen
class ReferTaken:
    """A REFER that we accepted; written with `LegReferred` of the parent and the first fact of the leg it asks for."""

    kind: ClassVar[str] = "refer_taken.1"
    call: str
    at_s: float
    refer: str
    """As it came; where it came from is added."""
    cseq: int
    peer_host: str
    peer_port: int
    transport: str = "udp"


@frozen
class NotifySent:
    """A NOTIFY about it, as sent: a successor repeats the last one."""

    kind: ClassVar[str] = "notify_sent.1"
    call: str
    at_s: float
    notify: str
    cseq: int
    status: int
    is_final: bool
    """The subscription is over."""


@frozen
class LegReferred:
    """The callee hands the caller on: another leg is placed, and until it is answered they stay connected."""

    kind: ClassVar[str] = "leg_referred.1"
    call: str
    at_s: float
    step: int
    number: int
    """Of the transfer in this call, from 1."""
    to_number: str
    by: str
    """Id of the leg whose REFER it was."""


@frozen
class ReferralEnded:
    """What became of the leg that a callee asked for."""

    kind: ClassVar[str] = "referral_ended.1"
    call: str
    at_s: float
    step: int
    number: int
    leg: str
    """The leg that the caller talks with from here on; empty where it came to nothing."""
    status: int
    """Of SIP: 200, or why it came to nothing; 0 where nobody gave one."""


ReferFact = ReferTaken | NotifySent | LegReferred | ReferralEnded
REFER_TYPES: tuple[type[ReferFact], ...] = (ReferTaken, NotifySent, LegReferred, ReferralEnded)


@frozen
class Referral:
    """Of a leg: the last REFER that was taken in it, and the last NOTIFY about it."""

    taken: ReferTaken
    count: int
    """REFERs taken in this dialog."""
    notify: NotifySent | None = None
    cseq_sent: int = 0
    """Of the last NOTIFY in this dialog."""
    notified: int = 0
    """NOTIFYs in this dialog."""

    @property
    def is_over(self) -> bool:
        """Whoever asked knows what came of it."""
        return self.notify is not None and self.notify.is_final


@frozen
class Moving:
    """Of a call whose caller was handed on: whom they talk with, and what is under way."""

    step: int
    number: int
    """Of the last transfer; they are counted over the whole call."""
    by: str
    to_number: str
    at_s: float
    is_pending: bool = True
    talker: int = 0
    """Number of the transfer that led to whom the caller talks with; 0 for whom the step itself called."""
    done: int = 0
    """Transfers of this step that came to an answer."""


@frozen
class Handing:
    """All that the facts of one call say of it: a fold."""

    referral: Referral | None = None
    moving: Moving | None = None

    def after(self, fact: ReferFact) -> "Handing":
        """The same after a fact."""
        if isinstance(fact, ReferTaken | NotifySent):
            return replace(self, referral=_owed(self.referral, fact))
        return replace(self, moving=_moved(self.moving, fact))

    def proven(self, notify: str, cseq: int) -> "Handing":
        """The same after the last NOTIFY was sent again with credentials: this one stands in its place."""
        referral = self.referral
        if referral is None or referral.notify is None:
            return self
        last = replace(referral.notify, notify=notify, cseq=cseq)
        return replace(self, referral=replace(referral, notify=last, cseq_sent=cseq))


def _owed(before: Referral | None, fact: ReferTaken | NotifySent) -> Referral | None:
    if isinstance(fact, ReferTaken):
        if before is None:
            return Referral(fact, 1)
        return Referral(fact, before.count + 1, None, before.cseq_sent, before.notified)
    return before and replace(before, notify=fact, cseq_sent=fact.cseq, notified=before.notified + 1)


def _moved(before: Moving | None, fact: LegReferred | ReferralEnded) -> Moving | None:
    if isinstance(fact, LegReferred):
        begun = Moving(fact.step, fact.number, fact.by, fact.to_number, fact.at_s)
        is_same = before is not None and before.step == fact.step
        return replace(begun, talker=before.talker, done=before.done) if before is not None and is_same else begun
    if before is None or before.number != fact.number:
        return before
    if not fact.leg:
        return replace(before, is_pending=False)
    return replace(before, is_pending=False, talker=fact.number, done=before.done + 1)
