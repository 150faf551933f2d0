"""What outlives the processes of a node: its sockets and its slots' memory, made anew or taken over.

The supervisor holds a duplicate of everything. A new supervisor asks the processes that survived the last one for
theirs, and binds again what nobody holds any more: same addresses, same ports.
"""

import contextlib
import errno
import os
import resource
import selectors
import socket
import time
from dataclasses import dataclass, field

import structlog

from keepline.model.errors import KeeplineError
from keepline.model.limits import RTP_PORTS_BUSY_SHARE_MAX
from keepline.node import control
from keepline.node.control import Message
from keepline.node.paths import NodePaths
from keepline.node.port_words import port_words
from keepline.node.processes import ProcessId
from keepline.node.settings import Settings
from keepline.node.slots import Slots

ADOPTION_LIMIT_S = 3.0
"""How long a survivor may take to give what it holds; then it counts as hung."""
REBIND_LIMIT_S = 10.0
REBIND_EVERY_S = 0.05
RTP_BUFFER_BYTES = 65_536
RTCP_BUFFER_BYTES = 4_096
SIP_BACKLOG = 1_024
"""Connections wait here during a switch-over."""
SIP_PORT_ATTEMPTS_MAX = 20
"""Free ports that are tried until one is free for UDP and TCP."""
SIP_BUFFER_BYTES = 4 << 20
"""A burst of requests waits here during a switch-over."""
log = structlog.get_logger("supervisor")


class CannotListen(KeeplineError):  # noqa: N818
    """An address that cannot be had; the text says whose turn it is to do what."""


class PortBusy(CannotListen):
    """Because another program has it."""


@dataclass(slots=True)
class Holdings:
    """Every descriptor that a process of the node may need."""

    slots: Slots
    sip: list[socket.socket]
    sip_tcp: list[socket.socket]
    """Listening on the same addresses; none where SIP is not served over TCP."""
    rtp: list[socket.socket]
    rtcp: list[socket.socket]
    """As many, each on the port above its RTP port."""
    link: socket.socket
    """The calls end of the pair between calls and media."""
    media_link: socket.socket
    http: socket.socket
    speech: socket.socket

    @property
    def rtp_ports(self) -> list[int]:
        return [each.getsockname()[1] for each in self.rtp]


@dataclass(slots=True)
class Survivors:
    """What the last node left alive, once it has registered."""

    registered: list[tuple[Message, socket.socket, ProcessId]] = field(default_factory=list)
    fds: dict[str, list[int]] = field(default_factory=dict)
    hung: list[tuple[str, ProcessId]] = field(default_factory=list)


def gather(paths: NodePaths, listener: socket.socket) -> Survivors:
    """Let the survivors of the last supervisor register, and collect what they hold.

    Whoever else connects meanwhile is sent away at once, and holds up nobody by saying nothing.
    """
    found = Survivors()
    waiting = {process.pid: (role, process) for role, process in control.survivors(paths) if role in ("calls", "media")}
    deadline_s = time.monotonic() + ADOPTION_LIMIT_S
    silent: set[socket.socket] = set()
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while waiting and (left_s := deadline_s - time.monotonic()) > 0:
            for key, _ in selector.select(left_s):
                connection = key.fileobj
                assert isinstance(connection, socket.socket)
                if connection is listener:
                    _welcome(listener, waiting, selector, silent)
                    continue
                selector.unregister(connection)
                silent.discard(connection)
                _greet(connection, waiting, found)
    for connection in silent:
        connection.close()
    found.hung = list(waiting.values())
    return found


def _welcome(
    listener: socket.socket,
    waiting: dict[int, tuple[str, ProcessId]],
    selector: selectors.BaseSelector,
    silent: set[socket.socket],
) -> None:
    try:
        connection, _ = listener.accept()
    except OSError:  # gone again
        return
    if control.peer_pid(connection) in waiting:
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ)
        silent.add(connection)
    else:
        connection.close()


def _greet(connection: socket.socket, waiting: dict[int, tuple[str, ProcessId]], found: Survivors) -> None:
    """Take a survivor's registration and its descriptors; where it breaks off, it may try again."""
    pid = control.peer_pid(connection)
    try:
        received = control.receive(connection)
        if received is None or received[0].get("op") != "register" or pid not in waiting:
            raise ValueError("no registration")
        connection.settimeout(ADOPTION_LIMIT_S)
        _collect(connection, found.fds)
    except (OSError, ValueError):
        connection.close()
        return
    _, process = waiting.pop(pid)
    found.registered.append((received[0], connection, process))


