"""The board in a real browser, over a real node: it shows a call at once, and never leaves old green standing."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from keepline.demo_node import wait_until
from tests.live.board_rig import Shop, browser
from tests.live.wire import Wire

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.needs_program("chromium")

WITHIN_MS = 60_000
STALE_WITHIN_MS = 3_000
SCREEN_WITHIN_MS = 1_000
SHOTS_TO = "KEEPLINE_BOARD_SHOTS"
"""An environment variable: the directory where the screenshots of the docs go. They are taken in any case."""
SHOT_BYTES_MAX = 150_000
SLOWER = 6 if os.environ.get("CI") == "true" else 3
"""The machine that this runs on has other things to do as well; the figures of the product are without it."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with Shop(tmp_path_factory.mktemp("shop")) as found:
        yield found
        assert found.node.stop() == 0
        found.node.wait_gone()


@pytest.fixture(scope="module")
def chromium(shop: Shop) -> Iterator["Browser"]:
    with browser() as found:
        yield found


@pytest.fixture
def page(chromium: "Browser", shop: Shop) -> Iterator["Page"]:
    """The board; whatever the browser complains about is a failure."""
    complaints: list[str] = []
    found = chromium.new_page(viewport={"width": 1280, "height": 860}, color_scheme="light")
    found.set_default_timeout(WITHIN_MS)
    found.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    found.on("pageerror", lambda error: complaints.append(str(error)))
    found.goto(shop.address)
    follows(found)
    yield found
    found.close()
    away = ("ERR_", "Failed to fetch")
    assert [each for each in complaints if not any(word in each for word in away)] == [], "away is a network error"


def told(page: "Page", what: str, expression: str) -> Any:
    """What an expression says once it says something. Asked from outside: the page allows no `eval`."""
    try:
        return wait_until(what, lambda: page.evaluate(expression), WITHIN_MS / 1000)
    except Exception:
        print(page.url, page.evaluate("document.body.innerText"), sep="\n")
        raise


def follows(page: "Page") -> None:
    """Wait until it hears of the node."""
    told(page, "the page is live", "document.getElementById('feed-text').textContent.startsWith('live')")


def shows(page: "Page", text: str) -> None:
    """Wait until it stands on the page."""
    told(page, text, f"document.getElementById('live')?.innerText.includes({json.dumps(text)})")


def test_a_call_is_on_the_screen_within_its_time(page: "Page", shop: Shop) -> None:
    callers = shop.callers("1000", 1, 1)
    on_page = "[...document.querySelectorAll('tbody th')].some((each) => each.textContent === 'order')"
    seen_at = told(page, "the call is on the page", f"{on_page} && Date.now() / 1000")
    [call] = shop.node.calls()
    took_ms = (seen_at - call["received_at"]) * 1000
    print(f"from the INVITE to the screen: {took_ms:.0f} ms")
    assert took_ms < SCREEN_WITHIN_MS * SLOWER
    assert callers.wait(60) is not None


@pytest.mark.parametrize("who", ["desk", "supervisor"])
def test_a_page_says_within_three_seconds_that_it_is_old(page: "Page", shop: Shop, who: str) -> None:
    """SIGSTOP of the supervisor: the desk says that it does not answer. Of the desk too: no word comes.

    Of the desk alone is no matter: the supervisor sees it, and another one goes on.
    """
    assert not page.is_visible("#stale")
    desk = wait_until("there is a desk", lambda: shop.node.pid("desk"), 60)
    stopped = [shop.node.kill("supervisor", signal.SIGSTOP)]
    try:
        if who == "desk":
            os.kill(desk, signal.SIGSTOP)
            stopped.append(desk)
        stopped_ms = page.evaluate("Date.now()")
        is_old = "(!document.getElementById('stale').hidden || document.querySelector('p.late'))"
        took_ms = told(page, "the page is old", f"{is_old} && Date.now()") - stopped_ms
        print(f"from SIGSTOP of the {who} to the page that says so: {took_ms:.0f} ms")
        assert took_ms < STALE_WITHIN_MS * SLOWER
        if who == "desk":
            assert "No news from the node" in page.inner_text("#stale")
            assert "silent for" in page.inner_text("#feed-text")
        else:
            shows(page, "Nobody knows whether callers are served")
    finally:
        for pid in stopped[::-1]:
            os.kill(pid, signal.SIGCONT)
    told(page, "it is live", "document.getElementById('stale').hidden && !document.querySelector('p.late')")


