"""A use of a capability that has several paths: the next one where one fails, and none but the first for a change."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from keepline.call import effects as fx
from keepline.connectors.fake import FakeConnector
from keepline.flow.capabilities import Refused, Reply, SecretsGone, Unavailable, Unknown, UseOutcome
from keepline.model.capability import Capability, CapabilityAction, CapabilityPath, PythonClass
from keepline.node import capabilities as module
from keepline.node.capabilities import Capabilities
from keepline.node.use_paths import ATTEMPT_S_MIN

AWAY = Unavailable("nobody answers")
DONE = Reply({"state": "new"})


async def reveal(*_: object) -> UseOutcome:
    raise AssertionError("no use here has a secret")


class Shop:
    """Orders by three paths that answer as they are told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *names: str, in_flight_max: int = 5) -> None:
        self.answers: dict[str, Any] = dict.fromkeys(names, DONE)
        self.asked: list[str] = []
        self.times: list[float] = []
        self.now_s = 1_000.0
        self.fed: list[UseOutcome] = []
        actions = {"status": CapabilityAction(), "book": CapabilityAction(changes=True, idempotent=True)}
        reads = {"status": CapabilityAction()}
        paths = [
            CapabilityPath(name, PythonClass("crm", name), dict(actions if name == names[0] else reads), in_flight_max)
            for name in names
        ]
        operation = SimpleNamespace(capabilities={"orders": Capability("orders", tuple(paths))})
        monkeypatch.setattr(module, "_connector", lambda _operation, path, *_: self.connector(path.name))
        loop = asyncio.get_running_loop()
        self.capabilities = Capabilities(loop, lambda _: operation, self.feed, lambda: self.now_s, reveal, Path())  # type: ignore[arg-type,return-value]

    def connector(self, name: str) -> FakeConnector:
        shop = self

        class Noting(FakeConnector):
            async def ask(self, asked: Any) -> UseOutcome:
                shop.asked.append(name)
                shop.times.append(asked.timeout_s)
                answer = shop.answers[name]
                return await answer() if callable(answer) else answer

        return Noting({})

    def feed(self, answers: Sequence[fx.Input]) -> None:
        for given in answers:
            assert isinstance(given, fx.CapabilityAnswered)
            self.fed.append(given.outcome)

    async def use(self, action: str = "status", *, seconds: float = 9.0) -> UseOutcome:
        before = len(self.fed)
        changes = action == "book"
        wanted = fx.CallCapability("c", 0, "orders", action, "{}", "c-0", self.now_s + seconds, changes, 1, "a1")
        self.capabilities.ask(wanted)
        for _ in range(10_000):
            if len(self.fed) > before:
                break
            await asyncio.sleep(0)
        return self.fed[-1]


Test = Callable[[Shop], Any]


def with_shop(monkeypatch: pytest.MonkeyPatch, test: Test, *names: str, **more: int) -> None:
    async def run() -> None:
        await test(Shop(monkeypatch, *(names or ("crm", "copy", "paper")), **more))

    asyncio.run(run())


def test_the_next_path_is_asked_where_one_fails_and_the_time_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(shop: Shop) -> None:
        shop.answers |= {"crm": AWAY, "copy": AWAY}
        assert await shop.use() == DONE
        assert shop.asked == ["crm", "copy", "paper"]
        assert shop.times == [3.0, 4.5, 9.0]
        shop.answers["paper"] = Unavailable("torn")
        assert await shop.use() == Unavailable("torn"), "the last word"

    with_shop(monkeypatch, test)


def test_a_refusal_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(shop: Shop) -> None:
        shop.answers["crm"] = Refused(404, "order_unknown")
        assert await shop.use() == Refused(404, "order_unknown")
        assert shop.asked == ["crm"]

    with_shop(monkeypatch, test)


@pytest.mark.parametrize("outcome", [AWAY, Unknown("no answer in time")])
def test_a_change_is_asked_of_the_first_path_alone(monkeypatch: pytest.MonkeyPatch, outcome: UseOutcome) -> None:
    async def test(shop: Shop) -> None:
        shop.answers["crm"] = outcome
        for _ in range(20):
            assert await shop.use("book") == outcome
        assert set(shop.asked) == {"crm"}, "however it is"
        assert shop.times[0] == 9.0, "with all of its time"

    with_shop(monkeypatch, test)


def test_a_secret_that_is_lost_is_nobodys_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(shop: Shop) -> None:
        shop.answers["crm"] = SecretsGone("lost", (3,))
        for _ in range(20):
            assert await shop.use() == SecretsGone("lost", (3,))
        assert set(shop.asked) == {"crm"}

    with_shop(monkeypatch, test)


def test_a_path_that_is_down_is_left_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(shop: Shop) -> None:
        shop.answers["crm"] = AWAY
        with capture_logs() as logs:
            for _ in range(100):
                assert await shop.use() == DONE
                shop.now_s += 0.02
        assert shop.asked.count("crm") <= 7
        first = next(each for each in logs if each["event"] == "path_changed")
        assert first["now"] == "degraded"
        assert "failed (nobody answers)" in first["evidence"]
        shop.answers["crm"] = DONE
        for _ in range(900):
            assert await shop.use() == DONE
            shop.now_s += 0.1
        assert shop.asked[-50:] == ["crm"] * 50

    with_shop(monkeypatch, test, "crm", "copy")


def test_where_all_are_down_the_first_is_tried_and_it_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(shop: Shop) -> None:
        shop.answers |= dict.fromkeys(shop.answers, AWAY)
        with capture_logs() as logs:
            for _ in range(200):
                assert await shop.use() == AWAY
        assert sum(each["event"] == "last_resort" for each in logs) == 1
        assert {each["path"] for each in logs if each["event"] == "path_changed" and each["now"] == "down"} == {
            "orders/crm",
            "orders/copy",
            "orders/paper",
        }
        assert len(shop.asked) == 600, "nobody is turned away unasked"

    with_shop(monkeypatch, test)


def test_what_is_full_is_passed_over_and_waited_for_only_where_all_are(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(shop: Shop) -> None:
        go_on = asyncio.Event()

        async def hang() -> UseOutcome:
            await go_on.wait()
            return DONE

        shop.answers["crm"] = hang
        first = asyncio.create_task(shop.use())
        for _ in range(1_000):
            await asyncio.sleep(0)
        assert await shop.use() == DONE
        assert shop.asked == ["crm", "copy"]
        go_on.set()
        assert await first == DONE

    with_shop(monkeypatch, test, "crm", "copy", in_flight_max=1)


def test_of_little_time_an_attempt_gets_the_least_that_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(shop: Shop) -> None:
        assert await shop.use(seconds=0.6) == DONE
        assert shop.times == [ATTEMPT_S_MIN]
        assert await shop.use(seconds=-1) == Unavailable("its time was over before it could be asked")

    with_shop(monkeypatch, test)


def test_a_capability_of_one_path_is_asked_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(shop: Shop) -> None:
        shop.answers["crm"] = AWAY
        for _ in range(50):
            assert await shop.use() == AWAY
        assert (len(shop.asked), set(shop.times)) == (50, {9.0})

    with_shop(monkeypatch, test, "crm")
