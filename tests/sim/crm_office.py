"""The retailer's back office in virtual time, small and fast: two gateways, a CRM that may be silent, copies of it.

Which path is asked is decided by the code of the node itself (`keepline.node.use_paths`); what was really done is
counted here, by whom it was done for, and by no code of Keepline's.
"""

from collections import Counter
from dataclasses import dataclass, field

from keepline.call.effects import CallCapability
from keepline.call.turn import Program
from keepline.flow.capabilities import Refused, Reply, Unavailable, UseOutcome, read_value, unanswered
from keepline.model.capability import CapabilityPath, Snapshot
from keepline.sim.world import World
from tests.sim.path_office import Answer, Outcome, PathOffice

ANSWERS_AFTER_S = 0.05
COPY_AFTER_S = 0.003
DUE_CENTS = 4_200


@dataclass(slots=True)
class Rows:
    """What the CRM knows, and a copy of it may."""

    taken: set[str] = field(default_factory=set)
    """Delivery windows."""
    cancelled: set[str] = field(default_factory=set)
    """Appointments."""
    first: int = 0
    """Every window before this one is taken."""

    def take(self, slot: str) -> None:
        """Somebody has this window."""
        self.taken.add(slot)
        while f"S{self.first}" in self.taken:
            self.first += 1

    def free_from(self, place: int, skip: int = 0) -> str:
        """The first free window from there on, and `skip` more; there is no last one."""
        place = max(place, self.first)
        while (is_taken := f"S{place}" in self.taken) or skip:
            skip -= not is_taken
            place += 1
        return f"S{place}"

    def copied(self) -> "Rows":
        """As they are now."""
        return Rows(set(self.taken), set(self.cancelled), self.first)


class Crm(PathOffice):
    """It answers, or is silent for a while: what is sent then is lost."""

    def __init__(self, world: World, program: Program, silent_s: tuple[float, float] | None) -> None:
        """`silent_s`: node times of the outage's beginning and end."""
        super().__init__(world, dict(program.operation.capabilities))
        self._silent_s = silent_s
        self._rows = Rows()
        self._copy, self._copied_at_s = Rows(), world.now_s
        self._answers: dict[str, UseOutcome] = {}
        """Of changes, by key: one key is done once."""
        self.effects: Counter[tuple[str, str]] = Counter()
        """What was done, by its name and the call that it was done for."""
        self.requests: Counter[str] = Counter()
        self._copy_again()

    @property
    def is_silent(self) -> bool:
        """The CRM; never the gateways."""
        return self._silent_s is not None and self._silent_s[0] <= self._world.now_s < self._silent_s[1]

    def _copy_again(self) -> None:
        if not self.is_silent:
            self._copy, self._copied_at_s = self._rows.copied(), self._world.now_s
        self._world.after(60.0, self._copy_again)

    def ask(self, wanted: CallCapability, answer: Answer) -> None:
        """Counted, and not kept: there are a million."""
        self.requests[f"{wanted.capability}.{wanted.action}"] += 1
        super().ask(wanted, answer)
        self.asked.clear()

    def path_answers(self, wanted: CallCapability, path: CapabilityPath, left_s: float) -> tuple[float, Outcome]:
        if isinstance(path.connector, Snapshot):
            age_s_max = path.connector.age_s_max
            return COPY_AFTER_S, lambda: self._from_copy(wanted, age_s_max)
        if self.is_silent and wanted.capability != "payments":
            return left_s, lambda: unanswered("no answer in time", changes=wanted.changes)
        return ANSWERS_AFTER_S, lambda: self._outcome(wanted)

    def _from_copy(self, wanted: CallCapability, age_s_max: float) -> UseOutcome:
        age_s = max(0.1, self._world.now_s - self._copied_at_s)
        if age_s > age_s_max:
            return Unavailable(f"the copy is {age_s:.0f} s old")
        found = self._read(wanted, self._copy)
        return Reply(found.fields, age_s) if isinstance(found, Reply) else Unavailable("the copy does not have it")

    def _outcome(self, wanted: CallCapability) -> UseOutcome:
        if not wanted.changes:
            return self._read(wanted, self._rows)
        key = f"{wanted.path} {wanted.idempotency_key}"
        if key not in self._answers:
            self._answers[key] = self._change(wanted)
        return self._answers[key]

    def _read(self, wanted: CallCapability, rows: Rows) -> UseOutcome:
        told = read_value(wanted.arguments)
        match f"{wanted.capability}.{wanted.action}":
            case "orders.find":
                return Reply(_order(told["number"], rows))
            case "billing.invoice":
                return Reply({"number": told["number"], "status": "open", "due_cents": DUE_CENTS})
            case "appointments.first_free":
                return Reply(_slot(rows.free_from(rows.first)))
            case "appointments.next_free":
                return Reply(_slot(rows.free_from(int(told["after"][1:]) + 1, told["skip"])))
            case "appointments.show":
                return Reply(_appointment(told["appointment"], "S0"))
        return Refused(404, "unknown")

    def _change(self, wanted: CallCapability) -> UseOutcome:
        told, name = read_value(wanted.arguments), f"{wanted.capability}.{wanted.action}"
        if name == "appointments.book" and told["slot"] in self._rows.taken:
            return Refused(409, "slot_taken")
        self.effects[name, wanted.call] += 1
        number = str(700_000 + len(self._answers))
        if name == "appointments.book":
            self._rows.take(told["slot"])
            return Reply(_appointment("A1", told["slot"]))
        if name == "appointments.cancel":
            self._rows.cancelled.add(told["appointment"])
            return Reply(_appointment(told["appointment"], "S0"))
        answers = {"payments.charge": {"status": "charged", "receipt": number}, "leads.add": {"id": number, "score": 5}}
        return Reply(answers.get(name, {"id": number}))


def _order(number: str, rows: Rows) -> dict[str, object]:
    """1….. is on its way, 2….. can be booked, 3….. has an appointment until that is cancelled."""
    kind, appointment = number[:1], f"A{number}"
    has = kind == "3" and appointment not in rows.cancelled
    return {
        "number": number, "status": "shipped" if kind == "1" else "placed", "item": "sofa", "carrier": "Swift",
        "expected_on": "2026-03-05", "delivered_on": None, "can_book": kind == "2",
        "appointment": appointment if has else None,
    }  # fmt: skip


def _slot(name: str) -> dict[str, object]:
    return {"id": name, "day": "2026-03-03", "start": "08:00", "end": "10:00"}


def _appointment(name: str, slot: str) -> dict[str, object]:
    return {"id": name, "slot": slot, "day": "2026-03-03", "start": "08:00", "end": "10:00", "confirmation": "300001"}
