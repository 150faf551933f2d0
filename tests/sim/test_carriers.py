"""A call over two carriers, in virtual time: whatever they do, and the process dying at every moment of it.

At most one of them is ever connected, nobody is left ringing, and nobody is called twice by a successor.
"""

from dataclasses import replace
from random import Random

import pytest

from keepline.call import effects as fx
from keepline.call.exchange import Exchange
from keepline.call.facts import CallAnswered
from keepline.call.record import CallRecord, record_of
from keepline.call.turn import Program
from keepline.model.capability import SecretRef
from keepline.model.operation import OutboundCarrier, TrunkOutbound
from keepline.sim.callee_checks import callee_wrongs
from keepline.sim.lone_callee import LoneCallee, LonePlan
from keepline.sim.network import STORM
from keepline.sim.world import BEGAN_S
from tests.sim.moments import OUTAGES_S, die_at_every_moment, die_now_and_then, die_twice
from tests.sim.operation import IDENTITY, program
from tests.sim.scenes import Scene

FIRST, SECOND = ("192.0.2.50", 5060), ("192.0.2.51", 5060)
CALL = "00000000000000a1"
REST_S = 120.0
SECRET, PASSWORD = SecretRef("env", "CARRIER"), "sesame"
DECLINED_S = 0.1
"""From the ACK of an answer that is not wanted to its BYE, while nobody dies."""


def carriers_program() -> Program:
    """The operation of the simulation, with two carriers."""
    usual = program()
    [trunk] = usual.operation.trunks
    trunks = tuple(
        replace(trunk, name=name, peers=(f"{host}/32",), outbound=TrunkOutbound(host, port, "udp", "shop", SECRET))
        for name, (host, port) in (("first", FIRST), ("second", SECOND))
    )
    policy = replace(usual.operation.outbound, carriers=(OutboundCarrier("first", 1), OutboundCarrier("second", 2)))
    policy = replace(policy, probe_every_s=0.0)  # it is calls that are looked at
    operation = replace(usual.operation, trunks=trunks, outbound=policy)
    return replace(usual, operation=operation, passwords={SECRET: PASSWORD})


class OverCarriers(Scene):
    """A world with a callee behind each of two carriers, and one call."""

    def __init__(self, first: LonePlan, second: LonePlan, flow: str = "returning", **more: object):
        super().__init__([], make=self._make, **more)  # type: ignore[arg-type]
        self.lone = [
            LoneCallee(self.world, self.network, self.node.media, at, each)
            for at, each in ((FIRST, first), (SECOND, second))
        ]
        wanted = fx.PlaceCall("+15550001", flow, CALL, ring_timeout_s=40.0)
        self.world.at(BEGAN_S + 0.01, lambda: self.node.place(wanted))

    def _make(self, seed: bytes) -> Exchange:
        exchange = Exchange(IDENTITY, seed, [40_000 + 2 * index for index in range(4)])
        exchange.add_program(carriers_program(), current=True)
        return exchange

    def run(self, limit_s: float = 200.0) -> list[str]:
        while self.world.elapsed_s < limit_s and not self._is_over():
            self.world.run(self.world.now_s + 5.0)
        self.world.run(self.world.now_s + REST_S)
        found = callee_wrongs(self.node, self.lone, 1)
        found = [each for each in found if not any(self._is_excused(lone, each) for lone in self.lone)]
        return super().run(0.0) + found + self._connected_wrongs()

    def _is_excused(self, lone: LoneCallee, what: str) -> bool:
        """It asked for a proof and another carrier was quicker, or its answer came too late and was hung up on."""
        if not what.startswith(f"callee {lone.address}:"):
            return False
        is_unproven = bool(lone.plan.challenges) and "INVITE" not in lone.proofs
        is_declined = bool(self._sent(lone, b"BYE ")) and what.endswith("the answer is not on record")
        return is_declined or (is_unproven and what.endswith("is still ringing, or waiting"))

    def _connected_wrongs(self) -> list[str]:
        """Whoever answered and is not the call's was hung up on as soon as it was acknowledged."""
        answers = [fact for fact in self.node.written if isinstance(fact, CallAnswered)]
        found = [] if len(answers) <= 1 else [f"{len(answers)} answers are on record"]
        for lone, name in zip(self.lone, ("first", "second"), strict=True):
            if not lone.heard.acknowledged or (answers and name == self.record.carrier):
                continue
            acks, byes = self._sent(lone, b"ACK "), self._sent(lone, b"BYE ")
            if not byes:
                found.append(f"{name} was answered too late, and not hung up on")
            elif min(byes) > min(acks) + self.node.outage_s * self.node.log.deaths + DECLINED_S:
                found.append(f"{name} was connected, though the call is the other's")
        return found

    def _sent(self, lone: LoneCallee, what: bytes) -> list[float]:
        return [at_s for at_s, data, peer in self.node.log.sent if peer == lone.address and data.startswith(what)]

    def _is_over(self) -> bool:
        return bool(self.node.written) and self.record.state == "ended"

    @property
    def record(self) -> CallRecord:
        return record_of([fact for fact in self.node.written if fact.call == CALL])


