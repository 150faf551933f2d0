"""The proof that a card is nowhere: a real payment by a real caller, recorded, while calls or media are killed.

Every byte that the node wrote, its shared memory and whatever it says of the call are searched for the number, for four
digits of it in a row in any form, and for its digits one by one; its recording for their tones. At the end it is shown
that the search finds what there is.
"""

import json
import os
import re
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from bench.killing import complete
from keepline.demo_node import LocalNode, NodeSettings, wait_until
from keepline.node.media_private import DEAF_S
from keepline.node.media_recording import header
from keepline.node.media_secrets import secret_word
from keepline.node.reader import JournalReader, StoredEvent
from keepline.node.slots import HEADER_BYTES, S_HEARD, S_PACKET, SLOT_BYTES, Slots
from keepline.rtp.entry import EntryState
from keepline.rtp.packet import HEADER
from tests.live.secret_caller import PayingCaller, record_call, shared_memory
from tests.live.secret_search import SOUND_RUN, channels, in_bytes, in_events, in_files, tones
from tests.spec.test_itu_q24_tones import coded, silence, tone

WITHIN_S = 60.0
CARD, EXPIRY, CODE = "5893018254760292", "0931", "847"
KEY = "5ec2e7" + "ab" * 13
OPERATION = """
operation: shop
trunks: {local: {peers: [127.0.0.0/8]}}
flows: {pay: flows:pay}
numbers: {"1000": {flow: pay}}
capabilities:
  gateway:
    paths:
      - name: main
        http:
          base_url: URL
          timeout_s: 20
          refusal_detail: "$.detail?"
          actions:
            charge: {method: POST, path: "/charges/{invoice}", response: {receipt: $.receipt}, idempotent: true}
"""
FLOWS = """
from keepline.flow import Call, flow


@flow
async def pay(call: Call) -> None:
    await call.ask_digits("Press one.", count=1, timeout_s=60.0)
    card = await call.ask_secret_digits("Your card.", count=16, check="luhn", timeout_s=60.0, between_s=30.0)
    expiry = await call.ask_secret_digits("It ends.", count=4, check="expiry", timeout_s=60.0, between_s=30.0)
    code = await call.ask_secret_digits("Its code.", count=3, timeout_s=60.0, between_s=30.0)
    await call.log("card", told=f"{card} {card!r} {expiry} {code}")
    await call.ask_digits("To pay press one.", count=1, timeout_s=60.0)
    refused = await call.use("gateway.charge", invoice="refused", card={"number": "none"})
    paid = await call.use("gateway.charge", invoice="77", card={"number": card, "expiry": expiry}, code=code)
    await call.outcome("paid" if paid.ok else "unpaid", receipt=paid.receipt if paid.ok else str(paid))
    await call.hangup()
"""


class Gateway:
    """It takes a card if it is the right one, once for a key, and says far too much."""

    def __init__(self) -> None:
        self.taken: dict[str, dict[str, object]] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                is_card = body == {"card": {"number": CARD, "expiry": EXPIRY}, "code": CODE}
                if is_card:
                    outer.taken[self.headers["Idempotency-Key"]] = body
                told = {"receipt": f"for {CARD}", "detail": f"{body} is no card"}
                answer = json.dumps(told).encode()
                self.send_response(200 if is_card else 402)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


@contextmanager
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.1})
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join()
        made.server.server_close()


def apart(memory: bytes) -> tuple[bytes, bytes]:
    """Shared memory without the packets that went out last, and these: samples, in which four digits are chance."""
    words, sounds = bytearray(memory), b""
    for base in range(HEADER_BYTES, len(memory), SLOT_BYTES):
        audio = slice(base + S_PACKET + HEADER.size, base + S_HEARD)
        sounds += memory[audio] + b"|"
        words[audio] = bytes(S_HEARD - S_PACKET - HEADER.size)
    return bytes(words), sounds


