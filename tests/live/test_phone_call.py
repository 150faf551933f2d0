"""`keepline phone` against peers over real sockets: one of ours that can be told what to do, and SIPp."""

import contextlib
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from keepline.rtp import g711
from keepline.rtp.dtmf import DIGITS, EventReceiver
from keepline.rtp.packet import RtpPacket, pack_packet, parse_packet
from keepline.sip.message import Request, Response, make_response, parse_message, response_target, stamp_received
from keepline.sip.sdp import offer_answer, parse_sdp

DEADLINE_S = 60
COMMAND = [sys.executable, "-m", "keepline.cli", "phone"]
RunPhone = Callable[..., "subprocess.CompletedProcess[str]"]


class Callee:
    """Answers one call: `statuses` in order, then what `on_digit` says; it plays a tone and notes the keys."""

    def __init__(self, host: str = "127.0.0.1", statuses: tuple[int, ...] = (180, 200)) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sip = socket.socket(family, socket.SOCK_DGRAM)
        self.rtp = socket.socket(family, socket.SOCK_DGRAM)
        for sock in (self.sip, self.rtp):
            sock.bind((host, 0))
        self.host, self.statuses = host, statuses
        self.methods: list[str] = []
        self.digits = ""
        self.bye_after = ""
        """Hang up once these keys have come."""
        self.answer_options = True
        self.stopping = threading.Event()
        self.invite: Request | None = None
        self._media: tuple[str, int] | None = None
        self._events = EventReceiver()
        self._said_bye = False
        self._seq = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def uri(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"sip:1000@{host}:{self.sip.getsockname()[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self._thread.join()
        self.sip.close()
        self.rtp.close()

    def _run(self) -> None:
        next_s = time.monotonic()
        while not self.stopping.is_set():
            readable, _, _ = select.select([self.sip, self.rtp], [], [], max(0.0, next_s - time.monotonic()))
            if self.sip in readable:
                self._take_sip(*self.sip.recvfrom(65_535))
            if self.rtp in readable:
                self._take_rtp(self.rtp.recv(2048))
            if time.monotonic() >= next_s:
                next_s += 0.02
                self._play()

    def _take_sip(self, data: bytes, source: tuple[str, int]) -> None:
        message = parse_message(data)
        if isinstance(message, Response):
            self.methods.append(str(message.status))
            return
        source = source[:2]
        stamp_received(message, *source)
        self.methods.append(message.method)
        if message.method == "INVITE":
            self.invite = message
            for status in self.statuses:
                self._respond(message, status, source)
        elif message.method == "BYE":
            self._media = None
            self._respond(message, 200, source)
        elif message.method == "CANCEL" and self.invite is not None:
            self._respond(message, 200, source)
            self._respond(self.invite, 487, source)

    def _respond(self, request: Request, status: int, source: tuple[str, int]) -> None:
        body = b""
        if request.method == "INVITE" and status == 200:
            port = self.rtp.getsockname()[1]
            answer = offer_answer(
                parse_sdp(request.body),
                local_host=self.host,
                local_port=port,
                session_id=1,
                version=1,
                codecs=("PCMA",),
            )
            assert answer is not None
            body = answer.sdp
            self._media = (answer.remote_host, answer.remote_port)
        response = make_response(request, status, to_tag="callee", headers=[("Contact", f"<{self.uri}>")], body=body)
        self.sip.sendto(response.encode(), response_target(request, source))

    def _take_rtp(self, data: bytes) -> None:
        packet = parse_packet(data)
        assert packet is not None
        if packet.payload_type == 101:
            code, flags, duration = packet.payload[0], packet.payload[1], int.from_bytes(packet.payload[2:], "big")
            if self._events.update(packet.ts, packet.marker, code, bool(flags & 0x80), duration):
                self.digits += DIGITS[code]
        if self.bye_after and self.bye_after in self.digits and not self._said_bye:
            self._said_bye = True
            self._bye()

    def _bye(self) -> None:
        assert self.invite is not None
        contact = (self.invite.headers.get("Contact") or "").strip("<>")
        lines = [
            f"BYE {contact} SIP/2.0", f"Via: SIP/2.0/UDP {self.uri.partition('@')[2]};branch=z9hG4bKbye;rport",
            f"From: {self.invite.headers.get('To')};tag=callee", f"To: {self.invite.headers.get('From')}",
            f"Call-ID: {self.invite.call_id}", "CSeq: 1 BYE", "Max-Forwards: 70",
        ]  # fmt: skip
        via = self.invite.top_via
        self.sip.sendto(("\r\n".join(lines) + "\r\n\r\n").encode(), (via.host.strip("[]"), via.port or 5060))

    def _play(self) -> None:
        if self._media is not None:
            at = np.arange(160) + 160 * self._seq
            tone = (8000 * np.sin(2 * np.pi * 500 * at / 8000)).astype(np.int16)
            payload = g711.encode_alaw(tone)
            packet = RtpPacket(8, self._seq == 0, self._seq & 0xFFFF, 160 * self._seq, 9, payload)
            self.rtp.sendto(pack_packet(packet), self._media)
            self._seq += 1


@pytest.fixture
def call_up(request: pytest.FixtureRequest) -> Iterator[Callable[..., Callee]]:
    with contextlib.ExitStack() as stack:

        def start(**settings: object) -> Callee:
            callee = Callee(**settings)  # type: ignore[arg-type]
            callee.start()
            stack.callback(callee.stop)
            return callee

        yield start


def phone(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def wait_for_line(process: "subprocess.Popen[str]", text: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    pytest.fail(f"the phone ended without saying {text!r}")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_keys_are_pressed_and_what_is_heard_is_recorded(
    tmp_path: Path, call_up: Callable[..., Callee], host: str
) -> None:
    callee = call_up(host=host)
    callee.bye_after = "14711#"
    heard = tmp_path / "heard.wav"
    result = phone(callee.uri, "--keys", "1,wait:0.2,4711#", "--record", str(heard))
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[:3] == [f"calling {callee.uri}", "ringing", "answered: PCMA"]
    assert lines[3:-1] == [f"sent {digit}" for digit in "14711#"]
    assert lines[-1].startswith("ended by the other side after ")
    assert callee.digits == "14711#"
    assert callee.methods == ["INVITE", "ACK", "200"]
    with wave.open(str(heard)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)
    assert len(samples) > 8000 * 0.5
    spectrum = np.abs(np.fft.rfft(samples[:4000]))
    assert spectrum.argmax() == 500 * 4000 / 8000


def test_bye_in_a_script_hangs_up(call_up: Callable[..., Callee]) -> None:
    callee = call_up()
    result = phone(callee.uri, "--keys", "5,bye")
    assert result.returncode == 0
    assert result.stdout.splitlines()[3:5] == ["sent 5", "hanging up"]
    assert callee.digits == "5"
    assert callee.methods == ["INVITE", "ACK", "BYE"]


def test_seconds_hang_up_after_the_answer(call_up: Callable[..., Callee]) -> None:
    callee = call_up()
    result = phone(callee.uri, "--seconds", "0.3")
    assert result.returncode == 0
    assert result.stdout.splitlines()[-1].startswith("ended by us after ")


@pytest.mark.parametrize(
    ("status", "says"),
    [(486, "refused: busy (486 Busy Here)"), (404, "refused: no such number (404 Not Found)"), (503, "out of service")],
)
def test_a_refusal_is_exit_1_with_its_meaning(call_up: Callable[..., Callee], status: int, says: str) -> None:
    result = phone(call_up(statuses=(100, status)).uri)
    assert result.returncode == 1
    assert says in result.stdout.splitlines()[-1]


def test_a_port_where_nobody_listens_is_told_at_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    result = phone(f"sip:1000@127.0.0.1:{port}")
    assert result.returncode == 1
    assert result.stdout.splitlines()[-1].startswith("nobody listens there")


def test_a_host_that_does_not_exist_is_told() -> None:
    result = phone("sip:1000@nosuch.invalid")
    assert result.returncode == 1
    assert result.stdout.startswith("cannot call sip:1000@nosuch.invalid: ")


def test_ctrl_c_while_it_rings_cancels(call_up: Callable[..., Callee]) -> None:
    callee = call_up(statuses=(180,))
    with subprocess.Popen(
        [*COMMAND, callee.uri], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as process:
        wait_for_line(process, "ringing")
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 1
    assert output.splitlines() == ["hanging up", "given up before it was answered"]
    assert callee.methods[:2] == ["INVITE", "CANCEL"]


def test_ctrl_c_in_a_call_hangs_up(call_up: Callable[..., Callee]) -> None:
    callee = call_up()
    with subprocess.Popen(
        [*COMMAND, callee.uri], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as process:
        wait_for_line(process, "answered")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0
    assert callee.methods == ["INVITE", "ACK", "BYE"]


def test_a_second_ctrl_c_leaves_at_once(call_up: Callable[..., Callee]) -> None:
    callee = call_up(statuses=())  # Says nothing at all, so that a CANCEL has to wait.
    with subprocess.Popen(
        [*COMMAND, callee.uri], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as process:
        wait_for_line(process, "calling")
        deadline_s = time.monotonic() + DEADLINE_S
        while "INVITE" not in callee.methods:
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        wait_for_line(process, "hanging up")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 1


def test_at_a_terminal_keys_are_sent_as_they_are_pressed_and_q_hangs_up(call_up: Callable[..., Callee]) -> None:
    callee = call_up()
    ours, theirs = pty.openpty()
    try:
        with subprocess.Popen([*COMMAND, callee.uri], stdout=subprocess.PIPE, stdin=theirs, text=True) as process:
            wait_for_line(process, "answered")
            os.write(ours, b"4x2")
            wait_for_line(process, "sent 2")
            os.write(ours, b"q")
            output, _ = process.communicate(timeout=DEADLINE_S)
    finally:
        os.close(ours)
        os.close(theirs)
    assert process.returncode == 0
    assert output.splitlines()[0] == "hanging up"
    assert callee.digits == "42"


@pytest.fixture
def sipp_uas(tmp_path: Path) -> Iterator[str]:
    """SIPp's own UAS: it answers and echoes RTP, and offers no telephone-event."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["sipp", "-sn", "uas", "-i", "127.0.0.1", "-p", str(port), "-mi", "127.0.0.1", "-rtp_echo", "-nostdin"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline_s = time.monotonic() + DEADLINE_S
        while not _is_bound(port):
            assert process.poll() is None
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
        yield f"sip:service@127.0.0.1:{port}"
        process.kill()


def _is_bound(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


@pytest.mark.needs_program("sipp")
def test_sipp_is_called_heard_and_left(sipp_uas: str) -> None:
    result = phone(sipp_uas, "--seconds", "1")
    assert result.returncode == 0, result.stdout
    lines = result.stdout.splitlines()
    assert lines[1:3] == ["ringing", "answered: PCMU, which takes no keys"]
    assert "ended by us after 1." in lines[-1]
    assert "; heard 0.0 s" not in lines[-1]


@pytest.mark.needs_program("sipp")
def test_keys_for_a_peer_that_takes_none_are_exit_1(sipp_uas: str) -> None:
    result = phone(sipp_uas, "--keys", "1")
    assert result.returncode == 1
    assert "keys cannot be sent" in result.stdout
