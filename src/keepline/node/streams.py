"""SIP over TCP in the active calls process: connections accepted, made, read, written, held and closed.

A message is peeked at, fed, and consumed once its facts are written and its effects are on their way: a successor reads
what its predecessor did not finish once more, as it would a retransmission. Each connection is given to the supervisor
to hold. Who may connect and how often is `sip.connections`'; what messages mean is the core's.
Source: RFC 3261 §18; RFC 5626 §3.5.1.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import structlog

from keepline.call import effects as fx
from keepline.model import limits
from keepline.node.tcp_stream import TcpStream, prepare
from keepline.sip.connections import ConnectionBook
from keepline.sip.peers import TcpPeer
from keepline.sip.source_meter import SourceMeter
from keepline.sip.stream import PONG, Framed, KeepAlive, Unframed, next_frame

SWEEP_EVERY_S = 1.0
ACCEPT_AGAIN_S = 1.0
LINGER_S = 2.0
"""For the peer of a closed connection to read our last words."""
STALLED_S = 0.02
GONE = "the connection is closed"
_RESPONSE = b"SIP/2.0 "
log = structlog.get_logger("calls")

Feed = Callable[[Sequence[fx.Input], Callable[[], None] | None], None]
"""Inputs for the core, and what to do once their facts are written and their effects carried out."""


class Door(Protocol):
    """Who is let in."""

    @property
    def answers_strangers(self) -> bool: ...

    def knows(self, now_s: float, host: str) -> bool: ...


class Streams:
    """The TCP connections of one process."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        feed: Feed,
        door: Door,
        now_s: Callable[[], float],
        hold: Callable[[socket.socket], bool],
    ) -> None:
        """`hold` has a connection held by the supervisor; False where that has to be tried again."""
        self._loop = loop
        self._feed = feed
        self._door = door
        self._now_s = now_s
        self._hold = hold
        self._listeners: Sequence[socket.socket] = ()
        self._source = ""
        self._book = ConnectionBook()
        self._refused = SourceMeter(0, 0)
        self._streams: set[TcpStream] = set()
        self._by_peer: dict[tuple[str, int], TcpStream] = {}
        self._early: list[tuple[bytes, TcpPeer]] | None = []
        self._is_stopped = False

    def __len__(self) -> int:
        return len(self._streams)

    def start(self, listeners: Sequence[socket.socket], source: str) -> None:
        """Accept connections; those that we make leave from the address `source`."""
        self._listeners = listeners
        self._source = source
        for listener in listeners:
            listener.setblocking(False)
            self._loop.add_reader(listener.fileno(), self._accept, listener)
        self._loop.call_later(limits.STREAM_HANDOVER_S_MAX, self.end_handover)
        self._sweep_again()

    def stop(self) -> None:
        """Leave everything as it stands to whoever is next."""
        self._is_stopped = True
        for listener in self._listeners:
            self._loop.remove_reader(listener.fileno())
        for stream in self._streams:
            self._loop.remove_reader(stream.sock.fileno())
            self._loop.remove_writer(stream.sock.fileno())

    # Whose they are -------------------------------------------------------------------------------------------------

    def duplicates(self) -> list[int]:
        """Descriptors of all that a new supervisor should hold; the caller closes them. For any thread."""
        found = []
        for stream in list(self._streams):
            try:
                found.append(os.dup(stream.sock.fileno()))
            except OSError:  # closed meanwhile
                continue
        return found

    def take_over(self, descriptors: Iterable[int]) -> None:
        """Go on with connections of a process that died."""
        for descriptor in descriptors:
            sock = socket.socket(fileno=descriptor)
            try:
                host, port = sock.getpeername()[:2]
            except OSError:  # reset meanwhile
                sock.close()
                continue
            stream = TcpStream(sock, TcpPeer(host, port), self._now_s(), is_known=True)  # to its predecessor
            stream.is_held = True
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
            if stream.was_cut_short:
                log.warning("tcp_cut_short", peer=f"{host}:{port}", what="left in the midst of a message: closed")
                stream.close()
            else:
                self._enter(stream)

    def end_handover(self) -> None:
        """All that a predecessor left is here, or will never be: what had to wait for that may go."""
        early, self._early = self._early, None
        for data, peer in early or ():
            self.send(data, peer)

    # New ones -------------------------------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(limits.STREAM_ACCEPTS_PER_TURN_MAX):
            try:
                sock, address = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionError):
                return
            except OSError as error:  # no descriptor is left for it: it waits
                self._refused.answers(self._now_s(), "accept", str(error))
                self._loop.remove_reader(listener.fileno())
                self._loop.call_later(ACCEPT_AGAIN_S, self._accept_again, listener)
                return
            self._admit(sock, address[0], address[1])

    def _accept_again(self, listener: socket.socket) -> None:
        if not self._is_stopped:
            self._loop.add_reader(listener.fileno(), self._accept, listener)

    def _admit(self, sock: socket.socket, host: str, port: int) -> None:
        is_known = self._door.knows(self._now_s(), host)
        why = self._book.refusal(host, is_known=is_known)
        if not is_known and not self._door.answers_strangers:
            why = "is not a peer of any trunk"
        if why:
            self._refused.answers(self._now_s(), host, why)
            sock.close()
            return
        stream = TcpStream(sock, TcpPeer(host, port), self._now_s(), is_known=is_known)
        stream.is_held = self._hold(sock)  # first of all: it is to survive what comes next
        prepare(sock)
        self._enter(stream)

    def _enter(self, stream: TcpStream) -> None:
        self._streams.add(stream)
        self._by_peer.setdefault((stream.peer.host, stream.peer.port), stream)
        self._book.add(stream.peer.host, is_known=stream.is_known)
        if not stream.is_connecting:
            self._loop.add_reader(stream.sock.fileno(), self._read, stream)

    def _connect(self, target: tuple[str, int]) -> TcpStream | str:
        """A connection that is being made, or why none is."""
        host, port = target
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        why = self._book.refusal(host, is_known=True)
        if why:
            return why
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            socket.inet_pton(family, host.partition("%")[0])  # never a name, which the system would look up
            prepare(sock)
            if self._source and (":" in self._source) == (":" in host):
                sock.bind((self._source, 0))
            sock.connect((host, port))
        except BlockingIOError:
            pass
        except (OSError, OverflowError) as error:
            sock.close()
            return str(error)
        stream = TcpStream(sock, TcpPeer(host, port), self._now_s(), is_known=True)
        stream.is_connecting = True
        self._enter(stream)
        self._loop.add_writer(sock.fileno(), self._on_connected, stream)
        self._loop.call_later(limits.STREAM_CONNECT_S_MAX, self._on_connect_limit, stream)
        return stream

    def _on_connected(self, stream: TcpStream) -> None:
        self._loop.remove_writer(stream.sock.fileno())
        error = stream.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._lose(stream, f"no connection: {os.strerror(error)}")
            return
        if stream.sock.getsockname()[:2] == stream.sock.getpeername()[:2]:
            self._lose(stream, "no connection: nobody listens there")  # TCP connected it with itself
            return
        stream.is_connecting = False
        stream.is_held = self._hold(stream.sock)
        self._loop.add_reader(stream.sock.fileno(), self._read, stream)
        self._send_rest(stream)

    def _on_connect_limit(self, stream: TcpStream) -> None:
        if stream.is_connecting and stream in self._streams:
            self._lose(stream, f"no connection within {limits.STREAM_CONNECT_S_MAX:g} s")

    # Reading --------------------------------------------------------------------------------------------------------

    def _read(self, stream: TcpStream) -> None:
        try:
            data = stream.peek()
            if stream.is_closing and data:
                stream.consume(len(data))
                return
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(stream, str(error.strerror))
            return
        if not data:
            self._lose(stream, "the peer closed the connection")
        elif not stream.is_short(len(data)):
            self._take(stream, data)
        elif stream.is_at_its_end():
            self._lose(stream, "the peer closed the connection in the midst of a message")
        else:  # the system is short of memory; it says so again and again
            self._pause(stream)
            self._loop.call_later(STALLED_S, self._go_on, stream)

    def _take(self, stream: TcpStream, data: bytes) -> None:
        """Feed what is whole of these bytes, and stop reading until it has been dealt with."""
        inputs: list[fx.Input] = []
        end, wanted, pinged = 0, 1, False
        while len(inputs) < limits.STREAM_MESSAGES_PER_TURN_MAX and (frame := next_frame(data, end)) is not None:
            if isinstance(frame, Framed):
                inputs.append(fx.MessageReceived(frame.data, stream.peer))
                end = frame.end
            elif isinstance(frame, KeepAlive):
                pinged |= frame.is_ping
                end = frame.end
            elif isinstance(frame, Unframed):
                inputs.append(fx.StreamBroken(frame.data, stream.peer, frame.status, frame.why))
                break
            else:
                wanted = frame.size
                break
        now_s = stream.active_s = self._now_s()
        if wanted == 1:
            stream.unfinished_s = None
        elif end or stream.unfinished_s is None:
            stream.unfinished_s = now_s
        if pinged:
            self._write(stream, PONG)
        if stream not in self._streams:
            return
        if not inputs:
            self._consumed(stream, end, wanted)
            return
        self._pause(stream)
        self._feed(inputs, lambda: self._consumed(stream, end, wanted))

    def _consumed(self, stream: TcpStream, size: int, wanted: int) -> None:
        if stream not in self._streams or stream.is_closing or self._is_stopped:
            return
        try:
            stream.consume(size)
            stream.await_more(wanted)
        except OSError as error:
            self._lose(stream, str(error.strerror))
            return
        self._go_on(stream)

    def _pause(self, stream: TcpStream) -> None:
        self._loop.remove_reader(stream.sock.fileno())

    def _go_on(self, stream: TcpStream) -> None:
        if stream in self._streams and not self._is_stopped:
            self._loop.add_reader(stream.sock.fileno(), self._read, stream)

    # Writing --------------------------------------------------------------------------------------------------------

    def send(self, data: bytes, peer: TcpPeer) -> None:
        """Send a message over the connection with this peer, or a new one; what cannot be sent comes back as input."""
        target = peer.back or (peer.host, peer.port)
        stream = self._by_peer.get((peer.host, peer.port)) or self._by_peer.get(target)
        if stream is None and self._early is not None:
            self._early.append((data, peer))
            return
        if stream is None:
            is_wanted = not data.startswith(_RESPONSE) or self._door.knows(self._now_s(), peer.host)
            made = self._connect(target) if is_wanted else "a stranger that left is not run after"
            if isinstance(made, str):
                self._loop.call_soon(self._feed, [fx.SendFailed(data, peer, made)], None)
                return
            stream = made
        self._write(stream, data)

    def _write(self, stream: TcpStream, data: bytes) -> None:
        stream.active_s = self._now_s()
        try:
            if not stream.send(data) and not stream.is_connecting:
                self._loop.add_writer(stream.sock.fileno(), self._send_rest, stream)
        except OSError as error:
            self._lose(stream, str(error.strerror))
            return
        if stream.unsent_bytes > limits.STREAM_UNSENT_BYTES_MAX:
            self._lose(stream, f"the peer leaves {limits.STREAM_UNSENT_BYTES_MAX} bytes unread")

    def _send_rest(self, stream: TcpStream) -> None:
        try:
            if not stream.send_rest():
                self._loop.add_writer(stream.sock.fileno(), self._send_rest, stream)
                return
        except OSError as error:
            self._lose(stream, str(error.strerror))
            return
        stream.active_s = self._now_s()
        self._loop.remove_writer(stream.sock.fileno())
        if stream.is_closing:
            stream.say_goodbye()

    # The end --------------------------------------------------------------------------------------------------------

    def close(self, peer: TcpPeer) -> None:
        """Close a connection once what was sent before has left; what comes meanwhile is thrown away."""
        stream = self._by_peer.get((peer.host, peer.port))
        if stream is None or stream.is_closing:
            return
        stream.is_closing = True
        self._forget_peer(stream)
        self._loop.call_later(LINGER_S, self._lose, stream, GONE)
        with contextlib.suppress(OSError):  # it is gone: the reader finds out
            stream.await_more(1)
        self._go_on(stream)
        if not stream.unsent_bytes:
            stream.say_goodbye()

    def _lose(self, stream: TcpStream, why: str) -> None:
        """A connection is over; what it took with it is told."""
        if stream not in self._streams or self._is_stopped:
            return
        self._streams.discard(stream)
        self._forget_peer(stream)
        self._book.remove(stream.peer.host, is_known=stream.is_known)
        self._loop.remove_reader(stream.sock.fileno())
        self._loop.remove_writer(stream.sock.fileno())
        stream.close()
        log.debug("tcp_closed", peer=f"{stream.peer.host}:{stream.peer.port}", why=why)
        lost: list[fx.Input] = [fx.SendFailed(data, stream.peer, why) for data in stream.unsent() if data != PONG]
        # Not at once: the core may be in the midst of saying what else is to be sent.
        self._loop.call_soon(self._feed, [*lost, fx.ConnectionLost(stream.peer, why)], None)

    def _forget_peer(self, stream: TcpStream) -> None:
        key = (stream.peer.host, stream.peer.port)
        if self._by_peer.get(key) is stream:
            del self._by_peer[key]

    def _sweep_again(self) -> None:
        if not self._is_stopped:
            self.sweep()
            self._loop.call_later(SWEEP_EVERY_S, self._sweep_again)

    def sweep(self) -> None:
        """Close what has had its time, and have held what is not yet."""
        now_s = self._now_s()
        for stream in list(self._streams):
            if not stream.is_known and self._door.knows(now_s, stream.peer.host):
                self._book.remove(stream.peer.host, is_known=False)  # it has proved who it is
                self._book.add(stream.peer.host, is_known=True)
                stream.is_known = True
            why = overdue(stream, now_s)
            if why:
                self._lose(stream, why)
            elif not (stream.is_held or stream.is_connecting):
                stream.is_held = self._hold(stream.sock)
        for line in self._refused.reports(now_s):
            log.warning("tcp_refused", source=line.source, count=line.count, latest=line.note)


def overdue(stream: TcpStream, now_s: float) -> str:
    """Why a connection has had its time; "" while it has not."""
    if not stream.is_known and now_s - stream.began_s > limits.STRANGER_STREAM_S_MAX:
        return "a stranger's connection is not kept"
    if stream.unfinished_s is not None and now_s - stream.unfinished_s > limits.STREAM_MESSAGE_S_MAX:
        return f"a message did not arrive whole within {limits.STREAM_MESSAGE_S_MAX:g} s"
    if now_s - stream.active_s > limits.STREAM_IDLE_S_MAX:
        return f"idle for {limits.STREAM_IDLE_S_MAX:g} s"
    return ""
