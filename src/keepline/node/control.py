"""How the processes of a node and its commands talk to the supervisor: JSON messages over a local SEQPACKET socket.

One message is one datagram, with descriptors beside it where it carries some. A process of the node registers, and
stays connected; when the supervisor dies it goes on with its work and registers with the next one.
"""

import array
import contextlib
import json
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from keepline.model.errors import KeeplineError
from keepline.model.limits import CONTROL_FDS_PER_MESSAGE_MAX, CONTROL_MESSAGE_BYTES_MAX
from keepline.node.lock import end_hung, holder_of, release_lock, try_lock
from keepline.node.paths import NodePaths
from keepline.node.processes import ProcessId, is_alive, is_stopped, send_signal, wait_gone
from keepline.node.removed import supervisor_of_removed, what_was_removed

ANSWERS_WITHIN_S: Final = 10.0
"""A supervisor does nothing that takes long; on a machine that is overloaded it may still be late."""
RECONNECT_EVERY_S: Final = 0.1
_CREDENTIALS: Final = struct.Struct("3i")
Message = dict[str, object]


class NodeNotRunning(KeeplineError):  # noqa: N818 - it is the state of affairs, not a fault
    """No supervisor answers in this data directory; the text says what there is instead."""


def short_path(path: Path) -> tuple[str, int]:
    """The path of a socket by way of its directory's descriptor, since a socket's name holds 107 bytes only.

    Returns the name and the descriptor, which the caller closes after use.
    """
    descriptor = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    return f"/proc/self/fd/{descriptor}/{path.name}", descriptor


def listen(path: Path) -> socket.socket:
    """A listening SEQPACKET socket at `path`, in place of whatever lies there."""
    path.unlink(missing_ok=True)
    name, descriptor = short_path(path)
    try:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(name)
    finally:
        os.close(descriptor)
    os.chmod(path, 0o600)
    listener.listen(64)
    listener.setblocking(False)
    return listener


def connect(path: Path) -> socket.socket:
    """A connection to the supervisor. Raises `OSError` where nobody listens."""
    name, descriptor = short_path(path)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.connect(name)
    except OSError:
        connection.close()
        raise
    finally:
        os.close(descriptor)
    return connection


def send(connection: socket.socket, message: Message, fds: Sequence[int] = (), flags: int = 0) -> None:
    """Send one message with its descriptors. Raises `OSError` where the other side is gone."""
    data = json.dumps(message, separators=(",", ":")).encode()
    if fds:
        connection.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))], flags)
    else:
        connection.send(data, flags)


def receive(connection: socket.socket) -> tuple[Message, list[int]] | None:
    """The next message and its descriptors; None at the end. Raises `ValueError` for what is no message."""
    item = array.array("i").itemsize
    data, ancillary, _flags, _address = connection.recvmsg(
        CONTROL_MESSAGE_BYTES_MAX, socket.CMSG_SPACE(CONTROL_FDS_PER_MESSAGE_MAX * item), socket.MSG_CMSG_CLOEXEC
    )
    fds = array.array("i")
    for level, kind, payload in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(payload[: len(payload) - len(payload) % item])
    try:
        message = json.loads(data) if data else None
        if data and not isinstance(message, dict):
            raise ValueError("a control message must be an object")
    except (ValueError, RecursionError) as error:
        _close_all(fds)
        raise ValueError(f"no control message: {error}") from None
    if message is None:
        _close_all(fds)
        return None
    return message, list(fds)


def _close_all(fds: Iterable[int]) -> None:
    for fd in fds:
        os.close(fd)


def peer_pid(connection: socket.socket) -> int:
    """The number of the process at the other end, as the kernel knows it."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(credentials)[0])


class ControlClient(threading.Thread):
    """A process's line to the supervisor, on a thread of its own: it registers, answers, and finds the next one."""

    def __init__(
        self,
        paths: NodePaths,
        hello: Callable[[], Message],
        fds: Callable[[], Sequence[tuple[str, Sequence[int]]]],
        on_message: Callable[[Message], None],
        *,
        duplicates: Callable[[], list[int]] = list,
        on_streams: Callable[[list[int], bool], None] | None = None,
    ) -> None:
        """`hello` is what to register with; `fds` names the descriptors a new supervisor needs, by kind.

        `duplicates` are those of TCP connections, made for the purpose and closed after it; `on_streams` gets those
        that the supervisor hands over, with whether they were the last.
        """
        super().__init__(name="control", daemon=True)
        self._path = paths.supervisor_socket
        self._hello = hello
        self._fds = fds
        self._on_message = on_message
        self._duplicates = duplicates
        self._on_streams = on_streams
        self._connection: socket.socket | None = None
        self._lock = threading.Lock()
        self._halted = threading.Event()

    def halt(self) -> None:
        """Leave the supervisor alone from now on, and end the thread."""
        self._halted.set()
        with self._lock:
            if self._connection is not None:
                with contextlib.suppress(OSError):
                    self._connection.shutdown(socket.SHUT_RDWR)

    @property
    def is_connected(self) -> bool:
        """A supervisor is there."""
        return self._connection is not None

    def tell(self, message: Message) -> bool:
        """Tell the supervisor, now or never: a supervisor that is gone learns it from the next `hello`.

        False where it was not told.
        """
        with self._lock:
            if self._connection is None:
                return False
            try:
                send(self._connection, message)
            except OSError:
                return False
        return True

    def hold(self, connection: socket.socket) -> bool:
        """Have the supervisor hold a TCP connection. Never waits: False where it has no time, or is not there."""
        with self._lock:
            line = self._connection
            if line is None:
                return False
            try:
                send(line, {"op": "hold"}, (connection.fileno(),), socket.MSG_DONTWAIT)
            except OSError:
                return False
        return True

    def run(self) -> None:
        while not self._halted.is_set():
            try:
                connection = connect(self._path)
            except OSError:
                self._halted.wait(RECONNECT_EVERY_S)
                continue
            try:
                with self._lock:
                    send(connection, self._hello())
                    self._connection = connection
                self._serve(connection)
            except (OSError, ValueError):
                pass
            finally:
                with self._lock:
                    self._connection = None
                connection.close()
            self._halted.wait(RECONNECT_EVERY_S)

    def _serve(self, connection: socket.socket) -> None:
        while (received := receive(connection)) is not None:
            message, fds = received
            if message.get("op") == "give_fds":
                self._give(connection)
            elif message.get("op") == "streams" and self._on_streams is not None:
                self._on_streams(fds, bool(message.get("last")))
            else:
                _close_all(fds)
                self._on_message(message)

    def _give(self, connection: socket.socket) -> None:
        step = CONTROL_FDS_PER_MESSAGE_MAX
        duplicates = self._duplicates()
        try:
            with self._lock:
                for kind, fds in (*self._fds(), ("streams", duplicates)):
                    for first in range(0, len(fds), step):
                        send(connection, {"op": "fds", "kind": kind, "first": first}, fds[first : first + step])
                send(connection, {"op": "fds_given"})
        finally:
            _close_all(duplicates)


