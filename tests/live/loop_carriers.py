"""Two carriers that bring each other's calls back to whoever placed them: what goes out by one comes in by the other.

Every message is handed on with another Call-ID, a Via and a Contact of its own, so that to the node they are two calls;
audio goes from one of its streams to the other. It is written by itself, and imports nothing of what it tests.
"""

import re
import selectors
import socket
import threading

SUFFIX = "-loop"


class LoopCarriers:
    """Use it as a context manager: two sockets, and a thread that hands on."""

    def __init__(self, one: tuple[str, int], other: tuple[str, int]) -> None:
        self.is_mute = False
        """Audio is sent to nowhere."""
        self.refuses = 0
        """The status of every new call, if any."""
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for sock, at in zip(self._sockets, (one, other), strict=True):
            sock.bind(at)
        self._node: tuple[str, int] | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "LoopCarriers":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)
        for sock in self._sockets:
            sock.close()

    def _run(self) -> None:
        with selectors.DefaultSelector() as waiting:
            for sock in self._sockets:
                waiting.register(sock, selectors.EVENT_READ)
            while not self._over.is_set():
                for key, _ in waiting.select(0.1):
                    sock = self._sockets[0] if key.fileobj is self._sockets[0] else self._sockets[1]
                    data, self._node = sock.recvfrom(65535)
                    self._hand_on(data.decode(), sock)

    def _hand_on(self, text: str, came: socket.socket) -> None:
        leaves = self._sockets[1] if came is self._sockets[0] else self._sockets[0]
        assert self._node is not None
        if text.startswith("OPTIONS ") or (text.startswith("INVITE ") and self.refuses):
            came.sendto(_answer(text, self.refuses if text.startswith("INVITE ") else 200), self._node)
        elif not (text.startswith("ACK ") and self.refuses):
            leaves.sendto(self._changed(text, leaves.getsockname()).encode(), self._node)

    def _changed(self, text: str, leaves_by: tuple[str, int]) -> str:
        host, port = leaves_by
        head, _, body = text.partition("\r\n\r\n")
        call_id = re.search(r"^Call-ID: (.*)$", head, re.M)
        assert call_id is not None
        known = call_id[1].strip()
        other = known.removesuffix(SUFFIX) if known.endswith(SUFFIX) else known + SUFFIX
        head = re.sub(r"^Call-ID: .*$", lambda _: f"Call-ID: {other}\r", head, count=1, flags=re.M)
        head = re.sub(r"^Contact: .*$", lambda _: f"Contact: <sip:loop@{host}:{port}>\r", head, count=1, flags=re.M)
        if head.startswith("SIP/2.0"):
            head = re.sub(r"^Via: .*\r\n", "", head, count=1, flags=re.M)
        else:
            branch = re.search(r"branch=([^;\s]+)", head)
            assert branch is not None
            via = f"Via: SIP/2.0/UDP {host}:{port};branch={branch[1]}-l\r\n"
            first, _, rest = head.partition("\r\n")
            head = f"{first}\r\n{via}{rest}"
        if self.is_mute:
            body = re.sub(r"^m=audio \d+ ", "m=audio 9 ", body, flags=re.M)
        head = re.sub(r"^Content-Length: .*$", lambda _: f"Content-Length: {len(body)}\r", head, count=1, flags=re.M)
        return f"{head}\r\n\r\n{body}".replace("\r\r\n", "\r\n")


def _answer(request: str, status: int) -> bytes:
    """A response to a request, its To tagged."""
    kept = [line for line in request.split("\r\n") if line.startswith(("Via:", "From:", "To:", "Call-ID:", "CSeq:"))]
    lines = [f"{line};tag=loop" if line.startswith("To:") and ";tag=" not in line else line for line in kept]
    return "\r\n".join([f"SIP/2.0 {status} So", *lines, "Content-Length: 0", "", ""]).encode()
