"""Calls of a process that died: they sleep as facts until they are touched, and wake as if nothing had happened."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice

from keepline.call.carriers.asking import base_call_id
from keepline.call.facts import (
    ByeReceived,
    ByeSent,
    CallBegun,
    CallEnded,
    CallReceived,
    Fact,
    UseStarted,
)
from keepline.call.facts.journal import JOURNAL_TYPES
from keepline.call.facts.work import WORK_TYPES
from keepline.call.inputs import CallAdopted
from keepline.call.slot_pool import SlotPool
from keepline.call.state import CallState, request_of
from keepline.model.errors import LocalError
from keepline.model.limits import ENDED_CALLS_MAX
from keepline.sip.message import Request, Response, stamp_received

OF_NO_CONCERN = frozenset((*WORK_TYPES, *JOURNAL_TYPES))
"""Kinds of facts of which a call is none the wiser."""


class Sleepers:
    """Live calls that nobody has touched yet, by their facts. Some rest: they are not woken in their turn."""

    __slots__ = ("_facts", "_resting", "cut_off")

    def __init__(self) -> None:
        self.cut_off: dict[str, bool] = {}
        """Calls of which media knows nothing, and whether what was keyed in them may be lost."""
        self._facts: dict[str, tuple[Fact, ...]] = {}
        self._resting: set[str] = set()

    def __len__(self) -> int:
        return len(self._facts)

    def __contains__(self, call: str) -> bool:
        return call in self._facts

    def add(self, call: str, facts: tuple[Fact, ...], *, rests: bool = False) -> None:
        self._facts[call] = facts
        if rests:
            self._resting.add(call)

    def pop(self, call: str) -> tuple[Fact, ...] | None:
        self._resting.discard(call)
        return self._facts.pop(call, None)

    @property
    def wakeful(self) -> int:
        """How many of them have their turn still to come."""
        return len(self._facts) - len(self._resting)

    def first(self, count: int) -> list[str]:
        """Up to `count` of those that do not rest, in the order of their adoption."""
        return list(islice((call for call in self._facts if call not in self._resting), count))

    def end_rest(self) -> list[str]:
        """Nobody rests any more; who did so."""
        rested, self._resting = list(self._resting), set()
        return rested


def claimed(slots: SlotPool, given: CallAdopted) -> tuple[CallBegun, tuple[Fact, ...]]:
    """A call's beginning and its facts, its slot taken; without one where that cannot be had: it ends when it wakes.

    That is another node's port range, or another call's slot. Raises `LocalError` for facts that do not make a call.
    """
    received, *others = given.facts
    if not isinstance(received, CallBegun):
        raise LocalError(f"call {given.call}: its facts do not begin with its INVITE")
    is_leaving = any(isinstance(fact, ByeSent | ByeReceived) for fact in others)
    if received.slot < 0 or slots.claim(received.call, received.slot, is_leaving=is_leaving):
        return received, given.facts
    return received, (replace(received, slot=-1), *others)


def wake(facts: tuple[Fact, ...], *, leniently: bool = False, read: Callable[[str], Request] = request_of) -> CallState:
    """Fold a call's facts into its state; `leniently` leaves out those that cannot follow.

    `read` is how its INVITE is read, which is the state's own from then on.
    Raises `LocalError` for facts that do not make a call.
    """
    received = facts[0]
    if not isinstance(received, CallBegun):
        raise LocalError("a call's facts must begin with its INVITE")
    invite = read(received.invite)
    if isinstance(received, CallReceived):
        stamp_received(invite, received.peer_host, received.peer_port)
    call = CallState(received, invite)
    call.adopted = True
    for fact in facts[1:]:
        if type(fact) in OF_NO_CONCERN:
            continue
        try:
            call.apply(fact)
        except LocalError:
            if not leniently:
                raise
    return call


def has_changed(facts: Iterable[Fact]) -> bool:
    """Whether a call has asked for a change: what became of it must be synced before the caller hears of it."""
    return any(isinstance(fact, UseStarted) and fact.changes for fact in facts)


class LeftCalls:
    """Calls that ended lately: enough to answer a repeated request that a dead process had answered.

    Those that began in this process are in the transactions' memory; these are its predecessors', and those that we
    placed: who asks for one again is told that it was placed.
    """

    __slots__ = ("_by_dialog", "_by_invite", "_calls", "_linger_s")

    def __init__(self, linger_s: float) -> None:
        self._linger_s = linger_s
        self._by_dialog: dict[tuple[str, str], CallEnded] = {}
        self._by_invite: OrderedDict[tuple[str, str], CallEnded] = OrderedDict()
        self._calls: set[str] = set()

    def __len__(self) -> int:
        return len(self._by_invite)

    def remember(self, now_s: float, ended: CallEnded) -> bool:
        """Keep a call that ended less than 64*T1 ago; the oldest one gives way. False where it is too long ago."""
        if ended.at_s + self._linger_s < now_s:
            return False
        before = self._by_invite.pop((ended.sip_call_id, ended.remote_tag), None)
        if before is not None:
            self._forget(before)
        self._by_invite[ended.sip_call_id, ended.remote_tag] = ended
        self._by_dialog[ended.sip_call_id, ended.local_tag] = ended
        self._calls.add(ended.call)
        while self._by_invite:
            oldest = next(iter(self._by_invite.values()))
            if len(self._by_invite) <= ENDED_CALLS_MAX and oldest.at_s + self._linger_s >= now_s:
                break
            del self._by_invite[oldest.sip_call_id, oldest.remote_tag]
            self._forget(oldest)
        return True

    def __contains__(self, call: str) -> bool:
        """The call of this id ended lately."""
        return call in self._calls

    def _forget(self, ended: CallEnded) -> None:
        self._by_dialog.pop((ended.sip_call_id, ended.local_tag), None)
        self._calls.discard(ended.call)

    def had_invite(self, sip_call_id: str, from_tag: str) -> bool:
        """A call that ended lately may have begun with this INVITE."""
        return (sip_call_id, from_tag) in self._by_invite

    def had_bye(self, sip_call_id: str, local_tag: str, cseq: int) -> bool:
        """This very BYE ended the call."""
        ended = self._by_dialog.get((base_call_id(sip_call_id), local_tag))
        return ended is not None and ended.bye_cseq == cseq

    def had_dialog(self, sip_call_id: str, local_tag: str) -> bool:
        """A call that ended lately had this dialog."""
        return (base_call_id(sip_call_id), local_tag) in self._by_dialog

    def was_hung_up(self, response: Response) -> bool:
        """This answer, repeated, was that of a call that has had its BYE."""
        ended = self._by_dialog.get((base_call_id(response.call_id), response.from_.tag or ""))
        if ended is None or any(f"\r\nCall-ID: {response.call_id}\r\n" in each.invite for each in ended.unresolved):
            return False  # another carrier's, of which nobody has heard before
        return 200 <= ended.sip_status < 300 and ended.remote_tag == response.to.tag

    def ack_of(self, response: Response) -> bytes:
        """The ACK of this refusal of a call that we placed, as sent; empty where it is none."""
        ended = self._by_dialog.get((base_call_id(response.call_id), response.from_.tag or ""))
        is_it = (
            ended is not None
            and ended.response.startswith("ACK ")
            and f"\r\nCall-ID: {response.call_id}\r\n" in ended.response
        )
        return ended.response.encode("latin-1") if ended is not None and is_it else b""

    def final_of(self, now_s: float, request: Request) -> CallEnded | None:
        """The end of the call that this INVITE, repeated, began, or that this CANCEL would have ended."""
        ended = self._by_invite.get((request.call_id, request.from_.tag or ""))
        if ended is None or ended.at_s + self._linger_s < now_s or ended.invite_cseq != request.cseq.number:
            return None
        return ended
