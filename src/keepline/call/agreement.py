"""The session of one call, as far as its facts say: what was agreed, and which of our answers awaits its ACK.

A fold, like the call's state. One exchange of offer and answer at a time: a 200 of ours that is not acknowledged stands
in the way of the next (RFC 3264 §4).
"""

from dataclasses import replace
from ipaddress import ip_address

from keepline.call.facts import (
    CallAcknowledged,
    CallAnswered,
    DigitSignalled,
    DigitsPressed,
    RefreshFact,
    ReinviteAcknowledged,
    ReinviteAnswered,
    ReinviteEnded,
    ReinviteSent,
    RequestProven,
)
from keepline.call.outbound.state import Placing
from keepline.call.terms import Terms
from keepline.sip.sdp import Answer

VERSION_FIRST = 1
"""Of our session description in the answer to the call's INVITE."""
SAME_KEY_S = 3.0
"""A key heard in the audio and the same key by the call's first INFOs are one, within this time."""
TONED_MAX = 8
"""Such keys that are remembered."""


class Agreement:
    """Only the call's `apply` changes it."""

    __slots__ = (
        "asked",
        "awaits_answer",
        "confirmed",
        "cseq_sent",
        "described",
        "expires_at_s",
        "expires_s",
        "info_cseq",
        "interval_s",
        "number",
        "offered",
        "refresh_at_s",
        "reinvite",
        "terms",
        "toned",
        "unacknowledged",
        "version",
    )

    def __init__(self) -> None:
        self.terms: Terms | None = None
        """None before the two sides have agreed."""
        self.number = 0
        """How often the terms have changed."""
        self.version = VERSION_FIRST
        self.described = ""
        """The message with our description, as sent last."""
        self.reinvite: ReinviteAnswered | None = None
        """The last one that was accepted."""
        self.unacknowledged: ReinviteAnswered | None = None
        """It, while its ACK is awaited."""
        self.awaits_answer = False
        """The offer was ours, and its answer comes with an ACK."""
        self.expires_s = 0
        self.expires_at_s: float | None = None
        """When the session is over unless it is refreshed; None for never."""
        self.refresh_at_s: float | None = None
        """When we refresh it; None where the other side does, or nobody."""
        self.interval_s = 0
        """What to ask for then; 0 for what holds."""
        self.offered: ReinviteSent | None = None
        """Our INVITE within the call that is under way."""
        self.confirmed: ReinviteEnded | None = None
        """The last one that was accepted."""
        self.cseq_sent = 0
        """Of the last INVITE that we sent."""
        self.asked = 0
        """INVITEs and keys by INFO of the peer that are on record."""
        self.info_cseq = 0
        """Of the last INFO that counted."""
        self.toned: tuple[tuple[float, str], ...] = ()
        """Keys that were heard in the audio before there was an INFO, and when: one may yet come as an INFO too."""

    def begin(self, fact: CallAnswered) -> None:
        """The call is answered."""
        self.described = fact.response
        self.awaits_answer = not fact.remote_host
        if fact.remote_host:
            self.terms = _terms_in(fact)
        self._refresh(fact.at_s, fact.expires_s)

    def begin_placed(self, fact: CallAnswered, placing: Placing) -> None:
        """The callee answered our offer. Where its 2xx describes nothing, what came early stands (§13.2.1)."""
        self.described = placing.invite
        terms = placing.early if not fact.remote_host else _terms_in(fact)
        if terms is not None:
            self.settle(terms)
        self.cseq_sent = placing.cseq
        self._refresh(fact.at_s, fact.expires_s, fact.refreshes)

    def refresh(self, fact: RefreshFact) -> None:
        """An INVITE of ours within the call began or ended."""
        if isinstance(fact, ReinviteSent):
            self.offered, self.cseq_sent, self.refresh_at_s = fact, fact.cseq, None
            return
        self.offered = None
        if 200 <= fact.status < 300:
            self.interval_s, self.confirmed = 0, fact
            self._refresh(fact.at_s, fact.expires_s, fact.refreshes)
            if fact.terms is not None:
                self.settle(fact.terms)
        else:
            self.refresh_at_s = fact.again_at_s or None
            self.interval_s = fact.interval_s or self.interval_s

    def prove(self, fact: RequestProven) -> None:
        """That INVITE was challenged, and another goes out in its place."""
        if self.offered is not None:
            self.offered = replace(self.offered, invite=fact.request, cseq=fact.cseq)
            self.cseq_sent = fact.cseq

    def settle(self, terms: Terms) -> None:
        """What the session is from here on."""
        self.number += self.terms is not None and terms != self.terms
        self.terms = terms
        self.awaits_answer = False

    def apply(self, fact: CallAcknowledged | ReinviteAnswered | ReinviteAcknowledged) -> None:
        """The session goes on."""
        if isinstance(fact, ReinviteAnswered):
            self.asked += 1
            self.reinvite = self.unacknowledged = fact
            self.version = fact.version
            self.described = fact.response
            self.awaits_answer = fact.terms is None
            self._refresh(fact.at_s, fact.expires_s)
        elif isinstance(fact, ReinviteAcknowledged):
            self.unacknowledged = None
        if fact.terms is not None:
            self.settle(fact.terms)

    @property
    def description(self) -> bytes:
        """Ours, as sent last."""
        return self.described.partition("\r\n\r\n")[2].encode("latin-1")

    @property
    def has_tones(self) -> bool:
        """Whether tones in the audio are this call's keys: no telephone-event, and no INFO so far."""
        return self._lacks_events and not self.info_cseq

    @property
    def ignores_tones(self) -> bool:
        """Whether they no longer are, since its keys come by INFO."""
        return self._lacks_events and self.info_cseq > 0

    @property
    def _lacks_events(self) -> bool:
        return self.terms is not None and self.terms.dtmf_payload_type < 0

    def hear_tones(self, fact: DigitsPressed) -> None:
        """Keys came from media."""
        if self.has_tones:
            self.toned = (*self.toned, *((fact.at_s, key) for key in fact.digits))[-TONED_MAX:]

    def take_info(self, fact: DigitSignalled) -> None:
        """A key came by INFO; an empty one is one that had been heard."""
        self.asked += 1
        self.info_cseq = fact.cseq
        self.toned = self._lately(fact.at_s)[0 if fact.digit else 1 :]

    def is_heard(self, now_s: float, key: str) -> bool:
        """Whether the key of an INFO has counted already, as a tone; of several the oldest comes first."""
        return [each[1] for each in self._lately(now_s)[:1]] == [key]

    def _lately(self, now_s: float) -> tuple[tuple[float, str], ...]:
        return tuple(each for each in self.toned if each[0] >= now_s - SAME_KEY_S)

    def _refresh(self, at_s: float, expires_s: int, by_us: bool = False) -> None:
        self.expires_s = expires_s
        self.refresh_at_s = at_s + expires_s / 2 if expires_s and by_us else None
        # §10: a little before the end, so that the BYE is not too late.
        self.expires_at_s = at_s + expires_s - min(32.0, expires_s / 3) if expires_s else None


def terms_of(agreed: Answer, before: Terms | None = None) -> Terms:
    """What an answer agrees to. A hold that names no address (RFC 2543) leaves the stream's end where it was."""
    terms = Terms(
        agreed.codec,
        agreed.payload_type,
        -1 if agreed.dtmf_payload_type is None else agreed.dtmf_payload_type,
        agreed.remote_host,
        agreed.remote_port,
        agreed.frame_ms,
        agreed.rtcp_mux,
        agreed.direction,
    )
    if before is not None and ip_address(terms.remote_host).is_unspecified:
        return replace(terms, remote_host=before.remote_host, remote_port=before.remote_port)
    return terms


def _terms_in(fact: CallAnswered) -> Terms:
    return Terms(
        fact.codec,
        fact.payload_type,
        fact.dtmf_payload_type,
        fact.remote_host,
        fact.remote_port,
        fact.frame_ms,
        fact.rtcp_mux,
        fact.direction,
    )
