"""A drill against a node that serves callers: a carrier is away for marked test calls, and for nobody else.

It touches what the operation's file allows (`preflight.drill_carriers`), with so many calls and for so much money as
that says, and only once somebody has said the operation's name. The fault is the node's own, at its edge, and a lease:
whoever dies, it ends within seconds. It refuses every fault that real callers would meet.
"""

import contextlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from keepline.call.effects_path import DrillCarrier
from keepline.call.outbound.policy import rate_of
from keepline.drill.experiment import Drill, DrillAction
from keepline.drill.noted import DrillAbortedError, NotedRun
from keepline.model.operation import Operation
from keepline.node.control import Message
from keepline.node.path_commands import TELL, drill_request
from keepline.node.preflight import Checker, MadeCall

FAULTS: Final = {"black-holed": "silent", "503": "503"}
"""A fault of a carrier's, and the same at our own edge."""
LEASE_S: Final = 30.0
PROLONG_EVERY_S: Final = 10.0
CALLS_MIN: Final = 3
"""One before, one meanwhile, one after."""
DELAYED_S: Final = 0.1
"""A call that is answered so much later than the one before is delayed."""
UNFIT: Final = ("down", "degraded")


class RefusedDrillError(Exception):
    """It may not be run there; says why, and what would be right."""


@dataclass(frozen=True, slots=True)
class ProductionPlan:
    """What is to be done to whom."""

    operation: str
    carrier: str
    fault: str
    number: str
    calls: int
    price: Decimal | None
    """Of all the calls together, at most; None where the operation knows no prices."""
    currency: str

    @property
    def blast_radius(self) -> str:
        """In words, beforehand."""
        costs = f"for {self.price:f} {self.currency} at most" if self.price is not None else "at unknown prices"
        what = "silent" if self.fault == "silent" else f"refusing with {self.fault}"
        return (
            f"{self.calls} test calls to {self.number} {costs}; for them alone {self.carrier} is {what}, at this "
            f"node's own edge, {LEASE_S:g} s at a time; no real call, no carrier and no back office is touched"
        )


def plan_of(drill: Drill, operation: Operation) -> ProductionPlan:
    """What a drill would do to an operation that serves callers; raises `RefusedDrillError`."""
    found = operation.preflight
    faults = [step for step in drill.method if isinstance(step, DrillAction)]
    kinds = {(str(f.provider.arguments.get("at")), str(f.provider.arguments.get("kind"))) for f in faults}
    if any(f.provider.func != "carrier_fault" for f in faults) or len(kinds) != 1:
        right = "what can be broken for test calls alone is one carrier, black-holed or 503"
        raise RefusedDrillError(f"{drill.name} is no drill for an operation that serves callers: {right}")
    [(carrier, kind)] = kinds
    if kind not in FAULTS:
        raise RefusedDrillError(f"{kind!r} cannot be had for test calls alone: {' and '.join(FAULTS)} can")
    if carrier not in found.drill_carriers:
        raise RefusedDrillError(
            f"{carrier!r} may not be drilled: write `preflight: {{drill_carriers: [{carrier}]}}` to allow it"
        )
    if not found.numbers:
        raise RefusedDrillError("no test call can be made: write `preflight: {test_numbers: {TRUNK: NUMBER}}`")
    number = next((each for trunk, each in found.numbers.items() if trunk != carrier), "")
    number = number or next(iter(found.numbers.values()))
    calls, rate = found.drill_calls_max, rate_of(operation.outbound, number)
    if found.drill_spend_max is not None:
        if rate is None:
            raise RefusedDrillError(f"`outbound.rates` has no price of {number}, and `drill_spend_max` bounds it")
        calls = min(calls, int(found.drill_spend_max / rate)) if rate else calls
    if calls < CALLS_MIN:
        raise RefusedDrillError(f"it takes {CALLS_MIN} calls at least, and `preflight.drill_spend_max` pays {calls}")
    price = None if rate is None else rate * calls
    return ProductionPlan(
        operation.name, carrier, FAULTS[kind], number, calls, price, str(operation.outbound.currency or "")
    )


def end_fault(ask: Callable[[Message], Message], carrier: str) -> str:
    """End it before its time; what is wrong with that."""
    asked = DrillCarrier(secrets.token_hex(8), carrier, "", 0.0, "keepline drill")
    return str(ask(drill_request(asked)).get("error") or "")


