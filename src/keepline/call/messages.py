"""What comes to the SIP ports, as bytes: read, and handed to who answers requests or hears responses.

It refuses what cannot be read, and what nobody has the time to read; whatever a message does to us is its own affair
and no other message's. Source: RFC 3261 §18.2, §18.3; RFC 5626 §3.5.1.
"""

from collections.abc import Callable

from keepline.call import effects as fx
from keepline.call.requests import Requests
from keepline.call.responses import Responses
from keepline.call.trunks.gate import Gate
from keepline.call.turn import Turn
from keepline.model.errors import PeerError
from keepline.model.limits import SIP_WAIT_S_MAX
from keepline.sip.message import Request, Response, parse_message


class Messages:
    """The part of the exchange that reads."""

    __slots__ = ("_gate", "_requests", "_responses", "read")

    def __init__(self, gate: Gate, requests: Requests, responses: Responses) -> None:
        self._gate = gate
        self._requests = requests
        self._responses = responses
        self.read: Callable[[bytes], Request | Response] = parse_message
        """A simulated world may hand on what the bytes were made of."""

    def on_datagram(self, turn: Turn, given: fx.DatagramReceived) -> None:
        """One datagram; a new call that waited too long is refused unread."""
        if given.waited_s <= SIP_WAIT_S_MAX or not self._requests.sheds_unread(turn, given):
            self.on_message(turn, given, given.waited_s)

    def on_message(self, turn: Turn, given: fx.DatagramReceived | fx.MessageReceived, waited_s: float = 0.0) -> None:
        """One whole message, however it came."""
        if not given.data.lstrip(b"\r\n\0 "):
            return  # a keep-alive (RFC 5626 §3.5.1)
        gate, host = self._gate, given.source[0]
        if not gate.carrier(host) and gate.silences(turn, host):
            return
        try:
            message = self.read(given.data)
        except PeerError as error:
            gate.refuse_malformed(turn, error, given)
            return
        if isinstance(message, Response):
            self._responses.receive(turn, message, given.source)
            return
        try:
            self._requests.receive(turn, message, given.data, given.source, waited_s)
        except PeerError as error:  # what only a closer look shows to be wrong
            if gate.refuse_broken(turn, message, error, given.source):
                self._requests.refuse_unserved(turn, message, error.status, given.source)
        except Exception as error:  # ours, and this request's alone
            what = f"{given.source[0]}:{given.source[1]}: {type(error).__name__}: {error}"
            turn.emit(fx.Report("request_broken", "", what))
            self._requests.refuse_unserved(turn, message, 500, given.source)
