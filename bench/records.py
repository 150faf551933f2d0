"""The records of a node against what an outside crowd experienced, through a network that loses a tenth of all.

Callers talk and hang up, are hung up on, give up at random moments and in the very moment of the answer, dial numbers
that nobody has, find every line taken, or are strangers. Every Call-ID that reached the node has one record, nobody
else has one, and it says what its caller saw. What loss may hide, and no more, is counted apart (`Verdict.unheard`).
"""

import random
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keepline.config import embedded_operation_path
from keepline.demo_node import LocalNode, NodeSettings, wait_until
from tests.live.lossy_relay import LossyRelay, Weather, parse_address

sys.path.insert(0, str(embedded_operation_path().parent))

from callers_crowd import Crowd, Plan
from callers_sip import Caller, Script

STRANGERS_PER_S = 2.0
"""Fewer than the node answers one source."""
STRANGER_HOST = "127.0.0.9"
RING_S = 1.0
LIVE_SHARE_OF_RATE = 0.8
"""Calls that the node takes, of those that come in a second: a part finds every line taken."""
SETTLED_WITHIN_S = 90.0
"""64*T1 for what nobody answers, and a little."""
UNSEEN = 0
"""The status of a caller who heard no final answer."""

OPERATION = """
operation: records
sip: {calls_max: CALLS_MAX}
trunks: {local: {peers: [127.0.0.1/32]}}
flows: {hold: flows:hold, brief: flows:brief}
numbers: {"2000": {flow: hold}, "2001": {flow: hold, ring_s: RING_S}, "2002": {flow: brief}}
"""
FLOWS = '''
"""The least that answers."""

from keepline.flow import Call, flow


@flow
async def hold(call: Call) -> None:
    """Listen until the caller hangs up."""
    while True:
        await call.ask_digits(count=1, timeout_s=None)


@flow
async def brief(call: Call) -> None:
    """Hang up after a second."""
    await call.wait(1)
    await call.hangup()
'''


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to call."""

    name: str
    number: str
    share: float
    script: Callable[[random.Random], Script]


def _give_up(dice: random.Random) -> Script:
    near = RING_S + dice.uniform(-0.05, 0.05)
    return Script(cancel_after_s=near if dice.random() < 0.5 else dice.uniform(0, 1.5 * RING_S), hang_up_after_s=0.5)


KINDS = (
    Kind("talks and hangs up", "2000", 0.4, lambda dice: Script(hang_up_after_s=dice.uniform(0.05, 1.5))),
    Kind("is hung up on", "2002", 0.2, lambda dice: Script()),
    Kind("gives up while it rings", "2001", 0.3, _give_up),
    Kind("dials what nobody has", "4711", 0.1, lambda dice: Script()),
)
STRANGER = Kind("is a stranger", "2000", 1.0, lambda dice: Script())


@dataclass(slots=True)
class Seen:
    """One caller's story, as it tells it."""

    kind: str
    call_id: str
    status: int
    """Final one of its INVITE; `UNSEEN` where it heard none."""
    bye: str
    """ours, theirs or "" for none."""
    error: str


