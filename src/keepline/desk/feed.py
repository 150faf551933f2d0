"""What asks the node for everybody who follows it: one for all; it begins with the first viewer, ends with the last.

What changed is drawn once and sent to all; a viewer that is slow skips what it missed, since each message is whole. A
second without news has a beat of its own, so that a page which hears nothing knows that it hears nothing.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import structlog

from keepline.desk.board import Board
from keepline.desk.models_board import Now
from keepline.model.errors import KeeplineError
from keepline.model.limits_desk import VIEWERS_MAX

LOOK_EVERY_S: Final = 0.4
ASK_EVERY_S: Final = 1.0
BEAT_EVERY_S: Final = 1.0
Draw = Callable[[], str]
Told = TypeVar("Told")
log = structlog.get_logger("desk")


class TooManyViewers(KeeplineError):  # noqa: N818 - the state of affairs
    """No further page can follow the node."""


class Feed:
    """The feed of one desk. It belongs to one event loop; drawing and asking is done by threads."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.now: Now | None = None
        self.version = 0
        self._began = f"{int(time.time()):x}"
        self._viewers = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._news: asyncio.Future[None] | None = None
        self._drawn: dict[str, tuple[int, asyncio.Future[str]]] = {}
        self._told_s = 0.0
        self._is_closed = False
        self._failed = ""
        self.alarm: Callable[[], str] = str
        """What stands on every page, however long it has been open; empty while there is nothing."""
        self.marks: list[Callable[[], object]] = []
        """Of what pages show beside the board: each is another value whenever that has changed."""
        self._marked: list[object] = []

    @property
    def viewers(self) -> int:
        """Who follows it just now."""
        return self._viewers

    @property
    def id(self) -> str:
        """Of the newest message: another one than that of any message before, of desks before this one too."""
        return f"{self._began}.{self.version}"

    def close(self) -> None:
        """Every stream ends, at once."""
        self._is_closed = True
        self._wake()

    def make_room(self) -> None:
        """Raises `TooManyViewers` where nobody more can follow."""
        if self._viewers >= VIEWERS_MAX:
            raise TooManyViewers(f"{VIEWERS_MAX} pages follow this node already: close one, or read /api/now")

    @asynccontextmanager
    async def viewing(self) -> AsyncIterator[None]:
        """While somebody looks."""
        self._viewers += 1
        try:
            if not self._tasks:
                self._begin()
            yield
        finally:
            self._viewers -= 1
            if not self._viewers:
                self._end()

    async def messages(self, name: str, draw: Draw, *, event: str = "") -> AsyncIterator[bytes]:
        """Server-sent events: what `draw` makes of the board, whenever that changes, and beats.

        Whoever has the same `name` shares the drawing. `draw` is called in a thread.
        """
        last: str | None = None
        alarmed = ""
        async with self.viewing():
            while not self._is_closed:
                version, said = self.version, beat(time.time())
                if self.now is not None:
                    text = await self._draw(name, version, draw)
                    if text != last:
                        said, last = message(text, event, f"{self._began}.{version}"), text
                if (alarm := self.alarm()) != alarmed:
                    yield message(json.dumps({"says": alarm}), "alarm", self.id)
                    alarmed = alarm
                yield said
                if version == self.version:
                    await self._wait()

    async def _draw(self, name: str, version: int, draw: Draw) -> str:
        """Drawn once for all who want the same."""
        found = self._drawn.get(name)
        if found is None or found[0] != version:
            found = self._drawn[name] = (version, asyncio.ensure_future(asyncio.to_thread(draw)))
            while len(self._drawn) > VIEWERS_MAX:
                del self._drawn[next(iter(self._drawn))]
        return await asyncio.shield(found[1])

    def _wait(self) -> "asyncio.Future[None]":
        if self._news is None or self._news.done():
            self._news = asyncio.get_running_loop().create_future()
        return asyncio.shield(self._news)

    def _wake(self) -> None:
        self._told_s = time.monotonic()
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def _marks(self) -> list[object]:
        return [mark() for mark in self.marks]

    # Asking, while there are viewers ----------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._tasks = [asyncio.create_task(self._publish())]

    def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        self._drawn.clear()
        self.now = None

    async def _safely(self, what: Callable[[], Told]) -> Told | None:
        """Have it done by a thread; None where a mistake of ours ended it, which is logged once and ends nothing."""
        try:
            return await asyncio.to_thread(what)
        except Exception as error:
            if repr(error) != self._failed:
                log.exception("board_failed")
            self._failed = repr(error)
            return None

    async def _keep_on(self, ask: Callable[[], object], every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            await self._safely(ask)

    async def _publish(self) -> None:
        """Draw the board again and again, and wake who waits when it is another one."""
        board = self.board
        asked = ((board.ask_status, ASK_EVERY_S), (board.ask_paths, ASK_EVERY_S), (board.look, LOOK_EVERY_S))
        await asyncio.gather(*(self._safely(ask) for ask, _ in asked))
        # Each on its own: whoever hangs keeps no other waiting.
        self._tasks += [asyncio.create_task(self._keep_on(ask, every_s)) for ask, every_s in asked]
        while True:
            now = await self._safely(board.now)
            marked = await self._safely(self._marks) if self.marks else None
            if now is None:
                pass  # no beat either: pages say that they are old
            elif self.now is None or _substance(now) != _substance(self.now) or marked not in (None, self._marked):
                self.now, self._marked = now, marked or self._marked
                self.version += 1
                self._wake()
            elif time.monotonic() - self._told_s >= BEAT_EVERY_S:
                self._wake()
            await asyncio.sleep(LOOK_EVERY_S)


def _substance(now: Now) -> Now:
    return now.model_copy(update={"at": 0.0})


def message(text: str, event: str, id_: str) -> bytes:
    """One server-sent event with its id."""
    named = f"event: {event}\n" if event else ""
    lines = "".join(f"data: {line}\n" for line in text.split("\n"))
    return f"id: {id_}\n{named}{lines}\n".encode()


def beat(at_s: float) -> bytes:
    """That there is no news."""
    return f"event: beat\ndata: {json.dumps({'at': round(at_s, 3)})}\n\n".encode()
