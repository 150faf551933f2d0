"""The active calls process while its disk is full, does not answer or is slow: calls go on, and it is said."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from keepline.call import effects as fx
from keepline.call.facts import UseStarted
from keepline.model.limits import JOURNAL_BACKLOG_FACTS_MAX, JOURNAL_QUEUE_FACTS_MAX
from keepline.model.operation import Prompt
from keepline.node import active, held_effects
from keepline.node.journal import Written
from tests.unit.node.journal_facts import received
from tests.unit.node.node_doubles import PEER, Rig, rig, until

CALL, OTHER = f"{1:016x}", f"{2:016x}"
PROMPT = Prompt(text="hello")


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def send(text: bytes) -> fx.SendSip:
    return fx.SendSip(text, PEER)


def play(call: str = CALL) -> fx.PlayPrompt:
    return fx.PlayPrompt(call, 0, 2, PROMPT, repeat=False, barge_in=False, digits_seen=0)


def serving(made: Rig, *effects: fx.Effect) -> None:
    """Have the core answer everything with these effects, and the node serve."""
    made.core.answer = lambda given: list(effects)
    made.start()


def test_calls_go_on_while_the_disk_is_full_and_it_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    async def test() -> None:
        with rig() as made:
            serving(made, fx.Persist(received(CALL)), send(b"200"))
            made.journal.trouble = "disk is full"
            for group in (1, 2):
                made.active.feed(fx.TimeCame())
                made.written(group, "disk is full")
            assert [data for data, _ in made.sip.sent] == [b"200", b"200"]
            assert made.troubles == ["disk is full"]
            made.journal.trouble = ""
            made.active.on_written(Written(0))
            assert made.troubles == ["disk is full", ""]

    run(test())
    said = capsys.readouterr()
    assert (said.out + said.err).count("journal_trouble") == 1


@pytest.mark.parametrize("others_wait", [False, True])
def test_calls_go_on_when_the_journal_takes_nothing_more(others_wait: bool) -> None:
    async def test() -> None:
        with rig() as made:
            serving(made, fx.Persist(received(CALL)), send(b"200"))
            if others_wait:
                made.active.feed(fx.TimeCame())
            made.journal.is_full = True
            made.active.feed(fx.TimeCame())
            assert len(made.sip.sent) == (0 if others_wait else 1), "the order is kept"
            assert "disk" in made.troubles[0]
            if others_wait:
                made.written(1)
                assert len(made.sip.sent) == 2

    run(test())


def test_a_long_backlog_keeps_new_calls_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert JOURNAL_BACKLOG_FACTS_MAX < JOURNAL_QUEUE_FACTS_MAX

    async def test() -> None:
        with rig() as made:
            made.start()
            made.journal.backlog = JOURNAL_BACKLOG_FACTS_MAX - 1
            made.written(0)
            assert not made.core.is_unrecorded
            made.journal.backlog += 1
            made.written(0)
            assert made.core.is_unrecorded
            made.journal.backlog = 0
            await until(lambda: not made.core.is_unrecorded)

    run(test())


def test_a_disk_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_effects, "JOURNAL_WRITE_S_MAX", 0.0)

    async def test() -> None:
        with rig() as made:
            serving(made, fx.Persist(received(CALL)), send(b"200"))
            made.active.feed(fx.TimeCame())
            await until(lambda: made.sip.sent)
            assert "has not taken" in made.troubles[-1]
            made.written(1)
            assert made.troubles[-1] == ""
            assert len(made.sip.sent) == 1

    run(test())


def test_what_a_call_hears_of_a_change_waits_until_it_is_synced() -> None:
    async def test() -> None:
        with rig() as made:
            made.prompts.on_disk.add(PROMPT.key)
            serving(made, fx.Persist(received(CALL), synced=True, promised=True), send(b"200"), play())
            made.active.feed(fx.TimeCame())
            made.written(1)
            assert len(made.sip.sent) == 1
            assert made.commands() == []
            made.synced(1)
            assert len(made.commands()) == 1

    run(test())


def test_what_a_process_before_has_promised_is_synced_before_it_is_built_upon() -> None:
    """It was written, and nobody says that it was synced: a power cut would take it after the caller heard of it."""

    async def test() -> None:
        with rig() as made:
            made.prompts.on_disk.add(PROMPT.key)
            serving(made, send(b"200"), play(CALL), play(OTHER))
            asked = UseStarted(CALL, 1.0, 0, "office", "book", "book", "{}", changes=True, attempt=1, deadline_s=2.0)
            made.active.hold({CALL: [received(CALL), asked], OTHER: [received(OTHER)]})
            assert made.journal.groups == [[]]
            made.active.feed(fx.TimeCame())
            assert len(made.sip.sent) == 1
            assert len(made.commands()) == 1, "of the other call"
            made.written(1)
            assert len(made.commands()) == 0
            made.synced(1)
            assert len(made.commands()) == 1

    run(test())


def test_trouble_that_comes_and_goes_is_logged_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)

    async def test() -> None:
        nonlocal now_s
        with rig() as made:
            for trouble in ["full", "", "full", "", "full"]:
                made.journal.trouble = trouble
                made.active.on_written(Written(0))
            assert made.troubles == ["full", "", "full", "", "full"], "who looks at the node sees it at once"
            now_s += active.TROUBLE_SAID_EVERY_S
            made.journal.trouble = ""
            made.active.on_written(Written(0))

    run(test())
    said = "".join(capsys.readouterr())
    assert (said.count("journal_trouble"), said.count("journal_well")) == (1, 1)
