"""Uses are carried out side by side; those that wait for nothing share a task."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise

from keepline.call.effects import CallCapability
from keepline.model.limits_capabilities import USES_PER_TURN_MAX
from keepline.node.use_crew import UseCrew

ROUNDS = 50


def use(step: int) -> CallCapability:
    return CallCapability("r1", step, "shop", "look", "{}", f"r1-{step}", 0.0, False, 1, "a1")


def with_crew(
    carry_out: Callable[[CallCapability], Awaitable[None]], test: Callable[[UseCrew], Awaitable[None]]
) -> None:
    async def run() -> None:
        await test(UseCrew(asyncio.get_running_loop(), carry_out))

    asyncio.run(run())


async def rounds() -> None:
    for _ in range(ROUNDS):
        await asyncio.sleep(0)


def test_those_that_wait_for_nothing_share_a_task_and_keep_their_order() -> None:
    done: list[int] = []
    tasks: set[object] = set()

    async def carry_out(wanted: CallCapability) -> None:
        done.append(wanted.step)
        tasks.add(asyncio.current_task())

    async def test(crew: UseCrew) -> None:
        for step in range(5):
            crew.ask(use(step))
        assert done == [], "not while whoever asks is at work"
        await rounds()
        assert (done, len(tasks), len(crew)) == ([0, 1, 2, 3, 4], 1, 0)
        crew.ask(use(5))
        await rounds()
        assert done[5:] == [5]

    with_crew(carry_out, test)


def test_one_that_waits_holds_up_nobody() -> None:
    begun: list[int] = []
    done: list[int] = []

    async def test(crew: UseCrew) -> None:
        for step in range(4):
            crew.ask(use(step))
        await rounds()
        assert (sorted(begun), done) == ([0, 1, 2, 3], [1, 3])
        crew.ask(use(4))
        crew.ask(use(5))
        await rounds()
        assert done == [1, 3, 5], "though others from before still wait"
        gate.set()
        await rounds()
        assert (sorted(done), len(crew)) == ([0, 1, 2, 3, 4, 5], 0)

    async def carry_out(wanted: CallCapability) -> None:
        begun.append(wanted.step)
        if wanted.step % 2 == 0:
            await gate.wait()
        done.append(wanted.step)

    gate = asyncio.Event()
    with_crew(carry_out, test)


def test_after_uses_per_turn_max_everybody_else_has_a_turn() -> None:
    done: list[int] = []

    async def carry_out(wanted: CallCapability) -> None:
        done.append(wanted.step)

    async def test(crew: UseCrew) -> None:
        for step in range(2 * USES_PER_TURN_MAX + 1):
            crew.ask(use(step))
        seen = []
        for _ in range(ROUNDS):
            await asyncio.sleep(0)
            seen.append(len(done))
        steps = [after - before for before, after in pairwise(seen)]
        assert max(steps) == USES_PER_TURN_MAX
        assert done == list(range(2 * USES_PER_TURN_MAX + 1))

    with_crew(carry_out, test)


def test_one_that_is_cancelled_costs_the_others_nothing() -> None:
    done: list[int] = []

    async def carry_out(wanted: CallCapability) -> None:
        if wanted.step == 1:
            raise asyncio.CancelledError
        done.append(wanted.step)

    async def test(crew: UseCrew) -> None:
        for step in range(4):
            crew.ask(use(step))
        await rounds()
        assert (done, len(crew)) == ([0, 2, 3], 0)

    with_crew(carry_out, test)
