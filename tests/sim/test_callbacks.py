"""Callers whose carrier dies under their calls: each is called back over another one, once, whatever dies meanwhile."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from keepline.call.exchange import Exchange
from keepline.call.facts import CallLost, CallPlaced, Fact, LineFellSilent, LineHeard, WorkOpened
from keepline.call.facts.interrupted import PeerFound
from keepline.call.facts.run import RunEnded, RunStarted
from keepline.call.interruption import ANSWERED_WITHIN_S
from keepline.call.turn import Program
from keepline.flow import Call, Run, flow
from keepline.flow.calling_back import CALLBACK
from keepline.flow.engine import FlowFunction
from keepline.model.callbacks import CallbackSettings
from keepline.model.operation import FlowReference, Number, OutboundCarrier, OutboundPolicy, Trunk, TrunkOutbound
from keepline.sim.callee import CalleePlan
from keepline.sim.caller import Plan
from keepline.sim.world import BEGAN_S
from tests.sim.moments import OUTAGES_S, die_at_every_moment
from tests.sim.operation import IDENTITY, operation
from tests.sim.scenes import FAR_END, Scene

DIES_S, FOR_EVER_S = 4.0, 50_000.0
DEAD = "198.51.100.7"
SETTINGS = CallbackSettings("call_back", after_s=5.0, retry_s=30.0, attempts=2, served=("paid",))


@flow
async def orders(call: Call) -> None:
    """A caller in the midst of something, for longer than anybody stays."""
    await call.outcome("ordering", item="4711")
    await call.wait(150.0)
    await call.hangup()


@flow
async def paid(call: Call) -> None:
    await call.outcome("paid")
    await call.wait(60.0)


@flow
async def brief(call: Call) -> None:
    await call.say(prompt="goodbye")
    await call.outcome("done")
    await call.hangup()


@flow
async def call_back(call: Call) -> None:
    """Says who we are, and what it is about."""
    await call.say(prompt="goodbye")
    known = call.variables
    about = known.get("lost_outcome") or known.get("matter", "")
    await call.outcome("talked", about=about, step=known.get("lost_step", ""), fields=known.get("lost_fields", ""))
    await call.hangup()


@flow
async def machine(call: Call) -> None:
    await call.outcome("voicemail")
    await call.hangup()


@flow
async def promises(call: Call) -> None:
    """Promises a call, twice the same one."""
    first = await call.promise_callback(after_s=3.0, matter="a refund")
    again = await call.promise_callback(after_s=3.0, matter="a refund")
    assert first.ok
    assert again.ok
    assert (first.ticket, first.known, again.known) == (again.ticket, False, True)
    await call.say(prompt="goodbye")
    await call.hangup()


@flow
async def defers(run: Run) -> bool:
    """A run that promises a call, and is over before it is made."""
    found = await run.promise_callback("+15550100", matter="a refund")
    return found.ok


FLOWS: dict[str, FlowFunction] = {
    each.__name__: each  # type: ignore[attr-defined]
    for each in (orders, paid, brief, call_back, machine, promises, defers)
}
NUMBERS = {"2000": Number("orders"), "2001": Number("paid"), "2002": Number("brief"), "2003": Number("promises")}


def maker(settings: CallbackSettings = SETTINGS) -> Callable[[bytes], Exchange]:
    """Makes exchanges whose operation calls back over a second carrier; nobody is at the first one."""

    def make(seed: bytes) -> Exchange:
        exchange = Exchange(IDENTITY, seed, [40_000 + 2 * index for index in range(8)])
        base = operation()
        trunks = (
            replace(base.trunks[0], outbound=TrunkOutbound(DEAD, 5060)),
            Trunk("second", ("203.0.113.77/32",), outbound=TrunkOutbound(*FAR_END)),
        )
        carriers = (OutboundCarrier("carrier", 1), OutboundCarrier("second", 2))
        changed = replace(
            base,
            trunks=trunks,
            outbound=OutboundPolicy(("+1555",), carriers=carriers, probe_every_s=0.0),
            callbacks=settings,
            flows={name: FlowReference("flows", name) for name in FLOWS},
            numbers=NUMBERS,
        )
        exchange.add_program(Program(changed, FLOWS), current=True)
        return exchange

    return make


def number(index: int) -> str:
    return f"+1555010{index}"


def silent(number_dialled: str = "2000", index: int = 0, *, until_s: float = FOR_EVER_S) -> Plan:
    """A caller whose line goes dead; by himself he would hang up after two minutes."""
    silences = ((DIES_S, until_s - DIES_S),)
    return Plan(number_dialled, hang_up_after_s=120.0, silences=silences, from_number=number(index))


def lost(
    count: int = 1,
    dialled: str = "2000",
    *,
    answers: CalleePlan | None = None,
    settings: CallbackSettings = SETTINGS,
    more: tuple[tuple[float, Plan], ...] = (),
    until_s: float = FOR_EVER_S,
    prepared: Callable[[Scene], None] = lambda _scene: None,
) -> Scene:
    """So many callers by a carrier that vanishes under their calls, media and signalling, until it comes back."""

    def prepare(scene: Scene) -> None:
        for caller in scene.callers[:count]:
            scene.world.at(BEGAN_S + DIES_S, lambda c=caller: scene.network.cut(c.address, until_s - DIES_S))  # type: ignore[misc]
        prepared(scene)

    plans = [(0.001 * index, silent(dialled, index, until_s=until_s)) for index in range(count)]
    callees = {number(index): answers or CalleePlan(200, 1.0) for index in range(count)}
    return Scene([*plans, *more], make=maker(settings), callees=callees, prepare=prepare, slot_count=8)


def mute(scene: Scene) -> None:
    """No audio comes from those who are there."""
    scene.node.media.unheard |= {fact.call for fact in scene.node.written}


def of(scene: Scene, kind: type[Fact]) -> list[Fact]:
    return [fact for fact in scene.node.written if isinstance(fact, kind)]


def tickets(scene: Scene) -> list[str]:
    """What each ticket came to; "" for one that is open."""
    runs = {fact.call for fact in of(scene, RunStarted) if fact.flow == CALLBACK}  # type: ignore[union-attr]
    ended = {fact.call: fact.outcome for fact in of(scene, RunEnded)}  # type: ignore[union-attr]
    return sorted(ended.get(run, "") for run in runs)


def told(scene: Scene) -> tuple[object, ...]:
    """What people can tell of it: how often each was called, what came of their tickets, what is left to do."""
    called = {name: len(scene.callees.called(name)) for name in scene.callees.plans}
    work = [(fact.about, fact.from_number) for fact in of(scene, WorkOpened)]  # type: ignore[union-attr]
    return called, tickets(scene), work


ALONE = "the line is silent, and its far side answers nothing"
WENT: dict[str, tuple[Callable[[], Scene], tuple[object, ...]]] = {
    "one": (lost, ({number(0): 1}, ["reached"], [])),
    "three_at_once": (lambda: lost(3), ({number(each): 1 for each in range(3)}, ["reached"] * 3, [])),
    "nobody_answers": (
        lambda: lost(answers=CalleePlan(0, 1.0)),
        ({number(0): 2}, ["missed"], [("callback", number(0))]),
    ),
    "busy": (lambda: lost(answers=CalleePlan(486, 1.0)), ({number(0): 2}, ["missed"], [("callback", number(0))])),
    "declined": (lambda: lost(answers=CalleePlan(603, 1.0)), ({number(0): 1}, ["missed"], [("callback", number(0))])),
    "voicemail": (
        lambda: lost(settings=replace(SETTINGS, flow="machine")),
        ({number(0): 2}, ["missed"], [("callback", number(0))]),
    ),
    "was_served": (lambda: lost(dialled="2001"), ({number(0): 0}, [], [])),
    "comes_back_in_time": (lambda: lost(until_s=14.5), ({number(0): 0}, ["called_off"], [])),
    "calls_again_and_is_served": (
        lambda: lost(
            settings=replace(SETTINGS, after_s=40.0), more=((20.0, Plan("2002", from_number=number(0))),)
        ),
        ({number(0): 0}, ["called_off"], []),
    ),
    "calls_again_and_hangs_up": (
        lambda: lost(
            settings=replace(SETTINGS, after_s=40.0),
            more=((20.0, Plan("2002", from_number=number(0), hang_up_after_s=0.5)),),
        ),
        ({number(0): 1}, ["reached"], []),
    ),
    "promised": (
        lambda: Scene(
            [(0.0, Plan("2003", from_number=number(0)))],
            make=maker(),
            callees={number(0): CalleePlan(200, 1.0)},
            slot_count=8,
        ),
        ({number(0): 1}, ["reached"], []),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WENT)
def test_undisturbed(name: str) -> None:
    make, expected = WENT[name]
    scene = make()
    assert scene.run() == []
    assert told(scene) == expected


def test_who_was_lost_alone_is_asked_first_and_called_back_by_the_other_carrier() -> None:
    scene = lost()
    assert scene.run() == []
    [fact] = of(scene, CallLost)
    [placed] = of(scene, CallPlaced)
    assert isinstance(fact, CallLost)
    assert isinstance(placed, CallPlaced)
    assert (fact.carrier, fact.why, fact.refusal) == ("carrier", ALONE, "")
    assert (placed.parent, placed.carrier, placed.to_number) == (fact.ticket, "second", number(0))
    assert fact.at_s - fact.since_s == pytest.approx(18.1, abs=0.2), "dead air of 10 s, and 8 s for an answer"
    assert placed.at_s - fact.at_s == pytest.approx(SETTINGS.after_s, abs=0.1)
    outcome = next(each for each in scene.node.written if each.call == placed.call and '"talked"' in str(each))
    assert '"about": "ordering"' in str(outcome)
    assert "1 wait" in str(outcome)
    assert "4711" in str(outcome)


def test_lines_that_fall_silent_together_need_no_question() -> None:
    scene = lost(3)
    assert scene.run() == []
    facts = [fact for fact in of(scene, CallLost) if isinstance(fact, CallLost)]
    assert [fact.why for fact in facts] == ["3 of the carrier's 3 lines fell silent within 0.0 s"] * 3
    assert all(fact.at_s - fact.since_s < 10.5 for fact in facts)
    assert any("telephony/carrier" in each.detail and "is down" in each.detail for each in scene.node.log.reports)


@pytest.mark.parametrize("dies_s", [4.0, 12.0])
def test_a_silence_outlives_the_death_of_everything(dies_s: float) -> None:
    """New memory knows nothing of a silence: nobody was heard, and who is to be called back is."""

    def prepare(scene: Scene) -> None:
        scene.world.at(BEGAN_S + DIES_S + dies_s, lambda: scene.node.die_wholly(0.5))
        scene.world.at(BEGAN_S + DIES_S + dies_s, lambda: mute(scene))

    scene = lost(settings=replace(SETTINGS, after_s=10.0), prepared=prepare)
    assert scene.run() == []
    assert of(scene, LineHeard) == []
    assert len(of(scene, LineFellSilent)) == 1
    assert tickets(scene) == (["reached"] if dies_s > ANSWERED_WITHIN_S else [])


def test_who_is_heard_long_after_the_death_of_everything_is_silent_no_more() -> None:
    """It is there, and says nothing yet; media, which knows of no silence, does not tell when it ends."""

    def prepare(scene: Scene) -> None:
        scene.world.at(BEGAN_S + DIES_S + 12.0, lambda: scene.node.die_wholly(0.5))
        scene.world.at(BEGAN_S + DIES_S + 12.0, lambda: mute(scene))
        scene.world.at(BEGAN_S + DIES_S + 18.0, scene.node.media.unheard.clear)

    scene = Scene([(0.0, silent())], make=maker(), slot_count=8, prepare=prepare)
    assert scene.run() == []
    [found], [heard] = of(scene, PeerFound), of(scene, LineHeard)
    assert isinstance(found, PeerFound)
    assert isinstance(heard, LineHeard)
    assert found.by == "200"
    assert heard.at_s == pytest.approx(BEGAN_S + DIES_S + 18.0, abs=0.6)
    assert of(scene, CallLost) == []


def test_a_caller_who_is_silent_and_there_is_left_alone() -> None:
    scene = Scene([(0.0, silent())], make=maker(), slot_count=8)
    assert scene.run() == []
    assert of(scene, CallLost) == []


def test_a_caller_who_hangs_up_on_the_silence_is_gone() -> None:
    plan = replace(silent(), hang_up_after_s=DIES_S + 0.05)
    scene = Scene([(0.0, plan)], make=maker(), slot_count=8)
    assert scene.run() == []
    assert (of(scene, CallLost), tickets(scene)) == ([], [])


@pytest.mark.parametrize(("caller", "refusal"), [("anonymous", "withheld"), ("+49301234567", "not_allowed")])
def test_whoever_cannot_be_called_has_no_ticket(caller: str, refusal: str) -> None:
    plan = replace(silent(), from_number=caller)
    scene = Scene(
        [(0.0, plan)],
        make=maker(),
        slot_count=8,
        prepare=lambda each: each.world.at(
            BEGAN_S + DIES_S, lambda: each.network.cut(each.callers[0].address, FOR_EVER_S)
        ),
    )
    assert scene.run() == []
    [fact] = of(scene, CallLost)
    assert isinstance(fact, CallLost)
    assert (fact.ticket, fact.refusal) == ("", refusal)
    assert tickets(scene) == []


@pytest.mark.parametrize("outage_s", OUTAGES_S)
@pytest.mark.parametrize("name", WENT)
def test_every_moment(name: str, outage_s: float) -> None:
    die_at_every_moment(WENT[name][0], outage_s, told, name)