class ProductionRun(NotedRun):
    """One run, against a node that serves callers."""

    def __init__(
        self, drill: Drill, plan: ProductionPlan, checker: Checker, directory: Path, say: Callable[[str], None]
    ) -> None:
        super().__init__(drill, directory, say)
        self.plan = plan
        self._checker = replace(checker, wait=self._wait)
        self._pause, self._ask = checker.wait, checker.ask
        self._data = checker.data
        self._planted_s = self._prolonged_s = 0.0
        self._detected_s: float | None = None
        self._evidence: list[str] = []
        path = f"telephony/{plan.carrier}"
        self.journal |= {"path": path, "detects": path, "production": plan.operation}
        self.journal |= {"blast_radius": plan.blast_radius}

    def perform(self) -> dict[str, Any]:
        """Do all of it; the journal. The fault is ended whatever happens."""
        self._write()
        self._note_owned({"production": {"data": str(self._data), "carrier": self.plan.carrier}})
        try:
            self._perform()
        except (DrillAbortedError, KeyboardInterrupt):
            self.journal["status"] = "aborted"
        except (OSError, ValueError, RefusedDrillError) as failure:
            self.journal["status"], self.journal["error"] = "failed", str(failure)
        return self._end()

    def _perform(self) -> None:
        plan, real = self.plan, self._real_condition()
        before = self._steady("before")
        if before is None:
            self.journal["status"], self.journal["deviated"] = "not begun", True
            return
        made: list[MadeCall] = []
        try:
            self._plant()
            for place in range(plan.calls - 2):
                made.append(self._call(f"test call {place + 1} of {plan.calls - 2}"))
                self._look()
        finally:
            self._roll_back()
        after = self._steady("after")
        card = self._card(made, before)
        card |= {"real_condition": [real, self._real_condition()]}
        good = after is not None and not card["lost"] and not card["audio_faults"]
        self.journal |= {"card": card, "deviated": not good, "status": "completed"}

    def _steady(self, when: str) -> MadeCall | None:
        made = self._call(f"a test call {when} it")
        held = made.is_heard
        self.journal["steady_states"][when] = {"held": held, "probes": [{"name": "a-test-call", "value": made.words}]}
        self.say(f"steady state {when}: {'holds' if held else f'does not hold: {made.words}'}")
        return made if held else None

    def _call(self, what: str) -> MadeCall:
        made = self._checker.test_call(self.plan.number)
        self.journal["run"].append({"name": what, "at": time.time(), "status": "done", "output": made.words})
        self.say(f"{what}: {made.words}")
        return made

    # The fault --------------------------------------------------------------------------------------------------------

    def _plant(self) -> None:
        self._planted_s = time.monotonic()
        self._prolong()
        self.say(f"{self.plan.carrier} is {self.plan.fault} for test calls")

    def _prolong(self) -> None:
        plan = self.plan
        asked = DrillCarrier(secrets.token_hex(8), plan.carrier, plan.fault, LEASE_S, self.journal["by"])
        reply = self._ask(drill_request(asked))
        if not reply.get("ok"):
            raise RefusedDrillError(str(reply.get("error")))
        self._prolonged_s = time.monotonic()

    def _wait(self, seconds: float) -> None:
        """While a test call is under way."""
        if self._planted_s and time.monotonic() - self._prolonged_s >= PROLONG_EVERY_S:
            self._prolong()
        if self._planted_s and self._detected_s is None:
            self._look()
        self._pause(seconds)

    def _roll_back(self) -> None:
        self._planted_s = 0.0
        is_asked, self._is_ending = self._is_ending, True
        if is_asked:
            self.say("asked to end: rolling back")
        left = ["nobody could be asked"]
        with contextlib.suppress(Exception):
            end_fault(self._ask, self.plan.carrier)
            left = sorted(self._told().get("faults", left))
        self._is_ending = is_asked
        self._say_rolled_back(left)

    # What the node thinks ---------------------------------------------------------------------------------------------

    def _told(self) -> dict[str, Any]:
        told = self._ask({"op": TELL, "call": secrets.token_hex(8)}).get("drill")
        return told if isinstance(told, dict) else {}

    def _look(self) -> None:
        """Whether it has found out, from marked calls alone, that the carrier is away."""
        path = f"telephony/{self.plan.carrier}"
        for each in self._told().get("paths", ()):
            if each["path"] == path and each["condition"] in UNFIT and self._detected_s is None and self._planted_s:
                self._detected_s = time.monotonic() - self._planted_s
                self._evidence.append(f"{each['condition']}: {each['evidence']}")

    def _real_condition(self) -> str:
        told = self._ask({"op": TELL, "call": secrets.token_hex(8)}).get("paths")
        path = f"telephony/{self.plan.carrier}"
        return next((str(each["condition"]) for each in told if each["path"] == path), "") if told else ""  # type: ignore[attr-defined]

    def _card(self, made: list[MadeCall], before: MadeCall) -> dict[str, Any]:
        usual_s = before.answered_after_s or 0.0
        answered = [each for each in made if each.answered_after_s is not None]
        delays = [each.answered_after_s - usual_s for each in answered if each.answered_after_s is not None]
        found = self._detected_s
        return {
            "calls": len(made), "detected": found is not None,
            "detected_after_s": None if found is None else round(found, 2), "evidence": self._evidence,
            "rerouted": sum(len(each.asked) > 1 or self.plan.carrier not in each.asked for each in answered),
            "failed_on_a_healthy_carrier": len(made) - len(answered), "lost": len(made) - len(answered),
            "customers_who_called_again": sum(each > DELAYED_S for each in delays),
            "delay_s_max": round(max(delays, default=0.0), 2),
            "audio_faults": sum(not each.is_heard for each in answered),
        }  # fmt: skip


def production_lines(journal: dict[str, Any]) -> list[str]:
    """The score card of such a run for a person; nothing where it has none."""
    card = journal["card"]
    if not card:
        return []
    detected = f"after {card['detected_after_s']} s ({card['evidence'][0]})" if card["detected"] else "no"
    was, is_now = card["real_condition"]
    return [
        f"  detected: {detected}",
        f"  rerouted: {card['rerouted']} of {card['calls']} test calls",
        f"  failed {card['failed_on_a_healthy_carrier']}, delayed {card['customers_who_called_again']} "
        f"(by {card['delay_s_max']} s at most), not heard {card['audio_faults']}",
        f"  the carrier, as real calls have it: {was} before, {is_now} after",
        f"  rollback verified: {'yes' if journal['rollback_verified'] else 'NO'}",
    ]
