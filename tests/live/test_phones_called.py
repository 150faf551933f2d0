"""Real phones are called: baresip and PJSIP answer what `keepline call place` and a flow's `connect` place."""

import json
import re
import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from keepline.cli import output
from keepline.demo_node import LocalNode, NodeSettings, free_port, wait_until
from tests.live.baresip_phone import Baresip, baresip
from tests.live.test_connect import FRAMES, Callee, Caller, voice

HERE = Path(__file__).parent
WITHIN_S = 60
NUMBER = "+15550001"
"""The account's user: baresip takes calls for no other."""
LOUD = 1000
"""Of 32768: more than any noise of a silent line."""


@contextmanager
def node_calling(port: int, operation: str, trunk: str, directory: Path, *more: str) -> Iterator[LocalNode]:
    """A node whose calls go to a port of this machine."""
    extra = ["--set", f"trunks.{trunk}.outbound.proxy=127.0.0.1:{port}", *more]
    settings = NodeSettings(HERE / operation / "keepline.yaml", directory / "data", slots=20, extra=extra)
    with LocalNode(settings) as node:
        yield node
        assert node.stop() == 0
        node.wait_gone()


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Baresip]:
    """baresip, which answers every call."""
    directory = tmp_path / "baresip"
    directory.mkdir()
    with baresip(directory, f"<sip:{NUMBER}@127.0.0.1>;answermode=auto") as running:
        yield running


@pytest.mark.needs_program("baresip")
def test_baresip_answers_a_call_that_is_placed(phone: Baresip, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("open sesame")
    secret.chmod(0o600)
    password = ("--set", f"trunks.callee.outbound.password_file={secret}")
    with node_calling(phone.port, "calls_out", "callee", tmp_path, *password) as node:
        done = node.command("call", "place", NUMBER, "--flow", "brief", "--json", "--timeout", "30", check=False)
        assert (done.returncode, done.stderr) == (output.FINE, "")
        record = json.loads(done.stdout)
        sent, received = phone.counted()
    assert (record["direction"], record["outcome"], record["ended_by"]) == ("outbound", "answered", "flow")
    assert record["media"]["packets_sent"] > 20
    assert record["media"]["packets_received"] > 20
    assert min(sent, received) > 20


@pytest.mark.needs_program("baresip")
def test_baresip_and_a_caller_hear_one_another(phone: Baresip, tmp_path: Path) -> None:
    with node_calling(phone.port, "connecting", "local", tmp_path) as node:
        with Caller(node) as caller:
            hears_its_words(caller)
            caller.hang_up()
        record, leg = Callee(node, phone.port).records()
        sent, received = phone.counted()
    assert (record["ended_by"], leg["outcome"], leg["to"]) == ("caller", "answered", NUMBER)
    assert min(leg["media"]["packets_sent"], leg["media"]["packets_received"], sent, received) > 10


def hears_its_words(caller: Caller) -> None:
    """Speak until some of it comes back: the phone says what it hears, at packets of its own."""
    first = len(caller.phone.packets)
    for number in range(1, FRAMES):
        caller.said = number
        caller.phone.send(caller.rtp_port, voice(number))
        caller.phone.hear(1)
        heard = b"".join(packet.payload for packet in caller.phone.packets[first:])
        if sum(voice(each)[:80] in heard for each in range(1, number)) >= 10:
            return
    raise AssertionError(f"nothing of {caller.said} frames came back")


@contextmanager
def pjsip_callee(*arguments: str) -> Iterator[IO[str]]:
    """PJSIP, ready for one call, in a process of its own; what it says from there on."""
    program = [sys.executable, str(HERE / "pjsip_callee.py"), *arguments]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        try:
            while process.stdout.readline().strip() not in ("listening", ""):
                pass
            yield process.stdout
            assert process.wait(WITHIN_S) == 0
        finally:
            process.kill()


def test_pjsip_and_a_caller_hear_one_another(tmp_path: Path) -> None:
    port, heard = free_port(), tmp_path / "heard.wav"
    with (
        node_calling(port, "connecting", "local", tmp_path) as node,
        pjsip_callee(str(port), str(heard), "echo") as pjsip,
    ):
        with Caller(node) as caller:
            wait_until("they are connected", lambda: is_connected(node), WITHIN_S)
            talk(caller)
            caller.hang_up()
        said = pjsip.read()
        record, leg = Callee(node, port).records()
    assert (record["ended_by"], leg["outcome"]) == ("caller", "answered")
    counts = [int(count) for count in re.findall(r"[RT]X pt=0[^\n]*\n\s*total (\d+)pkt", said)]
    assert len(counts) == 2, said
    assert min(leg["media"]["packets_sent"], leg["media"]["packets_received"], *counts) > 10
    with wave.open(str(heard)) as recording:
        samples = np.frombuffer(recording.readframes(recording.getnframes()), "<i2")
    assert np.count_nonzero(np.abs(samples) > LOUD) > recording.getframerate() / 10


def is_connected(node: LocalNode) -> bool:
    """Whether the caller's call has been joined with its leg: nothing rings any more."""
    found = [json.loads(line) for line in node.command("calls", "--json").stdout.splitlines()]
    return any("leg_joined" in node.command("call", "show", each["id"]).stdout for each in found)


def talk(caller: Caller) -> None:
    """Speak until a second of something else than silence has come back."""
    caller.phone.drain()  # it rang
    loud = 0
    for number in range(1, FRAMES):
        caller.phone.send(caller.rtp_port, voice(number))
        [packet] = caller.phone.hear(1)
        loud += len(set(packet.payload)) > 20
        if loud > 50:
            return
    raise AssertionError(f"only {loud} of {FRAMES} frames were more than silence")
