"""The crash matrix as a test: every boundary of the retailer's stories, and proof that the matrix can fail."""

import json
from typing import Any

import pytest

from keepline.call import effects as fx
from keepline.call.unfinished.book import ItemState
from keepline.call.unfinished.resolving import NOT_DONE_AFTER_ALL, Resolving
from keepline.sim import acts
from keepline.sim.boundaries import SYNCED
from keepline.sim.checks import wrongs
from keepline.sim.node import SimNode
from keepline.sim.process import SimProcess
from keepline.testing import FlowTester
from tests.sim.matrix import (
    DEATHS,
    DOUBT,
    GATEWAYS,
    NUMBER,
    ONCE,
    OUTAGES_S,
    PHONE,
    RESOLVED_WITHIN_S,
    STORIES,
    Gateway,
    journal_wrongs,
    retailer,
    run,
    table_of,
)
from tests.sim.matrix_table import BEGIN, BOUNDARY_CHARS_MAX, NOTHING, PAGE, WRONG

LONG_OUTAGE_S = 40.0
"""Longer than any use is waited for, as is half of it."""


@pytest.mark.parametrize("how", GATEWAYS)
@pytest.mark.parametrize("story", STORIES)
def test_every_boundary(story: str, how: str) -> None:
    """`make matrix` does the same with outages of other lengths, and prints it."""
    table = table_of(story, how, OUTAGES_S[1:2])
    assert table.failed == []
    assert journal_wrongs(table) == []
    kinds = set(table.outcomes)
    assert {SYNCED, "CallCapability", "SendSip", "PlayPrompt", "CapabilityAnswered"} <= kinds
    assert any(kind.startswith("written") and "use_started.1" in kind for kind in kinds)
    assert any("in doubt, then once" in counts for counts in table.outcomes.values()) >= (how == "is silent")


@pytest.mark.parametrize(
    ("story", "how"),
    [(story, how) for story in STORIES for how in GATEWAYS if story == "payment" or how == GATEWAYS[0]],
)
def test_three_deaths_in_a_row(story: str, how: str) -> None:
    """At any boundary, for longer than a gateway is waited for: whoever held the line is served all the same."""
    table = table_of(story, how, OUTAGES_S[2:], deaths=DEATHS[-1])
    assert table.failed == []
    assert journal_wrongs(table) == []
    assert set(table.totals) == {DOUBT} if how == "is silent" else ONCE in table.totals


def test_three_quick_deaths_before_a_charge_is_sent_charge_once() -> None:
    """The caller still holds the line when a fourth process is there."""
    table = table_of("payment", "answers", OUTAGES_S[:2], deaths=DEATHS[-1])
    assert table.failed == []
    assert set(table.totals) == {ONCE}


def charge_at(boundary: str) -> int:
    """The moment of a payment at which its charge passes this boundary."""
    points = run("payment", "answers").crash_points
    sent = max(at for at, each in enumerate(points) if each == "CallCapability")
    return max(at for at, each in enumerate(points) if each == boundary and at <= sent)


@pytest.mark.parametrize("deaths", DEATHS)
@pytest.mark.parametrize("boundary", [SYNCED, "CallCapability"])
def test_long_deaths_before_a_charge_is_sent_charge_once_too(boundary: str, deaths: int) -> None:
    """Media has the card for as long as the call lasts, and what nobody was there for is no silence of the gateway."""
    found = run("payment", "answers", charge_at(boundary), LONG_OUTAGE_S, deaths=deaths)
    assert (found.outcome, found.wrong, found.deaths) == (ONCE, [], deaths)


