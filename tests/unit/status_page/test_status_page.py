"""What the public page says: its states, files, JSON and feed, and how old it says it is."""

import json
import subprocess
import sys
import xml.etree.ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest

from keepline.model.limits_messages import STATUS_HISTORY_MAX, STATUS_UPDATES_MAX
from keepline.status_page.drawing import AGE
from keepline.status_page.published import PageFacts, PageUpdate, Published
from keepline.status_page.server import PAGES, STALE_S, age_words, span
from keepline.status_page.writer import CHECKED, PUBLISHED, PageWriter

FACTS = PageFacts("Shop & telephone", ("Calls", "Card payments"), "https://status.example.com")
NOW_S = 1_700_000_000.0


def update(message: str = "r1", **more: object) -> PageUpdate:
    told: dict[str, object] = {
        "message": message, "incident": "INC-20231114-1", "name": "Cards <b>",
        "text": "Cards do not work.\nWe are at it.",
        "status": "investigating", "impact": "major", "components": ("Card payments",), "at_s": NOW_S,
    }  # fmt: skip
    return PageUpdate(**(told | more))  # type: ignore[arg-type]


def read(directory: Path, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((directory / "api" / "v2" / f"{name}.json").read_text())
    return found


def test_before_anything_has_happened_the_page_is_there(tmp_path: Path) -> None:
    PageWriter(tmp_path).refresh(FACTS, NOW_S)
    page = (tmp_path / "index.html").read_text()
    assert "All Systems Operational" in page
    assert "Shop &amp; telephone" in page
    assert read(tmp_path, "status")["status"] == {"indicator": "none", "description": "All Systems Operational"}
    assert read(tmp_path, "incidents/unresolved")["incidents"] == []


def test_an_incident_from_its_first_word_to_its_last(tmp_path: Path) -> None:
    writer = PageWriter(tmp_path)
    assert writer.publish(FACTS, update(), NOW_S)
    summary = read(tmp_path, "summary")
    assert summary["status"] == {"indicator": "major", "description": "Partial System Outage"}
    states = [(each["name"], each["status"]) for each in summary["components"]]  # type: ignore[attr-defined]
    assert states == [("Calls", "operational"), ("Card payments", "partial_outage")]
    page = (tmp_path / "index.html").read_text()
    assert "Cards &lt;b&gt;" in page
    assert "<p>Cards do not work.</p><p>We are at it.</p>" in page
    later = update("r2", status="resolved", text="All is well.", at_s=NOW_S + 60)
    assert writer.publish(FACTS, later, NOW_S + 60)
    assert read(tmp_path, "status")["status"] == {"indicator": "none", "description": "All Systems Operational"}
    [incident] = read(tmp_path, "incidents")["incidents"]  # type: ignore[misc]
    assert (incident["status"], incident["resolved_at"]) == ("resolved", "2023-11-14T22:14:20.000Z")
    assert [each["body"].splitlines()[0] for each in incident["incident_updates"]] == [
        "All is well.",
        "Cards do not work.",
    ]
    assert "All is well." in (tmp_path / "history.html").read_text()


def test_what_is_told_twice_is_said_once_and_mends_the_files(tmp_path: Path) -> None:
    """The run that asks may ask again after a crash, also one in the midst of writing."""
    PageWriter(tmp_path).publish(FACTS, update(), NOW_S)
    whole = (tmp_path / "index.html").read_text()
    (tmp_path / "index.html").write_text("half of")
    assert not PageWriter(tmp_path).publish(FACTS, update(), NOW_S)
    assert (tmp_path / "index.html").read_text() == whole
    assert len(read(tmp_path, "incidents")["incidents"]) == 1  # type: ignore[arg-type]


def test_a_damaged_history_costs_the_history_alone(tmp_path: Path) -> None:
    (tmp_path / PUBLISHED).write_text('{"incidents": [{"id": 7}]}')
    PageWriter(tmp_path).publish(FACTS, update(), NOW_S)
    assert (tmp_path / f"{PUBLISHED}.damaged").exists()
    assert "Cards" in (tmp_path / "index.html").read_text()


def test_an_exercise_cannot_be_mistaken_and_changes_no_state(tmp_path: Path) -> None:
    PageWriter(tmp_path).publish(FACTS, update(exercise="drill-1", name="EXERCISE: Cards"), NOW_S)
    page = (tmp_path / "index.html").read_text()
    assert page.count("EXERCISE - EXERCISE - EXERCISE") == 2  # above all of it, and in the incident
    assert "All Systems Operational" in page
    assert "EXERCISE - EXERCISE - EXERCISE" in (tmp_path / "history.html").read_text()
    summary = read(tmp_path, "summary")
    assert summary["status"] == {"indicator": "none", "description": "All Systems Operational"}
    assert [each["name"] for each in summary["incidents"]] == ["EXERCISE: Cards"]  # type: ignore[attr-defined]
    assert [each["impact"] for each in summary["incidents"]] == ["none"]  # type: ignore[attr-defined]
    assert [each["status"] for each in summary["components"]] == ["operational"] * 2  # type: ignore[attr-defined]


# The shapes of Statuspage's API v2, as https://metastatuspage.com/api publishes them ----------------------------------
PAGE_KEYS = {"id", "name", "url", "time_zone", "updated_at"}
INCIDENT_KEYS = {
    "id", "name", "status", "created_at", "updated_at", "monitoring_at", "resolved_at", "impact", "shortlink",
    "started_at", "page_id", "incident_updates", "components",
}  # fmt: skip
UPDATE_KEYS = {"id", "status", "body", "incident_id", "created_at", "updated_at", "display_at"}
COMPONENT_KEYS = {
    "id", "name", "status", "created_at", "updated_at", "position", "description", "showcase", "group_id", "page_id",
    "group", "only_show_if_degraded",
}  # fmt: skip


def test_json_has_the_shape_of_statuspage_v2(tmp_path: Path) -> None:
    PageWriter(tmp_path).publish(FACTS, update(), NOW_S)
    summary = read(tmp_path, "summary")
    assert set(summary) == {"page", "components", "incidents", "scheduled_maintenances", "status"}
    assert set(read(tmp_path, "status")) == {"page", "status"}
    assert set(read(tmp_path, "incidents")) == {"page", "incidents"}
    assert set(read(tmp_path, "components")) == {"page", "components"}
    assert set(read(tmp_path, "scheduled-maintenances")) == {"page", "scheduled_maintenances"}
    assert set(summary["page"]) == PAGE_KEYS  # type: ignore[call-overload]
    [incident], component = summary["incidents"], summary["components"][0]  # type: ignore[misc,index]
    assert set(incident) >= INCIDENT_KEYS
    assert set(incident["incident_updates"][0]) >= UPDATE_KEYS
    assert set(component) >= COMPONENT_KEYS
    assert incident["incident_updates"][0]["incident_id"] == incident["id"]


def test_rfc4287_4_1_the_feed_is_one(tmp_path: Path) -> None:
    PageWriter(tmp_path).publish(FACTS, update(), NOW_S)
    PageWriter(tmp_path).publish(FACTS, update("r2", at_s=NOW_S + 5, text="a & b"), NOW_S + 5)
    root = xml.etree.ElementTree.fromstring((tmp_path / "history.atom").read_text())
    atom = "{http://www.w3.org/2005/Atom}"
    assert [bool(root.findtext(f"{atom}{name}")) for name in ("id", "title", "updated")] == [True] * 3
    entries = root.findall(f"{atom}entry")
    assert [each.findtext(f"{atom}content") for each in entries] == ["a & b", "Cards do not work.\nWe are at it."]
    assert len({each.findtext(f"{atom}id") for each in entries}) == 2


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href"):
                self.sources.append(value or "")
            if name == "style" or name.startswith("on") or (tag == "script" and not dict(attrs).get("src")):
                self.bad.append(f"{tag} {name}")


@pytest.mark.parametrize("name", PAGES.values())
def test_pages_hold_no_script_or_style_and_take_nothing_from_elsewhere(tmp_path: Path, name: str) -> None:
    PageWriter(tmp_path).publish(FACTS, update(), NOW_S)
    tags = Tags()
    tags.feed((tmp_path / name).read_text())
    assert tags.bad == []
    assert [each for each in tags.sources if "//" in each] == []


# How old it is --------------------------------------------------------------------------------------------------------


def test_the_page_says_its_own_age_without_a_script(tmp_path: Path) -> None:
    writer = PageWriter(tmp_path)
    writer.refresh(FACTS, NOW_S)
    page = (tmp_path / "index.html").read_text()
    assert "14 Nov 2023, 22:13 UTC" in page
    assert page.count(AGE) == 1
    writer.check(NOW_S + 200)
    assert age_words(tmp_path, NOW_S, NOW_S + 240) == "4 minutes ago. Checked 40 seconds ago."
    assert json.loads((tmp_path / CHECKED).read_text()) == {"checked_at": 1_700_000_200, "written_at": 1_700_000_000}
    late = age_words(tmp_path, NOW_S, NOW_S + 200 + STALE_S + 1)
    assert "Nothing new has been heard since." in late
    (tmp_path / CHECKED).write_text("half")
    assert age_words(tmp_path, NOW_S, NOW_S + 1) == "1 second ago."


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 seconds"),
        (1, "1 second"),
        (89, "89 seconds"),
        (120, "2 minutes"),
        (7_200, "2 hours"),
        (864_000, "10 days"),
    ],
)
def test_spans(seconds: float, words: str) -> None:
    assert span(seconds) == words


