"""The supervisor: starts, watches and replaces the processes of a node, and holds their sockets and memory.

`python -m keepline.node.supervisor --data DIR --operation DIGEST --settings JSON`; `keepline up` becomes it. It is
one thread around one selector, so that it can fork media, and it handles no call: its death is nobody's silence.
"""

import argparse
import contextlib
import os
import resource
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from keepline.node import light_logs  # noqa: F401 - before structlog

# isort: split

import structlog

from keepline.model.errors import KeeplineError, LocalError
from keepline.model.limits import CONTROL_FDS_PER_MESSAGE_MAX
from keepline.node import control, journal_rescue, work_requests
from keepline.node.api_token import make_token
from keepline.node.children import BESIDE, Child, child_of, fork_media, spawn_beside, spawn_calls
from keepline.node.control import Message
from keepline.node.control_server import ControlServer
from keepline.node.head_start import HeadStart
from keepline.node.held_streams import HeldStreams
from keepline.node.holdings import Holdings, Survivors, check_fit, gather, prepare
from keepline.node.lock import release_lock, take_lock
from keepline.node.logs import set_up_logs
from keepline.node.passed_on import PASSED_ON
from keepline.node.paths import NodePaths
from keepline.node.processes import send_signal, wait_gone, was_just_stopped
from keepline.node.prompt_pruning import prune_prompts
from keepline.node.restarts import Restarts, how
from keepline.node.settings import Settings
from keepline.node.shutdown import Shutdown
from keepline.node.starting import Starting
from keepline.node.status import address_of, note_trouble, registrations_in, status_of
from keepline.node.upgrading import Upgrade
from keepline.node.waiting_commands import NO_CALLS_PROCESS, WaitingCommands
from keepline.node.watch import Watch

