"""A path that hangs fills its own share, and nobody waits beyond the deadline."""

import asyncio
import threading
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from keepline.config.capabilities import CapabilityPathFile
from keepline.connectors import bulkhead
from keepline.connectors.bulkhead import Bulkhead
from keepline.connectors.fake import FakeConnector
from keepline.connectors.interface import Asked
from keepline.connectors.python.runner import PythonConnector
from keepline.flow import Reply, Unavailable, Unknown
from keepline.model.capability import CapabilityAction
from keepline.model.limits_capabilities import (
    PATH_IN_FLIGHT_MAX,
    PATH_THREADS_MAX,
    PATH_WAITING_MAX,
    PATH_WORDS_MAX,
)

READ, CHANGE = CapabilityAction(), CapabilityAction(changes=True)


class Hanging:
    """Never answers."""

    async def ask(self, asked: Asked) -> Any:
        await asyncio.Event().wait()

    async def close(self) -> None: ...


def asks(name: str = "x", action: CapabilityAction = READ, timeout_s: float = 0.05, **arguments: object) -> Asked:
    return Asked(name, action, arguments, "c1-0", timeout_s)


def test_silence_ends_at_the_deadline() -> None:
    async def both() -> list[Any]:
        path = Bulkhead("shop", Hanging(), 2)
        return list(await asyncio.gather(path.ask(asks()), path.ask(asks(action=CHANGE))))

    assert asyncio.run(both()) == [Unavailable("no answer in time"), Unknown("no answer in time")]


def test_an_answer_may_have_a_reason_among_its_fields() -> None:
    class Reasons:
        async def x(self) -> dict[str, object]:
            return {"reason": None}

    found = asyncio.run(Bulkhead("shop", PythonConnector(Reasons, 1), 1).ask(asks(timeout_s=5.0)))
    assert found == Reply({"reason": None})


def test_a_full_path_lets_so_many_wait() -> None:
    async def crowd() -> list[Any]:
        path = Bulkhead("shop", Hanging(), 1)
        return list(await asyncio.gather(*(path.ask(asks(action=CHANGE)) for _ in range(PATH_WAITING_MAX + 2))))

    found = asyncio.run(crowd())
    assert found[0] == Unknown("no answer in time")
    assert found[1] == Unavailable("1 uses were under way all the time"), "what was not asked was not done"
    assert found[-1] == Unavailable("1 uses are under way, and more wait")


def test_a_stuck_thread_costs_its_own_path_alone() -> None:
    release = threading.Event()

    class Stuck:
        def x(self) -> dict[str, int]:
            release.wait()
            return {}

        async def y(self) -> dict[str, int]:
            return {"y": 1}

    async def all_of_them() -> list[Any]:
        stuck = Bulkhead("stuck", PythonConnector(Stuck, 1), 10)
        other = Bulkhead("other", PythonConnector(lambda: Stuck(), 1), 10)
        found = [await stuck.ask(asks("x")), await stuck.ask(asks("x")), await stuck.ask(asks("y", timeout_s=5.0))]
        found.append(await other.ask(asks("y", timeout_s=5.0)))
        release.set()
        for path in (stuck, other):
            await path.close()
        return found

    found = asyncio.run(all_of_them())
    assert found[:2] == [Unavailable("no answer in time"), Unavailable("all 1 threads are stuck")]
    assert found[2:] == [Reply({"y": 1})] * 2


class Slow:
    """Its `x` takes until it is released."""

    def __init__(self) -> None:
        self.release = threading.Event()

    def x(self) -> dict[str, int]:
        self.release.wait()
        return {}

    async def y(self) -> dict[str, int]:
        return {}


def test_whoever_comes_while_all_threads_are_at_work_waits_for_its_turn() -> None:
    slow = Slow()

    async def crowd() -> list[Any]:
        path = Bulkhead("slow", PythonConnector(lambda: slow, 2), 10)
        await path.ask(asks("y", timeout_s=60.0))
        asyncio.get_running_loop().call_soon(slow.release.set)  # by then all of them have asked
        found = list(await asyncio.gather(*(path.ask(asks("x", timeout_s=60.0)) for _ in range(10))))
        await path.close()
        return found

    assert asyncio.run(crowd()) == [Reply({})] * 10


