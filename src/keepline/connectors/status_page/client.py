"""The status page as a path: what is published becomes files, written by a thread of its own, once for each message.

It also says now and then that somebody still looks whether there is news: by that the page knows that it is old.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from keepline.connectors.interface import Asked
from keepline.connectors.notes import UNMARKED
from keepline.connectors.threads import Threads, ThreadsStuckError
from keepline.flow.capabilities import Refused, Reply, Unavailable, UseOutcome
from keepline.model.exercise import mistake_in_mark
from keepline.model.messages import IDENTIFIED, INVESTIGATING, MONITORING, RESOLVED, StatusPageSettings
from keepline.status_page.published import IMPACTS, PageFacts, PageUpdate
from keepline.status_page.writer import PageWriter

CHECK_EVERY_S = 30.0
log = structlog.get_logger("calls")


def page_facts(settings: StatusPageSettings) -> PageFacts:
    """What the page is, as its writer wants it."""
    names = tuple(each.name for each in settings.components)
    return PageFacts(settings.title, names, settings.url, settings.language)


class PageConnector:
    """The one path of the capability `status_page`."""

    def __init__(self, settings: StatusPageSettings, directory: Path, clock: Callable[[], float] = time.time) -> None:
        self._facts, self._clock = page_facts(settings), clock
        self._writer = PageWriter(directory)
        self._threads = Threads(1, "status-page")

    async def ask(self, asked: Asked) -> UseOutcome:
        """Publish one message; one that was published already changes nothing."""
        update = _update_of(asked.arguments)
        if not isinstance(update, PageUpdate):
            return update
        try:
            is_new = await self._threads.run(lambda: self._writer.publish(self._facts, update, self._clock()))
        except ThreadsStuckError as stuck:
            return Unavailable(str(stuck))
        except OSError as error:  # told again it is written again
            return Unavailable(f"the page's files cannot be written: {error.strerror or error}")
        return Reply({"reference": "published" if is_new else "known"})

    async def keep_up(self) -> None:
        """Write the files anew, then say every half minute that there is no news; until it is cancelled."""
        done = False
        while True:
            try:
                if not done:
                    await self._threads.run(lambda: self._writer.refresh(self._facts, self._clock()))
                    done = True
                else:
                    await self._threads.run(lambda: self._writer.check(self._clock()))
            except ThreadsStuckError:
                pass
            except OSError as error:
                log.warning("status_page_not_written", what=str(error))
            await asyncio.sleep(CHECK_EVERY_S)

    async def close(self) -> None:
        """Let go of the thread."""
        self._threads.close()


def _update_of(given: Any) -> PageUpdate | Unavailable | Refused:
    try:
        update = PageUpdate(
            message=str(given["message"]), incident=str(given["incident"]), name=str(given["subject"]),
            text=str(given["text"]), status=str(given["status"]), impact=str(given["impact"]),
            components=tuple(map(str, given["components"])), at_s=float(given["at_s"]), exercise=str(given["exercise"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        return Unavailable(f"the message cannot be made: {type(error).__name__} {error}")
    if update.impact not in IMPACTS or update.status not in (INVESTIGATING, IDENTIFIED, MONITORING, RESOLVED):
        return Refused(0, "words", f"there is no state {update.status!r} of impact {update.impact!r}")
    wrong = mistake_in_mark(update.exercise, update.name, update.text)
    return Refused(0, UNMARKED, f"it is not published: {wrong}") if wrong else update