@pytest.mark.parametrize("hangs_up", [False, True])
@pytest.mark.parametrize("media_dies", [False, True])
def test_a_charge_whose_card_is_lost_is_somebodys_work(hangs_up: bool, media_dies: bool) -> None:
    """Nothing is charged then, and a person has all that a call back needs; while media has the card it is charged."""
    tester = FlowTester(retailer())
    node, told = tester._node, STORIES["payment"]
    office = node.office = Gateway(tester._world, told.change, "answers")
    node.watch()
    node.dies_at, node.outage_s = frozenset((charge_at("CallCapability"),)), LONG_OUTAGE_S / 2
    call = tester.call(NUMBER, from_=PHONE)
    for prompt, keys in told.keys:
        call.hears(prompt)
        call.presses(keys)
    tester.waits(2.0)
    assert node.active is None
    if media_dies:
        tester.crash_media()
    call.hangs_up() if hangs_up else call.ends()
    tester.waits(RESOLVED_WITHIN_S)
    assert office.made() == (not media_dies)
    found = wrongs(node, [each._caller for each in tester._calls])
    assert [what for what in found if not (hangs_up and what.endswith("hung up, which it did not mean to"))] == []
    if not media_dies:
        assert tester.work == []
        assert any(told.done in words for words in call.heard) == (not hangs_up)
        return
    assert hangs_up or any("payment_pending" in call._names(each) for each in call._begun())
    (item,) = tester.work
    assert (item.state, item.begun.from_number) == (ItemState.OPEN, PHONE)
    assert item.why.startswith(NOT_DONE_AFTER_ALL)
    assert {"invoice": "20000001", "amount_cents": 4200}.items() <= json.loads(item.begun.arguments).items()
    assert told.keys[3][1] not in "".join(map(str, node.written))


def test_the_deaths_are_as_many_as_they_say() -> None:
    found = run("lead", "answers")
    boundary = found.crash_points.index("CallCapability")
    begun = [run("lead", "answers", boundary, deaths=count).deaths for count in DEATHS]
    assert begun == list(DEATHS)


def test_the_page_has_every_boundary_and_every_run() -> None:
    """`make matrix ARGS=--page` writes it."""
    page = PAGE.read_text(encoding="utf-8")
    assert WRONG not in page.partition(BEGIN)[2]
    count = 0
    for story in STORIES:
        section = page.partition(f"## {story.capitalize()}")[2].partition("\n## ")[0]
        boundaries = {NOTHING}
        for how in GATEWAYS:
            points = run(story, how).crash_points
            boundaries |= {each[:BOUNDARY_CHARS_MAX] for each in points}
            count += len(DEATHS) * (1 + len(OUTAGES_S) * len(points))
        rows = {line.split(" | ")[0][2:] for line in section.splitlines() if line.startswith("| ")}
        assert rows - {"boundary", "---", "all"} == boundaries, story
    assert f"\n{count} runs.\n" in page


def test_a_boundary_without_a_crash_point_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """An effect that the engine carries out past its crash points."""
    carry_out = SimProcess._carry_out

    def past_them(process: SimProcess, effects: list[Any], *more: Any) -> None:
        for effect in [each for each in effects if isinstance(each, fx.CallCapability)]:
            effects.remove(effect)
            process._node.note_act(process, effect)
            acts.ask_office(process, process._node, effect)
        carry_out(process, effects, *more)

    monkeypatch.setattr(SimProcess, "_carry_out", past_them)
    found = run("lead", "answers")
    assert any(what.endswith("times without a crash point") and "CallCapability" in what for what in found.wrong)


def effects_first(tester: FlowTester) -> None:
    """What leaves does not wait for its facts."""
    tester._node.writes_first = False


def test_an_engine_that_sends_before_it_writes_is_found() -> None:
    assert table_of("payment", "answers", OUTAGES_S[1:2], effects_first).failed != []


def test_a_doubt_that_nobody_resolves_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Resolving, "_ask", lambda _resolving, _turn, _item: None)
    found = run("payment", "is silent")
    assert any("is not resolved" in what for what in found.wrong)


def test_a_key_that_changes_with_each_attempt_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = acts.ask_office

    def another_key(process: SimProcess, node: SimNode, wanted: fx.CallCapability) -> Any:
        from dataclasses import replace

        return ask(process, node, replace(wanted, idempotency_key=f"{wanted.idempotency_key}-{wanted.attempt}"))

    monkeypatch.setattr(acts, "ask_office", another_key)
    found = run("payment", "loses the answer")
    assert "the change was made 2 times" in found.wrong
