"""The recovery gate: the way back of what failed, from the first sign that it is well to the last share of the calls.

Tests first, since callers are not for testing; then all must be well for a while; then it carries a small share of the
new calls, and more, as long as all stays well. Whatever goes wrong leads back to the beginning, after a pause that
grows. A fold over facts and one pure decision: a process that takes over goes on at the same step.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Final

from keepline.call.facts.incident import GateMoved, PathTested
from keepline.model.incident import GateSettings
from keepline.model.limits_incidents import GATE_PAUSE_S_MAX


class GateStage(Enum):
    """How far it has come."""

    WAITING = "waiting"
    """Something still fails, or has failed again and has its pause."""
    TESTING = "testing"
    HOLDING = "holding"
    """All is well, and must be for a while."""
    LOADING = "loading"
    """A share of new calls comes by it."""
    PASSED = "passed"


class GateEvent(Enum):
    """What moves it."""

    CLEARED = "cleared"
    TESTED = "tested"
    HELD = "held"
    STEPPED = "stepped"
    """It carries the next share."""
    LOADED = "loaded"
    """It has carried all of them."""
    REVERTED = "reverted"


W, T, H, L, P = (GateStage.WAITING, GateStage.TESTING, GateStage.HOLDING, GateStage.LOADING, GateStage.PASSED)
E = GateEvent
GATE_TRANSITIONS: Final[dict[tuple[GateStage, GateEvent], GateStage]] = {
    (W, E.CLEARED): T,
    (T, E.TESTED): H,
    (T, E.REVERTED): W,
    (H, E.HELD): L,
    (H, E.REVERTED): W,
    (L, E.STEPPED): L,
    (L, E.LOADED): P,
    (L, E.REVERTED): W,
    (P, E.REVERTED): W,
}
"""Of pairs that are absent nothing follows: they are said again."""


class RecoveryGate:
    """The gate of one incident, as its facts have it. Only `apply` changes it."""

    __slots__ = ("attempt", "next_at_s", "reverted", "share", "since_s", "stage", "tested", "why")

    def __init__(self) -> None:
        self.stage = GateStage.WAITING
        self.share = 1.0
        """Of new calls that may choose what failed; of a gate that waits it means nothing."""
        self.attempt = 0
        self.reverted = 0
        """Times that it came back to its beginning."""
        self.since_s = 0.0
        self.next_at_s = 0.0
        self.why = ""
        """What it said last."""
        self.tested: dict[str, PathTested] = {}
        """By the path, in this recovery."""

    def apply(self, fact: GateMoved | PathTested) -> bool:
        """Fold one fact; False where it changes nothing."""
        if isinstance(fact, PathTested):
            if self.stage is not GateStage.TESTING or fact.attempt != self.attempt:
                return False
            self.tested[fact.path] = fact
            return True
        event = GateEvent(fact.event)
        following = GATE_TRANSITIONS.get((self.stage, event))
        if following is None:
            return False
        self.stage, self.share, self.attempt = following, fact.share, fact.attempt
        self.since_s, self.next_at_s, self.why = fact.at_s, fact.next_at_s, fact.why
        if event is GateEvent.REVERTED:
            self.reverted += 1
        if event is GateEvent.CLEARED:
            self.tested = {}
        return True

    def holds_back(self, now_s: float) -> float | None:
        """The share of new calls that may choose what is well again; None where all may."""
        if self.stage in (GateStage.TESTING, GateStage.HOLDING):
            return 0.0
        if self.stage is GateStage.LOADING:
            return self.share
        return 0.0 if self.stage is GateStage.WAITING and now_s < self.next_at_s else None


@dataclass(frozen=True, slots=True)
class GateMove:
    """What the gate does next."""

    event: GateEvent
    share: float
    why: str
    pause_s: float = 0.0


def next_move(
    gate: RecoveryGate, failing: str, paths: Collection[str], settings: GateSettings, now_s: float
) -> GateMove | None:
    """The move that is due; None while there is none. `failing` is what still is wrong, empty where nothing is."""
    if failing:
        return None if gate.stage is GateStage.WAITING else _reverted(gate, failing, settings)
    if gate.stage is GateStage.WAITING:
        return GateMove(E.CLEARED, 0.0, "nothing fails any more") if now_s >= gate.next_at_s else None
    if gate.stage is GateStage.TESTING:
        bad = next((each for each in gate.tested.values() if not each.ok), None)
        if bad is not None:
            return _reverted(gate, f"the test of {bad.path} failed: {bad.words}", settings)
        if any(path not in gate.tested for path in paths):
            return None
        words = "; ".join(f"{each.path}: {each.words}" for each in gate.tested.values()) or "nothing is to be tested"
        return GateMove(E.TESTED, 0.0, words)
    passed_s = now_s - gate.since_s
    if gate.stage is GateStage.HOLDING and passed_s >= settings.hold_s:
        share = settings.shares[0] if paths else 1.0
        return GateMove(E.HELD, share, f"all has been well for {settings.hold_s:g} s: {share:.0%} of new calls")
    if gate.stage is GateStage.LOADING and (passed_s >= settings.step_s or not paths):
        further = next((share for share in settings.shares if share > gate.share), None)
        if further is None:
            return GateMove(E.LOADED, 1.0, f"it has carried all new calls for {settings.step_s:g} s")
        return GateMove(E.STEPPED, further, f"{gate.share:.0%} went well: {further:.0%} of new calls")
    return None


def _reverted(gate: RecoveryGate, why: str, settings: GateSettings) -> GateMove:
    pause_s = min(max(1.0, settings.step_s) * 2.0 ** min(gate.reverted, 20), GATE_PAUSE_S_MAX)
    return GateMove(E.REVERTED, 0.0, why, pause_s)


def missing_in(gate: RecoveryGate, failing: str, now_s: float) -> str:
    """What keeps an incident from being closed, in words."""
    if failing:
        return f"it still fails: {failing}"
    if gate.stage is GateStage.WAITING:
        left_s = gate.next_at_s - now_s
        return f"the next recovery begins in {left_s:.0f} s ({gate.why})" if left_s > 0 else "its recovery begins now"
    if gate.stage is GateStage.LOADING:
        return f"{gate.share:.0%} of new calls may choose what failed"
    words = {GateStage.TESTING: "what failed is being tested", GateStage.HOLDING: "all must be well for a while yet"}
    return words.get(gate.stage, "")
