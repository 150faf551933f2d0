"""How long the first caller waits: from `keepline up` to the 200 of an INVITE that is sent until it is answered."""

import re
import socket
import threading
import time
import uuid
from dataclasses import dataclass

from bench.machine import cost
from keepline.demo_node import LocalNode

SEND_EVERY_S = 0.02
GIVE_UP_S = 60.0
_STATUS = re.compile(rb"SIP/2\.0 (\d{3})")
_TO = re.compile(rb"^(?:To|t)\s*:\s*(.+?)\r$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Start:
    """One start of a node."""

    ready_s: float
    """From `up` to its ready line."""
    answered_s: float
    """From `up` to the 200 of the first call."""
    cpu_s: float
    """What all processes of the node had used when it was ready."""


class FirstCall(threading.Thread):
    """Sends one INVITE again and again until somebody is there to answer it; then hangs up."""

    def __init__(self, address: str, number: str) -> None:
        super().__init__(name="first-call", daemon=True)
        host, _, port = address.rpartition(":")
        self.answered_at_s = 0.0
        """Monotonic; 0 where nobody answered."""
        self.status = 0
        self._target, self._number, self._node = (host, int(port)), number, address
        self._identity = uuid.uuid4().hex

    def run(self) -> None:
        deadline_s = time.monotonic() + GIVE_UP_S
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.bind(("127.0.0.1", 0))
            line.settimeout(SEND_EVERY_S)
            here = f"127.0.0.1:{line.getsockname()[1]}"
            invite = self._message("INVITE", here, "")
            while time.monotonic() < deadline_s and self.status < 200:
                line.sendto(invite, self._target)
                self._listen(line, here)

    def _listen(self, line: socket.socket, here: str) -> None:
        try:
            answer = line.recv(65_536)
        except OSError:  # not yet: nobody has the port, or nobody reads it
            return
        found = _STATUS.match(answer)
        self.status = int(found[1]) if found else 0
        if self.status < 200:
            return
        self.answered_at_s = time.monotonic()
        to = _TO.search(answer)
        for method in ("ACK", "BYE"):
            line.sendto(self._message(method, here, to[1].decode() if to else ""), self._target)

    def _message(self, method: str, here: str, to: str) -> bytes:
        body = "" if method != "INVITE" else (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
        )  # fmt: skip
        branch = "first" if method == "INVITE" else method
        lines = [
            f"{method} sip:{self._number}@{self._node} SIP/2.0",
            f"Via: SIP/2.0/UDP {here};branch=z9hG4bK{branch}{self._identity};rport",
            "Max-Forwards: 70",
            f"From: <sip:first@{here}>;tag={self._identity}",
            f"To: {to or f'<sip:{self._number}@{self._node}>'}",
            f"Call-ID: {self._identity}",
            f"CSeq: {2 if method == 'BYE' else 1} {method}",
            f"Contact: <sip:first@{here}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def timed_up(node: LocalNode, number: str = "2000") -> Start:
    """Bring a node up with a caller at its door. Raises `NodeFailedError`."""
    caller = FirstCall(node.sip, number)
    caller.start()
    begun_s = time.monotonic()
    node.up()
    cpu_s = sum(cost(each.pid).cpu_s for each in node.processes())
    caller.join()
    return Start(round(node.ready_after_s, 3), round(caller.answered_at_s - begun_s, 3), round(cpu_s, 2))
