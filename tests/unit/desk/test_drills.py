"""Drills at the desk: a button is a process of its own, once at a time, on record before it begins."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from keepline.config import embedded_operation_path, load_operation
from keepline.desk.board import Board
from keepline.desk.drills_desk import DrillsDesk
from keepline.desk.feed import Feed
from keepline.drill.experiment import DrillError
from keepline.drill.following import under_way
from keepline.drill.history import keep, running
from keepline.drill.turns import NotItsTurnError, turn
from keepline.model.limits_desk import DRILL_RUNS_SHOWN
from keepline.model.people import Role
from tests.unit.desk.desk_fakes import FakeSource
from tests.unit.desk.people.visits import Place, Visitor, make_place, retailer
from tests.unit.drill.test_production import operation as in_production

DRILL = "carrier-503"
WITHIN_S = 30.0
PLAYED = """
import json, os, signal, sys, time
from pathlib import Path
from keepline.drill.history import keep, running
from keepline.drill.holder import born
from keepline.drill.turns import asked_by, note_said, turn
told = sys.argv[1:]
kept = Path(told[told.index("--history") + 1])
if told[0] == "abort":
    os.kill(json.loads((kept / running()).read_text())["pid"], signal.SIGTERM)
    raise SystemExit
journal = {"drill": told[1], "title": "It is played", "path": "telephony/carrier", "blast_radius": "nothing at all",
           "by": asked_by(), "start": time.time(), "end": None, "status": "running", "rollback_verified": None}
name = time.strftime("%Y%m%dT%H%M%S", time.gmtime(journal["start"])) + "-" + told[1] + ".json"
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
with turn(kept):
    note_said(journal, " ".join(each for each in told if each in ("--production", "--yes", "preflight")) or "a world")
    keep(kept, name, journal)
    keep(kept, running(), {"pid": os.getpid(), "born": born(os.getpid()), "file": name})
    signal.sigwait([signal.SIGTERM])
    keep(kept, name, journal | {"end": time.time(), "status": "aborted", "rollback_verified": True})
    (kept / running()).unlink()
"""

HOLDS = """
import signal, sys
from pathlib import Path
from keepline.drill.turns import turn
with turn(Path(sys.argv[1])):
    print("held", flush=True)
    signal.pause()
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    found = make_place(tmp_path, monkeypatch)
    found.drills._command = (sys.executable, "-c", PLAYED)
    yield found
    found.people.close()
    for each in found.drills._started:
        each.kill()
        each.wait()


def noted(place: Place) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((place.drills.directory / running()).read_text(encoding="utf-8"))
    return found


def drills(visitor: Visitor) -> dict[str, Any]:
    found = visitor.get("/api/drills").json
    assert isinstance(found, dict)
    return found


def wait_until(holds: Callable[[], object]) -> None:
    limit_s = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < limit_s
        time.sleep(0.02)


def test_a_drill_is_begun_followed_and_aborted_and_who_asked_is_on_record(place: Place) -> None:
    commander = place.visitor(Role.COMMANDER)
    refused = commander.send(f"/api/drills/{DRILL}/run", {"confirm": "yes"})
    assert refused.status == 422
    assert "Blast radius: a node, a back office and carriers of the drill's own" in refused.text
    assert "to go on, confirm with the drill's name, carrier-503" in refused.text
    assert place.actions.asked == []
    assert commander.send(f"/api/drills/{DRILL}/abort").status == 409, "none runs"

    begun = commander.send(f"/api/drills/{DRILL}/run", {"confirm": DRILL, "why": "before the sales"})
    assert begun.status == 202, begun.text
    assert place.actions.asked == [("commander", "drill.run", DRILL, "before the sales")]
    current = drills(commander)["running"]
    assert (current["run"], current["by"], current["status"]) == (begun.json["run"], "commander", "running")  # type: ignore[index]
    assert [each["words"] for each in current["said"]] == ["a world"]
    pid = noted(place)["pid"]
    assert os.getsid(pid) != os.getsid(0), "it goes on when the desk dies"
    next_desk = DrillsDesk(place.drills.directory.parent)
    assert next_desk.mark() == place.drills.mark()
    again = commander.send("/api/drills/surge/run", {"confirm": "surge"})
    assert (again.status, again.json) == (
        409,
        {"error": f"{DRILL} runs already: one at a time. Abort it, or wait for its end"},
    )
    assert commander.send("/api/drills/surge/abort").status == 409, "another one does"

    assert "Abort it, and roll back" in commander.page("/drills").text
    ended = commander.post(f"/api/drills/{DRILL}/abort", {"why": "enough"})
    assert (ended.status, ended.headers["location"]) == (303, "/drills")
    assert place.actions.asked[-1] == ("commander", "drill.abort", begun.json["run"], "enough")  # type: ignore[index]
    wait_until(lambda: drills(commander)["running"] is None)
    [run] = drills(commander)["runs"]
    assert (run["status"], run["passed"], run["by"], run["rollback_verified"]) == ("aborted", False, "commander", True)
    assert "rolled back" in commander.page("/drills").text.lower()


