"""What everybody who follows the node is sent: one asks for all, and only while somebody looks."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from fastapi.responses import JSONResponse

from keepline.desk import feed as feed_module
from keepline.desk.board import Board
from keepline.desk.board_api import board_json, following
from keepline.desk.feed import Feed, message
from keepline.model.limits_desk import VIEWERS_MAX
from tests.unit.desk.board_facts import received
from tests.unit.desk.desk_fakes import FakeSource, standing

WITHIN_S = 60


class CountingSource(FakeSource):
    """Counts how often it is asked."""

    looks = 0

    def status(self) -> dict[str, object]:
        self.looks += 1
        return super().status()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOK_EVERY_S", "ASK_EVERY_S", "BEAT_EVERY_S"):
        monkeypatch.setattr(feed_module, name, 0.01)


def parsed(data: bytes) -> dict[str, str]:
    assert data.endswith(b"\n\n")
    found: dict[str, str] = {}
    for line in data.decode().removesuffix("\n\n").split("\n"):
        name, _, value = line.partition(": ")
        found[name] = f"{found[name]}\n{value}" if name in found else value
    return found


async def until(stream: AsyncIterator[bytes], **wanted: str) -> dict[str, str]:
    """The next message with these fields."""
    async for data in stream:
        found = parsed(data)
        if wanted.items() <= found.items():
            return found
    raise AssertionError("the stream has ended")


def test_a_change_is_sent_with_an_id_and_silence_is_a_beat() -> None:
    async def follow() -> None:
        source = FakeSource(standings=[standing("orders/crm")])
        feed = Feed(Board(source))
        stream = feed.messages("api", lambda: board_json(feed), event="now")
        first = await until(stream, event="now")
        assert json.loads(first["data"])["traffic"]["arriving"] == 0
        beat = await until(stream, event="beat")
        assert "id" not in beat
        assert json.loads(beat["data"])["at"] > 0
        source.facts.append(received("a", feed.now.at if feed.now else 0.0))
        second = await until(stream, event="now")
        assert json.loads(second["data"])["traffic"]["arriving"] == 1
        assert second["id"] != first["id"]
        await stream.aclose()

    asyncio.run(asyncio.wait_for(follow(), WITHIN_S))


def test_all_viewers_share_one_who_asks_and_one_drawing() -> None:
    async def follow() -> None:
        feed = Feed(Board(CountingSource()))
        drawn: list[str] = []

        def draw() -> str:
            drawn.append("x")
            return "the board"

        streams = [feed.messages("now", draw) for _ in range(10)]
        await asyncio.gather(*(anext(stream) for stream in streams))
        assert feed.viewers == 10
        await asyncio.gather(*(until(stream, data="the board") for stream in streams))
        assert len(drawn) <= feed.version
        for stream in streams:
            await stream.aclose()
        assert feed.viewers == 0

    asyncio.run(asyncio.wait_for(follow(), WITHIN_S))


def test_nobody_is_asked_while_nobody_looks() -> None:
    async def follow() -> None:
        source = CountingSource()
        feed = Feed(Board(source))
        assert source.looks == 0
        stream = feed.messages("api", lambda: board_json(feed), event="now")
        await until(stream, event="beat")
        await until(stream, event="now")
        await stream.aclose()
        await asyncio.gather(*(asyncio.to_thread(lambda: None) for _ in range(20)))  # what was under way is over
        looks = source.looks
        await asyncio.gather(*(asyncio.to_thread(lambda: None) for _ in range(200)))
        assert (source.looks, feed.now) == (looks, None)
        again = feed.messages("api", lambda: board_json(feed), event="now")
        assert await until(again, event="now")
        await again.aclose()

    asyncio.run(asyncio.wait_for(follow(), WITHIN_S))


def test_a_source_that_hangs_keeps_no_beat_from_the_viewers() -> None:
    async def follow() -> None:
        source = FakeSource()
        feed = Feed(Board(source))
        stream = feed.messages("api", lambda: board_json(feed), event="now")
        await until(stream, event="now")
        source.down = "gone"
        for _ in range(3):
            await until(stream, event="beat")
        await stream.aclose()

    asyncio.run(asyncio.wait_for(follow(), WITHIN_S))


def test_a_mistake_of_ours_ends_nothing() -> None:
    async def follow() -> None:
        source = FakeSource()
        source.standings = None  # type: ignore[assignment]
        feed = Feed(Board(source))
        stream = feed.messages("api", lambda: board_json(feed), event="now")
        await until(stream, event="now")
        source.standings = [standing("orders/crm")]
        found = await until(stream, event="now")
        assert [each["name"] for each in json.loads(found["data"])["capabilities"]] == ["orders"]
        await stream.aclose()

    asyncio.run(asyncio.wait_for(follow(), WITHIN_S))


def test_closing_ends_every_stream() -> None:
    async def follow() -> None:
        feed = Feed(Board(FakeSource()))
        stream = feed.messages("api", lambda: board_json(feed), event="now")
        await anext(stream)
        feed.close()
        assert [data async for data in stream][1:] == []

    asyncio.run(asyncio.wait_for(follow(), WITHIN_S))


def test_viewers_are_bounded_and_the_next_one_is_told() -> None:
    async def follow() -> None:
        feed = Feed(Board(FakeSource()))
        streams = [feed.messages("api", lambda: board_json(feed)) for _ in range(VIEWERS_MAX)]
        await asyncio.gather(*(anext(stream) for stream in streams))
        refusal = following(feed, "api", lambda: "")
        assert isinstance(refusal, JSONResponse)
        assert refusal.status_code == 503
        assert b"close one" in refusal.body
        for stream in streams:
            await stream.aclose()
        assert not isinstance(following(feed, "api", lambda: ""), JSONResponse)

    asyncio.run(asyncio.wait_for(follow(), WITHIN_S))


def test_a_message_of_several_lines_is_one() -> None:
    assert message("a\nb", "", "7") == b"id: 7\ndata: a\ndata: b\n\n"
    assert message("a", "now", "7") == b"id: 7\nevent: now\ndata: a\n\n"
