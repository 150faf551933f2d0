"""A caller that proves who it is, made of the standard library alone: digest by MD5 or SHA-256 (RFC 7616, RFC 8760).

SIPp knows MD5 and nothing newer, so what SHA-256 proves is proven here, and with none of the node's own code. Over UDP
it repeats what is not answered, for a network may lose it; it has no audio, and refuses to be a phone.
"""

import hashlib
import re
import socket
import time
from dataclasses import dataclass
from itertools import count

WITHIN_S = 60.0
T1_S, T2_S = 0.5, 4.0
"""RFC 3261 §17.1.1.1."""
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)
_PARAM = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')
_calls = count(1)


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a 401 asks with."""

    algorithm: str
    realm: str
    nonce: str
    is_stale: bool


def header(message: str, name: str) -> str:
    """A header's value; "" where there is none."""
    found = re.search(rf"^{name}[ \t]*:[ \t]*(.*?)\r$", message, re.I | re.M)
    return found[1] if found else ""


def status_of(message: str) -> int:
    """0 for a request."""
    return int(message.split(" ", 2)[1]) if message.startswith("SIP/2.0 ") else 0


def challenges_of(message: str) -> list[Challenge]:
    """In the order in which they are offered."""
    found = []
    for value in re.findall(r"^WWW-Authenticate:[ \t]*Digest (.*?)\r$", message, re.M):
        words = {name: quoted or bare for name, quoted, bare in _PARAM.findall(value)}
        found.append(Challenge(words["algorithm"], words["realm"], words["nonce"], words.get("stale") == "true"))
    return found


class DigestCaller:
    """A user, and one call of it to a node or to a relay before it; a context manager."""

    def __init__(self, target: str, number: str, contact: str = "", user: str = "alice", password: str = "") -> None:
        """`target` is host:port; `contact` is where the node reaches the caller, "" for its own address."""
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.here = "{}:{}".format(*self.sock.getsockname())
        self.contact = contact or self.here
        self.user, self.password = user, password
        self.uri = f"sip:{number}@{target}"
        host, _, port = target.rpartition(":")
        self.target = host, int(port)
        self.call_id = f"{next(_calls)}-{self.here}"
        self.cseq = 0
        self._acks: dict[str, bytes] = {}
        """By the CSeq of what they acknowledge; sent again for each copy of it."""
        self._hung_up = ""
        """The node's BYE, once it has come."""

    def __enter__(self) -> "DigestCaller":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def invite(self, proof: str = "") -> str:
        """An INVITE with the next CSeq; its final answer, acknowledged."""
        self.cseq += 1
        more = [f"Authorization: {proof}"] if proof else []
        message = self._request("INVITE", self.uri, *more, f"Contact: <sip:{self.user}@{self.contact}>", body=SDP)
        answer = self._ask(message, f"{self.cseq} INVITE")
        is_accepted = status_of(answer) < 300
        uri = header(answer, "Contact").strip("<>") if is_accepted else self.uri
        ack = self._request("ACK", uri, to=header(answer, "To"), branch="ack" if is_accepted else "INVITE")
        self._acks[header(answer, "CSeq")] = ack
        self.sock.sendto(ack, self.target)
        return answer

    def proof(self, challenge: Challenge, uses: int = 1, method: str = "INVITE") -> str:
        """The credentials for a challenge (RFC 7616 §3.4.1), for that use of its nonce."""
        hashed = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[challenge.algorithm]

        def digest(*parts: str) -> str:
            return hashed(":".join(parts).encode()).hexdigest()

        nc, cnonce = f"{uses:08x}", f"{self.cseq:016x}"
        secret = digest(self.user, challenge.realm, self.password)
        response = digest(secret, challenge.nonce, nc, cnonce, "auth", digest(method, self.uri))
        return (
            f'Digest username="{self.user}", realm="{challenge.realm}", nonce="{challenge.nonce}", uri="{self.uri}", '
            f'response="{response}", algorithm={challenge.algorithm}, cnonce="{cnonce}", qop=auth, nc={nc}'
        )

    def is_hung_up_on(self) -> None:
        """Wait for the node's BYE, which is answered as it comes."""
        deadline_s = time.monotonic() + WITHIN_S
        while not self._hung_up:
            assert time.monotonic() < deadline_s, "no BYE"
            self._hear(1.0)

    def _request(self, method: str, uri: str, *more: str, to: str = "", branch: str = "", body: str = "") -> bytes:
        via = f"SIP/2.0/UDP {self.here};rport;branch=z9hG4bK-{self.call_id}-{self.cseq}-{branch or method}"
        lines = [
            f"{method} {uri} SIP/2.0", f"Via: {via}", "Max-Forwards: 70",
            f"From: <sip:{self.user}@{self.here}>;tag=caller", f"To: {to or f'<{self.uri}>'}",
            f"Call-ID: {self.call_id}", f"CSeq: {self.cseq} {method}", *more,
            *(["Content-Type: application/sdp"] if body else []), f"Content-Length: {len(body)}",
        ]  # fmt: skip
        return "\r\n".join([*lines, "", body]).encode()

    def _ask(self, message: bytes, cseq: str) -> str:
        """Send until there is a final answer; a provisional one ends the repeating (§17.1.1.2)."""
        deadline_s, wait_s, repeats = time.monotonic() + WITHIN_S, T1_S, True
        while time.monotonic() < deadline_s:
            if repeats:
                self.sock.sendto(message, self.target)
            until_s = time.monotonic() + wait_s
            while (left_s := until_s - time.monotonic()) > 0:
                heard = self._hear(left_s)
                if header(heard, "CSeq") == cseq and (status := status_of(heard)):
                    if status >= 200:
                        return heard
                    repeats = False
            wait_s = min(2 * wait_s, T2_S)
        raise AssertionError(f"no final answer to {cseq}")

    def _hear(self, within_s: float) -> str:
        """The next message, "" for none; a copy of what was acknowledged is acknowledged, and a BYE answered."""
        self.sock.settimeout(within_s)
        try:
            heard = self.sock.recv(65_535).decode()
        except TimeoutError:
            return ""
        ack = self._acks.get(header(heard, "CSeq"))
        if ack is not None and status_of(heard) >= 200:
            self.sock.sendto(ack, self.target)
        if heard.startswith("BYE "):
            self._hung_up = heard
            copied = re.findall(r"^((?:Via|From|To|Call-ID|CSeq):.*?)\r$", heard, re.M)
            lines = ["SIP/2.0 200 OK", *copied, "Content-Length: 0", "", ""]
            self.sock.sendto("\r\n".join(lines).encode(), self.target)
        return heard
