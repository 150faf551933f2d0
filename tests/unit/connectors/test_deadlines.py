"""Many deadlines on one timer: each in its time, told apart from other cancellations."""

import asyncio

import pytest

from keepline.connectors.deadlines import Deadlines

LONG_S, SHORT_S = 600.0, 0.01


async def never() -> None:
    await asyncio.Event().wait()


async def within(deadlines: Deadlines, seconds: float) -> str:
    try:
        with deadlines.within(seconds):
            await never()
    except TimeoutError:
        return "over"
    return "done"


def test_what_takes_longer_is_told_so_and_nothing_else() -> None:
    async def test() -> None:
        deadlines = Deadlines()
        long = asyncio.create_task(within(deadlines, LONG_S))
        await asyncio.sleep(0)
        assert await asyncio.gather(within(deadlines, SHORT_S), within(deadlines, 2 * SHORT_S)) == ["over", "over"]
        assert await within(deadlines, 0.0) == "over"
        assert not long.done()
        long.cancel()
        with pytest.raises(asyncio.CancelledError):
            await long

    asyncio.run(test())


def test_what_is_done_in_time_hears_nothing_later() -> None:
    async def test() -> None:
        deadlines = Deadlines()
        with deadlines.within(SHORT_S):
            pass
        assert await within(deadlines, 2 * SHORT_S) == "over"
        await asyncio.sleep(0)

    asyncio.run(test())


def test_an_error_of_the_body_is_the_body_s() -> None:
    async def test() -> None:
        with pytest.raises(KeyError), Deadlines().within(LONG_S):
            raise KeyError

    asyncio.run(test())


def test_who_is_cancelled_from_outside_is_cancelled_though_the_time_is_over_too() -> None:
    async def test() -> None:
        deadlines = Deadlines()
        task = asyncio.create_task(within(deadlines, LONG_S))
        await asyncio.sleep(0)
        task.cancel()
        for each in list(deadlines._due):
            each.expire()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(test())
