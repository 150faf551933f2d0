"""Worlds that a seed decides: callers with all kinds of plans, bad weather, and a process that dies again and again."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from keepline.call import effects as fx
from keepline.call.exchange import Exchange
from keepline.model.errors import LocalError
from keepline.sim.callee import CalleePlan
from keepline.sim.caller import Plan
from keepline.sim.network import STORM
from keepline.sim.node import MakeExchange
from keepline.sim.world import BEGAN_S
from tests.sim.faults import plan_closes, plan_cuts, plan_faults
from tests.sim.scenes import Scene, exchange_of
from tests.sim.upgrades import UPGRADED, plan_upgrades
from tests.sim.whole_deaths import RUNNING, RUNS_MAX, WHOLE, plan_disk, plan_runs, plan_whole_deaths

CALLERS = 12
CALLS_BEGIN_WITHIN_S = 8.0
DEATHS_MAX = 6
CARD, NO_CARD = "5893018254760292", "5893018254760293"
SUPERVISED = 0.5
"""Share of the worlds whose node has a supervisor and two calls processes."""
BY_TCP = 0.25
"""Share of the callers."""
CUT_OFF = 0.3
"""Share of those with partitions."""
EVERY_S = 0.2
"""From one caller to the next in a calm world."""
CALM_SLOTS = 200
SHOWN_MAX = 20
"""Of what is wrong with one world."""


def plan_of(random: Random) -> Plan:
    """What somebody may mean to do when calling us."""
    number = random.choice(
        ["1000", "1000", "1000", "1001", "2000", "3000", "4000", "5000", "6000", "6002", "6005", "9999"]
    )
    keys = tuple(
        sorted((round(random.uniform(0.1, 14.0), 3), random.choice("0123456789")) for _ in range(random.randint(0, 5)))
    )
    hangs_up = number in ("2000", "3000") or random.random() < 0.2
    hang_up_after_s = round(random.uniform(0.0, 15.0), 3) if hangs_up else None
    cancel_after_s = round(random.uniform(0.2, 4.0), 3) if number == "1001" and random.random() < 0.5 else None
    return Plan(number, keys, hang_up_after_s, cancel_after_s)


def message_of(random: Random) -> Plan:
    """Somebody who leaves a message, or means to."""
    begins_s, hangs_up = random.uniform(0.0, 12.0), random.random() < 0.4
    keys = tuple((round(random.uniform(0.5, 20.0), 3), key) for key in random.choice(["", "#", "5#", "1#1", "55"]))
    return Plan(
        "7010",
        tuple(sorted(keys)),
        random.uniform(0.0, 20.0) if hangs_up else None,
        speaks=((begins_s, random.choice((0.2, 3.0, 30.0))),),
    )


def talker_of(random: Random) -> Plan:
    """Somebody who wants to talk to a person, or is handed over to one."""
    hangs_up = random.random() < 0.4
    hang_up_after_s = round(random.uniform(0.0, 12.0), 3) if hangs_up else None
    if random.random() < 0.4:
        words = random.choice([(202, 100, 200), (202, 100, 180, 486), (603,), (202, 100), ()])
        return Plan("6007", hang_up_after_s=hang_up_after_s, transfer=words)
    keys = tuple(sorted((round(random.uniform(0.5, 9.0), 3), random.choice("0123456789")) for _ in range(2)))
    return Plan("6008", keys, hang_up_after_s)


def payer_of(random: Random, number: str) -> Plan:
    """Somebody who keys a card, at once or after another that is none; or a part of it."""
    entries = random.choice(((CARD,), (CARD,), (NO_CARD, CARD), (CARD[:9],)))
    began_s, keys = random.uniform(0.5, 3.0), []
    for entry in entries:
        keys += [(round(began_s + 0.1 * index, 3), key) for index, key in enumerate(entry)]
        began_s += random.uniform(4.0, 7.0)
    hangs_up = random.random() < 0.4
    return Plan(number, tuple(keys), round(random.uniform(1.0, 12.0), 3) if hangs_up else None)


def prepare_office(scene: Scene, random: Random, number: str) -> None:
    """What the back office is like: slow, forgetful, and able to do a thing twice where it may be looked up."""
    office = scene.node.office
    office.answers_after_s = random.choice((0.1, 0.4, 1.5))
    office.loses_answers, office.answers_twice = random.choice((0, 0, 1, 3)), random.random() < 0.3
    office.repeats_by_key = number == "8000"


def callee_of(random: Random) -> CalleePlan:
    """What they meet there."""
    return CalleePlan(
        random.choice((200, 200, 200, 486, 603, 500, 0)),
        round(random.uniform(0.05, 7.0), 3),
        random.random() < 0.4,
        round(random.uniform(0.0, 9.0), 3),
    )


def random_scene(
    seed: int,
    make: MakeExchange | None = None,
    prepare: Callable[[Scene], None] | None = None,
    kind: type[Exchange] = Exchange,
    supervised: bool | None = None,
    as_objects: bool = False,
    whole: bool | None = None,
    pays: bool = False,
) -> Scene:
    """The world of a seed, not yet run; `kind` is what its processes drive where `make` says nothing.

    `supervised` says whether it has two calls processes, `whole` whether everything may die at once; None leaves that
    to the seed. `pays`: somebody pays in any case.
    """
    random = Random(f"plans {seed}")
    plans = [(random.uniform(0.0, CALLS_BEGIN_WITHIN_S), plan_of(random)) for _ in range(CALLERS)]
    speaking = Random(f"messages {seed}")
    plans += [(speaking.uniform(0.0, 5.0), message_of(speaking)) for _ in range(speaking.choice((0, 0, 2)))]
    talking = Random(f"talks {seed}")
    plans += [(talking.uniform(0.0, 5.0), talker_of(talking)) for _ in range(talking.choice((0, 1, 3)))]
    callees = {"+18005550111": callee_of(talking)}
    paying = Random(f"payments {seed}")
    payments_to = paying.choice(("8000", "8001"))
    plans += [(paying.uniform(0.0, 8.0), payer_of(paying, payments_to)) for _ in range(paying.choice((0, 1, 2)) + pays)]
    slots = len(plans) + sum(plan.number == "6008" for _, plan in plans) + RUNS_MAX
    connecting = Random(f"connections {seed}")
    plans = [(at_s, replace(plan, transport="tcp") if connecting.random() < BY_TCP else plan) for at_s, plan in plans]
    makes_own = make is None
    make = make or exchange_of(slots, kind)
    succession = Random(f"succession {seed}")
    is_pair = succession.random() < SUPERVISED
    dying = Random(f"whole {seed}")
    has_disk = dying.random() < WHOLE if whole is None else whole
    scene = Scene(
        plans,
        seed=seed,
        weather=STORM,
        slot_count=slots,
        make=make,
        prepare=preparing(prepare) if has_disk else prepare,
        callees=callees,
        supervised=is_pair if supervised is None else supervised,
        as_objects=as_objects,
    )
    if scene.supervisor is not None:
        plan_faults(scene, scene.supervisor, succession)
        upgrading = Random(f"upgrades {seed}")
        if upgrading.random() < UPGRADED and makes_own:
            plan_upgrades(scene, scene.supervisor, upgrading, slots, kind)
    if succession.random() < CUT_OFF:
        plan_cuts(scene, succession)
    plan_closes(scene, connecting)
    prepare_office(scene, paying, payments_to)
    drains = plan_deaths(scene, random)
    plan_more(scene, dying, payments_to, drains=drains)
    scene.node.dies_at |= frozenset(random.randint(0, 400) for _ in range(random.randint(0, 3)))
    return scene


def plan_deaths(scene: Scene, random: Random) -> bool:
    """When the process dies, and media; whether the node is drained on the way."""
    node, world = scene.node, scene.world
    node.write_s = lambda: world.random.uniform(0.0, 0.01)
    for _ in range(random.randint(0, DEATHS_MAX)):
        at_s, outage_s = random.uniform(0.1, 30.0), random.choice((0.01, 0.1, 0.5, 2.0))
        world.at(BEGAN_S + at_s, lambda outage_s=outage_s: kill(scene, outage_s))  # type: ignore[misc]
    for _ in range(random.randint(0, 2)):
        world.at(BEGAN_S + random.uniform(0.1, 30.0), random.choice((node.media.restart, node.media.die)))
    drains = random.random() < 0.2
    if drains:
        stops_at_s = BEGAN_S + random.uniform(2.0, 20.0)
        world.at(stops_at_s, lambda: node.order(fx.Drain()))
        world.at(stops_at_s + random.uniform(0.0, 5.0), lambda: node.order(fx.HangUpAll("stopping")))
    return drains


def preparing(prepare: Callable[[Scene], None] | None) -> Callable[[Scene], None]:
    """What is done to a world before it begins, a disk that takes its time included."""

    def do(scene: Scene) -> None:
        plan_disk(scene)
        if prepare is not None:
            prepare(scene)

    return do


def plan_more(scene: Scene, random: Random, payments_to: str, *, drains: bool) -> None:
    """Deaths of everything, and flows without a caller."""
    if scene.node.disk is not None:
        plan_whole_deaths(scene, random)
    if random.random() < RUNNING:
        scene.callees.plans["+18005550112"] = callee_of(random)
        plan_runs(scene, random, "charge" if payments_to == "8000" else "send", drains=drains)


def calm_scene(calls: int, *, as_objects: bool) -> Scene:
    """So many callers with the same kinds of plans, one after the other; nothing is lost and nobody dies."""
    random = Random("calm")
    plans = [(EVERY_S * index, plan_of(random)) for index in range(calls)]
    return Scene(plans, slot_count=CALM_SLOTS, as_objects=as_objects)


def kill(scene: Scene, outage_s: float) -> None:
    """The process is killed now, and replaced after a while."""
    scene.node.outage_s = outage_s
    scene.node.die()


def replay_line(seed: int, bug: str = "") -> str:
    """How to see a failure again; `bug` is the one that was planted."""
    planted = f" --bug {bug}" if bug else ""
    return f'replay with: make sim SEEDS=1 ARGS="--first {seed}{planted}"'


def failure_of(seed: int, scene: Scene, bug: str = "") -> str:
    """Run a world: what is wrong with it, in lines, the last of which replays it; empty for a good one."""
    try:
        wrong = scene.run()
    except LocalError as error:  # the core itself will not have it
        wrong = [str(error)]
    if not wrong:
        return ""
    return "\n".join([f"seed {seed}: {len(wrong)} things are wrong", *wrong[:SHOWN_MAX], replay_line(seed, bug)])
