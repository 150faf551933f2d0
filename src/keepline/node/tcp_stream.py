"""One TCP connection of SIP: what it brings is looked at and taken away later, what it is given is sent whole.

Incoming bytes stay in the kernel until they are consumed, so whoever holds the connection next reads them again. While
a message is being sent the connection is corked, which is a mark in the kernel: one found corked was left in the midst
of a message and is of no more use. It decides nothing. Source: RFC 3261 §18; tcp(7).
"""

import contextlib
import select
import socket
from collections import deque

from keepline.model.limits import SIP_MESSAGE_BYTES_MAX
from keepline.sip.peers import TcpPeer

PEEK_BYTES = 2 * SIP_MESSAGE_BYTES_MAX


def prepare(sock: socket.socket) -> None:
    """Never wait, send at once, and notice a peer that is no more."""
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 20)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)


class TcpStream:
    """A connection, and what waits to be sent over it."""

    __slots__ = (
        "_low_water",
        "_outbox",
        "_sent",
        "active_s",
        "began_s",
        "is_closing",
        "is_connecting",
        "is_held",
        "is_known",
        "peer",
        "sock",
        "unfinished_s",
        "unsent_bytes",
    )

    def __init__(self, sock: socket.socket, peer: TcpPeer, now_s: float, *, is_known: bool) -> None:
        """`is_known`: the peer is one of a trunk's, or a user."""
        self.sock = sock
        self.peer = peer
        self.is_known = is_known
        self.began_s = self.active_s = now_s
        self.unfinished_s: float | None = None
        """When the message began whose end has not come yet."""
        self.is_connecting = self.is_closing = self.is_held = False
        self.unsent_bytes = 0
        self._outbox: deque[bytes] = deque()
        self._sent = 0
        self._low_water = 1

    # Reading --------------------------------------------------------------------------------------------------------

    def peek(self) -> bytes:
        """What has come and was not consumed; empty at the end of the stream. Raises `OSError`."""
        return self.sock.recv(PEEK_BYTES, socket.MSG_PEEK)

    def consume(self, size: int) -> None:
        """Take that many bytes, which were peeked, away. Raises `OSError`."""
        while size > 0:
            taken = len(self.sock.recv(size))
            if not taken:
                return
            size -= taken

    def await_more(self, size: int) -> None:
        """Be readable again once so many bytes are there, or none will come any more."""
        if size != self._low_water:
            self._low_water = size
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)

    def is_short(self, size: int) -> bool:
        """Whether it is readable with less than what is waited for."""
        return size < self._low_water

    def is_at_its_end(self) -> bool:
        """Whether the peer sends nothing any more."""
        look = select.poll()
        look.register(self.sock.fileno(), select.POLLRDHUP)
        return bool(look.poll(0))

    # Writing --------------------------------------------------------------------------------------------------------

    def send(self, data: bytes) -> bool:
        """Send a message behind those that wait. False where some of it has to wait too. Raises `OSError`."""
        self._outbox.append(data)
        self.unsent_bytes += len(data)
        return False if self.is_connecting or len(self._outbox) > 1 else self.send_rest()

    def send_rest(self) -> bool:
        """Send what waits. False where there is still no room for all of it. Raises `OSError`."""
        self._cork(True)
        while self._outbox:
            first = self._outbox[0]
            try:
                self._sent += self.sock.send(memoryview(first)[self._sent :] if self._sent else first)
            except (BlockingIOError, InterruptedError):
                return False
            if self._sent < len(first):
                return False
            self._outbox.popleft()
            self._sent = 0
            self.unsent_bytes -= len(first)
        self._cork(False)
        return True

    def unsent(self) -> list[bytes]:
        """The messages that were not sent whole."""
        return list(self._outbox)

    @property
    def was_cut_short(self) -> bool:
        """Whether its last holder died over a message."""
        return bool(self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CORK))

    def _cork(self, on: bool) -> None:
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, int(on))

    # The end --------------------------------------------------------------------------------------------------------

    def say_goodbye(self) -> None:
        """Send nothing more; what the peer still sends is thrown away, so that it can read our last words."""
        with contextlib.suppress(OSError):  # it is gone
            self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close it for everybody who holds it."""
        with contextlib.suppress(OSError):  # it is gone, or never was
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
