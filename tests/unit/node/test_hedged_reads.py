"""A question that one path is silent to is asked of the next one too; a change never is."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from keepline.call import effects as fx
from keepline.call.inputs import UseRoute
from keepline.connectors.fake import FakeConnector
from keepline.flow.capabilities import Refused, Reply, Unavailable, Unknown, UseOutcome
from keepline.model.capability import Capability, CapabilityAction, CapabilityPath, Hedge, PythonClass
from keepline.model.limits_capabilities import HEDGES_PUT_BY_MAX
from keepline.node import capabilities as module
from keepline.node.capabilities import Capabilities

AWAY = Unavailable("nobody answers")
FROM_CRM, FROM_COPY = Reply({"state": "new"}), Reply({"state": "old"}, 12.0)
AFTER_S = 0.01


async def reveal(*_: object) -> UseOutcome:
    raise AssertionError("no use here has a secret")


class Shop:
    """Orders by a CRM and a copy of it, with a hedge; each answers as it is told, or when it is let."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, in_flight_max: int = 500) -> None:
        self.answers: dict[str, UseOutcome | asyncio.Future[UseOutcome]] = {"crm": FROM_CRM, "copy": FROM_COPY}
        self.asked: list[str] = []
        self.fed: asyncio.Queue[fx.CapabilityAnswered] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        actions = {"status": CapabilityAction(), "book": CapabilityAction(changes=True, idempotent=True)}
        paths = tuple(
            CapabilityPath(name, PythonClass("crm", name), dict(actions), in_flight_max) for name in self.answers
        )
        found = Capability("orders", paths, Hedge(AFTER_S, AFTER_S))
        operation = SimpleNamespace(capabilities={"orders": found}, digest="a1")
        monkeypatch.setattr(module, "_connector", lambda _operation, path, *_: self.connector(path.name))
        self.capabilities = Capabilities(loop, lambda _: operation, self.feed, loop.time, reveal, Path())  # type: ignore[arg-type,return-value]

    def connector(self, name: str) -> FakeConnector:
        shop = self

        class Noting(FakeConnector):
            async def ask(self, asked: Any) -> UseOutcome:
                shop.asked.append(name)
                answer = shop.answers[name]
                return await asyncio.shield(answer) if isinstance(answer, asyncio.Future) else answer

        return Noting({})

    def feed(self, answers: Sequence[fx.Input]) -> None:
        for given in answers:
            assert isinstance(given, fx.CapabilityAnswered)
            self.fed.put_nowait(given)

    def silent(self, name: str) -> "asyncio.Future[UseOutcome]":
        """This path answers when the future has a result."""
        self.answers[name] = future = asyncio.get_running_loop().create_future()
        return future

    async def use(
        self, action: str = "status", *, seconds: float = 60.0, may_hedge: bool = True
    ) -> tuple[UseOutcome, UseRoute | None]:
        changes = action == "book"
        names = ("c", 0, "orders", action, "{}", "c-0")
        until_s = self.capabilities.choosing.now_s() + seconds
        self.capabilities.ask(fx.CallCapability(*names, until_s, changes, 1, "a1", may_hedge=may_hedge))
        given = await self.fed.get()
        return given.outcome, given.route

    def conditions(self) -> dict[str, object]:
        operation = self.capabilities._operation_of("a1")
        assert operation is not None
        return {str(each["path"]): each["condition"] for each in self.capabilities.choosing.standings(operation)}


def with_shop(monkeypatch: pytest.MonkeyPatch, test: Callable[[Shop], Any], **more: int) -> None:
    async def run() -> None:
        await test(Shop(monkeypatch, **more))

    asyncio.run(run())


def test_the_next_path_is_asked_beside_a_silent_one_and_its_answer_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(shop: Shop) -> None:
        crm = shop.silent("crm")
        outcome, route = await shop.use()
        assert (outcome, shop.asked) == (FROM_COPY, ["crm", "copy"])
        assert route is not None
        assert (route.path, route.hedged, route.after_s) == ("copy", "copy", AFTER_S)
        assert route.why.startswith(
            "crm was silent for 0.01 s, so copy was asked too; copy: done: from a copy 12 s old; orders/crm: unknown"
        )
        assert shop.conditions() == {"orders/crm": "unknown", "orders/copy": "healthy"}
        crm.set_result(AWAY)
        while shop.conditions()["orders/crm"] == "unknown":
            await asyncio.sleep(0)  # it is heard to its end, and counts

    with_shop(monkeypatch, test)


