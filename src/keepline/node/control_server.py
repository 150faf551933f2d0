"""The supervisor's side of the control socket: it reads, answers and never waits for anybody.

Whoever may open the socket may ask; who speaks is known from the kernel, not from what is said. A message that is
none, a message too long, a client that does not read: its connection is closed. Descriptors that come along are closed.
"""

import os
import selectors
import socket
from collections.abc import Callable

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
    ) -> None:
        """`on_gone` hears of each connection that is closed."""
        self._selector = selector
        self._listener = listener
        self._answer = answer
        self._on_gone = on_gone
        self._strangers: dict[socket.socket, None] = {}
        selector.register(listener, selectors.EVENT_READ, self._accept)

    def add(self, connection: socket.socket) -> None:
        """Serve a connection that was accepted elsewhere."""
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._read(connection))

    def keep(self, connection: socket.socket) -> None:
        """It is of the node, and does not count as a client."""
        self._strangers.pop(connection, None)

    def send(self, connection: socket.socket, message: Message) -> None:
        """Send without waiting; who has no room for it is not listening and loses the connection."""
        try:
            control.send(connection, message)
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

    def _read(self, connection: socket.socket) -> None:
        try:
            received = control.receive(connection)
        except (BlockingIOError, InterruptedError):
            return
        except (OSError, ValueError):
            received = None
        if received is None:
            self.drop(connection)
            return
        message, fds = received
        for fd in fds:
            os.close(fd)
        answer = self._answer(connection, control.peer_pid(connection), message)
        if answer is not None:
            self.send(connection, answer)
