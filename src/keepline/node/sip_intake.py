"""What has come to the SIP ports and waits for its turn: what goes on within calls before what begins them.

A node that is offered more calls than it can take falls behind. Were all that comes taken in its order, each would wait
for seconds behind calls that their callers ask for again, and none would be served in time. So the ports are emptied at
once, what belongs to calls goes first, a copy of what waits is left out, and of new calls the latest are served once
the first has waited for `SIP_WAIT_FAIR_S`: those at least are in time. How long each has waited is told with it, and
the core refuses those that waited too long. A CANCEL takes its INVITE along. It refuses to decide about calls.
"""

import re
import socket
from collections import deque

import structlog

from keepline.call.inputs import DatagramReceived
from keepline.model.limits import (
    SIP_DATAGRAMS_PER_READ_MAX,
    SIP_DATAGRAMS_PER_TURN_MAX,
    SIP_WAIT_FAIR_S,
    SIP_WAIT_S_MAX,
    SIP_WAITING_MAX,
)

DATAGRAM_BYTES_MAX = 65_535
SERVED_ONE_OF = 5
_TO_TAG = re.compile(rb"\n(?:to|t)[ \t]*:[^\n]*;[ \t]*tag[ \t]*=", re.I)
_CALL_ID = re.compile(rb"\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*)", re.I)
log = structlog.get_logger("calls")


class Intake:
    """The two queues of one process."""

    __slots__ = ("_beginnings", "_rest")

    def __init__(self) -> None:
        self._beginnings: dict[bytes, tuple[float, DatagramReceived]] = {}
        """By Call-ID, the oldest first, with the time of arrival."""
        self._rest: deque[DatagramReceived] = deque()

    def __len__(self) -> int:
        return len(self._beginnings) + len(self._rest)

    def read(self, sip: socket.socket, now_s: float) -> None:
        """Take what has come; past `SIP_WAITING_MAX` it stays in the kernel."""
        for _ in range(min(SIP_DATAGRAMS_PER_READ_MAX, SIP_WAITING_MAX - len(self))):
            try:
                data, source = sip.recvfrom(DATAGRAM_BYTES_MAX)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:  # an ICMP error of an earlier send
                log.debug("sip_receive_failed", error=str(error))
                continue
            self._add(DatagramReceived(data, (source[0], source[1])), now_s)

    def _add(self, given: DatagramReceived, now_s: float) -> None:
        beginnings = self._beginnings
        if begins_call(given.data):
            waiting = beginnings.setdefault(_call_id(given.data), (now_s, given))[1]
            if waiting is not given and waiting != given:
                self._rest.append(given)
            return
        if beginnings and given.data.startswith(b"CANCEL "):
            _, invite = beginnings.pop(_call_id(given.data), (0.0, None))
            if invite is not None:
                self._rest.append(invite)
        self._rest.append(given)

    def take(self, now_s: float, count: int = SIP_DATAGRAMS_PER_TURN_MAX) -> list[DatagramReceived]:
        """At most that many, whose turn it is; a quarter is kept for new calls."""
        rest, beginnings = self._rest, self._beginnings
        taken = [rest.popleft() for _ in range(min(count - min(count // 4, len(beginnings)), len(rest)))]
        if not beginnings:
            return taken
        is_behind = now_s - next(iter(beginnings.values()))[0] > SIP_WAIT_FAIR_S
        for turn in range(min(count - len(taken), len(beginnings))):
            oldest = next(iter(beginnings))
            waited_s = now_s - beginnings[oldest][0]
            # To refuse what is late costs a fraction of a call, and must not take the place of all of them.
            is_latest = is_behind and (turn % SERVED_ONE_OF == 0 or waited_s <= SIP_WAIT_S_MAX)
            came_s, given = beginnings.popitem()[1] if is_latest else beginnings.pop(oldest)
            taken.append(DatagramReceived(given.data, given.source, now_s - came_s))
        return taken


def begins_call(data: bytes) -> bool:
    """Whether a datagram begins a call."""
    return data.startswith(b"INVITE ") and _TO_TAG.search(data.partition(b"\r\n\r\n")[0]) is None


def _call_id(data: bytes) -> bytes:
    found = _CALL_ID.search(data)
    return found[1].strip() if found else data