# Limits and size ------------------------------------------------------------------------------------------------------


def test_the_history_and_the_updates_have_an_end() -> None:
    published = Published()
    published.take(update("first", incident="INC-open"))
    for n in range(STATUS_HISTORY_MAX + 5):
        published.take(update(f"m{n}", incident=f"INC-{n}", status="resolved"))
    assert len(published.incidents) == STATUS_HISTORY_MAX
    assert [each.id for each in published.open] == ["INC-open"]
    for n in range(STATUS_UPDATES_MAX + 5):
        published.take(update(f"u{n}", incident="INC-open"))
    kept = published.open[0].updates
    assert (len(kept), kept[0].message, kept[-1].message) == (STATUS_UPDATES_MAX, "first", f"u{STATUS_UPDATES_MAX + 4}")
    assert Published(json.loads(json.dumps(published.told()))).told() == published.told()


def test_what_is_over_is_not_begun_again() -> None:
    published = Published()
    published.take(update("a"))
    published.take(update("b", status="resolved"))
    assert not published.take(update("c"))


def test_the_servers_process_imports_almost_nothing() -> None:
    """Nothing of Keepline but its limits, and no library."""
    code = "import sys, keepline.status_page.server; print(*sorted(n for n in sys.modules))"
    found = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, env={
        "PYTHONPATH": str(Path(__file__).parents[3] / "src")
    })  # fmt: skip
    names = found.stdout.split()
    assert [name for name in names if name.partition(".")[0] == "keepline"] == [
        "keepline", "keepline.model", "keepline.model.limits_messages", "keepline.status_page",
        "keepline.status_page.server",
    ]  # fmt: skip
    outside = {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) - {"keepline", "__main__"}
    assert {name for name in outside if not name.startswith("_")} == set()
