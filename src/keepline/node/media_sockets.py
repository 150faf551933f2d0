"""RTP sockets as streams use them: addresses of their family, and queues that begin empty."""

from socket import AF_INET, AF_INET6, SO_RCVBUF, SOL_SOCKET, inet_ntop, socket
from typing import Final

from keepline.model.limits import RTP_DRAIN_MAX, RTP_PACKET_BYTES_MAX, RTP_RECEIVE_BUFFER_BYTES
from keepline.node.media_kernel import disconnect

V4_MAPPED: Final = b"\0" * 10 + b"\xff\xff"
NOWHERE: Final = ("0.0.0.0", 0)
"""Where a socket of one family sends for a peer of the other: the kernel refuses it, which is counted."""


def is_version_6(sock: socket) -> bool:
    """Whether a socket is of IPv6; worth remembering, since Python makes an enumeration's member of each answer."""
    return sock.family == AF_INET6


def socket_address(is_v6: bool, ip: bytes, port: int) -> tuple[str, int]:
    """The address for a socket of that family; `NOWHERE` for one of the other."""
    if is_v6:
        return inet_ntop(AF_INET6, ip), port
    return (inet_ntop(AF_INET, ip[12:]), port) if ip.startswith(V4_MAPPED) else NOWHERE


def empty(sock: socket) -> None:
    """Disconnect a socket, bound its queue and throw away what is in it."""
    sock.setsockopt(SOL_SOCKET, SO_RCVBUF, RTP_RECEIVE_BUFFER_BYTES)
    disconnect(sock)
    for _ in range(RTP_DRAIN_MAX):
        try:
            sock.recv(RTP_PACKET_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError:
            continue


def network_of(packed: bytes) -> tuple[int, int]:
    """Network and mask as numbers of 128 bits, of 16 bytes of address and one of prefix."""
    mask = ((1 << packed[16]) - 1) << (128 - packed[16])
    return int.from_bytes(packed[:16]) & mask, mask
