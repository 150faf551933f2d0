"""Commands that wait for the answer of a process of the node: who is to get it."""

import socket

from keepline.node.control import Message

NO_CALLS_PROCESS = "no call process is at work just now"


class WaitingCommands:
    """The supervisor's side: which connection waits for the answer about which call."""

    def __init__(self) -> None:
        self._waiting: dict[str, socket.socket] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, message: Message, connection: socket.socket) -> None:
        """A command waits, no longer than its connection lives."""
        self._waiting[str(message.get("call", ""))] = connection

    def take(self, message: Message) -> socket.socket | None:
        """Who waits for this answer; None where nobody does any more."""
        return self._waiting.pop(str(message.get("call", "")), None)

    def forget(self, connection: socket.socket) -> None:
        """It is closed."""
        self._waiting = {call: each for call, each in self._waiting.items() if each is not connection}
