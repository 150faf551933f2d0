"""What changes something outside is asked for once that is synced, and not at all where it cannot be."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from keepline.call import effects as fx
from keepline.call.facts import Fact
from keepline.flow.capabilities import Refused, Reply, Unavailable, Unknown, UseOutcome
from keepline.node.capabilities import Capabilities
from tests.unit.node.journal_facts import received
from tests.unit.node.node_doubles import Rig, rig

CALL = f"{1:016x}"


def use(changes: bool) -> fx.CallCapability:
    return fx.CallCapability(CALL, 0, "shop", "book", "{}", f"{CALL}-0", 0.0, changes, 1, "a1")


class Desk(Capabilities):
    """Notes what it is asked, and what is refused."""

    def __init__(self) -> None:
        self.asked: list[fx.CallCapability] = []
        self.refused: list[fx.CallCapability] = []
        self.reasons: list[str] = []

    def ask(self, wanted: fx.CallCapability) -> None:
        self.asked.append(wanted)

    def refuse(self, wanted: fx.CallCapability, why: str) -> None:
        self.refused.append(wanted)
        self.reasons.append(why)


def serve(made: Rig, monkeypatch: pytest.MonkeyPatch, changes: bool) -> tuple[Desk, list[bool]]:
    synced: list[bool] = []
    submit = made.journal.submit

    def noted(facts: Sequence[Fact], **given: Any) -> int:
        synced.append(bool(given.get("synced")))
        return submit(facts)

    monkeypatch.setattr(made.journal, "submit", noted)
    desk = Desk()
    made.active.capabilities = desk
    made.core.answer = lambda given: [fx.Persist(received(CALL), changes), use(changes)]
    made.start()
    made.active.feed(fx.TimeCame())
    return desk, synced


@pytest.mark.parametrize("changes", [False, True])
def test_it_is_asked_once_it_is_on_record(monkeypatch: pytest.MonkeyPatch, changes: bool) -> None:
    async def test() -> None:
        with rig() as made:
            desk, synced = serve(made, monkeypatch, changes)
            assert (synced, desk.asked) == ([changes], [])
            made.written(1)
            assert desk.asked == ([] if changes else [use(False)])
            made.synced(1)
            assert desk.asked == [use(changes)]

    asyncio.run(test())


@pytest.mark.parametrize("changes", [False, True])
def test_a_change_that_cannot_be_put_on_record_is_not_asked_for(monkeypatch: pytest.MonkeyPatch, changes: bool) -> None:
    async def test() -> None:
        with rig() as made:
            desk, _ = serve(made, monkeypatch, changes)
            made.written(1, error="the disk is full")
            assert all("journal" in why for why in desk.reasons)
            assert desk.asked == ([] if changes else [use(changes)])
            assert desk.refused == ([use(changes)] if changes else [])

    asyncio.run(test())


@pytest.mark.parametrize("changes", [False, True])
@pytest.mark.parametrize("outcome", [Reply({"receipt": "4711"}), Refused(402, "declined"), Unavailable("busy")])
def test_an_answer_that_cannot_be_put_on_record_is_no_promise(changes: bool, outcome: UseOutcome) -> None:
    async def test() -> None:
        fed: list[fx.Input] = []
        desk = Capabilities(asyncio.get_running_loop(), lambda _: None, fed.extend, lambda: 0.0, None, Path())  # type: ignore[arg-type]
        desk._answer(use(changes), outcome)
        desk.doubt = lambda: "disk is full"
        desk._answer(use(changes), outcome)
        await asyncio.sleep(0)
        first, second = (each.outcome for each in fed if isinstance(each, fx.CapabilityAnswered))
        assert first == outcome
        if changes and isinstance(outcome, Reply):
            assert isinstance(second, Unknown)
            assert second.reason.startswith("journal: ")
        else:
            assert second == outcome

    asyncio.run(test())


def test_an_operation_without_http_pays_nothing_for_it() -> None:
    code = "import sys, keepline.node.calls; sys.exit('httpx2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