def test_the_silent_one_may_still_be_first(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(shop: Shop) -> None:
        crm, copy = shop.silent("crm"), shop.silent("copy")
        use = asyncio.create_task(shop.use())
        while len(shop.asked) < 2:
            await asyncio.sleep(0)
        crm.set_result(FROM_CRM)
        outcome, route = await use
        assert outcome == FROM_CRM
        assert route is not None
        assert (route.path, route.hedged) == ("crm", "copy")
        copy.set_result(AWAY)

    with_shop(monkeypatch, test)


def test_a_quick_answer_is_asked_for_once_and_leaves_no_word(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(shop: Shop) -> None:
        assert await shop.use() == (FROM_CRM, None)
        shop.answers["crm"] = Refused(404, "order_unknown")
        assert await shop.use() == (Refused(404, "order_unknown"), None)
        assert shop.asked == ["crm", "crm"]

    with_shop(monkeypatch, test)


def test_a_failure_is_no_answer_the_other_one_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(shop: Shop) -> None:
        crm = shop.silent("crm")
        shop.answers["copy"] = Unavailable("the copy does not have it")
        use = asyncio.create_task(shop.use())
        while len(shop.asked) < 2:
            await asyncio.sleep(0)
        crm.set_result(FROM_CRM)
        outcome, route = await use
        assert outcome == FROM_CRM
        assert route is not None
        assert "copy: unavailable: the copy does not have it; crm: done" in route.why

    with_shop(monkeypatch, test)


def test_where_both_fail_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(shop: Shop) -> None:
        crm = shop.silent("crm")
        shop.answers["copy"] = Unavailable("torn")
        use = asyncio.create_task(shop.use())
        while len(shop.asked) < 2:
            await asyncio.sleep(0)
        crm.set_result(AWAY)
        outcome, route = await use
        assert outcome == AWAY
        assert route is not None
        assert (route.path, route.hedged) == ("", "copy")

    with_shop(monkeypatch, test)


@pytest.mark.parametrize("outcome", [AWAY, Unknown("no answer in time"), FROM_CRM])
def test_a_change_is_never_asked_of_two(monkeypatch: pytest.MonkeyPatch, outcome: UseOutcome) -> None:
    async def test(shop: Shop) -> None:
        crm = shop.silent("crm")
        use = asyncio.create_task(shop.use("book"))
        await asyncio.wait([use], timeout=5 * AFTER_S)
        assert shop.asked == ["crm"], "though it was silent for longer"
        crm.set_result(outcome)
        assert await use == (outcome, None)

    with_shop(monkeypatch, test)


def test_nor_is_what_nobody_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(shop: Shop) -> None:
        crm = shop.silent("crm")
        use = asyncio.create_task(shop.use(may_hedge=False))
        await asyncio.wait([use], timeout=5 * AFTER_S)
        assert shop.asked == ["crm"]
        crm.set_result(FROM_CRM)
        assert await use == (FROM_CRM, None)

    with_shop(monkeypatch, test)


def test_a_path_without_room_is_not_asked_beside_another(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(shop: Shop) -> None:
        crm, copy = shop.silent("crm"), shop.silent("copy")
        uses = [asyncio.create_task(shop.use()) for _ in range(2)]
        while len(shop.asked) < 2:
            await asyncio.sleep(0)
        await asyncio.wait(uses, timeout=5 * AFTER_S)
        assert sorted(shop.asked) == ["copy", "crm"], "each has one place, and it is taken"
        crm.set_result(FROM_CRM)
        copy.set_result(FROM_COPY)
        await asyncio.gather(*uses)

    with_shop(monkeypatch, test, in_flight_max=1)


def test_an_office_that_has_grown_slow_is_not_asked_for_everything_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(shop: Shop) -> None:
        crm = shop.silent("crm")
        uses = [asyncio.create_task(shop.use()) for _ in range(100)]
        while len(shop.asked) < 100 + HEDGES_PUT_BY_MAX:
            await asyncio.sleep(0)
        await asyncio.wait(uses, timeout=5 * AFTER_S)
        assert shop.asked.count("copy") <= HEDGES_PUT_BY_MAX + 5, "a twentieth of the uses, and what was put by"
        crm.set_result(FROM_CRM)
        found = await asyncio.gather(*uses)
        assert [outcome for outcome, _ in found].count(FROM_COPY) == shop.asked.count("copy")

    with_shop(monkeypatch, test)
