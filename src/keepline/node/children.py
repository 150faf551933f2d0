"""The supervisor's children: how each is started, and what is known of it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from keepline.model.errors import LocalError
from keepline.node.control import ControlClient, Message
from keepline.node.head_start import MODULE as CALLS_MODULE
from keepline.node.head_start import HeadStart
from keepline.node.holdings import Holdings
from keepline.node.media import MediaLoop
from keepline.node.paths import NodePaths
from keepline.node.processes import ProcessId, identify
from keepline.node.scheduling import SPOKEN, run_early, run_first
from keepline.node.settings import Settings

BESIDE = ("speech", "desk", "status_page")
"""Processes that no call depends on: a new supervisor has them anew."""


@dataclass(slots=True)
class Child:
    """One process of the node, started here or adopted."""

    role: str
    """media, calls, speech, desk or status_page."""
    process: ProcessId
    pidfd: int
    started_s: float
    """Monotonic."""
    connection: socket.socket | None = None
    state: str = ""
    """Of a calls process: warm or active; empty until it has registered."""
    epoch: int = 0
    active_since_s: float = 0.0
    trouble: str = ""
    """What is wrong with it, in its own words; empty while all is well."""
    journal: Message = field(default_factory=dict)
    """Of an active calls process: how its journal does."""
    operation: str = ""
    """Of a calls process: digest of the version that its new calls run."""
    registrations: dict[str, Message] = field(default_factory=dict)
    """Of an active calls process: trunk -> until when it is registered, and what went wrong last."""
    work: dict[str, int] = field(default_factory=dict)
    """Of an active calls process: how much is unfinished, by what for."""

    @property
    def version(self) -> str:
        """Of a calls process."""
        return self.operation

    def note(self, message: Message, now_s: float) -> None:
        """It has registered, or was promoted: what it is from now on."""
        state = "active" if message.get("op") == "promoted" else str(message.get("state", ""))
        if state == "active" and self.state != "active":
            self.active_since_s = now_s
        self.state = state
        epoch = message.get("epoch")
        self.epoch = epoch if isinstance(epoch, int) else 0
        self.operation = str(message.get("operation", self.operation))


def spawn_calls(paths: NodePaths, holdings: Holdings, digest: str, head_start: HeadStart | None = None) -> int:
    """Start a calls process, or let one that has begun already serve; returns its pid."""
    singles = {
        "slots": holdings.slots.fd,
        "link": holdings.link.fileno(),
        "media_link": holdings.media_link.fileno(),
    }
    sip, sip_tcp = ([each.fileno() for each in some] for some in (holdings.sip, holdings.sip_tcp))
    arguments = ["--data", str(paths.data), "--operation", digest]
    if head_start is not None:
        if head_start.tell(arguments, {**singles, "sip": sip, "sip_tcp": sip_tcp}, holdings.rtp_ports):
            return head_start.pid
        head_start.give_up()
    described = json.dumps(
        {**singles, "sip": sip, "sip_tcp": sip_tcp, "rtp_ports": holdings.rtp_ports}, separators=(",", ":")
    )
    return _spawn(CALLS_MODULE, [*arguments, "--fds", described], [*singles.values(), *sip, *sip_tcp])


def spawn_speech(paths: NodePaths, holdings: Holdings) -> int:
    """Start the process that makes prompts; returns its pid."""
    fd = holdings.speech.fileno()
    pid = _spawn("keepline.connectors.speech", ["--data", str(paths.data), "--socket-fd", str(fd)], [fd])
    run_early(pid, SPOKEN)
    return pid


def spawn_desk(paths: NodePaths, holdings: Holdings) -> int:
    """Start the process that answers HTTP; returns its pid."""
    fd = holdings.http.fileno()
    return _spawn("keepline.desk", ["--data", str(paths.data), "--socket-fd", str(fd)], [fd])


def spawn_status_page(settings: Settings) -> int:
    """Start the process that serves the status page, which needs nobody; returns its pid."""
    listen, directory = settings.page
    return _spawn("keepline.status_page", ["--directory", directory, "--listen", listen], [])


def spawn_beside(role: str, paths: NodePaths, holdings: Holdings, settings: Settings) -> int:
    """Start a process that no call depends on; returns its pid."""
    if role == "status_page":
        return spawn_status_page(settings)
    return spawn_speech(paths, holdings) if role == "speech" else spawn_desk(paths, holdings)


def _spawn(module: str, arguments: list[str], inherited: list[int]) -> int:
    # A session of its own: Ctrl-C in the supervisor's terminal is the supervisor's business alone.
    made = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        pass_fds=inherited,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    # The kernel's own descriptor of the process tells of its end; Popen's bookkeeping is not wanted.
    made.returncode = 0
    return made.pid


def fork_media(paths: NodePaths, holdings: Holdings) -> int:
    """Start media by forking, which takes milliseconds where a fresh interpreter takes a hundred; returns its pid."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        _become_media(paths, holdings)
        status = 0
    except BaseException as error:
        os.write(2, f"keepline media failed: {type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(status)


def _become_media(paths: NodePaths, holdings: Holdings) -> None:
    os.setsid()
    run_first()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Path("/proc/self/comm").write_text("keepline-media")
    rtp, rtcp = ([each.fileno() for each in some] for some in (holdings.rtp, holdings.rtcp))
    slots, link, media_link = holdings.slots.fd, holdings.link.fileno(), holdings.media_link.fileno()
    _close_all_but({2, slots, link, media_link, *rtp, *rtcp})
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    loop = MediaLoop(holdings.slots, holdings.rtp, holdings.media_link, paths.prompts, rtcp_sockets=holdings.rtcp)
    signal.signal(signal.SIGTERM, lambda _number, _frame: loop.stop())

    def hello() -> Message:
        return {"op": "register", "role": "media", "pid": os.getpid(), "state": "serving"}

    def fds() -> list[tuple[str, list[int]]]:
        return [("slots", [slots]), ("link", [link]), ("media_link", [media_link]), ("rtp", rtp), ("rtcp", rtcp)]

    def obey(message: Message) -> None:
        if message.get("op") == "stop":
            loop.stop()

    ControlClient(paths, hello, fds, obey).start()
    loop.run()


def _close_all_but(kept: set[int]) -> None:
    """Close what the fork copied and media must not hold, the supervisor's lock above all."""
    for name in os.listdir("/proc/self/fd"):
        descriptor = int(name)
        if descriptor > 2 and descriptor not in kept:
            try:
                os.close(descriptor)
            except OSError:  # the descriptor of the listing itself
                continue


def child_of(role: str, pid: int, started_s: float) -> Child:
    """Bookkeeping for a process just started. Raises `LocalError` where it is gone already."""
    process = identify(pid)
    if process is None:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        raise LocalError(f"{role} (pid {pid}) was gone before it began")
    return Child(role, process, os.pidfd_open(pid), started_s)
