"""Ports for what is started side by side on one machine: two demos, or a test beside a demo, never get the same.

They are taken in blocks, and a block is held by a name that the kernel frees when its holder dies: an abstract Unix
socket (unix(7)). All lie below the ports that the kernel gives away by itself, so that no outgoing connection gets one.
It refuses to tell whether a port will be free later: what is no part of this may still come and take it.
"""

import os
import socket
from collections import deque
from collections.abc import Sequence

PORTS_FROM, PORTS_TO = 12000, 32000
BLOCK_PORTS = 64
_held: dict[int, list[int]] = {}
"""First port -> descriptors of the names that hold its blocks."""
_singles: deque[int] = deque()
"""Of a block of this process's, those that it has not used."""


class NoPortsError(Exception):
    """There is no such row of free ports."""


def take_ports(count: int) -> tuple[int, int]:
    """First (even) and last of `count` neighbouring ports that are free and nobody else's until they are given back.

    They are this process's until it ends, at the latest. Raises NoPortsError.
    """
    blocks = -(-count // BLOCK_PORTS)
    total = (PORTS_TO - PORTS_FROM) // BLOCK_PORTS
    # Whoever comes at the same moment begins to look elsewhere.
    for step in range(total):
        block = (os.getpid() * 7 + step) % total
        first = PORTS_FROM + block * BLOCK_PORTS
        if block + blocks > total:
            continue
        names = _hold(range(block, block + blocks))
        # Odd ones are for RTCP, which takes others where it must.
        if names and all(_is_free(port) for port in range(first, first + count, 2)):
            _held[first] = names
            return first, first + count - 1
        _let_go(names)
    raise NoPortsError(f"no {count} free ports in a row from {PORTS_FROM} to {PORTS_TO}")


def take_port() -> int:
    """A port that is free for UDP and for TCP and nobody else's until this process ends. Raises NoPortsError."""
    while True:
        if not _singles:
            first, last = take_ports(BLOCK_PORTS)
            _singles.extend(range(first, last + 1))
        port = _singles.popleft()
        if _is_free(port):
            return port


def give_back_ports(first: int) -> None:
    """Others may have them now; nothing where they were given back before."""
    _let_go(_held.pop(first, ()))


def _hold(blocks: range) -> list[int]:
    """Descriptors, one for each block; none where one of them is somebody's."""
    names: list[int] = []
    for block in blocks:
        name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            name.bind(f"\0keepline-ports-{block}")
        except OSError:
            name.close()
            _let_go(names)
            return []
        names.append(name.detach())
    return names


def _let_go(names: Sequence[int]) -> None:
    for name in names:
        os.close(name)


def _is_free(port: int) -> bool:
    """By UDP and by TCP."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
