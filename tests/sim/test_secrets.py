"""Payments by keyed card: calls and media die at every moment. The office has the digits once, no fact does."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace

import pytest

from keepline.call import effects as fx
from keepline.call.exchange import Exchange
from keepline.call.facts import DigitsPressed, QuestionContinued, SecretKept, SecretLost, StepEnded
from keepline.call.record import record_of
from keepline.call.turn import Program
from keepline.flow import Call, Refused, Reply, Unavailable, Unknown, flow
from keepline.flow.capabilities import UseOutcome, read_outcome, read_value
from keepline.model.capability import Capability, CapabilityAction, CapabilityPath, HttpService
from keepline.model.limits import SECRET_REPEATS_MAX, SECRETS_PER_CALL_MAX
from keepline.model.operation import Number
from keepline.sim.caller import Plan
from keepline.sim.node import MakeExchange
from keepline.sim.world import BEGAN_S
from tests.sim.operation import IDENTITY, operation
from tests.sim.scenes import Scene

CARD, WRONG, EXPIRY, CVV = "5893018254760292", "5893018254760293", "0931", "847"
OFFICE = Capability(
    "office",
    (
        CapabilityPath(
            "first",
            HttpService("http://office.invalid", {}),
            {
                "find": CapabilityAction(timeout_s=2.0),
                "charge": CapabilityAction(timeout_s=2.0, changes=True, idempotent=True),
                "send": CapabilityAction(timeout_s=2.0, changes=True, lookup="find"),
            },
        ),
    ),
)


@flow
async def pay(call: Call) -> None:
    """Take a card, and charge it."""
    card = await call.ask_secret_digits("Your card?", count=16, check="luhn", on_invalid="No card has this number.")
    await call.say("Thank you.")
    expiry = await call.ask_secret_digits("It ends?", count=4, check="expiry")
    cvv = await call.ask_secret_digits("And its code?", count=4, min_count=3)
    if not (card and expiry and cvv):
        await call.say(f"{card}, {expiry}, {cvv}")
    else:
        paid = await call.use("office.charge", prompt="music", card={"number": card, "expiry": expiry}, cvv=cvv)
        await call.say(f"Receipt {paid.receipt}." if isinstance(paid, Reply) else f"Not now: {paid}.")
    await call.hangup()


@flow
async def menu(call: Call) -> None:
    """A secret between two ordinary questions."""
    first = await call.ask_digits("Which?", count=1)
    card = await call.ask_secret_digits("Your code?", count=3, retries=0)
    last = await call.ask_digits("Right?", count=1, timeout_s=20.0)
    await call.say(f"{first} {last} {card.count} {card.reason} {card}")
    await call.hangup()


@flow
async def twice(call: Call) -> None:
    """Use a secret with which a use is done."""
    code = await call.ask_secret_digits("Your code?", count=3)
    for _ in range(2):
        paid = await call.use("office.charge", code=code)
        await call.say(f"{paid}")
    await call.hangup()


@flow
async def sending(call: Call) -> None:
    """A change that can be looked up."""
    code = await call.ask_secret_digits("Your code?", count=3, timeout_s=60.0)
    paid = await call.use("office.send", code=code)
    await call.say(f"{type(paid).__name__}")
    await call.hangup()


@flow
async def greedy(call: Call) -> None:
    """Keep secrets and never use one."""
    for _ in range(SECRETS_PER_CALL_MAX + 1):
        await call.ask_secret_digits("One more?", count=2)


FLOWS = {each.__name__: each for each in (pay, menu, twice, sending, greedy)}
NUMBERS = {str(8000 + index): Number(name) for index, name in enumerate(FLOWS)}
DIALLED = {entry.flow: number for number, entry in NUMBERS.items()}


def making() -> MakeExchange:
    """Exchanges with the flows of this page."""
    found = replace(operation(), numbers=NUMBERS, capabilities={"office": OFFICE})

    def make(seed: bytes) -> Exchange:
        exchange = Exchange(IDENTITY, seed, [40_000 + 2 * index for index in range(4)])
        exchange.add_program(Program(found, FLOWS), current=True)  # type: ignore[arg-type]
        return exchange

    return make


def keys(*entries: tuple[float, str], gap_s: float = 0.1) -> tuple[tuple[float, str], ...]:
    return tuple((at_s + index * gap_s, key) for at_s, entry in entries for index, key in enumerate(entry))


PAYS = Plan(DIALLED["pay"], keys=keys((2.5, CARD), (7.0, EXPIRY), (10.0, CVV + "#")))


def scene_of(plan: Plan, prepare: Callable[[Scene], None] | None = None) -> Scene:
    return Scene([(0.0, plan)], make=making(), prepare=prepare)


def said(scene: Scene) -> list[str]:
    """Without the number of the receipt, which is another one in each call."""
    texts = [each.prompt.text for each in scene.node.media.log.started]
    return ["Receipt" if text.startswith("Receipt") else text for text in texts]


def leaks(scene: Scene, *secrets: str) -> list[str]:
    """Facts and reports that have four digits in a row of a secret, in a fact or one in each of several."""
    runs = {secret[at : at + 4] for secret in secrets for at in range(max(1, len(secret) - 3))}
    told = [asdict(fact).items() for fact in scene.node.written]
    texts = [json.dumps({name: each for name, each in fact if not isinstance(each, float)}) for fact in told]
    texts += [repr(report) for report in scene.node.log.reports]
    texts.append("".join(fact.digits for fact in scene.node.written if isinstance(fact, DigitsPressed)))
    texts.append("".join(fact.value for fact in scene.node.written if isinstance(fact, StepEnded)))
    return [text for text in texts if any(run in text for run in runs)]


def charges(scene: Scene) -> list[dict[str, object]]:
    return [read_value(each.arguments) for each in scene.node.office.asked if each.changes]


def test_undisturbed() -> None:
    scene = scene_of(PAYS)
    assert scene.run() == []
    assert said(scene)[:5] == ["Your card?", "Thank you.", "It ends?", "And its code?", "La la la."]
    assert said(scene)[5].startswith("Receipt")
    assert charges(scene) == [{"card": {"number": CARD, "expiry": EXPIRY}, "cvv": CVV}]
    assert leaks(scene, CARD, EXPIRY, CVV) == []
    steps = record_of(scene.node.written).steps
    assert [step.result for step in steps if step.name == "ask_secret_digits"] == ["16 digits", "4 digits", "3 digits"]


def test_the_search_for_leaks_finds_one() -> None:
    scene = scene_of(PAYS)
    scene.run()
    call = scene.node.written[0].call
    scene.node.written += [DigitsPressed(call, 0.0, index + 1, key) for index, key in enumerate(CARD)]
    assert len(leaks(scene, CARD)) == 1
    scene.node.written.append(StepEnded(call, 0.0, 0, "say", "", "done", f"x{CARD}", 0, 0.0))
    assert len(leaks(scene, CARD)) == 3


@pytest.mark.parametrize("outage_s", [0.02, 1.3])
def test_calls_die_at_every_moment(outage_s: float) -> None:
    undisturbed = scene_of(PAYS)
    undisturbed.run()
    for moment in range(undisturbed.node.moment):
        scene = scene_of(PAYS)
        scene.node.dies_at = frozenset((moment,))
        scene.node.outage_s = outage_s
        assert scene.run() == [], f"outage {outage_s} s, death at moment {moment}"
        assert said(scene)[-1] == "Receipt", moment
        assert set(said(scene)) <= set(said(undisturbed))  # what is keyed ahead in an outage spares the words
        assert set(scene.node.office.done.values()) == {1}
        assert {str(each) for each in charges(scene)} == {str(each) for each in charges(undisturbed)}
        assert leaks(scene, CARD, EXPIRY, CVV) == []


def pressing(scene: Scene, answers: dict[str, str]) -> None:
    """A caller that answers each question once it is heard, as often as it is asked, and begins anew when it is."""
    media, world, caller = scene.node.media, scene.world, scene.callers[0]
    done: set[int] = set()
    heard: set[str] = set()

    def press(number: int, rest: str) -> None:
        if rest and max(done) == number:
            media.press(caller.rtp, rest[0])
            world.after(0.1, lambda: press(number, rest[1:]))

    def look() -> None:
        for started in media.log.started[-1:]:
            number, text = started.number, started.prompt.text
            notices_s = 1.7 if text in heard else 0.3
            if number not in done and text in answers and world.now_s >= started.at_s + notices_s:
                heard.add(text)
                done.add(number)
                press(number, answers[text])
        if world.elapsed_s < 90.0:
            world.after(0.1, look)

    look()


ANSWERS = {"Your card?": CARD, "It ends?": EXPIRY, "And its code?": CVV + "#"}


def answering(
    *, dies_at_s: tuple[float, ...] = (), calls_die_at: frozenset[int] = frozenset(), all_die_at_s: float | None = None
) -> Scene:
    """A caller who answers what is asked, while media dies at these times, or everything at one."""

    def prepare(scene: Scene) -> None:
        pressing(scene, ANSWERS)
        for at_s in dies_at_s:
            scene.world.at(BEGAN_S + at_s, scene.node.media.die)
        if all_die_at_s is not None:
            scene.world.at(BEGAN_S + all_die_at_s, lambda: scene.node.die_wholly(0.5))

    scene = scene_of(Plan(DIALLED["pay"]), prepare)
    scene.node.dies_at = calls_die_at
    return scene


def is_paid(scene: Scene) -> None:
    assert scene.run() == []
    assert said(scene)[-1].startswith("Receipt"), said(scene)
    assert list(scene.node.office.done.values()) == [1]
    assert charges(scene)[-1] == {"card": {"number": CARD, "expiry": EXPIRY}, "cvv": CVV}
    assert leaks(scene, CARD, EXPIRY, CVV) == []


def test_media_dies_at_every_moment() -> None:
    """The question that is open is asked again; one that was answered is asked again by the use that needs it."""
    undisturbed = answering()
    is_paid(undisturbed)
    asked_again, lost = 0, 0
    for tenths in range(1, 160):
        scene = answering(dies_at_s=(tenths / 10,))
        is_paid(scene)
        lost += sum(isinstance(fact, SecretLost) for fact in scene.node.written)
        asked_again += sum(isinstance(fact, QuestionContinued) for fact in scene.node.written)
        assert len(charges(scene)) == 1
    assert asked_again > 10
    assert lost > 10


def test_media_dies_and_calls_die_at_every_moment() -> None:
    """Of a use that was on record, and may have been asked for by the process that died, nothing is guessed."""
    paid, unknown = 0, 0
    for at_s in (1.0, 4.1, 9.0):
        once = answering(dies_at_s=(at_s,))
        is_paid(once)
        for moment in range(0, once.node.moment, 2):
            scene = answering(dies_at_s=(at_s,), calls_die_at=frozenset((moment,)))
            assert scene.run() == []
            assert leaks(scene, CARD, EXPIRY, CVV) == []
            assert sum(scene.node.office.done.values()) <= 1
            if said(scene)[-1] == "Receipt":
                paid += 1
            else:
                assert "secret was lost before" in said(scene)[-1], said(scene)
                unknown += 1
    assert 0 < unknown < paid / 5


def test_all_that_was_lost_is_asked_for_within_the_use() -> None:
    once = answering()
    once.run()
    used_at_s = next(fact.at_s for fact in once.node.written if fact.kind == "use_started.1") - BEGAN_S
    scene = answering(dies_at_s=(used_at_s - 0.05,))
    is_paid(scene)
    [lost] = [fact for fact in scene.node.written if isinstance(fact, SecretLost)]
    assert lost.handles == (0, 2)
    assert [fact.handle for fact in scene.node.written if isinstance(fact, SecretKept)] == [0, 2]
    assert said(scene).count("Your card?") == said(scene).count("It ends?") == said(scene).count("And its code?") == 2


def test_a_wrong_number_is_asked_again_without_being_told() -> None:
    scene = scene_of(Plan(PAYS.number, keys=keys((0.5, WRONG), (6.0, CARD), (11.0, EXPIRY), (14.0, CVV + "#"))))
    assert scene.run() == []
    assert said(scene)[:3] == ["Your card?", "No card has this number.", "Your card?"]
    assert charges(scene) == [{"card": {"number": CARD, "expiry": EXPIRY}, "cvv": CVV}]
    assert leaks(scene, CARD, WRONG, EXPIRY, CVV) == []
    [first, *_] = [fact for fact in scene.node.written if isinstance(fact, StepEnded)]
    assert (first.reason, first.attempts) == ("answered", 2)


def test_what_is_keyed_ahead_stays_private() -> None:
    """All in one go, through two questions and what is said between them, though calls is dead for a while."""
    plan = Plan(PAYS.number, keys=keys((0.5, CARD + EXPIRY + CVV + "#"), gap_s=0.05))
    undisturbed = scene_of(plan)
    undisturbed.run()
    for moment in range(0, undisturbed.node.moment, 3):
        scene = scene_of(plan)
        scene.node.dies_at = frozenset((moment,))
        scene.node.outage_s = 1.3
        assert scene.run() == []
        assert charges(scene)[-1] == {"card": {"number": CARD, "expiry": EXPIRY}, "cvv": CVV}, moment
        assert leaks(scene, CARD, EXPIRY, CVV) == []


@pytest.mark.parametrize("entry", ["847", "84#", "84", ""])
def test_ordinary_questions_go_on_around_a_secret(entry: str) -> None:
    """Keys before it are no part of it, and the next ordinary question hears ordinary keys."""
    plan = Plan(DIALLED["menu"], keys=keys((0.5, "1"), (1.5, entry), (12.0, "2")))
    undisturbed = scene_of(plan)
    assert undisturbed.run() == []
    reason = {"847": "answered", "84#": "too_short", "84": "too_short", "": "no_input"}[entry]
    last = said(undisturbed)[-1]
    assert last.startswith(f"1 2 {3 if entry == '847' else 0} {reason}"), last
    for moment in range(undisturbed.node.moment):
        scene = scene_of(plan)
        scene.node.dies_at = frozenset((moment,))
        assert scene.run() == [], moment
        assert said(scene) == said(undisturbed), moment


def test_ordinary_keys_before_a_secret_are_no_part_of_it() -> None:
    scene = scene_of(Plan(DIALLED["menu"], keys=keys((0.5, "1"), (0.5, "9"), (3.0, CVV), (6.0, "5"))))
    assert scene.run() == []
    assert said(scene)[-1] == "1 5 3 answered Secret(3 digits)"


@pytest.mark.parametrize(
    ("outcome", "again"),
    [(Reply({"receipt": "1"}), False), (Refused(402), False), (Unavailable("busy"), True), (Unknown("?"), True)],
)
def test_a_secret_is_forgotten_once_the_outcome_is_certain(outcome: UseOutcome, again: bool) -> None:
    def prepare(scene: Scene) -> None:
        scene.node.office._outcome = lambda _wanted: outcome  # type: ignore[method-assign]

    scene = scene_of(Plan(DIALLED["twice"], keys=keys((0.5, CVV))), prepare)
    scene.run()
    uses = [fact for fact in scene.node.written if isinstance(fact, StepEnded) and fact.verb == "use"]
    found = read_outcome(uses[1].value)
    is_forgotten = isinstance(found, Unavailable) and "is forgotten" in found.reason
    assert is_forgotten is not again
    assert leaks(scene, CVV) == []


def test_a_change_that_may_have_been_done_is_looked_up_and_nobody_is_asked_again() -> None:
    """Its secret died with media, after it was sent: another entry might be another card."""

    def prepare(scene: Scene) -> None:
        scene.node.office.loses_answers = 1
        scene.node.office.answers_after_s = 0.4
        scene.world.at(BEGAN_S + 2.0, scene.node.media.die)

    scene = scene_of(Plan(DIALLED["sending"], keys=keys((0.5, CVV))), prepare)
    assert scene.run() == []
    assert [each.action for each in scene.node.office.asked] == ["send", "find"]
    assert read_value(scene.node.office.asked[1].arguments) == {}
    assert said(scene) == ["Your code?", "Reply"]


def test_a_call_has_so_many_secrets() -> None:
    entries = [(0.5 + 2.0 * index, "73") for index in range(SECRETS_PER_CALL_MAX + 1)]
    scene = scene_of(Plan(DIALLED["greedy"], keys=keys(*entries)))
    scene.run()
    record = record_of(scene.node.written)
    assert f"at most {SECRETS_PER_CALL_MAX} secrets" in record.error
    asked = [step for step in record.steps if step.name == "ask_secret_digits"]
    assert len(asked) == SECRETS_PER_CALL_MAX + 1
    assert asked[-1].result.startswith("a call has at most")


def test_media_that_dies_again_and_again_is_an_answer_that_never_came() -> None:
    def prepare(scene: Scene) -> None:
        for index in range(100):
            scene.world.at(BEGAN_S + 0.5 + index, scene.node.media.die)

    scene = scene_of(Plan(DIALLED["menu"], keys=keys((0.3, "1"))), prepare)
    assert scene.run() == []
    repeated = [fact for fact in scene.node.written if isinstance(fact, QuestionContinued)]
    assert len(repeated) == SECRET_REPEATS_MAX
    assert all(fact.attempt == 1 for fact in repeated)
    assert [fact.reason for fact in scene.node.written if isinstance(fact, StepEnded)][1] == "no_input"


def test_an_effect_shows_no_key() -> None:
    assert "'7'" not in repr(fx.PassSecretKey("a" * 16, 0, 2, "7"))
