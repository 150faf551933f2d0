"""How soon a key that is a tone in the audio stops a prompt, and what listening for tones costs.

`make bench ARGS="--only keys"`, or `python -m bench.inband [PRESSES]`. A media process plays to one caller without
telephone-event; it sends silence but for tones of 100 ms. A press begins with the first sample of its tone, 20 ms
before the packet that holds it is sent; it is over with the arrival of the first packet that is silent. The cost is of
the detector alone, a call.
"""

import argparse
import os
import signal
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keepline.demo_node import free_port_range
from keepline.node.media import MediaLoop
from keepline.node.mediawire import Close, Open, Play, encode_commands
from keepline.node.slots import Slots
from keepline.rtp.g711 import encode_ulaw
from keepline.rtp.inband import HIGH_HZ, KEYS, LOW_HZ, ToneEar
from keepline.rtp.packet import RtpPacket, pack_packet, parse_packet

WANTED_MS = 120
KEY = "00" * 16
FRAME_S = 0.02
FRAME = 160
QUIET = b"\xff" * FRAME
TONE_MS = 100
WITHIN_S = 2.0
COST_S = 20


def tone(key: str, shift: int) -> Iterator[bytes]:
    """The frames of a key whose tone begins `shift` samples into the first."""
    row = next(at for at, keys in enumerate(KEYS) if key in keys)
    time_s = np.arange(TONE_MS * 8) / 8_000
    sound = sum(4_000 * np.sin(2 * np.pi * each * time_s) for each in (LOW_HZ[row], HIGH_HZ[KEYS[row].index(key)]))
    audio = QUIET[:shift] + encode_ulaw(np.asarray(sound).astype(np.int16))
    audio += QUIET[: -len(audio) % FRAME]
    return (audio[at : at + FRAME] for at in range(0, len(audio), FRAME))


def press(ours: socket.socket, far: socket.socket, port: int, call: int, key: str, shift: int) -> float:
    """One call with one press; from the tone's first sample to silence, in ms, NaN where it is not heard."""
    far.setblocking(False)
    opens = [Open(call, 0, 1, "127.0.0.1", far.getsockname()[1], 0, None, call, 0, 0)]
    for data in encode_commands(0, [*opens, Play(call, 0, 2, KEY, repeat=True, barge_in=True)]):
        ours.send(data)
    begin_s = next_s = time.monotonic()
    frames, pressed_s, sequence = tone(key, shift), 0.0, 0
    while (now_s := time.monotonic()) < begin_s + WITHIN_S:
        if now_s >= next_s:
            payload = QUIET if now_s < begin_s + 0.3 else next(frames, QUIET)
            if payload != QUIET and not pressed_s:
                pressed_s = now_s - FRAME_S + shift / 8_000
            packet = RtpPacket(0, False, sequence & 0xFFFF, sequence * FRAME, 7, payload)
            far.sendto(pack_packet(packet), ("127.0.0.1", port))
            sequence, next_s = sequence + 1, next_s + FRAME_S
        try:
            heard = parse_packet(far.recv(2_000))
        except BlockingIOError:
            time.sleep(0.0005)
            continue
        if pressed_s and heard is not None and heard.payload == QUIET:
            return (time.monotonic() - pressed_s) * 1_000
    return float("nan")


def barge_in(presses: int) -> list[float]:
    """The times of that many presses, all keys, all places within a packet."""
    port, _ = free_port_range(4)
    rtp, rtcp, far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3))
    for at, sock in enumerate((rtp, rtcp, far)):
        sock.bind(("127.0.0.1", port + at))
    slots = Slots.create(1, time.time(), time.monotonic())
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / f"{KEY}.ulaw").write_bytes(bytes(range(200)) * 800)
        media = os.fork()
        if not media:
            try:
                MediaLoop(slots, [rtp], theirs, Path(directory), rtcp_sockets=[rtcp]).run()
            finally:
                os._exit(1)
        try:
            times = []
            for call in range(1, presses + 1):
                times.append(press(ours, far, port, call, "1234567890*#ABCD"[call % 16], call * 37 % FRAME))
                for data in encode_commands(0, [Close(call, 0, 9)]):
                    ours.send(data)
        finally:
            os.kill(media, signal.SIGKILL)
            os.waitpid(media, 0)
            for sock in (rtp, rtcp, far, ours, theirs):
                sock.close()
    slots.close()
    return times


def cost(sound: np.ndarray) -> float:
    """Seconds of processor that a second of this sound takes."""
    audio, ear = encode_ulaw(sound.astype(np.int16)), ToneEar()
    before = time.process_time()
    for at in range(0, len(audio), FRAME):
        ear.hear(audio[at : at + FRAME])
    return (time.process_time() - before) / (len(audio) / 8_000)


def measure(presses: int) -> dict[str, Any]:
    """Times in ms, shares of a core."""
    found = barge_in(presses)
    times = sorted(each for each in found if each == each)
    loud, random = COST_S * 8_000, np.random.default_rng(1)
    return {
        "presses": len(found), "missed": len(found) - len(times), "wanted_ms": WANTED_MS,
        "median_ms": round(statistics.median(times), 1), "p99_ms": round(times[int(len(times) * 0.99)], 1),
        "max_ms": round(times[-1], 1), "cpu_silence": round(cost(np.zeros(loud)), 5),
        "cpu_noise": round(cost(random.normal(0, 2_000, loud)), 5),
    }  # fmt: skip


def rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The lines of a table."""
    missed = f", {found['missed']} not heard" if found["missed"] else ", all heard"
    return [
        (
            f"{found['presses']} keys as tones{missed}: tone to silence (wanted: {found['wanted_ms']} ms)",
            f"median {found['median_ms']} ms, p99 {found['p99_ms']} ms, longest {found['max_ms']} ms",
        ),
        (
            "listening for tones, a call",
            f"{found['cpu_silence']:.2%} of a core in silence, {found['cpu_noise']:.2%} in noise as loud as speech",
        ),
    ]


def main() -> None:
    """Read the arguments, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("presses", nargs="?", type=int, default=50)
    print("| keys that are tones | |\n|---|---|")
    for what, words in rows(measure(parser.parse_args().presses)):
        print(f"| {what} | {words} |")


if __name__ == "__main__":
    main()