def test_every_drill_is_begun_by_one_button(place: Place) -> None:
    admin = place.visitor(Role.ADMIN)
    assert "for each of them a world of its own" in admin.page("/drills").text
    refused = admin.send("/api/drills/all/run", {"confirm": "yes"})
    assert refused.status == 422
    assert "confirm with all. Blast radius: for each of them a world of its own" in refused.text
    assert "which retailer alone has" in admin.send("/api/drills/all/run", {"confirm": "all", "production": True}).text
    begun = admin.post("/api/drills/all/run", {"confirm": "all"})
    assert (begun.status, begun.headers["location"]) == (303, "/drills"), begun.text
    assert place.actions.asked == [("admin", "drill.run", "all", "")]
    current = drills(admin)["running"]
    assert current["drill"] == "--all", "what the command is told"
    os.kill(noted(place)["pid"], signal.SIGTERM)
    wait_until(lambda: drills(admin)["running"] is None)


def test_one_that_takes_two_people_is_begun_once_the_second_has_approved(place: Place) -> None:
    admin, other = place.visitor(Role.ADMIN), place.visitor(Role.SUPERVISOR)
    place.actions.answer = {"ok": True, "held_until_s": 1_795_429_800.0}
    asked = admin.send(f"/api/drills/{DRILL}/run", {"confirm": DRILL, "why": "before the sales"})
    assert (asked.status, asked.json) == (202, {"drill": DRILL, "run": "", "held_until": 1_795_429_800.0})
    assert "This takes two" in admin.post(f"/api/drills/{DRILL}/run", {"confirm": DRILL}).text
    assert under_way(place.drills.directory) is None

    place.actions.answer = {"ok": True}
    waits = {"id": "h1", "at": 1.0, "by": "admin", "role": "admin", "action": "drill.run", "about": DRILL, "why": ""}
    place.actions.held = [waits | {"until": 1_795_429_800.0}]
    with turn(place.drills.directory):
        assert other.send("/api/approvals/h1", {"approve": True}).status == 409, "it waits on while another one runs"
    assert other.send("/api/approvals/h1", {"approve": False}).status == 200
    assert under_way(place.drills.directory) is None, "refused"
    assert other.send("/api/approvals/h1", {"approve": True, "why": "seen"}).status == 200
    assert place.actions.asked[-2:] == [("supervisor", "h1", False, ""), ("supervisor", "h1", True, "seen")]
    current = drills(admin)["running"]
    assert (current["drill"], current["by"]) == (DRILL, "admin"), "in the name of who wanted it"
    os.kill(noted(place)["pid"], signal.SIGTERM)
    wait_until(lambda: drills(admin)["running"] is None)


