"""The pages over a source of our own: what they show, what they escape, what they do without."""

import re
from pathlib import Path

import pytest
from starlette.types import ASGIApp

from keepline.desk.app import create_app
from keepline.desk.pages import HERE, static_files
from keepline.desk.source import CallEvent, CallHistory
from keepline.desk.words import clock, figure, result, share, span
from keepline.model.limits_desk import SEARCH_CHARS_MAX
from tests.unit.desk.board_facts import received
from tests.unit.desk.desk_fakes import CALL, FakeSource, get, standing


@pytest.fixture
def source() -> FakeSource:
    found = FakeSource(standings=[standing("telephony/<b>"), standing("orders/crm", condition="down", breaker="open")])
    found.histories["0192f3"] = CallHistory(
        [CallEvent(1, 1_700_000_000.0, "call_received.1", {"invite": "INVITE <x>"})],
        [(1_700_000_000.0, "->", "INVITE <x> SIP/2.0"), (1_700_000_000.1, "<-", "SIP/2.0 200 OK")],
    )
    return found


@pytest.fixture
def app(source: FakeSource) -> ASGIApp:
    return create_app(source, loopback=True)


def words_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def test_now_says_what_is_broken_and_what_it_means(app: ASGIApp, source: FakeSource) -> None:
    source.facts = [received("a", 1.0, carrier="<i>", flow="<u>")]
    source.answer["processes"] = {"media": {"pid": 2}, "calls": {"active": {"pid": 3}, "warm": {"pid": 4}}}
    reply = get(app, "/")
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    said = words_of(reply.text)
    for each in ("calls: &lt;disk&gt; full", "orders/crm is down", "told that it cannot be done now", "bench-1"):
        assert each in said
    assert "&lt;b&gt;" in said
    for raw in ("<b>", "<i>", "<u>", "<disk>"):
        assert raw not in reply.text.replace("<b>×", "")


def test_now_says_that_the_node_is_away(app: ASGIApp, source: FakeSource) -> None:
    source.down = "no node runs in <here>"
    reply = get(app, "/")
    assert reply.status == 200
    assert "Nobody knows whether callers are served" in reply.text
    assert "no node runs in &lt;here&gt;" in reply.text


def test_calls_are_listed_and_what_callers_send_is_escaped(app: ASGIApp, source: FakeSource) -> None:
    page = get(app, "/calls").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert 'href="/calls/0192f3"' in page
    assert "No call" not in page
    source.calls = []
    assert "None yet." in get(app, "/calls").text
    assert "None of them." in get(app, "/calls?q=x").text
    assert get(app, f"/calls?q={'x' * (SEARCH_CHARS_MAX + 1)}").status == 422
    source.down = "the journal <cannot> be read"
    assert "the journal &lt;cannot&gt; be read" in get(app, "/calls").text


def test_older_calls_are_another_page_that_does_not_follow(app: ASGIApp, source: FakeSource) -> None:
    source.calls = [CALL | {"id": f"{each:04}"} for each in range(60)]
    page = get(app, "/calls?q=greeting").text
    assert 'hx-sse:connect="/live/calls?q=greeting"' in page
    older = re.search(r'href="(/calls\?[^"]*before=[^"]*)"', page)
    assert older is not None
    page = get(app, older[1].replace("&amp;", "&")).text
    assert ("hx-sse:connect" in page, "data-still" in page) == (False, True)
    assert page.count("<tr id=") == 10


def test_a_call_has_its_steps_audio_and_messages(app: ASGIApp, source: FakeSource) -> None:
    said = words_of(get(app, "/calls/0192f3").text)
    for each in ("say done 800 ms", "569 heard, 1 lost, 570 sent", "+0.100 s", "SIP/2.0 200 OK", "call received"):
        assert each in said
    assert "INVITE &lt;x&gt; SIP/2.0" in said
    assert get(app, "/calls/nosuch").status == 404
    source.down = "gone"
    assert get(app, "/calls/0192f3").status == 503


def test_the_timeline_and_the_paths_are_in_the_api(app: ASGIApp, source: FakeSource) -> None:
    timeline = get(app, "/api/calls/0192f3/timeline").json
    assert isinstance(timeline, dict)
    assert [each["direction"] for each in timeline["ladder"]] == ["in", "out"]
    assert get(app, "/api/calls/nosuch/timeline").status == 404
    paths = get(app, "/api/paths").json
    assert isinstance(paths, dict)
    assert [each["path"] for each in paths["paths"]] == ["telephony/<b>", "orders/crm"]
    source.down = "gone"
    assert get(app, "/api/paths").status == 503
    now = get(app, "/api/now").json
    assert isinstance(now, dict)
    assert now["served"] == "unknown"


def test_a_search_in_the_api_says_where_to_go_on(app: ASGIApp, source: FakeSource) -> None:
    source.calls = [CALL | {"id": f"{each:04}"} for each in range(5)]
    found = get(app, "/api/calls?q=greeting&limit=2").json
    assert isinstance(found, dict)
    assert ([each["id"] for each in found["calls"]], found["older"]) == (["0003", "0004"], "0003")


def test_no_page_has_a_script_or_a_style_of_its_own(app: ASGIApp) -> None:
    for target in ("/", "/calls", "/calls/0192f3", "/calls/nosuch"):
        page = get(app, target).text
        assert re.findall(r"<script(?![^>]*\ssrc=\"/static/)[^>]*>", page) == []
        assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", page) == []
        for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
            assert get(app, address).status == 200


def test_static_files_are_served_for_ever_under_an_address_of_their_content(app: ASGIApp) -> None:
    reply = get(app, "/static/desk.js?0")
    assert reply.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in reply.headers["cache-control"]
    assert get(app, "/static/nosuch.js").status == 404
    assert get(app, "/static/..%2fpages.py").status == 404


def test_what_is_not_ours_has_its_licence_beside_it() -> None:
    others = {name.partition(".")[0] for name in static_files()} - {"desk", "mark", "hx-sse"}
    assert others == {"htmx", "uPlot"}
    for name in others:
        assert f"{name}.LICENSE" in static_files()
    assert (HERE / "templates" / "now_board.html").exists()
    assert not [path for path in Path(HERE / "static").iterdir() if path.name not in static_files()]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"), (0.0104, "10 ms"), (1.5, "1.5 s"), (200, "3 min 20 s"), (120, "2 min"), (7_500, "2 h 5 min"),
        (7_200, "2 h"),
    ],
)  # fmt: skip
def test_spans_are_said_as_people_say_them(seconds: float | None, words: str) -> None:
    assert span(seconds) == words


def test_figures_that_nobody_knows_are_none() -> None:
    assert (share(None), share(0.967), figure(None), figure(2.0), figure(2.345, 2), clock(None)) == (
        "–", "97 %", "–", "2", "2.35", "–",
    )  # fmt: skip


def test_what_a_flow_notes_is_told_in_words() -> None:
    from keepline.desk.models import Step

    def told(text: str) -> str:
        return result(Step(name="outcome", at=0.0, result=text, took_ms=0.0))

    assert told('{"outcome": "paid", "fields": {"receipt": 7}}') == "paid, receipt 7"
    assert told("done") == "done"
    assert told("[]") == "[]"
