"""Screenshots of a story's pages, for the docs: light and dark, wide and on a telephone. `make screenshots` asks."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from playwright.sync_api import Page

SHOTS_TO = "KEEPLINE_SCREENS"
"""An environment variable: the directory where they go. Without it none is taken."""
SIZES: Final = {"wide": (1200, 900), "phone": (390, 844)}
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
SHOT_BYTES_MAX = 120_000
QUALITY = 50
USUAL = (1280, 860)


class Shots:
    """Takes them where somebody wants them; looks in any case whether a page is wider than its screen."""

    def __init__(self) -> None:
        self._place = Path(place) if (place := os.environ.get(SHOTS_TO, "")) else None

    def visit(self, page: "Page", name: str, address: str) -> None:
        """Go there, and take it."""
        page.goto(address)
        self.take(page, name)

    def take(self, page: "Page", name: str) -> None:
        """As it is."""
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{name}, {size}"
            for scheme in SCHEMES if self._place is not None else ():
                page.emulate_media(color_scheme=scheme)
                assert self._place is not None
                shot = page.screenshot(
                    path=self._place / f"{name}-{size}-{scheme}.jpg", type="jpeg", quality=QUALITY,
                )  # fmt: skip
                assert len(shot) < SHOT_BYTES_MAX, name
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": USUAL[0], "height": USUAL[1]})
