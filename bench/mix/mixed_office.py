"""The back office that a mixed crowd's payments reach: slow, and counting what it did by whom it charged.

What has one Idempotency-Key is done once, and every request with that key has the same answer. Some charges are made at
once and answered late, the others are made late: a caller's death must matter in neither case. One thread, one loop.
"""

import asyncio
import json
import random
import threading
from collections import Counter
from contextlib import suppress
from typing import Any
from zlib import crc32

STARTS_WITHIN_S = 10.0
LATE_SHARE = 0.5
"""Of the charges: those that are made at the end of their time and not at its beginning."""
BODY_BYTES_MAX = 65_536


def card_of(payer: str) -> str:
    """The eight digits of the card that this payer has."""
    return f"{crc32(payer.encode()) % 10**8:08d}"


class Office:
    """Serves until it is closed. A context manager."""

    def __init__(self, slow_s: tuple[float, float], seed: int = 0) -> None:
        """`slow_s` is how long an answer takes, at random between the two."""
        self.slow_s = slow_s
        self.charges: dict[str, Counter[str]] = {}
        """By payer: how often what has which key was done."""
        self.requests: Counter[str] = Counter()
        """By key."""
        self.wrong_cards: list[str] = []
        """Who charged a card that is not the payer's."""
        self.port = 0
        self._random = random.Random(seed)
        self._outcomes: dict[str, asyncio.Task[dict[str, Any]]] = {}
        self._is_up = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Office":
        self._thread.start()
        if not self._is_up.wait(STARTS_WITHIN_S):
            raise TimeoutError("the back office does not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def told(self, payer: str) -> tuple[int, int]:
        """(charges made, keys used) of a payer."""
        done = self.charges.get(payer, Counter())
        return done.total(), len(done)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1000))
        self.port = server.sockets[0].getsockname()[1]
        self._is_up.set()
        self._loop.run_forever()
        server.close()
        rest = asyncio.all_tasks(self._loop)
        for task in rest:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError, ValueError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                fields = {name.strip().lower(): value.strip() for name, _, value in (x.partition(":") for x in head)}
                body = await reader.readexactly(min(BODY_BYTES_MAX, int(fields.get("content-length", "0"))))
                answer = json.dumps(await self._answer(fields["idempotency-key"], json.loads(body))).encode()
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer)
                    + answer
                )
                await writer.drain()
        writer.close()

    async def _answer(self, key: str, asked: dict[str, Any]) -> dict[str, Any]:
        self.requests[key] += 1
        if key not in self._outcomes:
            self._outcomes[key] = self._loop.create_task(self._charge(key, asked))
        # Whoever asked may be gone meanwhile; what was asked is done nevertheless.
        return await asyncio.shield(self._outcomes[key])

    async def _charge(self, key: str, asked: dict[str, Any]) -> dict[str, Any]:
        is_late, slow_s = self._random.random() < LATE_SHARE, self._random.uniform(*self.slow_s)
        if not is_late:
            self._book(key, asked)
        await asyncio.sleep(slow_s)
        if is_late:
            self._book(key, asked)
        return {"receipt": key[:12]}

    def _book(self, key: str, asked: dict[str, Any]) -> None:
        payer = str(asked["payer"])
        self.charges.setdefault(payer, Counter())[key] += 1
        if asked.get("card", card_of(payer)) != card_of(payer):
            self.wrong_cards.append(payer)
