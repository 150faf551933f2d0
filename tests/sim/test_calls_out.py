"""Calls that we place, in virtual time: whatever the callee does, and the process dying at every moment of it."""

from dataclasses import replace
from random import Random

import pytest

from keepline.call import effects as fx
from keepline.call.exchange import Exchange
from keepline.call.record import CallRecord, record_of
from keepline.call.turn import Program
from keepline.model.capability import SecretRef
from keepline.model.operation import TrunkOutbound
from keepline.sim.callee_checks import callee_wrongs
from keepline.sim.lone_callee import LoneCallee, LonePlan
from keepline.sim.network import STORM
from keepline.sim.world import BEGAN_S
from tests.sim.moments import OUTAGES_S, die_at_every_moment, die_now_and_then, die_twice
from tests.sim.operation import IDENTITY, program
from tests.sim.scenes import Scene

PROXY, OTHER = ("192.0.2.50", 5060), ("192.0.2.51", 5060)
CALL = "00000000000000a1"
REST_S = 120.0
SECRET, PASSWORD = SecretRef("env", "CARRIER"), "sesame"


def placing_program() -> Program:
    """The operation of the simulation, with a trunk that takes calls."""
    usual = program()
    outbound = TrunkOutbound("sip.example.net", username="shop", password=SECRET)
    trunks = tuple(replace(trunk, outbound=outbound) for trunk in usual.operation.trunks)
    return replace(usual, operation=replace(usual.operation, trunks=trunks), passwords={SECRET: PASSWORD})


class Calls(Scene):
    """A world with callees at two addresses, and one call that is asked for."""

    def __init__(self, plan: LonePlan, flow: str = "returning", other: LonePlan | None = None, **more: object):
        self.flow = flow
        super().__init__([], make=self._make, **more)  # type: ignore[arg-type]
        self.lone = [
            LoneCallee(self.world, self.network, self.node.media, at, each)
            for at, each in ((PROXY, plan), (OTHER, other))
            if each is not None
        ]
        wanted = fx.PlaceCall("1000", flow, CALL, ring_timeout_s=40.0)
        self.world.at(BEGAN_S + 0.01, lambda: self.node.place(wanted))

    def _make(self, seed: bytes) -> Exchange:
        exchange = Exchange(IDENTITY, seed, [40_000 + 2 * index for index in range(4)])
        exchange.add_program(placing_program(), current=True)
        exchange.targets = {"carrier": (PROXY, OTHER)}
        return exchange

    def run(self, limit_s: float = 200.0) -> list[str]:
        while self.world.elapsed_s < limit_s and not self._is_over():
            self.world.run(self.world.now_s + 5.0)
        self.world.run(self.world.now_s + REST_S)
        return super().run(0.0) + callee_wrongs(self.node, self.lone, 1)

    def _is_over(self) -> bool:
        return bool(self.node.written) and self.record.state == "ended"

    @property
    def record(self) -> CallRecord:
        return record_of([fact for fact in self.node.written if fact.call == CALL])


