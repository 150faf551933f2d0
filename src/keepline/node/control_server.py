"""The supervisor's side of the control socket: it reads, answers and never waits for anybody.

Whoever may open the socket may ask; who speaks is known from the kernel, not from what is said. A message that is
none, a message too long, a client that does not read: its connection is closed. Descriptors that come along are closed.
"""

import os
import selectors
import socket
from collections.abc import Callable, Sequence

from keepline.model.limits import CONTROL_CLIENTS_MAX
from keepline.node import control
from keepline.node.control import Message

Answer = Callable[[socket.socket, int, Message], Message | None]
"""What to answer to a connection, from a process by its number; None for nothing."""


class ControlServer:
    """The connections of one supervisor, on its selector."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        listener: socket.socket,
        answer: Answer,
        on_gone: Callable[[socket.socket], None],
        on_descriptors: Callable[[int, Message, list[int]], bool] | None = None,
    ) -> None:
        """`on_gone` hears of each connection that is closed; `on_descriptors` of those that come along from a process.

        Those that it does not take over are closed.
        """
        self._selector = selector
        self._listener = listener
        self._answer = answer
        self._on_gone = on_gone
        self._on_descriptors = on_descriptors
        self._strangers: dict[socket.socket, None] = {}
        selector.register(listener, selectors.EVENT_READ, self._accept)

    def add(self, connection: socket.socket) -> None:
        """Serve a connection that was accepted elsewhere."""
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._read(connection))

    def keep(self, connection: socket.socket) -> None:
        """It is of the node, and does not count as a client."""
        self._strangers.pop(connection, None)

    def send(self, connection: socket.socket, message: Message, fds: Sequence[int] = ()) -> None:
        """Send without waiting; who has no room for it is not listening and loses the connection."""
        try:
            control.send(connection, message, fds)
        except OSError:
            self.drop(connection)

    def drop(self, connection: socket.socket) -> None:
        """Close a connection."""
        self._strangers.pop(connection, None)
        if connection.fileno() >= 0:
            self._selector.unregister(connection)
            connection.close()
        self._on_gone(connection)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # it is gone already, or we have no descriptor left for it
            return
        while len(self._strangers) >= CONTROL_CLIENTS_MAX:
            self.drop(next(iter(self._strangers)))
        self._strangers[connection] = None
        self.add(connection)

    def finish(self, connection: socket.socket) -> None:
        """Read what a process that is dead has said last, and close its connection."""
        while connection.fileno() >= 0 and self._read(connection):
            pass
        self.drop(connection)

    def _read(self, connection: socket.socket) -> bool:
        """Whether there was a message."""
        try:
            received = control.receive(connection)
        except (BlockingIOError, InterruptedError):
            return False
        except (OSError, ValueError):
            received = None
        if received is None:
            self.drop(connection)
            return False
        message, fds = received
        pid = control.peer_pid(connection)
        if fds and not (self._on_descriptors is not None and self._on_descriptors(pid, message, fds)):
            for fd in fds:
                os.close(fd)
        answer = self._answer(connection, pid, message)
        if answer is not None:
            self.send(connection, answer)
        return True