WATCH_EVERY_S = 0.05
WATCH_IDLE_EVERY_S = 0.2
"""Without a live call nobody hears that something hangs."""
START_LIMIT_S = 30.0
END_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""The last one comes when the terminal is closed."""
NOT_READY = f"the node answers no calls {START_LIMIT_S:g} s after its start; see the log"
log = structlog.get_logger("supervisor")


class Supervisor:
    """One node's supervisor."""

    def __init__(
        self, paths: NodePaths, digest: str, settings: Settings, lock_fd: int, head_start: HeadStart | None = None
    ) -> None:
        self.paths = paths
        self.digest = digest
        self.settings = settings
        self._lock_fd = lock_fd
        self._head_start = head_start
        self.children: list[Child] = []
        self._restarts = Restarts(self.children, self.tell)
        self._selector = selectors.DefaultSelector()
        self.began_s = time.monotonic()
        self._complain_at_s = self.began_s + START_LIMIT_S
        self._is_ready = False
        self._is_late = False
        listener = control.listen(paths.supervisor_socket)
        survivors = gather(paths, listener)
        check_fit(settings, survivors.fds)
        self._clear_away(survivors)
        self.holdings: Holdings = prepare(paths, settings, survivors.fds)
        self._placements = WaitingCommands()
        self._control = ControlServer(self._selector, listener, self._answer, self._on_gone, self._on_descriptors)
        self._upgrade = Upgrade(self, self._control.send)
        self.streams = HeldStreams(self._selector)
        self.streams.hold(survivors.fds.get("streams", ()))
        self._reader: Child | None = None
        """Who reads the TCP connections of SIP."""
        self._adopt(survivors)
        self._upgrade.tidy()
        self._watch = Watch(self.holdings.slots)
        self._shutdown = Shutdown(self)
        self._wake_read, self._wake_write = socket.socketpair()
        for end in (self._wake_read, self._wake_write):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)
        for number in (*END_SIGNALS, signal.SIGCHLD):
            signal.signal(number, lambda _number, _frame: None)
        self._selector.register(self._wake_read, selectors.EVENT_READ, self._on_signal)

    # Life -----------------------------------------------------------------------------------------------------------

    def run(self) -> int:
        """Serve until stopped; returns the exit code."""
        self._starting = Starting(time.monotonic(), self.children, self.start, with_page=bool(self.settings.page[0]))
        if self._head_start is not None:
            self._head_start.give_up()  # those that were adopted need none
            self._head_start = None
        while not self._shutdown.is_over:
            idle = self._is_ready and not self._shutdown.has_begun and not self.holdings.slots.live_calls
            for key, _ in self._selector.select(WATCH_IDLE_EVERY_S if idle else WATCH_EVERY_S):
                key.data()
            self._tick()
        self._end()
        return 0

    def _tick(self) -> None:
        now_s = time.monotonic()
        for role in self._restarts.take_due(now_s):
            if not self._shutdown.is_ending:
                self.start(role)
        if not self._shutdown.is_ending:
            self._starting.tick(now_s, is_ready=self._is_ready, is_guarded=self.find("calls", "warm") is not None)
        for child, why in self._watch.hung(now_s, self.children):
            log.warning("hung", role=child.role, pid=child.process.pid, why=why)
            send_signal(child.process, signal.SIGKILL)
        if not self._is_ready:
            self._check_ready(now_s)
        self._upgrade.tick(now_s)
        self._shutdown.tick(now_s)

    def _check_ready(self, now_s: float) -> None:
        active = self.find("calls", "active")
        if active is not None and active.epoch and self.find("media", "serving") is not None:
            self._is_ready, self._is_late = True, False
            sip, http = address_of(self.holdings.sip[0]), address_of(self.holdings.http)
            with contextlib.suppress(OSError):  # nobody listens
                sys.stdout.write(f"ready sip=udp:{sip} http={http} data={self.paths.data}\n")
                sys.stdout.flush()
        elif now_s > self._complain_at_s:
            self._is_late = True
            self._complain_at_s = now_s + START_LIMIT_S
            log.error("not_ready", what=NOT_READY)

    def _end(self) -> None:
        for child in self.children:
            os.close(child.pidfd)
        self.paths.clear_run()
        release_lock(self.paths, self._lock_fd)

    # Children -------------------------------------------------------------------------------------------------------

    def find(self, role: str, state: str = "") -> Child | None:
        """The first child of this role, in this state where one is given."""
        return next((c for c in self.children if c.role == role and (not state or c.state == state)), None)

    def start(self, role: str, operation: str = "") -> None:
        """Start a process of this role; calls for another version of the operation where one is given."""
        starters: dict[str, Callable[[], int]] = {
            "media": lambda: fork_media(self.paths, self.holdings),
            "calls": lambda: self._spawn_calls(operation or self.digest),
            **dict.fromkeys(BESIDE, lambda: spawn_beside(role, self.paths, self.holdings, self.settings)),
        }
        try:
            child = child_of(role, starters[role](), time.monotonic())
        except (OSError, LocalError) as error:
            log.error("start_failed", role=role, what=str(error))
            self._restarts.note_failed_start(time.monotonic(), role, str(error))
            return
        if role == "calls":
            child.operation = operation or self.digest
            self._upgrade.note_start(child, is_new=bool(operation))
        self._take(child)

    def _spawn_calls(self, digest: str) -> int:
        head_start, self._head_start = self._head_start, None
        return spawn_calls(self.paths, self.holdings, digest, head_start)

    def _take(self, child: Child) -> None:
        self.children.append(child)
        self._selector.register(child.pidfd, selectors.EVENT_READ, lambda: self._on_death(child))
        self._write_node_file()

    def _on_death(self, child: Child) -> None:
        self._selector.unregister(child.pidfd)
        os.close(child.pidfd)
        status = None
        with contextlib.suppress(ChildProcessError):  # adopted: somebody else's child
            _, status = os.waitpid(child.process.pid, os.WNOHANG)
        if child.connection is not None:
            self._control.finish(child.connection)
        self.children.remove(child)
        if self._shutdown.is_ending:
            return
        log.warning("died", role=child.role, state=child.state, pid=child.process.pid, how=how(status))
        if self._upgrade.owns_death(child, status):
            self._write_node_file()
            return
        self._restarts.note_death(time.monotonic(), child, status)
        for role in self._restarts.take_due(time.monotonic()):
            self.start(role)
        self._write_node_file()

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
        try:
            control.write_node_file(self.paths, noted)
        except OSError as error:
            log.error("node_file_not_written", what=str(error), meaning="a new supervisor could not adopt all of this")

    # Adoption -------------------------------------------------------------------------------------------------------

    def _clear_away(self, survivors: Survivors) -> None:
        """End what cannot be adopted: the hung, and those that hold nothing of a call."""
        helpers = [(r, p) for r, p in control.survivors(self.paths) if r in BESIDE]
        for role, process in [*survivors.hung, *helpers]:
            log.warning("not_adopted", role=role, pid=process.pid)
            send_signal(process, signal.SIGKILL)
            wait_gone(process, START_LIMIT_S)

    def _adopt(self, survivors: Survivors) -> None:
        for message, connection, process in survivors.registered:
            child = Child(str(message["role"]), process, os.pidfd_open(process.pid), time.monotonic(), connection)
            self._note_state(child, message)
            self._control.add(connection)
            self._take(child)
            log.warning("adopted", role=child.role, state=child.state, pid=process.pid)

    # The control socket ---------------------------------------------------------------------------------------------

    def _on_gone(self, connection: socket.socket) -> None:
        self._placements.forget(connection)
        self._upgrade.forget(connection)
        for child in self.children:
            if child.connection is connection:
                child.connection = None

    def _answer(self, connection: socket.socket, pid: int, message: Message) -> Message | None:
        op = message.get("op")
        if op == "status":
            return status_of(self)
        if op == "stop":
            self._shutdown.ask(now=bool(message.get("now")))
            return {"ok": True, "pid": os.getpid(), "limit_s": self._shutdown.limit_s}
        if op == "upgrade":
            return self._upgrade.ask(connection, message)
        if op in PASSED_ON:
            return self._pass_on(connection, message)
        child = next((c for c in self.children if c.process.pid == pid), None)
        if op in ("placed", "work_closed") and child is not None:
            who = self._placements.take(message)
            if who is not None:
                self._control.send(who, message)
            return None
        if (
            op in ("register", "promoted", "trouble", "registrations", "work", "hold", "take_over")
            and child is not None
        ):
            if op == "take_over":
                self._hand_over(child)
            elif op == "trouble":
                note_trouble(child, message.get("what"), message)
            elif op == "registrations":
                child.registrations = registrations_in(message)
            elif op == "work":
                child.work = work_requests.counts_in(message)
            elif op != "hold":
                child.connection = connection
                self._control.keep(connection)
                self._note_state(child, message)
                self._shutdown.remind(child)
            return None
        return {"ok": False, "error": f"unknown request {op!r}"}

    def _on_descriptors(self, pid: int, message: Message, fds: list[int]) -> bool:
        """A TCP connection to hold; one that comes after a successor has asked for them is handed on."""
        child = next((c for c in self.children if c.process.pid == pid and c.role == "calls"), None)
        if child is None or message.get("op") != "hold":
            return False
        reader = self._reader
        if reader is not None and reader is not child and reader.connection is not None:
            self._control.send(reader.connection, {"op": "streams"}, fds)
        self.streams.hold(fds)
        return True

    def _hand_over(self, child: Child) -> None:
        """Give the new active calls process the TCP connections of the last one."""
        self._reader = child
        fds, step = self.streams.descriptors(), CONTROL_FDS_PER_MESSAGE_MAX
        for first in range(0, max(len(fds), 1), step):
            if child.connection is not None:
                last = first + step >= len(fds)
                self._control.send(child.connection, {"op": "streams", "last": last}, fds[first : first + step])

    def _pass_on(self, connection: socket.socket, message: Message) -> Message | None:
        """To the active calls process, which answers by `placed`; who asks waits for that."""
        active = self.find("calls", "active")
        if active is None or active.connection is None:
            return {"ok": False, "again": True, "error": NO_CALLS_PROCESS}
        self._placements.add(message, connection)
        self.tell(active, message)
        return None

    def _note_state(self, child: Child, message: Message) -> None:
        child.note(message, time.monotonic())
        note_trouble(child, message.get("trouble"), message)
        child.registrations = registrations_in(message)
        child.work = work_requests.counts_in(message)
        self._upgrade.note_state(child)
        active = self.find("calls", "active")
        if active is not None and self.find("calls", "warm") is not None:
            self.tell(active, {"op": "standby"})

    def tell(self, child: Child, message: Message) -> None:
        """Tell a child; one that is not connected hears it when it registers."""
        if child.connection is not None:
            self._control.send(child.connection, message)

    def _on_signal(self) -> None:
        for number in self._wake_read.recv(64):
            if number in END_SIGNALS:
                self._shutdown.ask(now=self._shutdown.has_begun)
            elif number == signal.SIGCHLD:
                self._end_stopped()

    def _end_stopped(self) -> None:
        """A child that was stopped is ended at once: nobody hears of it sooner than its parent."""
        for child in self.children:
            if was_just_stopped(child.process.pid):
                log.warning("hung", role=child.role, pid=child.process.pid, why="stopped")
                send_signal(child.process, signal.SIGKILL)

    # Status ---------------------------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """starting, running or stopping."""
        return "stopping" if self._shutdown.has_begun else "running" if self._is_ready else "starting"

    @property
    def restart_counts(self) -> dict[str, int]:
        """Starts of each role beyond the first."""
        return self._restarts.counts

    def troubles(self) -> list[str]:
        """What somebody should look after, in words."""
        told = [f"{child.role}: {child.trouble}" for child in self.children if child.trouble]
        told += [self._upgrade.trouble] if self._upgrade.trouble else []
        return told + self._restarts.troubles(time.monotonic()) + ([NOT_READY] if self._is_late else [])