SCENES: dict[str, tuple[LonePlan, str, LonePlan | None, str]] = {
    "answered": (LonePlan(), "returning", None, "answered"),
    "answered_at_once": (LonePlan(after_s=0.01, rings=False), "curt", None, "answered"),
    "hung_up_by_the_callee": (LonePlan(hang_up_after_s=1.5), "hold", None, "answered"),
    "hung_up_at_once": (LonePlan(hang_up_after_s=0.0), "hold", None, "answered"),
    "keyed": (LonePlan(keys=((1.0, "1"), (1.4, "2"), (1.8, "3"), (2.2, "4"))), "keyed", None, "answered"),
    "flow_fails": (LonePlan(), "raising", None, "failed"),
    "early_media": (LonePlan(early=True, after_s=2.0), "returning", None, "answered"),
    "early_media_and_busy": (LonePlan(early=True, answers=(486,)), "returning", None, "busy"),
    "busy": (LonePlan(answers=(486,)), "returning", None, "busy"),
    "busy_at_once": (LonePlan(answers=(486,), after_s=0.01, rings=False), "returning", None, "busy"),
    "declined": (LonePlan(answers=(603,)), "returning", None, "refused"),
    "never_answers": (LonePlan(answers=(0,)), "returning", None, "no_answer"),
    "crosses": (LonePlan(answers=(0,), crosses=True), "returning", None, "no_answer"),
    "answers_as_it_is_cancelled": (LonePlan(after_s=40.0), "returning", None, "no_answer"),
    "two_answer": (LonePlan(twice=True), "returning", None, "answered"),
    "redirected": (
        LonePlan(answers=(302,), redirects_to=f"<sip:1001@{OTHER[0]}>"), "returning", LonePlan(), "answered",
    ),
    "next_target_after_503": (LonePlan(answers=(503,)), "returning", LonePlan(), "answered"),
    "next_target_after_silence": (LonePlan(is_deaf=True), "returning", LonePlan(after_s=0.5), "answered"),
    "refreshed": (LonePlan(refresh_s=90, hang_up_after_s=100.0), "hold", None, "answered"),
    "refreshed_after_glare": (LonePlan(refresh_s=90, glare=True, hang_up_after_s=60.0), "hold", None, "answered"),
    "challenged": (LonePlan(challenges=PASSWORD), "returning", None, "answered"),
    "challenged_to_refresh": (
        LonePlan(challenges=PASSWORD, refresh_s=90, hang_up_after_s=60.0), "hold", None, "answered",
    ),
    "challenged_in_vain": (LonePlan(challenges="another"), "returning", None, "refused"),
    "a_longer_timer": (LonePlan(answers=(422, 200)), "returning", None, "answered"),
}  # fmt: skip
VARIES = frozenset(("answers_as_it_is_cancelled",))
"""How they end depends on the moment, and each end is right."""


def scene(name: str, **more: object) -> Calls:
    plan, flow, other, _ = SCENES[name]
    return Calls(plan, flow, other, **more)


@pytest.mark.parametrize("name", SCENES)
def test_undisturbed(name: str) -> None:
    world = scene(name)
    assert world.run() == []
    if name not in VARIES:
        assert world.record.outcome == SCENES[name][3]
    assert world.node.log.placed == {CALL: ""}


@pytest.mark.parametrize("name", ["refreshed", "refreshed_after_glare"])
def test_rfc4028_a_long_call_is_refreshed(name: str) -> None:
    world = scene(name)
    assert world.run() == []
    assert world.lone[0].refreshes == 2


@pytest.mark.parametrize(
    ("name", "methods"), [("challenged", {"INVITE", "BYE"}), ("challenged_to_refresh", {"INVITE"})]
)
def test_rfc3261_22_2_all_that_is_challenged_is_proven(name: str, methods: set[str]) -> None:
    world = scene(name)
    assert world.run() == []
    assert world.lone[0].proofs == methods
    assert world.lone[0].refreshes == (1 if world.lone[0].plan.refresh_s else 0)


def outcome(world: Calls) -> str:
    return world.record.outcome


@pytest.mark.parametrize("outage_s", OUTAGES_S)
@pytest.mark.parametrize("name", SCENES)
def test_every_moment(name: str, outage_s: float) -> None:
    die_at_every_moment(lambda: scene(name), outage_s, None if name in VARIES else outcome, name)


@pytest.mark.parametrize("name", ["answered", "busy", "crosses", "redirected"])
def test_the_successor_dies_too(name: str) -> None:
    die_twice(lambda: scene(name), range(1, 10), None, name)


@pytest.mark.parametrize("seed", range(20))
def test_bad_weather_and_deaths(seed: int) -> None:
    random = Random(f"calls out {seed}")
    name = random.choice([each for each in SCENES if each not in VARIES])
    world = scene(name, seed=seed, weather=STORM)
    die_now_and_then(world, random)
    assert world.run() == [], name
