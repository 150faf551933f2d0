"""Who is let in: peers and users of trunks. Everybody else, and what nobody can read, is answered from here, or not.

What is answered here is answered statelessly (RFC 3261 §8.2.7): no transaction, no record, the same To tag for the same
request. It is counted, rate-limited by source, and said to the operator once a minute. A request within a known dialog
is let in from anywhere, since only its peer knows the tags: that is the exchange's to say.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from hashlib import blake2b

from keepline.call import effects as fx
from keepline.call.routing import TrunkIndex
from keepline.call.trunks.users import Proof, Users
from keepline.call.turn import Turn
from keepline.model import limits
from keepline.model.capability import SecretRef
from keepline.model.errors import PeerError
from keepline.model.frozen import frozen
from keepline.model.operation import Operation
from keepline.sip.digest import Header
from keepline.sip.first_look import STATELESS_TAG, NewCall
from keepline.sip.message import Request, make_response, peek_request, response_target, stamp_received
from keepline.sip.reasons import phrase_for
from keepline.sip.source_meter import PerSecond, SourceMeter
from keepline.sip.transaction import TransactionKey, server_key
from keepline.sip.uas import ALLOW, Refusal

Unread = fx.DatagramReceived | fx.MessageReceived | fx.StreamBroken
_CALLS = "calls"
"""The name under which calls that were shed are counted."""


@frozen
class Admission:
    """Whose a request is."""

    trunk: str
    """Empty for nobody's: a call that is refused on record."""
    refusal: Refusal | None = None