def test_what_waited_for_a_thread_until_its_deadline_was_not_done() -> None:
    slow = Slow()

    async def both() -> list[Any]:
        path = Bulkhead("slow", PythonConnector(lambda: slow, 1), 10)
        await path.ask(asks("y", timeout_s=60.0))
        first = asyncio.create_task(path.ask(asks("x", timeout_s=60.0)))
        await asyncio.sleep(0)  # it has the thread
        found = [await path.ask(asks("x", CHANGE))]
        slow.release.set()
        found += [await first, await path.ask(asks("x", timeout_s=60.0))]
        await path.close()
        return found

    waited, *others = asyncio.run(both())
    assert waited == Unavailable("all 1 threads were at work all the time")
    assert others == [Reply({})] * 2


def test_threads_that_are_no_longer_stuck_are_at_work_again() -> None:
    slow = Slow()

    async def again() -> list[Any]:
        path = Bulkhead("slow", PythonConnector(lambda: slow, 1), 10)
        found = [await path.ask(asks("y", timeout_s=60.0)), await path.ask(asks("x", CHANGE))]
        found.append(await path.ask(asks("x", CHANGE, timeout_s=60.0)))
        slow.release.set()
        while (last := await path.ask(asks("x", timeout_s=60.0))) == found[-1]:
            await asyncio.sleep(0)
        await path.close()
        return [*found[1:], last]

    stuck = Unavailable("all 1 threads are stuck")
    assert asyncio.run(again()) == [Unknown("no answer in time"), stuck, Reply({})]


def test_a_change_whose_instance_is_never_made_was_not_done() -> None:
    release = threading.Event()

    async def once() -> Any:
        path = Bulkhead("slow", PythonConnector(release.wait, 1), 10)
        found = await path.ask(asks("x", CHANGE))
        release.set()
        await path.close()
        return found

    assert asyncio.run(once()) == Unavailable("its instance was not made in time")


def test_whatever_a_method_does_is_an_outcome() -> None:
    class Wild:
        def x(self) -> None:
            raise ValueError("x")

        def leave(self) -> None:
            raise SystemExit

        def nothing(self) -> None: ...

    async def all_of_them() -> list[Any]:
        path = PythonConnector(Wild, 2)
        wanted = [asks("x"), asks("x", CHANGE), asks("leave"), asks("nothing"), asks("none"), asks("x", CHANGE, n=1)]
        return [await path.ask(each) for each in wanted]

    kinds = [type(each) for each in asyncio.run(all_of_them())]
    assert kinds == [Unavailable, Unknown, Unavailable, Reply, Unavailable, Unavailable]


def test_a_broken_contract_is_logged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    class Told:
        def error(self, event: str, **fields: str) -> None:
            told.append(fields["what"])

    monkeypatch.setattr(bulkhead, "log", Told())
    outcomes = [Unavailable(f"the answer has no $.f{n}") for n in range(PATH_WORDS_MAX + 5)]

    async def often() -> None:
        path = Bulkhead("shop", FakeConnector({f"x{n}": each for n, each in enumerate(outcomes)}), 1)
        for _ in range(2):
            for n in range(len(outcomes)):
                await path.ask(asks(f"x{n}"))

    asyncio.run(often())
    assert len(told) == PATH_WORDS_MAX
    assert len(set(told)) == len(told)


def test_a_path_is_given_no_more_than_the_limits() -> None:
    read = TypeAdapter(CapabilityPathFile).validate_python
    python = {"module": "a:B", "threads": PATH_THREADS_MAX, "actions": {"x": {"changes": False}}}
    assert read({"name": "a", "in_flight_max": PATH_IN_FLIGHT_MAX, "python": python})
    with pytest.raises(ValidationError):
        read({"name": "a", "in_flight_max": PATH_IN_FLIGHT_MAX + 1, "python": python})
    with pytest.raises(ValidationError):
        read({"name": "a", "python": {**python, "threads": PATH_THREADS_MAX + 1}})
