"""One process's TCP connections with nothing around them: a core that remembers, a supervisor that holds."""

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from keepline.call import effects as fx
from keepline.node.streams import Streams
from keepline.sip.peers import TcpPeer

MESSAGE = b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: %d\r\nContent-Length: 4\r\n\r\nbody"


def message(number: int = 1) -> bytes:
    return MESSAGE % number


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


class Gatekeeper:
    """Everybody is a trunk's peer, or nobody."""

    def __init__(self) -> None:
        self.answers_strangers = True
        self.is_known = True

    def knows(self, now_s: float, host: str) -> bool:
        return self.is_known


class Holder:
    """A process's streams, a core that remembers, a supervisor that holds."""

    def __init__(self, listener: socket.socket, held: list[int] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.inputs: list[fx.Input] = []
        self.waiting: list[Callable[[], None]] = []
        self.writes_at_once = True
        self.held = held if held is not None else []
        self.has_time_to_hold = True
        self.now_s = 1000.0
        self.door = Gatekeeper()
        self.streams = Streams(self.loop, self._feed, self.door, lambda: self.now_s, self._hold)
        self.streams.start([listener], "127.0.0.1")

    def _feed(self, inputs: Sequence[fx.Input], then: Callable[[], None] | None) -> None:
        self.inputs += inputs
        if then is not None:
            self.waiting.append(then)
        if self.writes_at_once:
            self.write()

    def write(self) -> None:
        while self.waiting:
            self.waiting.pop(0)()

    def _hold(self, connection: socket.socket) -> bool:
        if self.has_time_to_hold:
            self.held.append(os.dup(connection.fileno()))
        return self.has_time_to_hold

    def messages(self) -> list[bytes]:
        return [each.data for each in self.inputs if isinstance(each, fx.MessageReceived)]

    def of(self, kind: type) -> list[Any]:
        return [each for each in self.inputs if isinstance(each, kind)]

    def peer(self) -> TcpPeer:
        found = next(each.source for each in self.inputs if isinstance(each, fx.MessageReceived))
        assert isinstance(found, TcpPeer)
        return found

    def die(self) -> None:
        """kill -9: its descriptors are closed by the system, and what the supervisor holds lives on."""
        self.streams.stop()
        for stream in self.streams._streams:
            stream.sock.close()

    def close(self) -> None:
        self.die()
        for each in self.held:
            os.close(each)


@contextmanager
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
        yield listener


def connected(listener: socket.socket) -> socket.socket:
    made = socket.create_connection(listener.getsockname())
    made.setblocking(False)
    return made


async def received(sock: socket.socket, size: int) -> bytes:
    loop, data = asyncio.get_running_loop(), b""
    async with asyncio.timeout(30):
        while len(data) < size and (piece := await loop.sock_recv(sock, 65_536)):
            data += piece
    return data