def test_what_cannot_be_run_any_more_is_not_approved(place: Place) -> None:
    other = place.visitor(Role.SUPERVISOR)
    waits = {"id": "h1", "at": 1.0, "by": "admin", "role": "admin", "action": "drill.run", "why": "", "until": 2.0}
    for about, status in (("nosuch", 404), (f"{DRILL} in production", 422)):
        place.actions.held = [waits | {"about": about}]
        assert other.send("/api/approvals/h1", {"approve": True}).status == status
    assert place.actions.asked == []


def test_what_is_not_on_record_is_not_begun(place: Place) -> None:
    place.actions.answer = {"ok": False, "error": "the journal takes nothing"}
    reply = place.visitor(Role.ADMIN).send(f"/api/drills/{DRILL}/run", {"confirm": DRILL})
    assert (reply.status, reply.json) == (422, {"error": "the journal takes nothing"})
    assert under_way(place.drills.directory) is None


def test_what_ends_before_it_begins_says_why(place: Place) -> None:
    place.drills._command = (sys.executable, "-c", "raise SystemExit('there is no room for a world')")
    reply = place.visitor(Role.ADMIN).send(f"/api/drills/{DRILL}/run", {"confirm": DRILL})
    assert (reply.status, reply.json) == (409, {"error": "there is no room for a world"})


def test_a_drill_that_a_terminal_has_begun_keeps_others_from_beginning(place: Place) -> None:
    with turn(place.drills.directory):
        reply = place.visitor(Role.ADMIN).send(f"/api/drills/{DRILL}/run", {"confirm": DRILL})
    assert (reply.status, reply.json) == (409, {"error": "a drill runs; `keepline drill abort` ends it"})


def test_an_unknown_drill_and_an_operation_without_a_world_are_refused_in_words(place: Place) -> None:
    admin = place.visitor(Role.ADMIN)
    unknown = admin.send("/api/drills/nosuch/run", {"confirm": "nosuch"})
    assert unknown.status == 404
    assert "there is no drill 'nosuch' of retailer" in unknown.text
    place.drills.begin(load_operation(embedded_operation_path()))
    [name, *_] = [each["name"] for each in drills(admin)["drills"] if not each["in_production"]]
    reply = admin.send(f"/api/drills/{name}/run", {"confirm": name})
    assert reply.status == 422
    assert "bench has no world to be drilled against, which retailer alone has" in reply.text
    assert "bench has no world of its own" in admin.page("/drills").text


def test_a_node_that_serves_callers_is_drilled_once_its_name_is_said(place: Place) -> None:
    place.drills.begin(in_production())
    admin = place.visitor(Role.ADMIN)
    offer = next(each for each in drills(admin)["drills"] if each["in_production"])
    assert "no real call, no carrier and no back office is touched" in offer["production_blast_radius"]
    name, operation = offer["name"], drills(admin)["operation"]
    refused = admin.send(f"/api/drills/{name}/run", {"confirm": name, "production": True})
    assert refused.status == 422
    assert f"confirm with the operation's name, {operation}. Blast radius: " in refused.text
    assert f"type the operation's name: {operation}" in admin.page("/drills").text.replace("&#39;", "'")
    begun = admin.post(f"/api/drills/{name}/run", {"confirm": operation, "production": "true"})
    assert begun.status == 303, begun.text
    current = drills(admin)["running"]
    assert current["said"][0]["words"].startswith("--production --yes")
    assert place.actions.asked[-1] == ("admin", "drill.run", f"{name} in production", "")
    os.kill(noted(place)["pid"], signal.SIGTERM)
    wait_until(lambda: drills(admin)["running"] is None)


def test_one_that_was_cut_off_is_shown_and_put_away(place: Place) -> None:
    admin = place.visitor(Role.ADMIN)
    assert admin.send(f"/api/drills/{DRILL}/run", {"confirm": DRILL}).status == 202
    os.kill(noted(place)["pid"], signal.SIGKILL)
    wait_until(lambda: drills(admin)["running"]["status"] == "cut off")
    assert "Its faults end by themselves" in admin.page("/drills").text
    (place.drills.directory / running()).unlink()
    assert [each["status"] for each in drills(admin)["runs"]] == ["cut off"]
    assert admin.send(f"/api/drills/{DRILL}/run", {"confirm": DRILL}).status == 202, "the kernel has its lock back"


