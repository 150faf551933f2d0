"""What a node calls itself in SIP and SDP: where it listens, or what the operation says that others reach it by."""

import socket

from keepline import __version__
from keepline.call.turn import Identity
from keepline.model.operation import HostPort, Operation
from keepline.sip.transaction import Timers


def identity_of(operation: Operation, listening: HostPort) -> Identity:
    """What a node that listens there calls itself: what the operation advertises, where it does."""
    told = operation.sip.advertised
    sip = listening if told is None else HostPort(told.host, told.port or listening.port)
    return Identity(sip, operation.media.advertised or sip.host, f"Keepline/{__version__}", Timers())


def address_of(sip: socket.socket) -> HostPort:
    """Where a socket is bound."""
    host, port = sip.getsockname()[:2]
    return HostPort(host, port)
