"""The supervisor: starts, watches and replaces the processes of a node, and holds their sockets and memory.

`python -m keepline.node.supervisor --data DIR --operation DIGEST --settings JSON`; `keepline up` becomes it. It is
one thread around one selector, so that it can fork media, and it handles no call: its death is nobody's silence.
"""

import argparse
import fcntl
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from keepline import __version__
from keepline.model.errors import KeeplineError, LocalError
from keepline.node import control, journal
from keepline.node.children import Child, child_of, fork_media, spawn_calls, spawn_desk, spawn_speech
from keepline.node.control import Message
from keepline.node.holdings import Holdings, Settings, Survivors, gather, prepare
from keepline.node.logs import set_up_logs
from keepline.node.paths import NodePaths
from keepline.node.processes import identify, is_stopped, send_signal, wait_gone
from keepline.node.shutdown import Shutdown
from keepline.node.watch import Watch

WATCH_EVERY_S = 0.05
WATCH_IDLE_EVERY_S = 0.2
"""Without a live call nobody hears that something hangs."""
START_LIMIT_S = 30.0
QUICK_DEATH_S = 0.5
RESTART_DELAYS_S = (0.0, 0.0, 0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
"""Before a process is started again, by how many times in a row it died young."""
log = structlog.get_logger("supervisor")


class Supervisor:
    """One node's supervisor."""

    def __init__(self, paths: NodePaths, digest: str, settings: Settings, lock_fd: int) -> None:
        self.paths = paths
        self.digest = digest
        self.settings = settings
        self._lock_fd = lock_fd
        self.children: list[Child] = []
        self._young_deaths: dict[str, int] = {}
        self._due: list[tuple[float, str]] = []
        self._selector = selectors.DefaultSelector()
        self._began_s = time.monotonic()
        self._is_ready = False
        self._listener = control.listen(paths.supervisor_socket)
        survivors = gather(paths, self._listener)
        self._clear_away(survivors)
        self.holdings: Holdings = prepare(paths, settings, survivors.fds)
        self._adopt(survivors)
        self._watch = Watch(self.holdings.slots)
        self._shutdown = Shutdown(self)
        self._wake_read, self._wake_write = socket.socketpair()
        for end in (self._wake_read, self._wake_write):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: None)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._wake_read, selectors.EVENT_READ, self._on_signal)

    # Life -----------------------------------------------------------------------------------------------------------

    def run(self) -> int:
        """Serve until stopped; returns the exit code."""
        for role in ("media", "calls", "calls", "speech", "desk"):
            wanted = 2 if role == "calls" else 1
            if sum(child.role == role for child in self.children) < wanted:
                self.start(role)
        while not self._shutdown.is_over:
            idle = self._is_ready and not self._shutdown.has_begun and not self.holdings.slots.live_calls
            for key, _ in self._selector.select(WATCH_IDLE_EVERY_S if idle else WATCH_EVERY_S):
                key.data()
            self._tick()
        self._end()
        return 0

    def _tick(self) -> None:
        now_s = time.monotonic()
        for due_s, role in [entry for entry in self._due if entry[0] <= now_s]:
            self._due.remove((due_s, role))
            if not self._shutdown.has_begun:
                self.start(role)
        for child, why in self._watch.hung(now_s, self.children):
            log.warning("hung", role=child.role, pid=child.process.pid, why=why)
            send_signal(child.process, signal.SIGKILL)
        if not self._is_ready:
            self._check_ready(now_s)
        self._shutdown.tick(now_s)

    def _check_ready(self, now_s: float) -> None:
        active = self.find("calls", "active")
        if active is not None and active.epoch and self.find("media", "serving") is not None:
            self._is_ready = True
            host, port = self.holdings.http.getsockname()[:2]
            sip = "{}:{}".format(*self.holdings.sip[0].getsockname()[:2])
            sys.stdout.write(f"ready sip=udp:{sip} http={host}:{port} data={self.paths.data}\n")
            sys.stdout.flush()
        elif now_s - self._began_s > START_LIMIT_S:
            log.error(
                "not_ready", what=f"the node answers no calls {START_LIMIT_S:g} s after its start; see the lines above"
            )
            self._began_s = now_s

    def _end(self) -> None:
        for child in self.children:
            os.close(child.pidfd)
        for path in (self.paths.supervisor_socket, self.paths.speech_socket, self.paths.node_file):
            path.unlink(missing_ok=True)

    # Children -------------------------------------------------------------------------------------------------------

    def find(self, role: str, state: str = "") -> Child | None:
        """The first child of this role, in this state where one is given."""
        return next((c for c in self.children if c.role == role and (not state or c.state == state)), None)

    def start(self, role: str) -> None:
        """Start a process of this role."""
        starters: dict[str, Callable[[], int]] = {
            "media": lambda: fork_media(self.paths, self.holdings),
            "calls": lambda: spawn_calls(self.paths, self.holdings, self.digest),
            "speech": lambda: spawn_speech(self.paths, self.holdings),
            "desk": lambda: spawn_desk(self.paths, self.holdings),
        }
        try:
            child = child_of(role, starters[role](), time.monotonic())
        except (OSError, LocalError) as error:
            log.error("start_failed", role=role, what=str(error))
            self._start_later(role)
            return
        self._take(child)

    def _take(self, child: Child) -> None:
        self.children.append(child)
        self._selector.register(child.pidfd, selectors.EVENT_READ, lambda: self._on_death(child))
        self._write_node_file()

    def _on_death(self, child: Child) -> None:
        self._selector.unregister(child.pidfd)
        os.close(child.pidfd)
        how = ""
        try:
            _, status = os.waitpid(child.process.pid, os.WNOHANG)
            how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}"
        except ChildProcessError:  # adopted: somebody else's child
            pass
        self.children.remove(child)
        if child.connection is not None:
            self._drop(child.connection)
        if self._shutdown.has_begun:
            return
        log.warning("died", role=child.role, state=child.state, pid=child.process.pid, how=how)
        if time.monotonic() - child.started_s < QUICK_DEATH_S and child.state != "active":
            self._young_deaths[child.role] = self._young_deaths.get(child.role, 0) + 1
        else:
            self._young_deaths[child.role] = 0
        self._start_later(child.role)
        self._write_node_file()

    def _start_later(self, role: str) -> None:
        deaths = self._young_deaths.get(role, 0)
        delay_s = RESTART_DELAYS_S[min(deaths, len(RESTART_DELAYS_S) - 1)]
        if delay_s >= 0.5:
            log.error("crash_loop", role=role, deaths=deaths, next_try_s=delay_s)
        if delay_s == 0.0:
            self.start(role)
        else:
            self._due.append((time.monotonic() + delay_s, role))

    def _write_node_file(self) -> None:
        holdings = self.holdings
        noted = {
            "supervisor": os.getpid(),
            "sip": list(holdings.sip[0].getsockname()[:2]),
            "http": list(holdings.http.getsockname()[:2]),
            "rtp": list(self.settings.rtp),
            "operation": self.digest,
            "processes": [[c.role, c.process.pid, c.process.started] for c in self.children],
        }
        temporary = self.paths.node_file.with_suffix(".new")
        temporary.write_text(json.dumps(noted), encoding="utf-8")
        temporary.replace(self.paths.node_file)

    # Adoption -------------------------------------------------------------------------------------------------------

    def _clear_away(self, survivors: Survivors) -> None:
        """End what cannot be adopted: the hung, and those that hold nothing of a call."""
        helpers = [(r, p) for r, p in control.survivors(self.paths) if r in ("speech", "desk")]
        for role, process in [*survivors.hung, *helpers]:
            log.warning("not_adopted", role=role, pid=process.pid)
            send_signal(process, signal.SIGKILL)
            wait_gone(process, START_LIMIT_S)

    def _adopt(self, survivors: Survivors) -> None:
        for message, connection, process in survivors.registered:
            child = Child(str(message["role"]), process, os.pidfd_open(process.pid), time.monotonic(), connection)
            self._note_state(child, message)
            connection.setblocking(False)
            self._selector.register(connection, selectors.EVENT_READ, self._reader(connection))
            self._take(child)
            log.warning("adopted", role=child.role, state=child.state, pid=process.pid)

    # The control socket ---------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError):
            return
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ, self._reader(connection))

    def _reader(self, connection: socket.socket) -> Callable[[], None]:
        return lambda: self._read(connection)

    def _read(self, connection: socket.socket) -> None:
        try:
            received = control.receive(connection)
        except (BlockingIOError, InterruptedError):
            return
        except (OSError, ValueError):
            received = None
        if received is None:
            self._drop(connection)
            return
        message, fds = received
        for fd in fds:
            os.close(fd)
        answer = self._answer(connection, message)
        if answer is not None:
            try:
                control.send(connection, answer)
            except OSError:
                self._drop(connection)

    def _drop(self, connection: socket.socket) -> None:
        if connection.fileno() >= 0:
            self._selector.unregister(connection)
            connection.close()
        for child in self.children:
            if child.connection is connection:
                child.connection = None

    def _answer(self, connection: socket.socket, message: Message) -> Message | None:
        op = message.get("op")
        if op == "status":
            return self.status()
        if op == "stop":
            self._shutdown.ask(now=bool(message.get("now")))
            return {"ok": True, "pid": os.getpid(), "limit_s": self._shutdown.limit_s}
        child = self._sender(connection, message)
        if op in ("register", "promoted") and child is not None:
            child.connection = connection
            self._note_state(child, message)
            self._shutdown.remind(child)
            return None
        return {"ok": False, "error": f"unknown request {op!r}"}

    def _sender(self, connection: socket.socket, message: Message) -> Child | None:
        pid = message.get("pid")
        return next((c for c in self.children if c.connection is connection or c.process.pid == pid), None)

    def _note_state(self, child: Child, message: Message) -> None:
        state = "active" if message.get("op") == "promoted" else str(message.get("state", ""))
        if state == "active" and child.state != "active":
            child.active_since_s = time.monotonic()
        child.state = state
        child.epoch = int(str(message.get("epoch", 0)))

    def tell(self, child: Child, message: Message) -> None:
        """Tell a child; one that is not connected hears it when it registers."""
        if child.connection is not None:
            try:
                control.send(child.connection, message)
            except OSError:
                self._drop(child.connection)

    def _on_signal(self) -> None:
        for number in self._wake_read.recv(64):
            if number in (signal.SIGTERM, signal.SIGINT):
                self._shutdown.ask(now=self._shutdown.has_begun)

    # Status ---------------------------------------------------------------------------------------------------------

    def status(self) -> Message:
        """What `keepline status --json` prints."""
        active, warm = self.find("calls", "active"), self.find("calls", "warm")
        starting = next((c for c in self.children if c.role == "calls" and not c.state), None)
        slots = self.holdings.slots

        def pid(child: Child | None) -> Message | None:
            return {"pid": child.process.pid} if child is not None else None

        return {
            "node": socket.gethostname(),
            "version": __version__,
            "mode": "normal",
            "state": "stopping" if self._shutdown.has_begun else "running" if self._is_ready else "starting",
            "live_calls": slots.live_calls,
            "processes": {
                "supervisor": {"pid": os.getpid()},
                "media": pid(self.find("media")),
                "calls": {"active": pid(active), "warm": pid(warm), "starting": pid(starting)},
                "speech": pid(self.find("speech")),
                "desk": pid(self.find("desk")),
            },
            "epochs": {"calls": slots.calls_epoch, "media": slots.media_epoch},
            "sip": "udp:{}:{}".format(*self.holdings.sip[0].getsockname()[:2]),
            "http": "{}:{}".format(*self.holdings.http.getsockname()[:2]),
            "rtp_ports": f"{self.settings.rtp[0]}-{self.settings.rtp[1]}",
            "media_slots": slots.count,
            "operation": self.digest,
            "data": str(self.paths.data),
            "uptime_s": round(time.monotonic() - self._began_s, 1),
        }