class Payment:
    """One call of a node that takes a card, from its first key to its record."""

    def __init__(self, directory: Path, by: str, kill: str) -> None:
        self.by, self.kill = by, kill
        operation = directory / "shop"
        operation.mkdir()
        self.settings = NodeSettings(operation, directory / "data", slots=4)
        self.memory: list[bytes] = []
        """Of the slots, at every key and between."""
        self.said: list[bytes] = []
        """Whatever the node's own programs and its desk say."""
        self.events: list[StoredEvent] = []
        self.stderr = b""

    def run(self) -> None:
        with gateway() as self.gateway:
            (self.settings.operation / "keepline.yaml").write_text(OPERATION.replace("URL", self.gateway.url))
            (self.settings.operation / "flows.py").write_text(FLOWS)
            with LocalNode(self.settings) as self.node:
                pids = wait_until("the node is complete", lambda: complete(self.node), WITHIN_S)
                slots = shared_memory(pids["active"])
                try:
                    self._call(slots, pids["active"])
                finally:
                    slots.close()
                    os.close(slots.fd)
                self._gather()
            self.stderr = self.node.stderr_path.read_bytes()

    def _call(self, slots: Slots, active: int) -> None:
        with PayingCaller(self.node.sip, "1000", self.by) as caller:
            [slot] = wait_until("media is open", slots.open_slots, WITHIN_S)
            record_call(active, slots, slot, KEY)
            self.reader = JournalReader(self.settings.data)
            self.call = f"{slots.call_of(slot):016x}"
            wait_until("the recording has begun", lambda: slots.view[slots.base(slot) + 508] != 0, WITHIN_S)
            caller.press("1")
            for entry in (CARD, EXPIRY, CODE):
                self._enter(caller, slots, slot, entry)
            self._steps(6)
            if self.kill == "media at last":
                self._kill("media", slots)
            asked_s = time.monotonic()
            wait_until("the caller is recorded again", lambda: time.monotonic() > asked_s + 2 * DEAF_S, WITHIN_S)
            caller.press("1")
            if self.kill == "media at last":
                for entry in (CARD, EXPIRY, CODE):
                    self._enter(caller, slots, slot, entry)
            wait_until("the node hangs up", caller.is_over.is_set, WITHIN_S)
            self.memory.append(bytes(slots.view))
            wait_until("the call has ended in its record", self._has_ended, WITHIN_S)
        self.reader.close()

    def _enter(self, caller: PayingCaller, slots: Slots, slot: int, entry: str) -> None:
        """Key an entry, with a death in its middle where one is wanted."""
        number = self._opened(slots, slot, 0)
        half = len(entry) // 2
        self._press(caller, slots, entry[:half])
        if entry == CARD and self.kill == "active":
            self._kill("active", slots)
        if entry == CARD and self.kill == "media":
            self._kill("media", slots)
            number = self._opened(slots, slot, number)
            half = 0
        self._press(caller, slots, entry[half:])
        wait_until("the entry is over", lambda: secret_word(slots, slot)[:2] != (number, EntryState.OPEN), WITHIN_S)

    def _press(self, caller: PayingCaller, slots: Slots, keys: str) -> None:
        for key in keys:
            caller.press(key)
            self.memory.append(bytes(slots.view))

    def _opened(self, slots: Slots, slot: int, before: int) -> int:
        """The number of the entry that is open, once it is one after that of this number."""

        def is_open() -> int:
            number, state, count = secret_word(slots, slot)
            return number if state is EntryState.OPEN and number > max(before, self.last) and not count else 0

        self.last = int(wait_until("a secret is asked for", is_open, WITHIN_S))
        return self.last

    last = 0

    def _kill(self, role: str, slots: Slots) -> None:
        epoch = slots.media_epoch if role == "media" else slots.calls_epoch
        self.node.kill(role)
        after = lambda: slots.media_epoch if role == "media" else slots.calls_epoch  # noqa: E731
        wait_until("another process took over", lambda: after() > epoch, WITHIN_S)

    def _steps(self, count: int) -> None:
        def ended() -> bool:
            return sum(event.kind == "step_ended.1" for event in self.reader.events(self.call)) >= count - 1

        wait_until(f"{count - 1} steps have ended", ended, WITHIN_S)

    def _has_ended(self) -> bool:
        self.events = self.reader.events(self.call)
        return self.events[-1].kind == "call_ended.1"

    def _gather(self) -> None:
        for command in (("calls", "--json"), ("call", "show", self.call), ("call", "show", self.call, "--sip")):
            done = self.node.command(*command)
            self.said += [done.stdout.encode(), done.stderr.encode()]
        for path in ("/api/status", "/api/calls", f"/api/calls/{self.call}", "/"):
            with urllib.request.urlopen(f"http://{self.node.http}{path}", timeout=WITHIN_S) as answer:
                self.said.append(answer.read())

    # What is known of it --------------------------------------------------------------------------------------------

    def known(self) -> list[str]:
        """Random figures of the call: that four digits of a card are among them is chance."""
        fields = self.events[0].fields
        names = ("call", "local_tag", "ssrc", "rtp_seq", "rtp_ts", "rtp_port", "peer_port", "operation")
        number = int(self.call, 16)
        own = re.findall(r"\d{4,7}", (self.settings.data / "run" / "node.json").read_text())
        return [*own, *(str(fields[name]) for name in names), str(number), str(number & 0x7FFFFFFFFFFFFFFF)]

    def leaks(self) -> list[str]:
        found = []
        facts, known, memory = [event.fields for event in self.events], self.known(), set(self.memory)
        for number in (CARD, EXPIRY):
            found += in_files(self.settings.data, number, known)
            found += [f"stderr: {how}" for how in in_bytes(self.stderr, number, known)]
            found += [f"said: {how}" for each in self.said for how in in_bytes(each, number, known)]
            for words, sounds in map(apart, memory):
                found += [f"shared memory: {how}" for how in in_bytes(words, number, known)]
                found += [f"packets: {how}" for how in in_bytes(sounds, number, known, SOUND_RUN)]
            found += [f"facts: {how}" for how in in_events(facts, number)]
        quoted = f'"{CODE}"'.encode()
        written = [path for path in self.settings.data.rglob("*") if path.is_file() and quoted in path.read_bytes()]
        return found + [str(path) for path in written] + [f"facts: {how}" for how in in_events(facts, CODE)]


