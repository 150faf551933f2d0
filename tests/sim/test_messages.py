"""Messages of an incident, with a process that dies at every moment: each contact is told once, callers hear it first.

Outlets are played: a mail server that has no keys, a hook that has, speech and the page. An answer may be lost.
"""

import json
from collections import Counter
from collections.abc import Callable

import pytest

from keepline.call.effects import CallCapability, Input
from keepline.call.effects_incident import CloseIncident
from keepline.call.effects_message import SendMessage, SetGreeting
from keepline.call.facts import CallReceived, StepEnded
from keepline.call.facts.incident import IncidentClosed
from keepline.call.facts.message import GreetingSet, MessageSent
from keepline.call.facts.run import EventTold, RunEnded
from keepline.flow.capabilities import Reply, Unavailable, UseOutcome, read_value
from keepline.flow.telling import AMBIGUOUS, MESSAGE_OFF, NOT_TOLD, PERHAPS_TWICE, TOLD
from keepline.flow.telling import MESSAGE_OVER as OVER
from keepline.model.limits_messages import DELIVERY_ATTEMPTS_MAX
from keepline.sim.caller import Plan
from keepline.sim.node import SimNode
from keepline.sim.office import SimOffice
from keepline.sim.world import World
from tests.sim.scenes import Scene
from tests.unit.incident.telling_desk import OPEN, told_exchange

OPENED_AFTER_S = 0.1