def ask(data: Path, request: Message, timeout_s: float) -> Message:
    """Ask the running supervisor one thing. Raises `NodeNotRunning` where none answers."""
    paths = NodePaths(data)
    try:
        connection = connect(paths.supervisor_socket)
    except OSError:
        raise NodeNotRunning(_what_there_is(paths)) from None
    try:
        connection.settimeout(timeout_s)
        send(connection, request)
        received = receive(connection)
    except (OSError, ValueError) as error:
        what = f"the node in {data} did not answer within {timeout_s:g} s ({error})"
        raise NodeNotRunning(f"{what}; if it hangs, `keepline up` takes over from it, calls and all") from None
    finally:
        connection.close()
    if received is None:
        raise NodeNotRunning(f"the node in {data} went away while it was asked")
    return received[0]


def is_deaf(paths: NodePaths) -> bool:
    """Whether the supervisor here hangs: its socket takes a question, as the kernel does, and no answer comes."""
    try:
        connection = connect(paths.supervisor_socket)
    except OSError:
        return False  # it begins or ends, or serves another way
    with connection:
        connection.settimeout(ANSWERS_WITHIN_S)
        try:
            send(connection, {"op": "status"})
            receive(connection)
        except TimeoutError:
            return True
        except (OSError, ValueError):
            return False
    return False


def _what_there_is(paths: NodePaths) -> str:
    removed = supervisor_of_removed(paths)
    if removed is not None:
        return what_was_removed(paths, removed)
    orphans = survivors(paths)
    if orphans:
        names = ", ".join(f"{role} (pid {process.pid})" for role, process in orphans)
        return (
            f"no supervisor runs in {paths.data}, but {names} of a former one still do; "
            "`keepline up` adopts them, `keepline stop` ends them"
        )
    return f"no node runs in {paths.data}; start one with `keepline up --data {paths.data}`"


def read_node_file(paths: NodePaths) -> Message:
    """What the last supervisor noted down; empty where there is nothing to be read."""
    try:
        noted = json.loads(paths.node_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def write_node_file(paths: NodePaths, noted: Mapping[str, object]) -> None:
    """Note down what the next supervisor would have to know. Raises OSError, and then the last note stands."""
    temporary = paths.node_file_new
    try:
        temporary.write_text(json.dumps(noted), encoding="utf-8")
        temporary.replace(paths.node_file)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def survivors(paths: NodePaths) -> list[tuple[str, ProcessId]]:
    """Processes of the last node that are still alive, by role."""
    found = []
    processes = read_node_file(paths).get("processes")
    for entry in processes if isinstance(processes, list) else []:
        match entry:
            case [str(role), int(pid), int(started)] if is_alive(process := ProcessId(pid, started)):
                found.append((role, process))
    return found


def _end_all(processes: list[ProcessId], grace_s: float) -> None:
    for process in processes:
        send_signal(process, signal.SIGTERM)
        send_signal(process, signal.SIGCONT)
    deadline = time.monotonic() + grace_s
    for process in processes:
        if not wait_gone(process, max(0.0, deadline - time.monotonic())):
            send_signal(process, signal.SIGKILL)
            wait_gone(process, grace_s)


def end_orphans(data: Path, grace_s: float = 5.0) -> list[int]:
    """End what a dead supervisor left behind, and one that is stopped: SIGTERM, and after `grace_s` SIGKILL.

    Returns the pids ended. Where no supervisor is at work, the files of the running node go too.
    """
    paths = NodePaths(data)
    holder = holder_of(paths)
    ended = []
    if holder is not None and is_stopped(holder.pid):
        end_hung(holder)
        ended.append(holder.pid)
    orphans = survivors(paths)
    # The calls processes first: they hang up, and media closes the calls for them.
    for calls in (True, False):
        _end_all([process for role, process in orphans if (role == "calls") is calls], grace_s)
    lock_fd = try_lock(paths) if paths.run.is_dir() else None
    if lock_fd is not None:
        paths.clear_run()
        release_lock(paths, lock_fd)
    return ended + [process.pid for _, process in orphans]
