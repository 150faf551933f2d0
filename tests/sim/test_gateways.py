"""Two payment gateways and a promise: what is in doubt at one is asked of no other before that is resolved.

The gateways count for themselves. However they fail, and whenever a process dies: a card is charged once at the most,
by both of them together, and who was promised a call back is called back once.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from keepline.call import effects as fx
from keepline.call.exchange import Exchange
from keepline.call.facts import StepEnded, UsePending, UseResolved, UseStarted, WorkFact
from keepline.call.facts.run import RunEnded, RunStarted
from keepline.call.turn import Program
from keepline.flow import Call, Refused, Reply, Run, Unavailable, flow
from keepline.flow.capabilities import UseOutcome, outcome_words, read_value, unanswered
from keepline.model.capability import (
    Capability,
    CapabilityAction,
    CapabilityPath,
    Deferred,
    HttpService,
    resolve_name,
)
from keepline.model.operation import FlowReference, Number
from keepline.sim.caller import Plan
from keepline.sim.node import MakeExchange
from keepline.sim.office import SimOffice
from keepline.sim.world import World
from tests.sim.operation import IDENTITY, operation
from tests.sim.scenes import Scene

CARD = "4242424242424242"
RESOLVE = resolve_name("charge")
CHARGE = CapabilityAction(timeout_s=2.0, changes=True, resolve=RESOLVE, sure_after_s=30.0)
REPEATABLE = replace(CHARGE, idempotent=True)
SOON_SURE = replace(CHARGE, sure_after_s=0.2, wait_s=10.0)
CALL_BACK = CapabilityAction(timeout_s=1.0, changes=True, idempotent=True, flow="call_back")
SERVICE = HttpService("http://gateway.invalid", {})
HOW = ("well", "away", "refuses", "loses", "loses before it is done")
"""What becomes of the charges that a gateway is sent."""
LAST_MOMENTS = 40
"""From the last digits of the card on."""


@flow
async def paying(call: Call) -> None:
    card = await call.ask_secret_digits("Your card?", count=16, check="luhn", timeout_s=20.0)
    paid = await call.use("payments.charge", card=card, amount=5)
    await call.say(f"{type(paid).__name__}.")
    await call.hangup()


@flow
async def call_back(run: Run) -> None:
    await run.outcome("asked", use=str(run.variables["use"]))


FLOWS = {"paying": paying, "call_back": call_back}


def making(charge: CapabilityAction) -> MakeExchange:
    """Exchanges with two gateways, and a run for when neither will."""
    actions = {"charge": charge, RESOLVE: CapabilityAction(timeout_s=2.0)}
    payments = Capability(
        "payments",
        (
            CapabilityPath("north", SERVICE, actions),
            CapabilityPath("south", SERVICE, actions),
            CapabilityPath("call_back", Deferred(), {"charge": CALL_BACK}),
        ),
    )
    found = replace(
        operation(),
        numbers={"7000": Number("paying")},
        capabilities={"payments": payments},
        flows={name: FlowReference("flows", name) for name in FLOWS},
    )

    def make(seed: bytes) -> Exchange:
        exchange = Exchange(IDENTITY, seed, [40_000 + 2 * index for index in range(4)])
        exchange.add_program(Program(found, FLOWS), current=True)  # type: ignore[arg-type]
        return exchange

    return make


class Gateways(SimOffice):
    """Two of them, each with its own keys. What they lose comes to light when they are asked."""

    def __init__(self, world: World, north: str, south: str) -> None:
        super().__init__(world)
        self._how = {"north": north, "south": south}
        self._keys: set[tuple[str, str]] = set()
        self.charged: Counter[str] = Counter()
        """By gateway."""
        self.log: list[tuple[str, str, str]] = []
        """Gateway, what was asked, and what it did."""

    def _outcome(self, wanted: fx.CallCapability) -> UseOutcome:
        where, key = wanted.path, (wanted.path, wanted.idempotency_key)
        assert read_value(wanted.arguments).get("card") == (CARD if wanted.changes else None)
        if wanted.action == RESOLVE:
            self.log.append((where, "resolve", "charged" if key in self._keys else "nothing"))
            return Reply({"receipt": where}) if key in self._keys else Refused(404, "unknown")
        how = self._how[where]
        charges = how in ("well", "loses")
        if charges and key not in self._keys:
            self._keys.add(key)
            self.done[wanted.idempotency_key] += 1
            self.charged[where] += 1
        self.log.append((where, "charge", how))
        told: dict[str, UseOutcome] = {
            "well": Reply({"receipt": where}), "away": Unavailable("no connection"), "refuses": Refused(402, "no"),
        }  # fmt: skip
        return told[how] if how in told else unanswered("the answer was lost", changes=True)


def scene_of(north: str, south: str, charge: CapabilityAction = CHARGE) -> Scene:
    keys = tuple((1.0 + 0.2 * at, key) for at, key in enumerate(CARD))

    def prepare(scene: Scene) -> None:
        scene.node.office = Gateways(scene.world, north, south)

    return Scene([(0.0, Plan("7000", keys=keys, from_number="+15550100"))], make=making(charge), prepare=prepare)


def gateways_of(scene: Scene) -> Gateways:
    assert isinstance(scene.node.office, Gateways)
    return scene.node.office


def heard(scene: Scene) -> str:
    return scene.node.media.log.started[-1].prompt.text


def money_wrongs(scene: Scene) -> Iterator[str]:
    """All that is wrong with the money."""
    gateways = gateways_of(scene)
    if sum(gateways.charged.values()) > 1:
        yield f"charged {dict(gateways.charged)}"
    in_doubt = False
    for where, what, how in gateways.log:
        if where == "north":
            in_doubt = how.startswith("loses") if what == "charge" else in_doubt and how != "nothing"
        elif what == "charge" and (in_doubt or gateways.charged["north"]):
            yield "south was asked while north was in doubt"
    runs = [fact for fact in scene.node.written if isinstance(fact, RunStarted)]
    if len(runs) > 1:
        yield f"{len(runs)} call backs"
    if runs and gateways.charged:
        yield "charged, and called back"
    told = [f.value for f in scene.node.written if isinstance(f, StepEnded) and f.verb == "use" and f.value]
    told += [f.outcome for f in scene.node.written if isinstance(f, UseResolved)]
    is_done = any(outcome_words(each) == "done" for each in told)
    if is_done != bool(gateways.charged):
        yield f"charged {dict(gateways.charged)}, and the record says {[outcome_words(each) for each in told]}"


@pytest.mark.parametrize(
    ("north", "south", "said", "by"),
    [
        ("well", "well", "Reply.", "north"),
        ("away", "well", "Reply.", "south"),
        ("refuses", "well", "Refused.", ""),
        ("away", "refuses", "Refused.", ""),
        ("loses", "well", "Reply.", "north"),
        ("loses before it is done", "well", "Pending.", ""),
        ("away", "loses", "Reply.", "south"),
        ("away", "away", "Promised.", ""),
    ],
)
def test_one_gateway_after_the_other(north: str, south: str, said: str, by: str) -> None:
    scene = scene_of(north, south)
    assert scene.run() == []
    assert heard(scene) == said
    assert dict(gateways_of(scene).charged) == ({by: 1} if by else {})
    assert list(money_wrongs(scene)) == []


def test_a_doubt_at_the_first_is_never_taken_to_the_second() -> None:
    scene = scene_of("loses before it is done", "well")
    assert scene.run() == []
    assert {where for where, _, _ in gateways_of(scene).log} == {"north"}
    [pending] = [fact for fact in scene.node.written if isinstance(fact, UsePending)]
    assert pending.path == "north"


def test_a_doubt_that_is_resolved_while_the_caller_waits_goes_on_to_the_second() -> None:
    scene = scene_of("loses before it is done", "well", SOON_SURE)
    assert scene.run() == []
    assert gateways_of(scene).log == [
        ("north", "charge", "loses before it is done"), ("north", "resolve", "nothing"), ("south", "charge", "well"),
    ]  # fmt: skip
    assert heard(scene) == "Reply."
    started = [fact for fact in scene.node.written if isinstance(fact, UseStarted)]
    assert [fact.path for fact in started] == ["north", "north", "south"]
    assert started[-1].why.startswith("north: unavailable: the other side never had it")


def test_a_call_back_knows_what_it_is_about_and_not_the_card() -> None:
    scene = scene_of("away", "away")
    assert scene.run() == []
    [started] = [fact for fact in scene.node.written if isinstance(fact, RunStarted)]
    told = read_value(started.variables)
    assert (told["use"], told["arguments"], told["from_number"]) == ("payments.charge", {"amount": 5}, "+15550100")
    assert told["why"] == "south: unavailable: no connection"
    assert CARD not in started.variables
    [ended] = [fact for fact in scene.node.written if isinstance(fact, RunEnded)]
    assert ended.ending == "returned"


@pytest.mark.parametrize("charge", [CHARGE, REPEATABLE, SOON_SURE], ids=["resolved", "repeated", "soon sure"])
@pytest.mark.parametrize("south", ["well", "away", "loses"])
@pytest.mark.parametrize("north", ["well", "away", "loses", "loses before it is done"])
def test_gateways_every_moment(north: str, south: str, charge: CapabilityAction) -> None:
    """Whenever the process dies, money moves once at the most."""
    undisturbed = scene_of(north, south, charge)
    assert undisturbed.run() == []
    for moment in range(undisturbed.node.moment - LAST_MOMENTS, undisturbed.node.moment):
        scene = scene_of(north, south, charge)
        scene.node.dies_at = frozenset((moment,))
        what = f"{north}, {south}, death at moment {moment}"
        assert scene.run() == [], what
        assert list(money_wrongs(scene)) == [], what
        assert all(isinstance(fact, WorkFact) or fact.call for fact in scene.node.written)