class Outlets(SimOffice):
    """What outlets are asked, and what they took."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.told: Counter[tuple[str, str]] = Counter()
        """Outlet and address, each time that it really arrived there."""
        self.marked: list[bool] = []
        """Of what arrived by the hook: whether it says that it may have come before."""
        self.down: tuple[str, ...] = ()
        self.put: Callable[[SetGreeting], None] = lambda _given: None

    def _outcome(self, wanted: CallCapability) -> UseOutcome:
        given = read_value(wanted.arguments)
        if wanted.capability in self.down:
            return Unavailable("it is down")
        if wanted.capability == "greeting":
            self.put(SetGreeting(given["incident"], given["message"], json.dumps(given["texts"])))
        elif wanted.capability == "hook":
            if not self.done[wanted.idempotency_key]:
                self.marked.append(PERHAPS_TWICE.split("{")[0] in given["text"])
                self.told["hook", given["to"] + given["message"]] += 1
        elif wanted.capability == "mail":
            self.told["mail", given["to"]] += 1
        if wanted.capability == "mail" or not self.done[wanted.idempotency_key]:  # all others have keys
            self.done[wanted.idempotency_key] += 1
        return Reply({})


class Told(Scene):
    """An incident is opened; a caller comes a little later."""

    def __init__(
        self, *, down: tuple[str, ...] = (), loses: int = 0, plans: bool = False,
        updates: tuple[float, ...] = (), closes_s: float = 0.0,
    ) -> None:  # fmt: skip
        written: list[SimNode] = []

        def prepare(scene: Scene) -> None:
            written.append(scene.node)
            outlets = self.outlets = Outlets(scene.world)
            outlets.down, outlets.loses_answers = down, loses
            outlets.put = lambda given: scene.node._wake(lambda process: lambda: process.feed(given))
            scene.node.office = outlets
            scene.world.after(OPENED_AFTER_S, lambda: self._open())
            for at_s in updates:
                scene.world.after(at_s, lambda: self._give(SendMessage("u1", self._incident(), "agents", "ada")))
            if closes_s:
                scene.world.after(closes_s, self._close)

        def make(seed: bytes) -> object:
            return told_exchange(seed, written[0].written if written else ())

        callers = [(8.0, Plan("1000"))] if plans else []
        super().__init__(callers, make=make, prepare=prepare)  # type: ignore[arg-type]

    def _open(self) -> None:
        if any(isinstance(fact, MessageSent) for fact in self.node.written):
            return
        self._give(OPEN)
        self.world.after(0.5, self._open)

    def _close(self) -> None:
        """As the command does: again until it is on record."""
        if any(isinstance(fact, IncidentClosed) for fact in self.node.written):
            return
        self._give(CloseIncident("z1", self._incident(), "ada", "it is over", True))
        self.world.after(0.5, self._close)

    def _give(self, given: Input) -> None:
        self.node._wake(lambda process: lambda: process.feed(given))

    def _incident(self) -> str:
        return next(fact.incident for fact in self.node.written if isinstance(fact, MessageSent))

    def endings(self) -> list[str]:
        return sorted(fact.outcome for fact in self.node.written if isinstance(fact, RunEnded))


def told(scene: Told) -> dict[str, int]:
    """How often each contact was told, by any channel."""
    found: Counter[str] = Counter()
    for (outlet, to), times in scene.outlets.told.items():
        found[to.partition("@")[0] if outlet == "mail" else "hook"] += times
    return dict(found)


def test_each_contact_is_told_once_and_a_caller_hears_it_first() -> None:
    scene = Told(plans=True)
    assert scene.run() == []
    assert scene.outlets.told == {("mail", "mara@x.example"): 1, ("mail", "tom@x.example"): 1}
    assert scene.endings() == [TOLD] * 4  # two contacts, the page, the greeting
    [received] = [fact for fact in scene.node.written if isinstance(fact, CallReceived)]
    assert received.greeting.startswith("Cards fail since ")
    first = next(fact for fact in scene.node.written if isinstance(fact, StepEnded))
    assert first.verb == "say"


def test_the_next_channel_follows_after_its_attempts() -> None:
    scene = Told(down=("mail",))
    assert scene.run() == []
    asked = Counter(each.arguments for each in scene.outlets.asked if each.capability == "mail")
    assert list(asked.values()) == [DELIVERY_ATTEMPTS_MAX] * 2
    assert told(scene) == {"hook": 2}
    assert scene.outlets.marked == [False, False]
    assert scene.endings() == [TOLD] * 4


def test_what_is_no_longer_true_is_taken_back_and_leaves_nothing_behind() -> None:
    """A newer message ends what is still on its way of an older one, and the end of the incident all of them."""
    scene = Told(down=("mail", "hook"), updates=(3.0,))
    assert scene.run() == []
    assert scene.endings() == [NOT_TOLD, NOT_TOLD, OVER, OVER, TOLD, TOLD]
    told = [fact for fact in scene.node.written if isinstance(fact, EventTold)]
    assert {fact.event for fact in told} == {MESSAGE_OFF}
    closed = Told(down=("mail", "hook"), closes_s=3.0)
    assert closed.run() == []
    assert closed.endings()[:4] == [NOT_TOLD, NOT_TOLD, OVER, OVER]  # those of the end find no channel either
    done = Told(updates=(3.0,))
    assert done.run() == []
    assert not [fact for fact in done.node.written if isinstance(fact, EventTold)]  # all had it already


def test_where_no_channel_takes_it_that_is_said() -> None:
    scene = Told(down=("mail", "hook"))
    assert scene.run() == []
    assert scene.endings() == [NOT_TOLD, NOT_TOLD, TOLD, TOLD]


def test_a_mail_whose_answer_is_lost_is_ambiguous_and_not_sent_again() -> None:
    scene = Told(loses=4)
    scene.outlets.down = ("hook",)
    scene.run()
    assert max(scene.outlets.told.values()) == 1
    assert AMBIGUOUS in scene.endings()


@pytest.mark.parametrize("down", [(), ("mail",)])
def test_every_moment(down: tuple[str, ...]) -> None:
    """No mail is sent twice; who may have had one is told so by the next channel; page and greeting are there."""
    undisturbed = Told(down=down, plans=True)
    assert undisturbed.run() == []
    for moment in range(undisturbed.node.moment):
        scene = Told(down=down, plans=True)
        scene.node.dies_at = frozenset((moment,))
        scene.node.outage_s = 0.02
        found = scene.run()
        where = f"death at moment {moment}"
        assert [each for each in found if "doubt" not in each and "work" not in each] == [], where
        assert all(times == 1 for times in scene.outlets.told.values()), where
        by_hook = sum(times for (outlet, _), times in scene.outlets.told.items() if outlet == "hook")
        by_mail = sum(times for (outlet, _), times in scene.outlets.told.items() if outlet == "mail")
        assert by_hook + by_mail >= 2, where
        if not down:  # more than once only with words for it
            assert by_hook == sum(scene.outlets.marked), where
        assert len([fact for fact in scene.node.written if isinstance(fact, MessageSent)]) == 3, where
        assert len([fact for fact in scene.node.written if isinstance(fact, GreetingSet)]) == 1, where
        endings = scene.endings()
        assert len(endings) == 4, where
        assert set(endings) == {TOLD}, where


@pytest.mark.parametrize("end", ["newer", "over"])
def test_what_is_taken_back_is_taken_back_once_at_every_moment(end: str) -> None:
    """No channel takes anything; whoever dies, the older ones hear that they are off, and no event is left behind."""

    def made() -> Told:
        if end == "newer":
            return Told(down=("mail", "hook"), updates=(3.0, 5.0, 7.0))
        return Told(down=("mail", "hook"), closes_s=3.0)

    undisturbed = made()
    assert undisturbed.run() == []
    for moment in range(undisturbed.node.moment):
        scene = made()
        scene.node.dies_at = frozenset((moment,))
        scene.node.outage_s = 0.02
        found = scene.run()
        where = f"death at moment {moment}"
        assert [each for each in found if "doubt" not in each and "work" not in each] == [], where
        assert scene.outlets.told == {}, where
        offs = [fact.key for fact in scene.node.written if isinstance(fact, EventTold) and fact.event == MESSAGE_OFF]
        assert len(offs) == len(set(offs)), where
        sent = [fact for fact in scene.node.written if isinstance(fact, MessageSent)]
        endings = scene.endings()
        assert endings.count(OVER) == 2, (where, endings)
        assert set(endings) <= {NOT_TOLD, OVER, TOLD, AMBIGUOUS}, (where, endings)
        assert len({fact.message for fact in sent}) == len(sent), where
        process = scene.node.active
        assert process is not None, where
        assert process.exchange is not None, where
        assert len(process.exchange.runs.events) == 0, where