def take_lock(paths: NodePaths) -> int:
    """Become the one supervisor of this data directory. A stopped holder is ended; raises `KeeplineError` otherwise."""
    descriptor = os.open(paths.supervisor_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for _ in range(2):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = int(os.pread(descriptor, 20, 0) or b"0")
            holder = identify(pid) if pid else None
            if holder is None or not is_stopped(pid):
                raise KeeplineError(
                    f"a node runs in {paths.data} already (supervisor pid {pid}); "
                    "`keepline stop` ends it, --data chooses another directory"
                ) from None
            log.warning("stopped_supervisor_ended", pid=pid)
            send_signal(holder, signal.SIGKILL)
            wait_gone(holder, START_LIMIT_S)
        else:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            return descriptor
    raise KeeplineError(f"the lock of {paths.data} cannot be had")


def main() -> int:
    """Run the supervisor; returns the exit code."""
    parser = argparse.ArgumentParser(prog="keepline-supervisor", description="The supervisor of a Keepline node.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--operation", required=True, help="digest of the stored operation")
    parser.add_argument("--settings", required=True, help="JSON: addresses and limits")
    arguments = parser.parse_args()
    set_up_logs("supervisor")
    paths = NodePaths(arguments.data)
    try:
        paths.create()
        lock_fd = take_lock(paths)
        journal.create(paths.data)
        supervisor = Supervisor(paths, arguments.operation, Settings.parse(arguments.settings), lock_fd)
    except (KeeplineError, OSError) as error:
        sys.stderr.write(f"keepline up: {error}\n")
        return 1
    return supervisor.run()


if __name__ == "__main__":
    sys.exit(main())
