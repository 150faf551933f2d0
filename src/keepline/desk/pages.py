"""The pages: Now, Calls, one call. Drawn from the values that the API answers with, and from nothing else.

Each page is whole without a script; with one it is sent anew over a stream whenever it changes, and `desk.js` says when
the stream is silent. No script or style stands in a page, nothing comes from elsewhere (Content-Security-Policy).
"""

import hashlib
import time
from functools import cache
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import quote, urlencode

from fastapi import FastAPI, Path, Query
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

from keepline.desk.board_api import following
from keepline.desk.call_pages import CallSearch
from keepline.desk.feed import Feed
from keepline.desk.models import Call, Calls
from keepline.desk.models_board import Now, Timeline
from keepline.desk.people.needing import alarm, asking, needs
from keepline.desk.source import Unavailable
from keepline.desk.words import FILTERS
from keepline.model.limits_desk import SEARCH_CHARS_MAX
from keepline.model.people import Permission

if TYPE_CHECKING:
    import jinja2

HERE: Final = FilePath(__file__).parent
NAVIGATION: Final = (
    ("now", "/", "Now", Permission.ANYBODY),
    ("incidents", "/incidents", "Incidents", Permission.ANYBODY),
    ("messages", "/messages", "Messages", Permission.ANYBODY),
    ("calls", "/calls", "Calls", Permission.ANYBODY),
    ("drills", "/drills", "Drills", Permission.ANYBODY),
    ("leaders", "/leaders", "Leaders", Permission.ANYBODY),
    ("steer", "/steer", "Steer", Permission.PATHS),
    ("approvals", "/approvals", "Approvals", Permission.APPROVE),
)
"""What stands at the top of every page: the name by which a page says that it is this one, address, title, and who sees
it there. Pages to look at are named to everybody: whoever may not is told what it needs, or may log in.
"""
CALLS_SHOWN: Final = 50
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_MEDIA_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".LICENSE": "text/plain"}
Words = Annotated[str, Query(alias="q", max_length=SEARCH_CHARS_MAX)]
Before = Annotated[str, Query(max_length=64)]
Id = Annotated[str, Path(max_length=64)]


@cache
def environment() -> "jinja2.Environment":
    """The templates. Made when the first page is asked for: a node that nobody looks at does without."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters.update(FILTERS)
    made.globals.update(static=static_address, navigation=NAVIGATION, page="")
    return made


@cache
def static_files() -> dict[str, tuple[bytes, str, str]]:
    """Name -> content, media type, and a mark that changes with the content."""
    found = {}
    for path in sorted((HERE / "static").iterdir()):
        if (media_type := _MEDIA_TYPES.get(path.suffix)) is not None:
            content = path.read_bytes()
            found[path.name] = (content, media_type, hashlib.sha256(content).hexdigest()[:12])
    return found


def static_address(name: str) -> str:
    """Where a file of ours is; another address with another content."""
    return f"/static/{name}?{static_files()[name][2]}"


def draw_now(now: Now) -> str:
    """What of the board's page changes."""
    return environment().get_template("now_board.html").render(now=now)


def draw_calls(calls: Calls, query: str) -> str:
    """What of the list of calls changes."""
    shown = environment().get_template("calls_list.html")
    more = urlencode({"q": query, "before": calls.older}) if calls.older else ""
    return shown.render(
        calls=sorted(calls.calls, key=lambda call: -call.received_at), searched=calls.searched, more=more, query=query
    )


def draw_call(call: Call, timeline: Timeline) -> str:
    """What of a call's page changes."""
    return environment().get_template("call_timeline.html").render(call=call, timeline=timeline)


def draw_page(template: str, content: str, status: int = 200, **more: object) -> HTMLResponse:
    """A whole page around what changes, for whoever asks."""
    import markupsafe

    drawn = environment().get_template(template)
    return HTMLResponse(
        drawn.render(content=markupsafe.Markup(content), drawn_at=time.time(), me=asking(), alarm=alarm.get(), **more),
        status,
    )


def add_pages(app: FastAPI, feed: Feed, search: CallSearch) -> None:
    """Add the routes."""
    _add_now(app, feed)
    _add_calls(app, feed, search)

    @app.get("/static/{name}", include_in_schema=False)
    @needs(Permission.ANYBODY)
    async def static(name: str) -> Response:
        found = static_files().get(name)
        if found is None:
            return Response("There is no such file.\n", 404, media_type="text/plain")
        content, media_type, _ = found
        return Response(
            content, media_type=media_type, headers={"Cache-Control": "public, max-age=31536000, immutable"}
        )


def _add_now(app: FastAPI, feed: Feed) -> None:
    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    @needs(Permission.BOARD)
    def page() -> HTMLResponse:
        feed.board.refresh()
        return draw_page("now.html", draw_now(feed.board.now()))

    @app.get("/live/now", include_in_schema=False, response_model=None)
    @needs(Permission.BOARD)
    async def live() -> StreamingResponse | JSONResponse:
        def draw() -> str:
            assert feed.now is not None, "messages are drawn of a board"
            return draw_now(feed.now)

        return following(feed, "now", draw)


def _add_calls(app: FastAPI, feed: Feed, search: CallSearch) -> None:
    def drawn_calls(words: str, before: str) -> str:
        try:
            return draw_calls(search.find(words, CALLS_SHOWN, before), words)
        except Unavailable as error:
            return environment().get_template("unavailable.html").render(why=str(error))

    def drawn_call(call_id: str) -> tuple[str, int]:
        try:
            text, timeline = feed.board.source.record(call_id), search.timeline(call_id)
        except Unavailable as error:
            return environment().get_template("unavailable.html").render(why=str(error)), 503
        if text is None or timeline is None:
            return environment().get_template("unavailable.html").render(why=f"No call has the id {call_id}."), 404
        return draw_call(Call.model_validate_json(text), timeline), 200

    @app.get("/calls", response_class=HTMLResponse, include_in_schema=False)
    @needs(Permission.CALLS)
    def calls(words: Words = "", before: Before = "") -> HTMLResponse:
        live = "" if before else f"/live/calls?{urlencode({'q': words})}"
        return draw_page("calls.html", drawn_calls(words, before), query=words, live=live)

    @app.get("/live/calls", include_in_schema=False, response_model=None)
    @needs(Permission.CALLS)
    async def live_calls(words: Words = "") -> StreamingResponse | JSONResponse:
        return following(feed, f"calls {words}", lambda: drawn_calls(words, ""))

    @app.get("/calls/{id}", response_class=HTMLResponse, include_in_schema=False)
    @needs(Permission.CALLS)
    def call(id: Id) -> HTMLResponse:
        content, status = drawn_call(id)
        return draw_page("call.html", content, status, id=id, live=f"/live/call/{quote(id, safe='')}")

    @app.get("/live/call/{id}", include_in_schema=False, response_model=None)
    @needs(Permission.CALLS)
    async def live_call(id: Id) -> StreamingResponse | JSONResponse:
        return following(feed, f"call {id}", lambda: drawn_call(id)[0])
