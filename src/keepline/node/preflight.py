"""`keepline preflight`: what would fail when a carrier does, found out before, with what would mend it.

Whether the others carry the peak, whether this node does, what becomes of numbers, how paths are, and whether marked
test calls out through one carrier and in through another are heard at both ends. It asks the running node over its
socket and reads its journal; each test call is one of the node's own, on record, and bound by `outbound` as any other.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any, Final

from keepline.call.inputs import PlaceCall
from keepline.call.record import CallRecord
from keepline.model.failover import API, NONE
from keepline.model.operation import Operation
from keepline.model.preflight import ANSWERING, CALLING
from keepline.node.control import Message
from keepline.node.journal_spans import busiest_of
from keepline.node.number_commands import TELL as TELL_NUMBERS
from keepline.node.path_commands import TELL as TELL_PATHS
from keepline.node.placements import request_of
from keepline.node.reader import JournalReader
from keepline.node.test_calls import BACK_HZ, THERE_HZ, heard_s
from keepline.paths.capacity import Peak, PreflightFinding, Room, without_each

RINGS_S: Final = 20.0
ENDS_WITHIN_S: Final = 60.0
HEARD_S_MIN: Final = 0.9
"""Of the 1.8 s that each tone sounds."""
POLL_S: Final = 0.1
ATTEMPTS_S: Final = 15.0
"""While a node takes over from itself."""
LOOKED_AT_MAX: Final = 200
"""Of the latest calls, among which that of a test is."""
Ask = Callable[[Message], Message]


@dataclass(frozen=True, slots=True)
class MadeCall:
    """A test call that is over, or could not be made."""

    words: str
    """What became of it."""
    asked: tuple[str, ...] = ()
    """The carriers that it was given to, in their order."""
    answered_after_s: float | None = None
    """None where it was not."""
    is_heard: bool = False
    """At both ends."""


@dataclass(frozen=True, slots=True)
class Checker:
    """One look at one node."""

    data: Path
    operation: Operation
    ask: Ask
    """Asks the active process."""
    wait: Callable[[float], None] = time.sleep

    def findings(self, *, loops: bool = True) -> list[PreflightFinding]:
        """Everything; with `loops` test calls too, some 15 s each."""
        peak, measured = self.peak()
        found = [
            *self._carriers(peak, measured),
            *own_room(self.operation, peak),
            *self._numbers(),
            *self._paths(),
        ]
        return found + (self._loops() if loops else [])

    def peak(self) -> tuple[Peak, bool]:
        """What is forecast, and whether it was measured in place of being written down."""
        told = self.operation.preflight
        if told.calls_per_s is not None and told.channels is not None:
            return Peak(told.calls_per_s, told.channels), False
        busiest = busiest_of(self.data)
        return Peak(told.calls_per_s or busiest.calls_per_s, told.channels or busiest.channels), True

    def test_call(self, number: str) -> MadeCall:
        """Make one by whichever carrier is chosen, and see it end."""
        call = f"{int(time.time() * 1000) & 0xFFFFFFFFFFF:011x}{secrets.randbelow(1 << 20):05x}"
        reply = self._place(PlaceCall(number, CALLING, call, ring_timeout_s=RINGS_S))
        if not reply.get("ok"):
            return MadeCall(str(reply.get("error")))
        there = self._ended(call)
        if there is None:
            return MadeCall(f"the test call {call} does not end")
        asked = tuple(each.carrier for each in there.carriers) or (there.carrier,)
        if there.answered_at is None:
            return MadeCall(f"{there.outcome.replace('_', ' ')}: {there.reason}", asked)
        after_s = round(there.answered_at - there.received_at, 3)
        back = self._came_in(number, there.received_at)
        judgement = judged(" then ".join(asked), back.carrier if back else "", there, back, self._tone)
        return MadeCall(judgement.what, asked, after_s, judgement.ok)

    # Parts ------------------------------------------------------------------------------------------------------------

    def _carriers(self, peak: Peak, measured: bool) -> list[PreflightFinding]:
        listed = self.operation.outbound.carriers
        if not listed and not any(trunk.outbound for trunk in self.operation.trunks):
            return []
        rooms = [Room(each.trunk, each.calls_per_s_max, each.channels_max) for each in listed]
        found = without_each(rooms, peak)
        if measured:
            what = f"the peak is taken from the last days: {peak.calls_per_s:g} calls/s, {peak.channels} at once"
            found.insert(0, PreflightFinding("capacity", True, what))
        return found

    def _numbers(self) -> list[PreflightFinding]:
        told = self.ask({"op": TELL_NUMBERS, "call": secrets.token_hex(8)}).get("numbers")
        tests = self.operation.preflight.numbers.values()
        return [of_number(each) for each in told if each["number"] not in tests] if isinstance(told, list) else []

    def _paths(self) -> list[PreflightFinding]:
        told = self.ask({"op": TELL_PATHS, "call": secrets.token_hex(8)}).get("paths")
        return [of_path(each) for each in told] if isinstance(told, list) else []

    def _loops(self) -> list[PreflightFinding]:
        numbers = self.operation.preflight.numbers
        if not numbers:
            fix = "write `preflight: {test_numbers: {TRUNK: NUMBER}}`, a number of each carrier's for them alone"
            return [PreflightFinding("loop", False, "no test call can be made: no numbers for them are told", fix)]
        if len(numbers) < 2:
            fix = "add a number of another carrier's to `preflight.test_numbers`"
            return [
                PreflightFinding("loop", False, "no test call can go out by one carrier and come in by another", fix)
            ]
        return [self._loop(out, into, numbers[into]) for out, into in permutations(numbers, 2)]

    def _loop(self, out: str, into: str, number: str) -> PreflightFinding:
        name = f"out through {out}, in through {into}"
        call = f"{int(time.time() * 1000) & 0xFFFFFFFFFFF:011x}{secrets.randbelow(1 << 20):05x}"
        reply = self._place(PlaceCall(number, CALLING, call, trunk=out, ring_timeout_s=RINGS_S))
        if not reply.get("ok"):
            return PreflightFinding("loop", False, f"{name}: {reply.get('error')}", "mend what it says")
        there = self._ended(call)
        if there is None:
            what = f"{name}: the test call {call} does not end"
            return PreflightFinding("loop", False, what, f"see: keepline call show {call}")
        if there.answered_at is None:
            what = f"{name}: {there.outcome.replace('_', ' ')}: {there.reason}"
            return PreflightFinding("loop", False, what, _unanswered(there, out, into))
        back = self._came_in(number, there.received_at)
        return judged(name, into, there, back, self._tone)

    def _place(self, wanted: PlaceCall) -> Message:
        give_up_s = time.monotonic() + ATTEMPTS_S
        while True:
            reply = self.ask(request_of(wanted))
            if reply.get("ok") or not reply.get("again") or time.monotonic() > give_up_s:
                return reply
            self.wait(POLL_S)

    def _ended(self, call: str) -> CallRecord | None:
        give_up_s = time.monotonic() + ENDS_WITHIN_S
        reader = JournalReader(self.data)
        try:
            while time.monotonic() < give_up_s:
                try:
                    record = reader.record(call)
                except KeyError:  # it is being written
                    record = None
                if record is not None and record.state == "ended":
                    return record
                self.wait(POLL_S)
        finally:
            reader.close()
        return None

    def _came_in(self, number: str, since_s: float) -> CallRecord | None:
        """The other end of a test call, once it is over; None where none came."""
        reader = JournalReader(self.data)
        try:
            found = [
                each
                for each in reader.records(LOOKED_AT_MAX)
                if each.flow == ANSWERING and each.to == number and each.received_at >= since_s
            ]
        finally:
            reader.close()
        return self._ended(found[-1].id) if found else None

    def _tone(self, record: CallRecord, hertz: float) -> float:
        return max((heard_s(self.data / each.path, hertz) for each in record.messages), default=0.0)


def judged(
    name: str, into: str, there: CallRecord, back: CallRecord | None, tone_s: Callable[[CallRecord, float], float]
) -> PreflightFinding:
    """What a test call that was answered proves."""
    if back is None:
        fix = f"somebody else answers that number: have the carrier of {into} point it to this node"
        return PreflightFinding("loop", False, f"{name}: it was answered, and not by this node", fix)
    if back.carrier != into:
        fix = f"the number is not of {into}, or its calls come by another way: correct `preflight.test_numbers`"
        return PreflightFinding("loop", False, f"{name}: it came in through {back.carrier or 'nobody known'}", fix)
    try:
        deaf = [
            way for way, record, hertz in (("there", back, THERE_HZ), ("back", there, BACK_HZ))
            if tone_s(record, hertz) < HEARD_S_MIN
        ]  # fmt: skip
    except (OSError, ValueError) as error:
        return PreflightFinding(
            "loop", False, f"{name}: what was heard cannot be read: {error}", "mend the data directory"
        )
    if deaf:
        fix = f"look at `keepline call show {there.id}` and {back.id}: media networks, NAT (`media.advertised`), codecs"
        return PreflightFinding("loop", False, f"{name}: nothing is heard on the way {' and '.join(deaf)}", fix)
    took_s = (there.answered_at or there.received_at) - there.received_at
    return PreflightFinding("loop", True, f"{name}: heard both ways, answered after {took_s:.1f} s")


def _unanswered(there: CallRecord, out: str, into: str) -> str:
    if "may not be called" in there.reason or "outbound." in there.reason:
        return "allow the test numbers in `outbound.allow`, and leave room in its bounds"
    status = there.sip_status or 0
    if status in (401, 407):
        return f"correct the credentials of `trunks.{out}.outbound`"
    if status in (404, 480, 604):
        return f"have the carrier of {into} point its test number to this node, and {out} know it"
    return f"ask {out} why it does not bring a call to {into}; `keepline call show {there.id}` has its words"


def own_room(operation: Operation, peak: Peak) -> list[PreflightFinding]:
    """Whether this node itself takes the peak."""
    found = []
    for what, has, setting in (
        ("live calls", operation.sip.calls_max, "sip.calls_max"),
        ("calls with audio", operation.media.slots, "media.rtp_ports"),
    ):
        words = f"this node takes {has} {what} at once, and the peak has {peak.channels}"
        found.append(
            PreflightFinding("node", has >= peak.channels, words, "" if has >= peak.channels else f"raise `{setting}`")
        )
    return found


def of_number(told: dict[str, Any]) -> PreflightFinding:
    """What becomes of a number while its carrier is away."""
    name, method, points = told["number"], told["method"], told["points"]
    if method == NONE:
        fix = f"write `numbers.{name}.failover`; docs/howto/move-numbers.md says what each method takes"
        return PreflightFinding("numbers", False, f"{name}: nothing takes over", fix)
    if method == API and points != "home":
        fix = f"see why: keepline numbers; then keepline number return {name}"
        return PreflightFinding("numbers", False, f"{name} points {points} ({told['target']}): {told['why']}", fix)
    return PreflightFinding("numbers", True, f"{name}: {method}")


def of_path(told: dict[str, Any]) -> PreflightFinding:
    """Whether a path could be used now."""
    name, condition = told["path"], told["condition"]
    if told["wish"] in ("drain", "disable"):
        fix = f"keepline path release {name}"
        return PreflightFinding("paths", False, f"{name} is to be left alone ({told['wish']}): {told['why']}", fix)
    words = f"{name} is {condition}: {told['evidence']}"
    if condition in ("down", "degraded"):
        return PreflightFinding("paths", False, words, "mend it, or ask whoever provides it")
    return PreflightFinding("paths", True, words)


def failed(findings: Sequence[PreflightFinding]) -> list[PreflightFinding]:
    """Those that somebody should see to."""
    return [each for each in findings if not each.ok]