@dataclass(slots=True)
class Verdict:
    """What the comparison found; `wrong` is empty where records and callers agree."""

    sent: int = 0
    """Distinct Call-IDs of calls that callers began."""
    reached: int = 0
    """Of these, those of which the network let an INVITE through."""
    recorded: int = 0
    unheard: int = 0
    """Callers who heard no final answer: their record may say anything."""
    shed: int = 0
    """Refused with 503 without a record, beyond the refusals that a node records in a second."""
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(kind of caller, outcome on record) -> calls."""
    network: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Far(Crowd):
    """A crowd behind a relay: its Contact is where the relay hears the node."""

    def __init__(self, relay: LossyRelay, kinds: tuple[Kind, ...], calls: int, rate: float, seed: int) -> None:
        host, port = parse_address(relay.front)
        self.seen: list[Seen] = []
        self._kinds, self._dice = kinds, random.Random(f"{seed} kinds")
        self._kind_of: dict[str, str] = {}
        plan = Plan("", host, port, calls=calls, rate=rate, drain_s=SETTLED_WITHIN_S, rtp="none", seed=seed)
        super().__init__(plan, lambda index: Script(), self._on_end)
        self._own = f"Contact: <sip:caller@{self.host}:{self.port}>".encode()
        self._told = f"Contact: <sip:caller@{relay.back}>".encode()

    def send(self, data: bytes, to: tuple[str, int] | None = None) -> None:
        super().send(data.replace(self._own, self._told, 1))

    def _start_one(self) -> None:
        index = self.started
        self.started += 1
        kind = self._dice.choices(self._kinds, [each.share for each in self._kinds])[0]
        call_id = f"{self.run_id}-{index:06d}@{self.host}"
        self._kind_of[call_id] = kind.name
        caller = Caller(self, index, call_id, kind.number, kind.script(self._dice))
        self.live[call_id] = caller
        self.peak = max(self.peak, len(self.live))
        caller.start()

    def _on_end(self, caller: Caller) -> None:
        facts = caller.facts
        status = facts.status or UNSEEN
        self.seen.append(Seen(self._kind_of[caller.call_id], caller.call_id, status, facts.bye, facts.error))


def compare(seen: Iterable[Seen], reached: set[str], records: Iterable[dict[str, Any]]) -> Verdict:
    """Callers' stories against a node's records; `reached` are the Call-IDs that came through."""
    verdict = Verdict(reached=len(reached))
    by_call: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        verdict.recorded += 1
        by_call.setdefault(str(record["sip_call_id"]), []).append(record)
    verdict.wrong += [f"{call_id}: a record, and no INVITE that came through" for call_id in by_call.keys() - reached]
    verdict.wrong += [f"{call_id}: {len(found)} records" for call_id, found in by_call.items() if len(found) > 1]
    for each in seen:
        verdict.sent += 1
        found = by_call.get(each.call_id)
        if found is None:
            if each.call_id in reached:
                _judge_unrecorded(verdict, each)
            continue
        verdict.outcomes[each.kind, _words(found[0])] += 1
        verdict.unheard += each.status == UNSEEN
        if found[0]["state"] != "ended":
            verdict.wrong.append(f"{each.call_id}: still {found[0]['state']}")
        elif each.status != UNSEEN and (why := _differs(each, found[0])):
            verdict.wrong.append(f"{each.call_id} ({each.kind}): {why}")
    return verdict


def _judge_unrecorded(verdict: Verdict, seen: Seen) -> None:
    if seen.status == 503:
        verdict.shed += 1
    else:
        verdict.wrong.append(f"{seen.call_id} ({seen.kind}): no record; its caller saw {seen.status or 'nothing'}")


def _words(record: dict[str, Any]) -> str:
    return f"{record['outcome']} {record['sip_status']}" if record["outcome"] == "refused" else str(record["outcome"])


def _differs(seen: Seen, record: dict[str, Any]) -> str:
    """In what a record contradicts its caller; "" where it does not."""
    if record["sip_status"] != seen.status:
        return f"the caller saw {seen.status}, the record says {record['sip_status']} ({record['reason']})"
    if seen.status == 200:
        wanted = {"ours": "caller", "theirs": "flow"}.get(seen.bye, "")
        if seen.error:  # its BYE came to nothing, so the node ended the call by itself
            wanted = ""
        if record["outcome"] != "answered" or (wanted and record["ended_by"] != wanted):
            return f"BYE was {seen.bye or 'nobodys'}; on record {record['outcome']}, ended by {record['ended_by']}"
    elif seen.status == 487 and (record["outcome"], record["ended_by"]) != ("cancelled", "caller"):
        return f"the caller gave up; on record {record['outcome']}, ended by {record['ended_by']}"
    return ""


def measure(calls: int, rate: float, weather: Weather, seed: int, say: Callable[[str], None]) -> Verdict:
    """That many calls at `rate` a second, and strangers beside them; their comparison."""
    with tempfile.TemporaryDirectory(prefix="keepline-records-") as name:
        directory = Path(name)
        limit = max(3, int(rate * LIVE_SHARE_OF_RATE))
        text = OPERATION.replace("CALLS_MAX", str(limit)).replace("RING_S", str(RING_S))
        (directory / "keepline.yaml").write_text(text)
        (directory / "flows.py").write_text(FLOWS)
        settings = NodeSettings(directory / "keepline.yaml", directory / "data", slots=2 * limit + 10)
        with LocalNode(settings) as node:
            verdict = _compare_live(node, calls, rate, weather, seed)
            node.stop()
            node.wait_gone()
    for line in verdict.wrong[:20]:
        say(f"  {line}")
    return verdict


def _compare_live(node: LocalNode, calls: int, rate: float, weather: Weather, seed: int) -> Verdict:
    strangers = max(1, int(calls / rate * STRANGERS_PER_S))
    with (
        LossyRelay(node.sip, weather, seed) as relay,
        LossyRelay(node.sip, weather, seed + 1, host=STRANGER_HOST) as side,
    ):
        crowds = [Far(relay, KINDS, calls, rate, seed), Far(side, (STRANGER,), strangers, STRANGERS_PER_S, seed + 1)]
        threads = [threading.Thread(target=crowd.run, daemon=True) for crowd in crowds]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_until("the node is done", lambda: node.glance()["live_calls"] == 0, SETTLED_WITHIN_S)
        for crowd in crowds:
            crowd.close()
        seen = [each for crowd in crowds for each in crowd.seen]
        verdict = compare(seen, relay.passed_calls | side.passed_calls, node.calls())
        verdict.network = relay.counts + side.counts
    return verdict
