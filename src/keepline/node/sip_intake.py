"""What has come to the SIP ports and waits for its turn: what goes on within calls before what begins them.

A node that is offered more calls than it can take falls behind. Were all that comes taken in its order, each would wait
for seconds behind calls that their callers ask for again, and none would be served in time. So the ports are emptied at
once, what belongs to calls goes first, a copy of what waits is left out, and of new calls the latest are served once
the first has waited for `SIP_WAIT_FAIR_S`: those at least are in time. How long each has waited is told with it, and
the core refuses those that waited too long. A copy of one of these has waited as long: it is refused
once more, at once, and takes no other call's place. A CANCEL takes its INVITE along. It refuses to decide about calls.
"""

import re
import socket
from collections import OrderedDict, deque
from collections.abc import Sequence

from keepline.call.inputs import DatagramReceived, RequestBounced
from keepline.model.limits import (
    SHED_REMEMBERED_MAX,
    SHED_REMEMBERED_S,
    SIP_DATAGRAMS_PER_READ_MAX,
    SIP_DATAGRAMS_PER_TURN_MAX,
    SIP_REFUSALS_PER_TURN_MAX,
    SIP_TAKE_OVER_S,
    SIP_WAIT_FAIR_S,
    SIP_WAIT_S_MAX,
    SIP_WAITING_MAX,
)
from keepline.node import sip_bounces
from keepline.sip.first_look import acknowledges_stateless
from keepline.sip.peers import Address

DATAGRAM_BYTES_MAX = 65_535
_TO_TAG = re.compile(rb"\n(?:to|t)[ \t]*:[^\n]*;[ \t]*tag[ \t]*=", re.I)
_CALL_ID = re.compile(rb"\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*)", re.I)


Arrived = tuple[float, bytes, Address]
"""When, what, from whom."""


class Intake:
    """The two queues of one process."""

    __slots__ = ("_again", "_beginnings", "_bounced", "_late", "_patient_until_s", "_rest")

    def __init__(self) -> None:
        self._beginnings: OrderedDict[bytes, Arrived] = OrderedDict()
        """By Call-ID, the oldest first."""
        self._rest: deque[Arrived] = deque()
        self._late: OrderedDict[bytes, tuple[float, int]] = OrderedDict()
        """By Call-ID, what waited too long lately: when it came, and a hash of it."""
        self._again: deque[Arrived] = deque()
        """Copies of these; they count from when the first one came."""
        self._bounced: list[RequestBounced] = []
        self._patient_until_s = 0.0

    def __len__(self) -> int:
        return len(self._beginnings) + len(self._rest) + len(self._again) + len(self._bounced)

    def be_patient(self, now_s: float) -> None:
        """What waits has waited for a process that died, and not for a node that has too much to do.

        So for `SIP_TAKE_OVER_S` nothing is refused for its waiting, and what came first is served first.
        """
        self._patient_until_s = now_s + SIP_TAKE_OVER_S

    def read(self, sip: socket.socket, now_s: float) -> None:
        """Take what has come; past `SIP_WAITING_MAX` it stays in the kernel."""
        is_told = False
        for number in range(min(SIP_DATAGRAMS_PER_READ_MAX, SIP_WAITING_MAX - len(self))):
            try:
                data, source = sip.recvfrom(DATAGRAM_BYTES_MAX)
            except (BlockingIOError, InterruptedError):
                is_told = is_told or number == 0  # what woke us is in the other queue
                break
            except OSError:  # an ICMP error of an earlier send
                is_told = True
                continue
            self._add(data, source[:2], now_s)
        if is_told:
            self._bounced += sip_bounces.read(sip)

    def _add(self, data: bytes, source: Address, now_s: float) -> None:
        beginnings = self._beginnings
        if begins_call(data):
            call_id = _call_id(data)
            came_s, known = self._late.get(call_id, (now_s, 0))
            if now_s - came_s > SIP_WAIT_S_MAX and known == hash(data):
                self._again.append((came_s, data, source))
                return
            _, waiting, waiting_source = beginnings.setdefault(call_id, (now_s, data, source))
            if waiting is not data and (waiting, waiting_source) != (data, source):
                self._rest.append((now_s, data, source))
            return
        if acknowledges_stateless(data):
            return
        if beginnings and data.startswith(b"CANCEL "):
            invite = beginnings.pop(_call_id(data), None)
            if invite is not None:
                self._rest.append(invite)
        self._rest.append((now_s, data, source))

    def take(
        self, now_s: float, count: int = SIP_DATAGRAMS_PER_TURN_MAX
    ) -> Sequence[DatagramReceived | RequestBounced]:
        """What came to nobody; then at most that many, whose turn it is; a quarter is kept for new calls. And those
        that waited too long.
        """
        if not self._bounced:
            return self._turn(now_s, count)
        bounced, self._bounced = self._bounced, []
        return [*bounced, *self._turn(now_s, count)]

    def _turn(self, now_s: float, count: int) -> list[DatagramReceived]:
        rest, beginnings = self._rest, self._beginnings
        first = [rest.popleft() for _ in range(min(count - min(count // 4, len(beginnings)), len(rest)))]
        taken = [DatagramReceived(data, source) for _, data, source in first]
        room = count - len(taken)
        if now_s < self._patient_until_s:
            oldest = (beginnings.popitem(last=False)[1] for _ in range(min(room, len(beginnings))))
            return taken + [DatagramReceived(data, source) for _, data, source in oldest]
        is_behind = _waited_s(now_s, beginnings) > SIP_WAIT_FAIR_S
        # To refuse these costs a fraction of a call, so it takes no call's place; later their callers would ask again.
        for _ in range(SIP_REFUSALS_PER_TURN_MAX):
            if _waited_s(now_s, beginnings) <= SIP_WAIT_S_MAX:
                break
            call_id, (came_s, data, source) = beginnings.popitem(last=False)
            taken.append(DatagramReceived(data, source, now_s - came_s))
            self._note_late(call_id, came_s, data)
        for _ in range(min(SIP_REFUSALS_PER_TURN_MAX, len(self._again))):
            came_s, data, source = self._again.popleft()
            taken.append(DatagramReceived(data, source, now_s - came_s))
        for _ in range(min(room, len(beginnings))):
            came_s, data, source = beginnings.popitem(last=is_behind)[1]
            taken.append(DatagramReceived(data, source, now_s - came_s))
        return taken

    def _note_late(self, call_id: bytes, came_s: float, data: bytes) -> None:
        late = self._late
        late[call_id] = (came_s, hash(data))
        while len(late) > SHED_REMEMBERED_MAX or next(iter(late.values()))[0] + SHED_REMEMBERED_S < came_s:
            late.popitem(last=False)


def _waited_s(now_s: float, beginnings: OrderedDict[bytes, Arrived]) -> float:
    """How long the first of them has waited."""
    return now_s - next(iter(beginnings.values()))[0] if beginnings else 0.0


def begins_call(data: bytes) -> bool:
    """Whether a datagram begins a call."""
    if not data.startswith(b"INVITE "):
        return False
    end = data.find(b"\r\n\r\n")
    at = data.find(b"\nTo:", 0, end)
    if at > 0 and data.find(b"tag", at, data.find(b"\n", at + 1)) < 0:
        return True  # as nearly everybody writes it
    return _TO_TAG.search(data, 0, end if end > 0 else len(data)) is None


def _call_id(data: bytes) -> bytes:
    at = data.find(b"\nCall-ID:")
    if at > 0:
        return data[at + 9 : data.find(b"\n", at + 9)].strip()
    found = _CALL_ID.search(data)
    return found[1].strip() if found else data