def _collect(connection: socket.socket, fds: dict[str, list[int]]) -> None:
    control.send(connection, {"op": "give_fds"})
    gathered: dict[str, list[int]] = {}
    while (received := control.receive(connection)) is not None and received[0].get("op") != "fds_given":
        # A connection that it accepts in this very moment comes by itself; other news it tells again.
        kind = "streams" if received[0].get("op") == "hold" else str(received[0].get("kind", ""))
        gathered.setdefault(kind, []).extend(received[1])
    for kind, given in gathered.items():
        if kind in fds or not kind:
            for each in given:
                os.close(each)
        else:
            fds[kind] = given


def check_fit(settings: Settings, fds: dict[str, list[int]]) -> None:
    """Raises `CannotListen` where survivors serve other addresses than are asked for now."""
    if "sip" in fds:
        host, port = _address(fds["sip"][0])
        if settings.sip[0] != host or settings.sip[1] not in (0, port):
            raise CannotListen(
                f"the calls that survived the last supervisor are on udp:{host}:{port}; "
                f"start with --sip {host}:{port}, or end them with `keepline stop` first"
            )
    if "rtp" in fds:
        ports = [_address(fd)[1] for fd in fds["rtp"]]
        asked = rtp_port_numbers(settings.rtp)
        if not set(ports) <= set(asked) or len(asked) - len(ports) > busy_ports_max(asked):
            raise CannotListen(
                f"the calls that survived the last supervisor use the RTP ports {ports[0]} to {ports[-1] + 1}; "
                f"start with --rtp-ports {ports[0]}-{ports[-1] + 1}, or end them with `keepline stop` first"
            )


def _address(fd: int) -> tuple[str, int]:
    with socket.socket(fileno=os.dup(fd)) as borrowed:
        host, port = borrowed.getsockname()[:2]
        return host, port


def prepare(paths: NodePaths, settings: Settings, fds: dict[str, list[int]]) -> Holdings:
    """Everything a node holds: what survivors gave, and the rest anew. Raises `CannotListen`."""
    noted = control.read_node_file(paths)
    if "link" in fds and "media_link" in fds:
        link, media_link = (socket.socket(fileno=fds[name][0]) for name in ("link", "media_link"))
    else:
        link, media_link = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sip_address = settings.sip
    if fds and settings.sip[1] == 0:
        match noted.get("sip"):
            case [_, int(port)]:
                sip_address = (settings.sip[0], port)
    sip = [socket.socket(fileno=fd) for fd in fds["sip"]] if "sip" in fds else []
    sip_tcp = [socket.socket(fileno=fd) for fd in fds.get("sip_tcp", ())]
    sip, sip_tcp = bind_sip(sip_address, sip, sip_tcp, settings.tcp, again=bool(fds))
    if "rtp" in fds:
        rtp = [socket.socket(fileno=fd) for fd in fds["rtp"]]
    else:
        rtp = bind_rtp(sip[0].getsockname()[0], rtp_port_numbers(settings.rtp))
    slots = Slots.attach(fds["slots"][0]) if "slots" in fds else Slots.create(len(rtp), time.time(), time.monotonic())
    if len(fds.get("rtcp", ())) == len(rtp):
        rtcp = [socket.socket(fileno=fd) for fd in fds["rtcp"]]
    else:
        rtcp = [bind_rtcp(each, settings.rtp[1]) for each in rtp]
    if slots.count != len(rtp):
        raise CannotListen(f"the surviving processes have {slots.count} RTP ports, --rtp-ports asks for {len(rtp)}")
    return Holdings(
        slots,
        sip,
        sip_tcp,
        rtp,
        rtcp,
        link,
        media_link,
        (listen_tcp_again if fds else listen_tcp)(settings.http),
        listen_unix(paths),
    )


def rtp_port_numbers(ports: tuple[int, int]) -> list[int]:
    """The even ports of an inclusive range: one a call (RFC 3550 §11)."""
    first = ports[0] + ports[0] % 2
    return list(range(first, ports[1] + 1, 2))


def busy_ports_max(ports: list[int]) -> int:
    """How many of them a node does without: a few, and never the last one."""
    return min(len(ports) - 1, max(1, int(len(ports) * RTP_PORTS_BUSY_SHARE_MAX)))


