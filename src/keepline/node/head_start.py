"""A calls process begun before it is known what it will serve: what it imports takes longer than reading an operation.

`keepline up` begins it first of all; the supervisor that takes its place tells it what to serve, with the descriptors.
One that is never told ends with whoever began it. It imports nothing that takes time.
"""

import array
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

OPTION: Final = "--await"
MODULE: Final = "keepline.node.calls"
FDS_MAX: Final = 64
MESSAGE_BYTES_MAX: Final = 131_072

Described = dict[str, int | list[int]]
"""Descriptors by name, as a calls process is given them."""


@dataclass(frozen=True, slots=True)
class HeadStart:
    """A process that waits to be told."""

    pid: int
    line: socket.socket

    @property
    def text(self) -> str:
        """What `take` makes a head start of, in the program that takes this one's place."""
        self.line.set_inheritable(True)
        return f"{self.pid}:{self.line.fileno()}"

    @classmethod
    def take(cls, text: str) -> "HeadStart":
        """What was begun by the program whose place this one took."""
        pid, _, descriptor = text.partition(":")
        line = socket.socket(fileno=int(descriptor))
        line.set_inheritable(False)
        return cls(int(pid), line)

    def tell(self, arguments: Sequence[str], described: Described, ports: Sequence[int]) -> bool:
        """Let it serve; False where it is gone, or cannot be told. `ports` are of RTP."""
        numbers = [fd for found in described.values() for fd in (found if isinstance(found, list) else [found])]
        places = iter(range(len(numbers)))
        shown = {
            name: [next(places) for _ in found] if isinstance(found, list) else next(places)
            for name, found in described.items()
        }
        data = json.dumps([list(arguments), shown, list(ports)], separators=(",", ":")).encode()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", numbers))]
        try:
            gone, _ = os.waitpid(self.pid, os.WNOHANG)
            if gone or len(numbers) > FDS_MAX or len(data) > MESSAGE_BYTES_MAX:
                return False
            self.line.sendmsg([data], rights)
        except (OSError, ChildProcessError):
            return False
        self.line.close()
        return True

    def give_up(self) -> None:
        """It is not wanted any more."""
        self.line.close()
        with contextlib.suppress(OSError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


def begin() -> HeadStart | None:
    """Begin one; None where that cannot be, which costs time and nothing else."""
    try:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    except OSError:
        return None
    try:
        made = subprocess.Popen(
            [sys.executable, "-m", MODULE, OPTION, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        ours.close()
        return None
    finally:
        theirs.close()
    made.returncode = 0  # whoever takes our place waits for it
    return HeadStart(made.pid, ours)


def told(descriptor: int) -> tuple[list[str], dict[str, object]] | None:
    """Wait for the word: arguments, and descriptors by name with the RTP ports; None where nobody can give it."""
    item = array.array("i").itemsize
    with socket.socket(fileno=descriptor) as line:
        line.set_inheritable(False)
        try:
            data, ancillary, _flags, _address = line.recvmsg(
                MESSAGE_BYTES_MAX, socket.CMSG_SPACE(FDS_MAX * item), socket.MSG_CMSG_CLOEXEC
            )
        except OSError:
            return None
    if not data:
        return None
    fds = array.array("i")
    for _level, _kind, payload in ancillary:
        fds.frombytes(payload[: len(payload) - len(payload) % item])
    arguments, shown, ports = json.loads(data)
    place: Callable[[int], int] = fds.__getitem__
    described: dict[str, object] = {
        name: [place(each) for each in found] if isinstance(found, list) else place(found)
        for name, found in shown.items()
    }
    return [str(each) for each in arguments], described | {"rtp_ports": ports}