CASES = [
    ("event", "nobody"),
    ("both", "nobody"),
    ("info", "nobody"),
    ("both", "active"),
    ("info", "active"),
    ("both", "media"),
    ("info", "media"),
    ("both", "media at last"),
]


@pytest.mark.parametrize(("by", "kill"), CASES)
def test_the_gateway_has_the_card_and_nothing_else_does(tmp_path: Path, by: str, kill: str) -> None:
    payment = Payment(tmp_path, by, kill)
    payment.run()
    assert [event.fields["value"] for event in payment.events if event.fields.get("verb") == "outcome"] == [
        '{"outcome": "paid", "fields": {"receipt": "for •••"}}'
    ]
    assert list(payment.gateway.taken.values()) == [{"card": {"number": CARD, "expiry": EXPIRY}, "code": CODE}]
    assert payment.leaks() == []
    recording = payment.settings.data / "recordings" / f"{KEY}.wav"
    caller, node = channels(recording)
    # The key after the last secret is none; that it is heard shows that others would be. Where all is asked again at
    # once, the caller is recorded no more before its tone is long enough to be one.
    assert set(tones(caller)) <= {"1"}
    assert bool(tones(caller)) == (by != "event" and kill != "media at last")
    assert not set(tones(node)) & set(CARD + EXPIRY + CODE), tones(node)
    kinds = [event.kind for event in payment.events]
    assert ("secret_lost.1" in kinds) == (kill == "media at last")
    assert any(event.fields.get("part") == "again" for event in payment.events) == (kill == "media")


# The search itself ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "planted",
    [
        CARD.encode(),
        b"x" + CARD[3:7].encode() + b"y",
        b" ".join(bytes([each]) for each in CARD.encode()),
        b"-".join(bytes([each]) for each in CARD[:6].encode()),
        json.dumps(list(CARD[4:9])).encode(),
        CARD[2:8].encode("utf-16-le"),
        CARD[2:8].encode("utf-16-be"),
        bytes.fromhex(CARD),
        bytes.fromhex(CARD[2:]),
        bytes.fromhex("".join(low + high for high, low in zip(CARD[::2], CARD[1::2], strict=True))),
        bytes(int(each) for each in CARD),
    ],
)
def test_the_search_finds_what_is_written(tmp_path: Path, planted: bytes) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "journal.db-wal").write_bytes(bytes(200) + planted + b"\xff" * 200)
    assert in_files(tmp_path, CARD)


def test_the_search_finds_what_is_written_event_by_event() -> None:
    facts = [{"at_s": 1.5, "head": 100 + index, "digits": key, "count": 7} for index, key in enumerate(CARD[5:9])]
    assert in_events(facts, CARD) == [f"{CARD[5:9]} by digits"]
    assert in_events([{"digits": CARD[5:7]}, {"digits": CARD[7:9]}], CARD)
    assert in_events([{"code": int(key)} for key in CARD[5:9]], CARD)


def test_the_search_is_not_led_astray() -> None:
    innocent = f'{{"at_s": 170.{CARD}, "call": "0a{CARD[:6]}", "port": 5060, "told": "Secret(16 digits)"}}'.encode()
    assert in_bytes(innocent.replace(CARD.encode(), CARD[:9].encode()), CARD, ["5060"]) == []
    assert in_bytes(f"port {CARD[:5]}".encode(), CARD, [CARD[:5]]) == []


@pytest.mark.parametrize("key", CARD[::3])
def test_the_search_hears_tones(tmp_path: Path, key: str) -> None:
    audio = coded(np.concatenate([silence(300), tone(key, 50, dbm0=-30.0), silence(300)]))
    quiet = coded(silence(650))
    both = bytes(byte for pair in zip(quiet, audio, strict=True) for byte in pair)
    path = tmp_path / "planted.wav"
    path.write_bytes(header(7, 2, len(audio)) + both)
    assert [tones(each) for each in channels(path)] == ["", key]
