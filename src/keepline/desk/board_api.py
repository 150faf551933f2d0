"""The API of the board: how things are now, as one answer and as a stream. The pages are drawn from the same values."""

from typing import Annotated

from fastapi import FastAPI, Path
from fastapi.responses import JSONResponse, StreamingResponse

from keepline.desk.call_pages import CallSearch
from keepline.desk.feed import Draw, Feed, TooManyViewers
from keepline.desk.models import Problem
from keepline.desk.models_board import Now, PathsNow, Timeline
from keepline.desk.people.needing import needs
from keepline.model.people import Permission

EVENT_STREAM = "text/event-stream"


def add_board_api(app: FastAPI, feed: Feed, search: CallSearch) -> None:
    """Add the routes."""
    board = feed.board

    @app.get("/api/now")
    @needs(Permission.BOARD)
    def now() -> Now:
        """The board: whether callers are served, what is broken, what is being done, and all figures."""
        board.refresh()
        return board.now()

    @app.get("/api/paths", responses={503: {"model": Problem}})
    @needs(Permission.BOARD)
    def paths() -> PathsNow:
        """Every path of the node that runs, as `keepline paths --json` has them."""
        return PathsNow.model_validate({"paths": board.source.paths()})

    @app.get(
        "/api/stream",
        response_model=None,
        response_class=StreamingResponse,
        responses={200: {"content": {EVENT_STREAM: {}}}},
    )
    @needs(Permission.BOARD)
    async def stream() -> StreamingResponse | JSONResponse:
        """The board as server-sent events: `now` whenever it changes (the fields of `/api/now`), `beat` each second
        without news.
        """
        return following(feed, "api", lambda: board_json(feed), event="now")

    @app.get(
        "/api/calls/{id}/timeline",
        responses={404: {"model": Problem}, 503: {"model": Problem}},
        response_model=Timeline,
    )
    @needs(Permission.CALLS)
    def timeline(id: Annotated[str, Path(max_length=64)]) -> Timeline | JSONResponse:
        """What happened in one call: its facts in order, and its SIP messages by their first lines."""
        found = search.timeline(id)
        return JSONResponse({"error": "no call has this id"}, 404) if found is None else found


def board_json(feed: Feed) -> str:
    """The board in one line. Of the moment that was drawn for all."""
    assert feed.now is not None, "messages are drawn of a board"
    return feed.now.model_dump_json()


def following(feed: Feed, name: str, draw: Draw, *, event: str = "") -> StreamingResponse | JSONResponse:
    """The answer that never ends, or that there are too many already."""
    try:
        feed.make_room()
    except TooManyViewers as error:
        return JSONResponse({"error": str(error)}, 503)
    headers = {"X-Accel-Buffering": "no"}  # a proxy must not gather what is to be seen at once
    return StreamingResponse(feed.messages(name, draw, event=event), media_type=EVENT_STREAM, headers=headers)
