"""What changes something outside is asked for once that is synced, and not at all where it cannot be."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from keepline.call import effects as fx
from keepline.call.facts import Fact
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

    def ask(self, wanted: fx.CallCapability) -> None:
        self.asked.append(wanted)

    def refuse(self, wanted: fx.CallCapability, why: str) -> None:
        self.refused.append(wanted)


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
            assert desk.asked == [use(changes)]

    asyncio.run(test())


@pytest.mark.parametrize("changes", [False, True])
def test_a_change_that_cannot_be_put_on_record_is_not_asked_for(monkeypatch: pytest.MonkeyPatch, changes: bool) -> None:
    async def test() -> None:
        with rig() as made:
            desk, _ = serve(made, monkeypatch, changes)
            made.written(1, error="the disk is full")
            assert desk.asked == ([] if changes else [use(changes)])
            assert desk.refused == ([use(changes)] if changes else [])

    asyncio.run(test())


def test_an_operation_without_http_pays_nothing_for_it() -> None:
    code = "import sys, keepline.node.calls; sys.exit('httpx2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