def bind_rtp(host: str, ports: list[int]) -> list[socket.socket]:
    """The sockets of the RTP ports, those left out that other programs have; `CannotListen` where they are too many."""
    made: list[socket.socket] = []
    busy: list[int] = []
    for port in ports:
        try:
            made.append(bind_udp(host, port, RTP_BUFFER_BYTES))
        except PortBusy:
            busy.append(port)
            if len(busy) > busy_ports_max(ports):
                for each in made:
                    each.close()
                raise CannotListen(
                    f"other programs have {port_words(busy)} of the UDP ports {ports[0]}-{ports[-1]} on {host}, "
                    f"and a node does without {RTP_PORTS_BUSY_SHARE_MAX:.0%} of its ports at most; "
                    "stop those programs, or choose a range of its own with --rtp-ports"
                ) from None
    if busy:
        log.warning(
            "rtp_ports_busy",
            ports=port_words(busy),
            meaning=f"other programs have them; {len(made)} calls can have audio",
        )
    return made


def bind_rtcp(rtp: socket.socket, port_last: int) -> socket.socket:
    """The socket of the port above an RTP port; of any port where that one is taken, or out of the range.

    Reports are worth something and no call: whoever sits on that port does not keep a node from starting.
    """
    host, port = rtp.getsockname()[:2]
    if port < port_last:
        with contextlib.suppress(CannotListen):
            return bind_udp(host, port + 1, RTCP_BUFFER_BYTES)
    return bind_udp(host, 0, RTCP_BUFFER_BYTES)


def bind_sip(
    address: tuple[str, int], udp: list[socket.socket], tcp: list[socket.socket], wants_tcp: bool, *, again: bool
) -> tuple[list[socket.socket], list[socket.socket]]:
    """The SIP sockets that are not there yet, UDP and TCP on one port. Raises `CannotListen`.

    `again`: they take the place of ones that have just been lost.
    """
    host, port = address
    for attempt in range(SIP_PORT_ATTEMPTS_MAX):
        made = udp or [bind_udp(host, port, SIP_BUFFER_BYTES)]
        if tcp or not wants_tcp:
            return made, tcp if wants_tcp else []
        listen = listen_tcp_again if again else listen_tcp
        try:
            return made, [
                listen(
                    (host, made[0].getsockname()[1]),
                    "--sip, or serve UDP alone (sip.transports: [udp])",
                    "sip over tcp",
                    SIP_BACKLOG,
                )
            ]
        except CannotListen:
            # Any free port of UDP's may be taken over TCP; then another one serves as well.
            if udp or port or attempt + 1 == SIP_PORT_ATTEMPTS_MAX:
                raise
            made[0].close()
    raise AssertionError("the last attempt returns or raises")


def bind_udp(host: str, port: int, buffer_bytes: int) -> socket.socket:
    """A bound UDP socket. Raises `CannotListen`."""
    try:
        made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    except OSError as error:
        raise CannotListen(f"cannot listen on udp:{host}:{port} ({error.strerror}); {_remedy(error)}") from None
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        kind = PortBusy if error.errno == errno.EADDRINUSE else CannotListen
        raise kind(f"cannot listen on udp:{host}:{port} ({error.strerror}); {_remedy(error)}") from None
    made.setblocking(False)
    return made


def _remedy(error: OSError) -> str:
    """What a person can do about a UDP port that cannot be had."""
    if error.errno == errno.EMFILE:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return f"this process may have {limit} files open: raise that with `ulimit -n`, or give it fewer --rtp-ports"
    if error.errno == errno.EADDRINUSE:
        return "another program has it: stop that one, or choose another with --sip or --rtp-ports"
    return "choose an address of this machine and a port that you may use with --sip or --rtp-ports"


def listen_tcp_again(
    address: tuple[str, int], option: str = "--http", what: str = "http", backlog: int = 128
) -> socket.socket:
    """A listening TCP socket in place of one whose process has just died. Raises `CannotListen`.

    Between the two somebody's outgoing connection may hold the port for a moment; calls must not be lost over that.
    """
    deadline_s = time.monotonic() + REBIND_LIMIT_S
    while True:
        try:
            return listen_tcp(address, option, what, backlog)
        except CannotListen:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(REBIND_EVERY_S)


def listen_tcp(
    address: tuple[str, int], option: str = "--http", what: str = "http", backlog: int = 128
) -> socket.socket:
    """A listening TCP socket. Raises `CannotListen`, which names the `option` to choose another one with."""
    made = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(address)
        made.listen(backlog)
    except OSError as error:
        made.close()
        raise CannotListen(
            f"cannot listen on {what} {address[0]}:{address[1]} ({error.strerror}); choose another with {option}"
        ) from None
    return made


def listen_unix(paths: NodePaths) -> socket.socket:
    """The socket on which the speech process is asked for prompts."""
    paths.speech_socket.unlink(missing_ok=True)
    name, descriptor = control.short_path(paths.speech_socket)
    try:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.bind(name)
    finally:
        os.close(descriptor)
    os.chmod(paths.speech_socket, 0o600)
    made.listen(128)
    return made