class Gate:
    """The door of one exchange."""

    __slots__ = (
        "_answers_strangers",
        "_broken",
        "_key",
        "_meters",
        "_recorded",
        "_shed",
        "_shed_keys",
        "_strangers",
        "_trunks",
        "_wrong",
        "shed_calls",
        "users",
    )

    def __init__(self, key: bytes, users: Users) -> None:
        """`key` is the same in every process of the node, so that a successor gives the same answers."""
        self._key = key[:64]
        self.users = users
        self._trunks = TrunkIndex(())
        self._answers_strangers = True
        self._strangers = SourceMeter(limits.STRANGER_ANSWERS_PER_S_MAX, limits.STRANGERS_ANSWERED_PER_S_MAX)
        self._broken = SourceMeter(limits.BROKEN_ANSWERS_PER_S_MAX, limits.BROKEN_ANSWERED_PER_S_MAX)
        self._wrong = SourceMeter(limits.WRONG_PASSWORDS_PER_S_MAX, limits.WRONG_PASSWORDS_ANSWERED_PER_S_MAX)
        self._recorded = PerSecond(limits.REFUSALS_RECORDED_PER_S_MAX)
        self._shed = SourceMeter(1, 1)
        self._shed_keys: OrderedDict[TransactionKey, float] = OrderedDict()
        """Of calls shed lately, the oldest first, and until when they are known."""
        self._meters = (
            ("stranger", self._strangers),
            ("bad_message", self._broken),
            ("calls_shed", self._shed),
            ("wrong_password", self._wrong),
        )
        self.shed_calls = 0
        """Calls refused without a record since this process began."""

    def use(self, operation: Operation, passwords: Mapping[SecretRef, str]) -> None:
        """Let in whom this operation's trunks name."""
        self._trunks = TrunkIndex(operation.trunks)
        self.users.use(operation, passwords)
        self._answers_strangers = operation.sip.strangers == "refuse"

    @property
    def answers_strangers(self) -> bool:
        """Whether who is no trunk's peer by its address is heard at all: with 403, or since it may be a user."""
        return self._answers_strangers or len(self.users) > 0

    def knows(self, now_s: float, host: str) -> bool:
        """Whether this address is a trunk's peer, or has lately proved to be a user's."""
        return bool(self.carrier(host)) or self.users.knows(now_s, host)

    def carrier(self, host: str) -> str:
        """Name of the trunk whose peer this address is; empty for a stranger."""
        return self._trunks.carrier(host)

    def is_stranger(self, turn: Turn, host: str) -> bool:
        """Whether this address is no trunk's peer and has not proved to be a user's either."""
        return not self.knows(turn.now_s, host)

    def silences(self, turn: Turn, host: str) -> bool:
        """Whether this stranger has had its say for this second: what it sent is not even read."""
        if self.users.knows(turn.now_s, host):
            return False
        silenced = self._strangers.silences(turn.now_s, host)
        if silenced:
            self.report(turn)
        return silenced

    def admit(self, turn: Turn, request: Request, source: fx.Address) -> Admission | None:
        """Whose a request is that belongs to no call: its trunk, or why it is refused on record; None: dealt with.

        By the address, else by a user's credentials. Credentials that are wrong are counted by address, and go unread
        once there were too many; a nonce belongs to an address, so nobody can be shut out from another one.
        """
        host = source[0]
        trunk = self.carrier(host)
        if trunk:
            return Admission(trunk)
        if not len(self.users) or request.method in ("ACK", "CANCEL"):  # these two cannot be asked (RFC 3261 §22.1)
            refusal = Refusal(403, f"{host} is not a peer of any trunk")
            return Admission("", refusal) if self.admits_stranger(turn, request, source) else None
        return self._admit_user(turn, request, source)

    def confirm(self, turn: Turn, request: Request, source: fx.Address, trunk: str) -> bool:
        """Whether a request in a call of the trunk's user proves to be that trunk's; it is dealt with where not."""
        admission = self._admit_user(turn, request, source)
        if admission is None:
            return False
        if admission.trunk != trunk:
            self.answer(turn, request, 403, source)
        return admission.trunk == trunk

    def _admit_user(self, turn: Turn, request: Request, source: fx.Address) -> Admission | None:
        now_s, host = turn.now_s, source[0]
        if self._wrong.silences(now_s, host):
            self.report(turn)
            return None
        claim = self.users.claim(now_s, request, host)
        if claim.proof is Proof.GIVEN:
            return Admission(claim.trunk)
        if claim.proof is Proof.WRONG:
            may_answer = self._wrong.answers(now_s, host, claim.why)
            self.report(turn)
            if not may_answer or not self._answers_strangers:
                return None
            if request.method == "INVITE" and not request.to.tag:
                return Admission("", Refusal(403, claim.why))
            self.answer(turn, request, 403, source)
            return None
        note = f"{request.method} {request.uri}"[:100]
        if claim.proof is Proof.STALE or self.users.knows(now_s, host) or self._strangers.answers(now_s, host, note):
            is_stale = claim.proof is Proof.STALE
            self.answer(turn, request, 401, source, headers=self.users.challenge(now_s, host, stale=is_stale))
        self.report(turn)
        return None

    def admits_stranger(self, turn: Turn, request: Request, source: fx.Address) -> bool:
        """Count a stranger's request. True for a call that is to be refused on record, else it is dealt with."""
        may_answer = self._strangers.answers(turn.now_s, source[0], f"{request.method} {request.uri}"[:100])
        self.report(turn)
        if not may_answer or not self._answers_strangers or request.method == "ACK":
            return False
        if request.method == "INVITE" and not request.to.tag:
            return True
        self.answer(turn, request, 403, source)
        return False

    def refuse_malformed(self, turn: Turn, error: PeerError, given: Unread) -> None:
        """Answer what could not be read, where enough of it could be (RFC 3261 §16.3 has the idea)."""
        source = given.source
        if self.carrier(source[0]):
            status = error.status if self._broken.answers(turn.now_s, source[0], str(error)) else 0
        else:
            may_answer = self._strangers.answers(turn.now_s, source[0], str(error))
            status = 403 if may_answer and self._answers_strangers else 0
        self.report(turn)
        request = peek_request(given.data) if status else None
        if request is not None:
            self.answer(turn, request, status, source, str(error))

    def refuse_broken(self, turn: Turn, request: Request, error: PeerError, source: fx.Address) -> bool:
        """Count a request that a closer look shows to be wrong; whether it may be answered."""
        may_answer = self._broken.answers(turn.now_s, source[0], f"{request.method}: {error}")
        self.report(turn)
        return may_answer

    def sheds(self, turn: Turn, invite: Request, source: fx.Address) -> bool:
        """Whether a call that is to be answered 503 gets no record; it has its answer then."""
        if self._recorded.take(turn.now_s):
            return False
        self.shed(turn, invite, source)
        return True

    def shed(self, turn: Turn, invite: Request, source: fx.Address) -> None:
        """Answer a call 503 with neither a transaction nor a record; it is counted."""
        self._note_shed(turn, server_key(invite))
        self.answer(turn, invite, 503, source)

    def shed_unread(self, turn: Turn, new: NewCall, source: fx.Address) -> None:
        """The same, of a call of which no more was read than that takes."""
        self._note_shed(turn, new.key)
        data, peer = new.refusal(503, self._tag(new.from_, new.call_id, new.cseq), source)
        turn.send_at_once(data, peer)

    def has_shed(self, now_s: float, key: TransactionKey) -> bool:
        """Whether this INVITE was shed a moment ago: a copy of it that was under way then has the same answer."""
        return self._shed_keys.get(key, now_s) > now_s

    def _note_shed(self, turn: Turn, key: TransactionKey) -> None:
        now_s, shed = turn.now_s, self._shed_keys
        if self.has_shed(now_s, key):
            return
        shed.pop(key, None)
        shed[key] = now_s + limits.SHED_REMEMBERED_S
        while len(shed) > limits.SHED_REMEMBERED_MAX or next(iter(shed.values())) <= now_s:
            shed.popitem(last=False)
        self.shed_calls += 1
        self._shed.answers(now_s, _CALLS)
        self.report(turn)

    def answer(
        self,
        turn: Turn,
        request: Request,
        status: int,
        source: fx.Address,
        why: str = "",
        headers: Iterable[Header] = (),
    ) -> None:
        """Answer without a transaction."""
        try:
            stamp_received(request, source[0], source[1])
            headers = [*headers, *([("Allow", ALLOW)] if status in (405, 501) else ())]
            tag = self._tag(*(request.headers.get(name) or "" for name in ("From", "Call-ID", "CSeq")))
            response = make_response(request, status, phrase_for(status, why), to_tag=tag, headers=headers)
            turn.send_at_once(response.encode(), response_target(request, source))
        except PeerError:
            return

    def _tag(self, *identity: str) -> str:
        """The To tag of every answer to one request, by what is the same in all its copies."""
        digest = blake2b("\n".join(identity).encode(), key=self._key, digest_size=8, person=b"gate")
        return STATELESS_TAG + digest.hexdigest()

    def report(self, turn: Turn) -> None:
        """Say to the operator what is due; cheap when nothing is."""
        now_s = turn.now_s
        for event, meter in self._meters:
            for line in meter.reports(now_s):
                note = "".join(filter(str.isprintable, f"; the latest: {line.note}")) if line.note else ""
                turn.emit(fx.Report(event, "", f"{line.source}: {line.count} since the last line{note}"))