def test_who_may_not_run_drills_sees_them_without_buttons(place: Place) -> None:
    viewer = place.visitor(Role.VIEWER)
    shown = viewer.page("/drills").text
    assert "The first carrier refuses every call with 503" in shown
    assert "<form" not in shown.partition("<main")[2]
    assert viewer.send(f"/api/drills/{DRILL}/run", {"confirm": DRILL}).status == 403


def test_what_cannot_be_read_is_not_offered(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise DrillError("mine.yaml: not YAML")

    monkeypatch.setattr("keepline.drill.catalogue.catalogue_of", broken)
    place.drills.begin(retailer())
    admin = place.visitor(Role.ADMIN)
    assert admin.get("/api/drills").status == 503
    assert "there are no drills to be shown: mine.yaml: not YAML" in admin.page("/drills").text


def test_the_last_run_has_its_score_card_and_paths_their_standing(place: Place) -> None:
    card = {
        "calls": 40, "detected": True, "detected_after_s": 5.9, "evidence": ["down: no answer"], "rerouted": 5,
        "failed_on_a_healthy_carrier": 0, "customers_who_called_again": 3, "lost": 0, "audio_faults": 0,
        "back_after_s": 56.3,
    }  # fmt: skip
    run = {
        "drill": DRILL, "title": "t", "path": "telephony/carrier", "blast_radius": "b", "start": time.time() - 60,
        "end": time.time(), "status": "completed", "deviated": False, "rollback_verified": True, "card": card,
    }  # fmt: skip
    keep(place.drills.directory, f"20261123T000000-{DRILL}.json", run)
    viewer = place.visitor(Role.VIEWER)
    told = drills(viewer)
    assert (told["runs"][0]["passed"], told["runs"][0]["card"]["delayed"]) == (True, 3)
    assert told["runs"][0]["against"] == ["the first run of this drill"]
    standing = {each["path"]: each["standing"] for each in told["coverage"]}
    assert (standing["telephony/carrier"], standing["telephony/second"]) == ("drilled", "never")
    assert "56.3 s" in viewer.page("/drills").text


def test_so_many_runs_are_shown_the_newest_first(place: Place) -> None:
    for number in range(DRILL_RUNS_SHOWN + 3):
        run = {
            "drill": DRILL, "title": "t", "path": "", "blast_radius": "b", "start": 1_700_000_000.0 + number,
            "end": 1_700_000_100.0, "status": "aborted",
        }  # fmt: skip
        keep(place.drills.directory, f"{number:03}-{DRILL}.json", run)
    found = [each["started_at"] for each in drills(place.visitor(Role.VIEWER))["runs"]]
    assert len(found) == DRILL_RUNS_SHOWN
    assert found == sorted(found, reverse=True)
    assert found[0] == 1_700_000_000.0 + DRILL_RUNS_SHOWN + 2


def test_a_turn_ends_with_whoever_had_it(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(NotItsTurnError), turn(tmp_path):
            pass
        with turn(tmp_path, 1):  # a lane of `--all` is another one's
            pass
        other.kill()
        other.wait()
    with turn(tmp_path):
        pass


async def _next_version(feed: Feed, change: Callable[[], None]) -> list[bytes]:
    found: list[bytes] = []
    async for each in feed.messages("x", lambda: str(feed.version), event="now"):
        found.append(each)
        if len(found) == 1:
            change()
        if sum(b"event: now" in one for one in found) == 2:
            feed.close()
    return found


def test_what_pages_show_beside_the_board_is_news_too() -> None:
    import asyncio

    marked = ["a"]
    feed = Feed(Board(FakeSource()))
    feed.marks.append(lambda: marked[0])
    found = asyncio.run(asyncio.wait_for(_next_version(feed, lambda: marked.append(marked.pop() + "b")), WITHIN_S))
    assert sum(b"event: now" in each for each in found) == 2
