"""Every page in Chromium: whole by axe-core's rules, light and dark, wide and on a telephone, and usable by keys.

The browser asks the application in this process, without a node: what pages look like does not depend on one.
`axe/axe.min.js` is axe-core 4.12.1 as it was published (Mozilla Public License 2.0, beside it); only tests use it.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from keepline.desk.source import CallEvent, CallHistory
from keepline.model.people import Role
from tests.live.board_rig import browser
from tests.unit.desk.desk_fakes import CALL, standing
from tests.unit.desk.people.visits import SHELL, Place, Visitor, make_place
from tests.unit.desk.test_incidents import FACTS, ID
from tests.unit.desk.test_messages import a_past

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

AXE = (Path(__file__).with_name("axe") / "axe.min.js").read_text(encoding="utf-8")
ADDRESS = "http://node1.example:8080"
PAGES = (
    "/", "/incidents", f"/incidents/{ID}", "/messages", "/calls", f"/calls/{CALL['id']}", "/leaders", "/steer",
    "/approvals", "/drills", "/people", "/account",
)  # fmt: skip
OPEN_PAGES = ("/login", "/break-glass", "/link?code=nosuch")
"""For those who are nobody yet."""
LOOKS = [("light", 1280), ("dark", 390)]
HELD = {
    "id": "a1", "at": 1_700_000_000.0, "by": "ana", "role": "commander", "action": "path.drain",
    "about": "telephony/first", "why": "works", "until": 1_700_000_900.0,
}  # fmt: skip
RUN_AXE = "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
NUMBER_ALL = """(of) => {
  const all = [...document.querySelectorAll(of)].filter(each => each.checkVisibility() && !each.disabled);
  all.forEach((each, n) => { each.dataset.k = n; });
  return all.length;
}"""
WHERE = """() => {
  const at = document.activeElement, style = getComputedStyle(at);
  const marked = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
  return [Number(at.dataset.k ?? -1), at === document.body || marked || at.matches('.skip')];
}"""
HTML_OF = "(k) => document.querySelector(`[data-k='${k}']`).outerHTML"
REACHABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary"
pytestmark = pytest.mark.needs_program("chromium")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    found = make_place(tmp_path, monkeypatch)
    found.source.facts = [*FACTS, *a_past().facts]  # type: ignore[list-item]
    found.source.standings = [
        standing("telephony/first"),
        standing("telephony/second", 2, "degraded", evidence="loss of 4 %"),
        standing("orders/crm", 1, "down", evidence="no answer in time", wish="drain", until=2e9, by="ana", why="works"),
    ]
    history = [CallEvent(n, each.at_s, each.kind, {"why": "x"}) for n, each in enumerate(FACTS)]
    found.source.histories = {ID: CallHistory(history, []), str(CALL["id"]): CallHistory([], [(1.0, "->", "INVITE")])}
    found.actions.held = [dict(HELD)]
    found.people.changes.make_token(SHELL, "prometheus", ["metrics"], 3_600.0)
    yield found
    found.people.close()


def shown(chromium: "Browser", visitor: Visitor, look: str, width: int) -> "Page":
    """A window whose requests the application answers; its streams are cut."""
    page = chromium.new_context(color_scheme=look, viewport={"width": width, "height": 900}).new_page()  # type: ignore[arg-type]
    worker = ThreadPoolExecutor(1)

    def answer(route: "Route") -> None:
        address = urlsplit(route.request.url)
        if address.path.startswith("/live/"):
            route.abort()
            return
        target = address.path + (f"?{address.query}" if address.query else "")
        reply = worker.submit(visitor.page, target).result()  # a loop runs in this thread already
        route.fulfill(status=reply.status, headers=reply.headers, body=reply.body)

    page.route("**/*", answer)
    return page


def violations(page: "Page", address: str) -> list[str]:
    page.goto(ADDRESS + address)
    page.evaluate(AXE)
    found: list[dict[str, Any]] = page.evaluate(RUN_AXE)
    return [
        f"{address}: {each['id']}: {node['html'][:160]}: {node['failureSummary'][:200]}"
        for each in found
        for node in each["nodes"]
    ]


def test_every_page_is_whole_by_the_rules_of_axe(place: Place) -> None:
    keeper, nobody = place.visitor(Role.ADMIN, "keeper"), place.visitor()
    found = []
    with browser() as chromium:
        for look, width in LOOKS:
            for visitor, addresses in ((keeper, PAGES), (nobody, OPEN_PAGES)):
                page = shown(chromium, visitor, look, width)
                found += [f"{look} {width} {each}" for address in addresses for each in violations(page, address)]
                page.context.close()
    assert found == [], "\n".join(found)


def test_every_button_and_link_is_reached_by_keys(place: Place) -> None:
    """Tab alone comes to each, in whatever order, and one sees where it is."""
    keeper = place.visitor(Role.ADMIN, "keeper")
    with browser() as chromium:
        page = shown(chromium, keeper, "light", 1280)
        for address in PAGES:
            page.goto(ADDRESS + address)
            wanted = page.evaluate(NUMBER_ALL, REACHABLE)
            reached: set[int] = set()
            for _ in range(wanted + 5):
                page.keyboard.press("Tab")
                number, seen = page.evaluate(WHERE)
                assert seen, f"{address}: nobody sees that it is at {page.evaluate('document.activeElement.outerHTML')}"
                reached.add(number)
            missing = set(range(wanted)) - reached
            assert not missing, [
                page.evaluate(f"document.querySelector('[data-k=\"{n}\"]').outerHTML") for n in missing
            ]