DEAD = LonePlan(is_deaf=True)
WELL = LonePlan()
SCENES: dict[str, tuple[LonePlan, LonePlan, str, str]] = {
    "well": (WELL, WELL, "answered", "first"),
    "silent": (DEAD, WELL, "answered", "second"),
    "silent_and_answered_at_once": (DEAD, LonePlan(after_s=0.01, rings=False), "answered", "second"),
    "out": (LonePlan(answers=(503,), after_s=0.01, rings=False), WELL, "answered", "second"),
    "out_after_ringing": (LonePlan(answers=(500,)), WELL, "answered", "second"),
    "100_and_nothing": (LonePlan(answers=(0,), rings=False), WELL, "answered", "second"),
    "100_and_nothing_and_crossing": (LonePlan(answers=(0,), rings=False, crosses=True), WELL, "answered", "second"),
    "slow": (LonePlan(mute_s=0.8, after_s=3.0), WELL, "answered", "second"),
    "slow_and_busy_with_it": (LonePlan(mute_s=0.8, after_s=3.0), LonePlan(answers=(486,), after_s=0.01, rings=False),
                              "answered", "first"),
    "late_answer": (LonePlan(mute_s=1.2, after_s=0.4), WELL, "answered", "second"),
    "late_answer_after_the_call": (LonePlan(mute_s=6.0, after_s=0.4), LonePlan(hang_up_after_s=0.5), "answered",
                                   "second"),
    "late_ringing_after_the_call": (LonePlan(mute_s=6.0, answers=(0,)), LonePlan(hang_up_after_s=0.5), "answered",
                                    "second"),
    "busy": (LonePlan(answers=(486,), after_s=0.01, rings=False), WELL, "busy", "first"),
    "silent_and_busy": (DEAD, LonePlan(answers=(486,), after_s=0.01, rings=False), "busy", "second"),
    "declined_beside_a_slow_one": (LonePlan(mute_s=2.0), LonePlan(answers=(603,), after_s=0.01, rings=False),
                                   "refused", "second"),
    "both_dead": (DEAD, DEAD, "failed", "second"),
    "both_out": (LonePlan(answers=(503,)), LonePlan(answers=(502,)), "failed", "second"),
    "rings_out": (LonePlan(answers=(0,)), WELL, "no_answer", "first"),
    "early_media_and_out": (LonePlan(early=True, answers=(503,)), LonePlan(early=True, after_s=2.0), "answered",
                            "second"),
    "challenged_beside_a_dead_one": (DEAD, LonePlan(challenges=PASSWORD), "answered", "second"),
    "both_challenge": (LonePlan(mute_s=0.7, challenges=PASSWORD), LonePlan(challenges=PASSWORD), "answered", ""),
}  # fmt: skip
"""What each carrier does, what the call comes to, and by which it goes; empty where that depends on the moment."""
VARIES = frozenset(
    ("slow", "slow_and_busy_with_it", "both_dead", "both_challenge", "late_answer", "declined_beside_a_slow_one")
)
"""A death changes who is first, and each end is right."""


def scene(name: str, **more: object) -> OverCarriers:
    first, second, *_ = SCENES[name]
    flow = "hold" if second.hang_up_after_s is not None else "returning"
    return OverCarriers(first, second, flow, **more)


def is_right(world: OverCarriers, name: str) -> bool:
    *_, outcome, carrier = SCENES[name]
    if world.record.outcome != outcome and not (name in VARIES and world.node.log.deaths):
        return False
    return not carrier or world.record.carrier == carrier or (name in VARIES and world.node.log.deaths > 0)


@pytest.mark.parametrize("name", SCENES)
def test_undisturbed(name: str) -> None:
    world = scene(name)
    assert world.run() == []
    assert is_right(world, name), (world.record.outcome, world.record.carrier)
    assert world.node.log.placed == {CALL: ""}


@pytest.mark.parametrize("outage_s", OUTAGES_S)
@pytest.mark.parametrize("name", SCENES)
def test_every_moment(name: str, outage_s: float) -> None:
    die_at_every_moment(lambda: scene(name), outage_s, lambda world: is_right(world, name), name)


@pytest.mark.parametrize("name", ["slow", "late_answer_after_the_call", "slow_and_busy_with_it"])
def test_the_successor_dies_too(name: str) -> None:
    die_twice(lambda: scene(name), range(1, 10), None, name)


@pytest.mark.parametrize("seed", range(20))
def test_bad_weather_and_deaths(seed: int) -> None:
    random = Random(f"carriers {seed}")
    name = random.choice(list(SCENES))
    world = scene(name, seed=seed, weather=STORM)
    die_now_and_then(world, random)
    assert world.run() == [], name
