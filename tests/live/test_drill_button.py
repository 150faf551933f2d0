"""A drill by its button, in a browser: confirmed, followed, its score card on the page, in the history and on record.

The drill is the shortest that there is, in a world of its own: a node, a back office, carriers and callers, all real.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from keepline.demo_node import LocalNode, NodeSettings, wait_until
from keepline.demo_retailer import retailer_path
from keepline.desk.words import span
from tests.live.board_rig import browser
from tests.live.proof_figures import facts_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.needs_program("chromium")

DRILL = "first"
WITHIN_S = 60.0
OVER_WITHIN_S = 240.0
"""It takes one minute; a machine that does much else at once takes longer."""
PASSWORD = "correct horse battery"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LocalNode]:
    """The retailer's, which serves nobody: whose drills they are."""
    with LocalNode(NodeSettings(retailer_path() / "keepline.yaml", tmp_path / "data", slots=20)) as found:
        yield found
        assert found.stop() == 0
        found.wait_gone()


@pytest.fixture
def page(node: LocalNode) -> Iterator["Page"]:
    """Somebody who may run drills, by the first link."""
    with browser() as chromium:
        found = chromium.new_page(viewport={"width": 1280, "height": 860})
        found.set_default_timeout(WITHIN_S * 1000)
        found.goto(node.command("people", "first-link").stdout.strip())
        found.fill("#name", "ada")
        found.fill("#password", PASSWORD)
        found.get_by_role("button", name="Go on").click()
        found.goto(f"http://{node.http}/drills")
        yield found


def test_a_drill_by_its_button_runs_to_its_score_card(node: LocalNode, page: "Page") -> None:
    offer = page.locator("details", has=page.locator(f'form[action="/api/drills/{DRILL}/run"]'))
    offer.locator("summary").click()
    assert "no real call, nothing outside of them" in offer.inner_text()
    offer.get_by_role("checkbox").check()
    offer.get_by_role("textbox").fill("to see one")
    offer.get_by_role("button").click()
    running = page.locator("#live section", has=page.locator("#running"))
    running.wait_for()
    assert "asked for by ada" in running.inner_text()
    wait_until("the page tells of the fault", lambda: "kill it (killed)" in page.inner_text("#live"), WITHIN_S)

    card = page.locator("#live section", has=page.locator("#last"))
    card.wait_for(timeout=OVER_WITHIN_S * 1000)
    shown = dict(zip(card.locator("dt").all_inner_texts(), card.locator("dd").all_inner_texts(), strict=True))
    print(f"{card.locator('p').first.inner_text()}; {shown}")
    [run] = [json.loads(line) for line in node.command("drill", "history", "--json").stdout.splitlines()]
    assert (run["drill"], run["by"], run["status"], run["rollback_verified"]) == (DRILL, "ada", "completed", True)
    assert (shown["Calls"], shown["Lost"]) == (str(run["card"]["calls"]), str(run["card"]["lost"]))
    assert run["card"]["calls"] > 0
    assert run["card"]["detected"] is True
    assert run["card"]["agreed"] is True, run["card"]["comparison"]
    assert shown["Noticed after"] == span(run["card"]["detected_after_s"])
    assert "Rolled back: no fault is left." in card.inner_text()
    assert "No drill runs." in page.inner_text("#live")
    facts = facts_of(node.command("export").stdout.splitlines())
    decided = [body for kind, body in facts if kind == "person_decided.1" and body["action"] == "drill.run"]
    assert [(body["by"], body["about"], body["why"]) for body in decided] == [("ada", DRILL, "to see one")]
