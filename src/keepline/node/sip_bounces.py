"""Datagrams of ours that came to nobody, as the network says: ICMP errors, from the error queue of a UDP socket.

Where nobody listens at a peer's port its machine says so at once, long before a timer would. The kernel keeps such an
error with the beginning of the datagram that it is about; which request that was is read from it, and the core decides.
It refuses to believe more: an error that shows no request of ours, with its random branch, is dropped.
Source: RFC 3261 §18.4; ip(7), IP_RECVERR.
"""

import contextlib
import socket
import struct
from collections.abc import Iterator
from typing import Final

from keepline.call.inputs import RequestBounced
from keepline.model.limits import SIP_BOUNCES_PER_READ_MAX
from keepline.sip.first_look import request_of_beginning

_RECVERR: Final = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
_MSG_ERRQUEUE: Final = 0x2000
_ERROR: Final = struct.Struct("=IBBBBII")
"""struct sock_extended_err: errno, origin, type, code, pad, info, data."""
_ORIGINS: Final = {2: "ICMP", 3: "ICMPv6"}
_UNREACHABLE: Final = {"ICMP": 3, "ICMPv6": 1}
_BEGINNING_BYTES: Final = 2048
_ANCILLARY_BYTES: Final = 512


def watched(sip: socket.socket) -> socket.socket:
    """The same socket, of which the kernel keeps the errors."""
    sip.setsockopt(*_RECVERR[sip.family], 1)
    return sip


def send(sip: socket.socket, data: bytes, address: tuple[str, int]) -> None:
    """Send a datagram. An error of an earlier one stands in the way once, and is no error of this one."""
    try:
        sip.sendto(data, address)
    except ConnectionError:
        sip.sendto(data, address)


def read(sip: socket.socket) -> Iterator[RequestBounced]:
    """The requests that came to nobody; what is left after `SIP_BOUNCES_PER_READ_MAX` is for the next time."""
    for _ in range(SIP_BOUNCES_PER_READ_MAX):
        try:
            data, ancillary, _, address = sip.recvmsg(_BEGINNING_BYTES, _ANCILLARY_BYTES, _MSG_ERRQUEUE)
        except OSError:
            return
        for level, kind, content in ancillary:
            if (level, kind) == _RECVERR[sip.family]:
                yield from _bounced(data, address, content)


def _bounced(data: bytes, address: tuple[str, int], content: bytes) -> Iterator[RequestBounced]:
    with contextlib.suppress(struct.error):
        _, origin, kind, code, *_ = _ERROR.unpack_from(content)
        name = _ORIGINS.get(origin, "")
        request = request_of_beginning(data)
        if request is not None and name and kind == _UNREACHABLE[name]:
            yield RequestBounced(*request, address[:2], f"unreachable ({name} {kind}/{code})")