def main() -> int:
    """Run the supervisor; returns the exit code."""
    parser = argparse.ArgumentParser(prog="keepline-supervisor", description="The supervisor of a Keepline node.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--operation", required=True, help="digest of the stored operation")
    parser.add_argument("--settings", required=True, help="JSON: addresses and limits")
    parser.add_argument("--head-start", default="", help="PID:FD of a calls process that has begun already")
    arguments = parser.parse_args()
    head_start = HeadStart.take(arguments.head_start) if arguments.head_start else None
    set_up_logs("supervisor")
    # Two sockets for each call; the usual soft limit of 1,024 descriptors is for programs that use select().
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    paths = NodePaths(arguments.data)
    lock_fd = None
    try:
        paths.create()
        lock_fd = take_lock(paths, control.is_deaf)
        if not control.survivors(paths):
            prune_prompts(paths.prompts, time.time())
        make_token(paths.data)
        journal_rescue.create(paths.data, alone=not control.survivors(paths))
        supervisor = Supervisor(paths, arguments.operation, Settings.parse(arguments.settings), lock_fd, head_start)
    except (KeeplineError, OSError) as error:
        if head_start is not None:
            head_start.give_up()
        sys.stderr.write(f"keepline up: {error}\n")
        if lock_fd is not None:
            paths.supervisor_socket.unlink(missing_ok=True)
            release_lock(paths, lock_fd)
        return 1
    return supervisor.run()


if __name__ == "__main__":
    sys.exit(main())
