"""The phone's sockets, clock and terminal: one call from dialling to its end, told line by line on stdout."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Coroutine, Iterator

from keepline.model.errors import KeeplineError, PeerError
from keepline.model.ids import IdSource
from keepline.model.limits import PHONE_PACKETS_PER_WAKE_MAX
from keepline.phone.call import Address, Answered, Effect, Ended, Ending, Line, PhoneCall, Ringing, Send
from keepline.phone.keys import HangUp, Press, Step, Wait
from keepline.phone.recording import Ear, Recording
from keepline.phone.stream import FRAME_S, OutboundStream
from keepline.rtp.dtmf import DIGITS
from keepline.rtp.g711 import ALAW_SILENCE, ULAW_SILENCE
from keepline.rtp.packet import parse_packet
from keepline.sip.sdp import Answer
from keepline.sip.values import SipUri, parse_uri, uri_host_port

RING_LIMIT_S = 60.0
"""How long it may ring."""
HANG_UP_LIMIT_S = 10.0
"""How long the other side may take to confirm the end."""
_DATAGRAM_BYTES_MAX = 65_535
# linux/in.h and linux/in6.h; with these set, a closed port is told at once and not after a time-out.
_IP_RECVERR, _IPV6_RECVERR = 11, 25
_RTP_PORT_TRIES_MAX = 50
_RIGHT = "a target looks like sip:1000@127.0.0.1:5060"
_MEANINGS = {
    401: "it asks for credentials, which this phone has not", 403: "forbidden", 404: "no such number",
    407: "it asks for credentials, which this phone has not", 408: "no answer", 410: "no such number any more",
    480: "nobody there", 484: "number incomplete", 486: "busy", 487: "cancelled", 488: "no codec in common",
    503: "out of service", 600: "busy everywhere", 603: "declined",
}  # fmt: skip


class WrongTarget(KeeplineError):  # noqa: N818 - what it is, told to a person
    """A target that cannot be called; the text says why and what would be right."""


def parse_target(uri: str) -> SipUri:
    """Read whom to call; `sip:` may be left out. Raises WrongTarget."""
    text = uri if uri.partition(":")[0].lower() in ("sip", "sips", "tel") else f"sip:{uri}"
    try:
        target = parse_uri(text)
    except PeerError as error:
        raise WrongTarget(f"{uri!r} cannot be called: {error}; {_RIGHT}") from None
    if target.scheme != "sip" or (target.params.get("transport") or "udp").lower() != "udp":
        raise WrongTarget(f"{uri!r} cannot be called: this phone speaks SIP over UDP alone; {_RIGHT}")
    return target


class Phone:
    """One call, then it is used up."""

    def __init__(
        self, target: SipUri, steps: tuple[Step, ...], recording: Recording | None, seconds: float | None,
        interactive: bool,
    ) -> None:  # fmt: skip
        """`seconds` counts from the answer; None leaves the end to the other side."""
        self._target = target
        self._steps = steps
        self._recording = recording
        self._seconds = seconds
        self._interactive = interactive and sys.stdin.isatty()
        self._failure = ""
        self._answered_at_s: float | None = None
        self._ear: Ear | None = None
        self._stream: OutboundStream | None = None
        self._pressed_all = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._hanging_up = False

    def run(self) -> bool:
        """Make the call; True when it was answered and ended normally."""
        try:
            return asyncio.run(self._run())
        finally:
            if self._recording is not None:
                self._recording.close()

    async def _run(self) -> bool:
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[Ended] = self._loop.create_future()
        try:
            with contextlib.ExitStack() as stack:
                line = await self._open(stack)
                self._ids = IdSource(os.urandom(32))
                self._call = PhoneCall(line, self._ids)
                for number in (signal.SIGINT, signal.SIGTERM):
                    self._loop.add_signal_handler(number, self._interrupted)
                    stack.callback(self._loop.remove_signal_handler, number)
                if self._interactive:
                    stack.enter_context(self._terminal())
                return await self._until_over()
        except OSError as error:
            say(f"cannot call {self._target}: {error.strerror or error}")
            return False

    async def _until_over(self) -> bool:
        say(f"calling {self._target}" + (" (keys are sent as you press them, q hangs up)" if self._interactive else ""))
        self._loop.add_reader(self._sip, self._read_sip)
        ring_limit = self._loop.call_later(RING_LIMIT_S, self._no_answer)
        try:
            self._do(self._call.dial(self._loop.time()))
            ended = await self._over
        finally:
            ring_limit.cancel()
            if self._timer is not None:
                self._timer.cancel()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._loop.remove_reader(self._sip)
            self._loop.remove_reader(self._rtp)
        say(self._describe(ended))
        return ended.ending in (Ending.BY_PEER, Ending.BY_US) and not self._failure

    async def _open(self, stack: contextlib.ExitStack) -> Line:
        """Resolve the target and open both sockets on the address that leads there; raises OSError."""
        host, port = uri_host_port(self._target)
        family, _, _, _, resolved = (await self._loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM))[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(resolved)
            local = str(probe.getsockname()[0])
        self._sip = stack.enter_context(bind(family, local, 0))
        self._rtp = stack.enter_context(bind_even(family, local))
        if family == socket.AF_INET6:
            self._sip.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        else:
            self._sip.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        peer = (str(resolved[0]), int(resolved[1]))
        return Line(self._target, peer, (local, port_of(self._sip)), (local, port_of(self._rtp)))

    # The call ------------------------------------------------------------------------------------------------------

    def _do(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(data, peer):
                    self._send(data, peer)
                case Ringing(status, reason):
                    say("ringing" if status == 180 else f"{status} {reason}")
                case Answered(answer):
                    self._begin_talking(answer)
                case Ended() if not self._over.done():
                    self._over.set_result(effect)
        if self._timer is not None:
            self._timer.cancel()
        deadline_s = self._call.deadline_s
        self._timer = None if deadline_s is None else self._loop.call_at(deadline_s, self._fire)

    def _fire(self) -> None:
        self._do(self._call.fire(self._loop.time()))

    def _send(self, data: bytes, peer: Address) -> None:
        try:
            self._sip.sendto(data, peer)
        except BlockingIOError:
            pass  # As if the network had lost it: it is sent again.
        except OSError as error:
            self._loop.call_soon(self._transport_failed, error)

    def _transport_failed(self, error: OSError) -> None:
        self._do(self._call.transport_failed(self._loop.time(), error.strerror or str(error)))

    def _read_sip(self) -> None:
        try:
            data, source = self._sip.recvfrom(_DATAGRAM_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError as error:
            # The report itself stays queued, and the socket readable, until it is taken.
            with contextlib.suppress(OSError):
                self._sip.recvmsg(_DATAGRAM_BYTES_MAX, 1024, socket.MSG_ERRQUEUE)
            self._transport_failed(error)
            return
        self._do(self._call.receive(self._loop.time(), data, (str(source[0]), int(source[1]))))

    def _no_answer(self) -> None:
        if self._answered_at_s is None:
            self._hang_up(f"no answer within {RING_LIMIT_S:g} s")

    def _interrupted(self) -> None:
        if self._hanging_up and not self._over.done():
            self._over.set_result(Ended(Ending.BYE_UNANSWERED))
        self._hang_up()

    def _hang_up(self, failure: str = "") -> None:
        """End the call; a `failure` is told, and makes the exit code 1."""
        if self._hanging_up or self._over.done():
            return
        self._hanging_up = True
        self._failure = failure
        say(failure or "hanging up")
        self._loop.call_later(HANG_UP_LIMIT_S, self._interrupted)
        self._do(self._call.hang_up(self._loop.time()))

    def _describe(self, ended: Ended) -> str:
        lasted = "" if self._answered_at_s is None else f" after {self._loop.time() - self._answered_at_s:.1f} s"
        heard = ""
        if self._ear is not None:
            heard = f"; heard {self._ear.samples / 8000:.1f} s in {self._ear.packets} packets, {self._ear.lost} lost"
        status = f"{ended.status} {ended.reason}".strip()
        return {
            Ending.BY_PEER: f"ended by the other side{lasted}{heard}",
            Ending.BY_US: f"ended by us{lasted}{heard}",
            Ending.CANCELLED: "given up before it was answered",
            Ending.REFUSED: f"refused: {_MEANINGS.get(ended.status, 'it does not take the call')} ({status})",
            Ending.UNANSWERED: "nobody answered: no sign of life from the other side",
            Ending.UNREACHABLE: "nobody listens there: the address refuses SIP",
            Ending.BYE_UNANSWERED: f"left without the other side's consent{lasted}{heard}",
            Ending.NO_COMMON_CODEC: f"answered, and of no use: {ended.reason}",
        }[ended.ending]

    # What is said and heard ----------------------------------------------------------------------------------------

    def _begin_talking(self, answer: Answer) -> None:
        self._answered_at_s = self._loop.time()
        takes_keys = answer.dtmf_payload_type is not None
        say(f"answered: {answer.codec}" + ("" if takes_keys else ", which takes no keys"))
        self._ear = Ear(answer.codec, answer.payload_type, self._recording)
        self._stream = OutboundStream(
            ssrc=self._ids.number(32),
            seq=self._ids.number(15),
            ts=self._ids.number(32),
            payload_type=answer.payload_type,
            dtmf_payload_type=answer.dtmf_payload_type or 0,
            silence=ULAW_SILENCE if answer.codec == "PCMU" else ALAW_SILENCE,
        )
        self._media_host, self._takes_keys = answer.remote_host, takes_keys
        self._loop.add_reader(self._rtp, self._read_rtp)
        if answer.direction in ("sendrecv", "sendonly"):
            self._spawn(self._send_frames(self._stream, (answer.remote_host, answer.remote_port)))
        self._spawn(self._press_keys())
        if self._seconds is not None:
            self._loop.call_later(self._seconds, self._hang_up)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        self._tasks.add(self._loop.create_task(work))

    async def _send_frames(self, stream: OutboundStream, peer: Address) -> None:
        due_s = self._loop.time()
        while True:
            frame = stream.next_frame()
            with contextlib.suppress(OSError):
                self._rtp.sendto(frame.data, peer)
            if frame.began:
                say(f"sent {frame.began}")
            if stream.idle:
                self._pressed_all.set()
            due_s += FRAME_S
            await asyncio.sleep(max(0.0, due_s - self._loop.time()))

    def _read_rtp(self) -> None:
        for _ in range(PHONE_PACKETS_PER_WAKE_MAX):
            try:
                data, source = self._rtp.recvfrom(_DATAGRAM_BYTES_MAX)
            except OSError:
                return
            packet = parse_packet(data) if source[0] == self._media_host else None
            if packet is not None and self._ear is not None:
                self._ear.hear(packet)

    async def _press_keys(self) -> None:
        for step in self._steps:
            match step:
                case Wait(seconds):
                    await asyncio.sleep(seconds)
                case HangUp():
                    self._hang_up()
                case Press(digits):
                    if not self._press(digits):
                        return
                    await self._pressed_all.wait()

    def _press(self, digits: str) -> bool:
        """Send keys, or hang up where they can never arrive."""
        if self._stream is None or self._over.done():
            return False
        if not self._takes_keys:
            self._hang_up("keys cannot be sent: the other side takes no telephone-events")
            return False
        self._pressed_all.clear()
        self._stream.press(digits)
        return True

    # The terminal --------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _terminal(self) -> Iterator[None]:
        """Key presses come one by one and unseen; as it was before, afterwards."""
        import termios
        import tty

        before = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)
        self._loop.add_reader(sys.stdin, self._read_terminal)
        try:
            yield
        finally:
            self._loop.remove_reader(sys.stdin)
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)

    def _read_terminal(self) -> None:
        typed = os.read(sys.stdin.fileno(), 64).decode("ascii", "ignore").upper()
        if not typed:
            self._loop.remove_reader(sys.stdin)
        for character in typed:
            if character == "Q":
                self._hang_up()
            elif character in DIGITS:
                self._press(character)


def say(line: str) -> None:
    """One line for the person, at once."""
    print(line, flush=True)


def port_of(sock: socket.socket) -> int:
    """The port that the kernel gave."""
    return int(sock.getsockname()[1])


def bind(family: int, host: str, port: int) -> socket.socket:
    """A datagram socket that never blocks; raises OSError."""
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def bind_even(family: int, host: str) -> socket.socket:
    """One on an even port, as RTP has it (RFC 3550 §11); raises OSError."""
    for _ in range(_RTP_PORT_TRIES_MAX):
        sock = bind(family, host, 0)
        if port_of(sock) % 2 == 0:
            return sock
        sock.close()
    raise OSError("no even port is free for RTP")