def test_a_page_whose_network_is_cut_says_so_within_three_seconds(chromium: "Browser", shop: Shop) -> None:
    """Nobody is told of a broken line: no word comes, and none goes."""
    address = urlsplit(shop.address)
    with Wire(str(address.hostname), int(address.port or 80)) as wire:
        page = chromium.new_page()
        page.goto(f"http://127.0.0.1:{wire.port}/")
        follows(page)
        wire.whole.clear()
        cut_ms = page.evaluate("Date.now()")
        took_ms = told(page, "the page is old", "!document.getElementById('stale').hidden && Date.now()") - cut_ms
        print(f"from the cut to the page that says so: {took_ms:.0f} ms")
        assert took_ms < STALE_WITHIN_MS * SLOWER
        wire.whole.set()
        told(page, "it is live", "document.getElementById('stale').hidden")
        page.close()


def test_a_page_that_never_got_through_tries_again(page: "Page", shop: Shop) -> None:
    """The first connection is refused. The desk that comes after is followed."""
    page.route("**/live/now", lambda route: route.abort(), times=1)
    page.goto(shop.address)
    told(page, "the page says that it hears nothing", "!document.getElementById('stale').hidden")
    told(page, "it is live", "document.getElementById('stale').hidden")


def test_calls_that_are_taken_over_are_told_of(page: "Page", shop: Shop) -> None:
    before = shop.node.kill("active", signal.SIGSTOP)  # the supervisor sees it, and ends it
    shows(page, f"in place of {before}")
    shows(page, "Callers are served")


def test_a_path_and_a_carrier_that_fail_are_seen_and_what_is_done(page: "Page", shop: Shop, tmp_path: Path) -> None:
    shows(page, "Callers are served")
    shop.away.add("crm")
    shop.carriers[0].end()
    started = [shop.callers("1000", 24, 4), shop.callers("2000", 6, 1), *(shop.place() for _ in range(3))]
    shows(page, "orders/crm is d")  # degraded, or down where more calls came before the playbook gave it rest
    shows(page, "Orders goes on by copy")
    shows(page, "southtel")
    for each in started:
        each.wait(90)
    page.goto(f"{shop.address}/calls")
    page.fill("#q", "remind southtel")
    told(page, "three calls are found", "document.querySelectorAll('tr[id^=call-]').length === 3")
    assert "q=remind" in page.url
    page.click("tr[id^=call-] a")
    shows(page, "Carriers that were asked, and why")
    shows(page, "given up")
    page.locator("summary").press("Enter")
    shows(page, "bid placed")
    _take_shots(page, shop, tmp_path)


def _take_shots(page: "Page", shop: Shop, tmp_path: Path) -> None:
    """Of every kind of page, light and dark, wide and on a telephone: none is wider than its screen."""
    place = Path(os.environ.get(SHOTS_TO, str(tmp_path)))
    call = page.url
    shots = (
        ("board-wide-light", shop.address, 1200, 840, "light"), ("board-wide-dark", shop.address, 1200, 840, "dark"),
        ("board-phone-dark", shop.address, 390, 844, "dark"), ("board-phone-light", shop.address, 390, 844, "light"),
        ("board-calls", f"{shop.address}/calls", 1200, 600, "light"), ("board-call", call, 1200, 840, "light"),
        ("board-calls-phone", f"{shop.address}/calls", 390, 844, "dark"), ("board-call-phone", call, 390, 844, "light"),
    )  # fmt: skip
    for name, address, width, height, scheme in shots:
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme)
        page.goto(address)
        follows(page)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{name} is too wide"
        shot = page.screenshot(path=place / f"{name}.png")
        assert len(shot) < SHOT_BYTES_MAX
