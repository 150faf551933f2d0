"""Whether three who saw the same calls tell the same story: the callers, the node's records, the back office's ledger.

Callers tell what they heard and took to have happened (`world crowd`), the node keeps a record of each call
(`keepline calls --json`), and the back office writes down what was really done (`GET /admin/ledger`). None of them
knows of the others; here their accounts are laid side by side. Pure: lists of JSON objects in, sentences out.

What ties them together: a caller and a record have one Call-ID. A change carries an idempotency key that begins with
the id of the record that it was made for; what has no key was not done by telephone.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Told = Mapping[str, Any]

DONE_AS = {
    "paid": "charged", "booked": "booked", "moved": "moved", "cancelled": "cancelled", "lead_left": "lead",
    "message_left": "message",
}  # fmt: skip
"""What a caller takes to have happened, and the kind of entry that the ledger has of it then: one, of that call."""
NOTED_AS = {"wish_noted": "message", "cancel_noted": "cancelled", "lead_noted": "lead", "pay_later": "message"}
"""What a caller was promised, and what the ledger has of it once all that is kept was made."""
RECORDED_AS = {
    "paid": ("paid",), "declined": ("declined",), "pending": ("payment_pending",), "booked": ("booked",),
    "moved": ("moved",), "cancelled": ("cancelled",), "order_status": ("order_status",), "lead_left": ("lead",),
    "message_left": ("message",), "talked": ("talked", "answered"), "no_slots": ("no_slots",),
    "apology": ("promised", "sent_away", "failed"), "pay_later": ("pay_later",), "wish_noted": ("wish",),
    "cancel_noted": ("cancel_noted",), "lead_noted": ("lead",),
}  # fmt: skip
"""What a caller takes to have happened, and the outcomes that its record may have then."""
LAST = tuple(RECORDED_AS)
ENTITLED = {
    "charged": {"paid", "pending", "unsure"}, "booked": {"booked"}, "moved": {"moved"},
    "cancelled": {"cancelled", "cancel_noted"}, "lead": {"lead_left", "lead_noted"},
    "message": {"message_left", "lead_left", "lead_noted", "apology", "pending", "pay_later", "wish_noted"},
}  # fmt: skip
"""What was done for a call, and what its caller must take to have happened, unless it has hung up by itself."""
IN_DOUBT = {"booked": "use appointments.book", "moved": "use appointments.move", "cancelled": "use appointments.cancel"}
"""What may turn out to be done when its caller was told that we cannot say yet, and will call back."""
KEPT_QUIET = ("hung up", "gave up")
"""Callers who left by themselves: what they had asked for may have been done without their hearing of it."""


@dataclass(slots=True)
class Comparison:
    """What came of it."""

    callers: int = 0
    records: int = 0
    placed: int = 0
    """Calls out, as the carrier counted them."""
    onward: int = 0
    """Those that one carrier brought to another, and that one back to us."""
    swallowed: int = 0
    """Calls that a carrier was to bring in and did not."""
    cut: int = 0
    """Calls of which a carrier lost something on its way."""
    done: Counter[str] = field(default_factory=Counter)
    """What the back office did by telephone, by kind."""
    disagreements: list[str] = field(default_factory=list)

    def words(self) -> str:
        """For a person: the disagreements, and a last line that counts."""
        done = ", ".join(f"{count} {what}" for what, count in sorted(self.done.items())) or "nothing done"
        verdict = _many(len(self.disagreements), "disagreement") if self.disagreements else "all agree"
        out = f", {_many(self.placed, 'call')} out at the carrier" if self.placed else ""
        out += f", {self.onward} out by one carrier and in by another" if self.onward else ""
        out += (
            f", {self.swallowed} never passed on, {self.cut} cut by their carrier" if self.swallowed + self.cut else ""
        )
        records = _many(self.records, "call record")
        line = f"{_many(self.callers, 'caller')}{out}, {records}, the back office's ledger ({done}): {verdict}."
        return "\n".join([*self.disagreements, line])


@dataclass(frozen=True, slots=True)
class Brought:
    """What carriers tell of the calls that they were to bring in."""

    swallowed: frozenset[str] = frozenset()
    """Those that they never passed on, by Call-ID."""
    cut: frozenset[str] = frozenset()
    """Those of which they have lost something on its way."""
    onward: tuple[str, ...] = ()
    """Those that another carrier of ours placed: nobody of the callers tells of them."""

    @classmethod
    def of(cls, told: Sequence[Told]) -> "Brought":
        """From their lines."""
        offered = [one for one in told if one.get("event") == "offered"]
        passed = {one["call_id"] for one in offered if one["passed"]}
        swallowed = frozenset(one["call_id"] for one in offered) - passed
        onward = tuple(one["onward"] for one in told if one.get("onward"))
        return cls(swallowed, frozenset(one["call_id"] for one in told if one.get("event") == "cut"), onward)


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def compare(
    told: Sequence[Told],
    records: Sequence[Told],
    ledger: Told,
    taken: Sequence[Told] | None = None,
    *,
    settled: bool = False,
) -> Comparison:
    """Lay the accounts side by side: what callers tell (other lines are passed over), call records, and a ledger.

    `taken` is what a carrier tells of the calls that came to it; None where none was asked. `settled`: nothing is kept
    any more, so what callers were promised is done.
    """
    callers = [one for one in told if one.get("event") == "experience"]
    inbound = [one for one in records if one["direction"] == "inbound"]
    by_call: dict[str, list[Told]] = defaultdict(list)
    for record in inbound:
        by_call[record["sip_call_id"]].append(record)
    done: dict[str, list[Told]] = defaultdict(list)
    known = {record["id"] for record in records}
    for entry in ledger["effects"]:
        if entry["key"]:
            # What a run left for somebody, after the call, has the run's key, and says itself whose call it is of.
            made_for = entry["key"].rpartition("-")[0]
            done[made_for if made_for in known else entry.get("call") or made_for].append(entry)
    found = Comparison(
        len(callers), len(records), done=Counter(each["what"] for all_ in done.values() for each in all_)
    )
    brought = Brought.of(taken or ())
    found.onward = len(brought.onward)
    found.swallowed, found.cut = (len(each.difference(brought.onward)) for each in (brought.swallowed, brought.cut))
    found.disagreements += _calls(callers, inbound, by_call, brought)
    outbound = [one for one in records if one["direction"] == "outbound"]
    if taken is not None:
        out = [one for one in taken if one.get("event") == "taken"]
        found.placed = len(out) - found.onward
        found.disagreements += _taken(out, outbound)
    talked = {one.get("parent") for one in outbound if one["answered_at"] is not None}
    for caller in callers:
        for record in by_call.get(caller["call_id"], [])[:1]:
            entries, was_cut = done.get(record["id"], []), caller["call_id"] in brought.cut
            found.disagreements += (_cut_call if was_cut else _one_call)(caller, record, entries)
            if settled:
                found.disagreements += _noted(caller, entries)
            if "talked" in caller["believes"] and record["id"] not in talked:
                who = _who(caller["call_id"])
                found.disagreements.append(f"{who}: believes talked, and no record is of a person who answered it")
    found.disagreements += _ledger(ledger, done, known)
    return found


def _calls(
    callers: Sequence[Told], records: Sequence[Told], by_call: Mapping[str, list[Told]], brought: Brought
) -> Iterator[str]:
    """Each call that was passed on has one record, whatever became of it, and each record has a caller, or another
    carrier that brought it here.
    """
    called = Counter(caller["call_id"] for caller in callers) + Counter(brought.onward)
    for call_id in called:
        count = len(by_call.get(call_id, ()))
        if call_id in brought.swallowed and count:
            yield f"{_who(call_id)}: its carrier did not pass it on, and there is a record of it"
        elif count != 1 and call_id not in brought.swallowed:
            yield f"{_who(call_id)}: {count or 'no'} records of one call"
    for record in records:
        if record["sip_call_id"] not in called:
            yield f"record {record['id']}: no caller tells of it"
        if record["state"] != "ended":
            yield f"record {record['id']}: it is {record['state']}, and the caller is gone"


def _taken(taken: Sequence[Told], outbound: Sequence[Told]) -> Iterator[str]:
    """Each call that came to a carrier has one record, and the other way round: once at each carrier that was asked."""
    rang = Counter(one["call_id"] for one in taken)
    asked: Counter[str] = Counter()
    for record in outbound:
        asked[record["sip_call_id"]] += 1
        # The INVITE to each further carrier has the Call-ID of the call with a number behind it.
        asked.update(f"{record['sip_call_id']}-{bid}" for bid in range(1, len(record.get("carriers") or ())))
    for call_id in rang | asked:
        if (rang[call_id], asked[call_id]) != (1, 1):
            yield f"{_who(call_id)}: it came to a carrier {rang[call_id]} times, and has {asked[call_id]} records"


def _cut_call(caller: Told, record: Told, done: Sequence[Told]) -> Iterator[str]:
    """A carrier has lost some of what was said: what the caller knows was done, and nothing twice."""
    counts, believes = Counter(entry["what"] for entry in done), caller["believes"]
    for belief, what in DONE_AS.items():
        if belief in believes and counts[what] - (counts["refunded"] if what == "charged" else 0) != 1:
            yield f"{_who(caller['call_id'])}: believes {belief}, and the ledger has {counts[what]} {what} of it"
    for what in ENTITLED:
        if counts[what] > 1:
            yield f"{_who(caller['call_id'])}: {what} {counts[what]} times"


def _one_call(caller: Told, record: Told, done: Sequence[Told]) -> Iterator[str]:
    who, believes = _who(caller["call_id"]), caller["believes"]
    if caller["answered"] != (record["answered_at"] is not None):
        yield f"{who}: answered {caller['answered']}, its record says {record['answered_at']}"
    elif caller["status"] and caller["status"] != record["sip_status"]:
        yield f"{who}: ended with {caller['status']}, its record with {record['sip_status']}"
    last = next((belief for belief in reversed(believes) if belief in LAST), "")
    if last and record["outcome"] not in RECORDED_AS[last]:
        yield f"{who}: believes {last}, its record says {record['outcome']}"
    counts = Counter(entry["what"] for entry in done)
    for belief, what in DONE_AS.items():
        if belief in believes and counts[what] - (counts["refunded"] if what == "charged" else 0) != 1:
            yield f"{who}: believes {belief}, and the ledger has {counts[what] or 'nothing'} {what} of it"
    for what, beliefs in ENTITLED.items():
        if counts[what] > 1:
            yield f"{who}: {what} {counts[what]} times"
        if counts[what] and not (beliefs & set(believes) or caller["how"] in KEPT_QUIET or _was_in_doubt(record, what)):
            yield f"{who}: {what}, and the caller was told nothing of it ({caller['how']} {caller['where']})".rstrip()
    for entry in done:
        if entry["what"] == "charged" and entry["reference"] != caller["values"].get("invoice"):
            yield f"{who}: charged for invoice {entry['reference']}, and called about {caller['values']}"
    if counts["charged"] and record["outcome"] not in ("paid", "payment_pending") and not _knows(record):
        yield f"{who}: charged, and its record does not say so: {record['outcome']}"
    if record["outcome"] == "paid" and counts["charged"] != 1:
        yield f"record {record['id']}: says paid, and the ledger has {counts['charged'] or 'no'} charges"


def _noted(caller: Told, done: Sequence[Told]) -> Iterator[str]:
    """What a caller was promised was done, once."""
    counts = Counter(entry["what"] for entry in done)
    for belief, what in NOTED_AS.items():
        if belief in caller["believes"] and counts[what] != 1:
            found = f"{counts[what] or 'no'} {what}"
            yield f"{_who(caller['call_id'])}: believes {belief}, and the ledger has {found} of it"


def _was_in_doubt(record: Told, what: str) -> bool:
    """Whether the record says that nobody could tell, while the caller was there."""
    use = IN_DOUBT.get(what)
    return any(step["name"] == use and step["result"].startswith(("pending", "unknown")) for step in record["steps"])


def _knows(record: Told) -> bool:
    """Whether a charge that was let finish after its caller had gone stands in the record."""
    return any(step["name"] == "use payments.charge" and step["result"] == "done" for step in record["steps"])


def _ledger(ledger: Told, done: Mapping[str, list[Told]], known: set[str]) -> Iterator[str]:
    """Nothing is done for nobody, nothing twice, and a window is one order's."""
    for call, entries in done.items():
        if call not in known:
            yield f"ledger: {', '.join(entry['what'] for entry in entries)} for {call}, of which there is no record"
    for key in ledger["keys"]:
        if key["done"] > 1:
            yield f"ledger: {key['scope']} {key['key']} was done {key['done']} times"
    for slot in ledger["slots"]:
        if slot["booked"] > 1:
            yield f"ledger: slot {slot['slot']} is booked {slot['booked']} times"


def _who(call_id: str) -> str:
    return f"call {call_id.partition('@')[0]}"
