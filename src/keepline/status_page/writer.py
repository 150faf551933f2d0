"""The files of the status page: all of them anew on every change, each in one move, so a reader never sees half of one.

What was said is kept beside them (`published.json`) and synced; everything else follows from it.
"""

import json
import os
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

from keepline.status_page.drawing import draw_history, draw_page
from keepline.status_page.published import PageFacts, PageUpdate, Published
from keepline.status_page.shapes import documents, feed

PUBLISHED = "published.json"
CHECKED = "checked.json"
STATIC = ("status.css", "status.js")


class PageWriter:
    """The one writer of a directory. Its methods block, and raise `OSError` as the disk does."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._written_at_s = 0.0

    def publish(self, facts: PageFacts, update: PageUpdate, now_s: float) -> bool:
        """Say one thing more; False where it was said before. The files are right afterwards either way."""
        published = self._read()
        is_new = published.take(update)
        if is_new:
            self._put(PUBLISHED, json.dumps(published.told(), ensure_ascii=False), synced=True)
        self._draw(facts, published, now_s)
        return is_new

    def refresh(self, facts: PageFacts, now_s: float) -> None:
        """Write all files anew from what was said: a process before may have died in the midst of it."""
        self._draw(facts, self._read(), now_s)

    def check(self, now_s: float) -> None:
        """Say that somebody still looks whether there is news."""
        told = {"checked_at": round(now_s), "written_at": round(self._written_at_s)}
        self._put(CHECKED, json.dumps(told))

    def _read(self) -> Published:
        self._directory.mkdir(parents=True, exist_ok=True)
        try:
            return Published(json.loads((self._directory / PUBLISHED).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return Published()
        except ValueError:  # a damaged history costs the history, and not the page
            with suppress(OSError):
                (self._directory / PUBLISHED).replace(self._directory / f"{PUBLISHED}.damaged")
            return Published()

    def _draw(self, facts: PageFacts, published: Published, now_s: float) -> None:
        for name in STATIC:
            self._put(name, (files("keepline.status_page") / "static" / name).read_text(encoding="utf-8"))
        told: dict[str, Any] = documents(facts, published, now_s)
        for name, document in told.items():
            self._put(f"api/v2/{name}.json", json.dumps(document, ensure_ascii=False, indent=1))
        self._put("history.atom", feed(facts, published, now_s))
        self._put("history.html", draw_history(facts, published, now_s))
        self._put("index.html", draw_page(facts, published, now_s))
        self._written_at_s = now_s
        self.check(now_s)

    def _put(self, name: str, text: str, *, synced: bool = False) -> None:
        place = self._directory / name
        place.parent.mkdir(parents=True, exist_ok=True)
        new = place.with_name(f".{place.name}.{os.getpid()}")
        with new.open("w", encoding="utf-8") as opened:
            opened.write(text)
            if synced:
                opened.flush()
                os.fsync(opened.fileno())
        new.replace(place)
