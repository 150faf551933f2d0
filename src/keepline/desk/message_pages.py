"""The pages of messages: what was told to whom, what waits for a second person, by when the next one is due; and one.

Drawn from what the API answers with. What changes is sent anew over a stream; forms stand below it, so that nothing is
lost of what somebody writes.
"""

import contextlib
import time
from typing import Annotated

from fastapi import FastAPI, Path
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse

from keepline.desk.board_api import following
from keepline.desk.feed import Feed
from keepline.desk.incidents_desk import IncidentsDesk
from keepline.desk.messages_desk import MessagesDesk
from keepline.desk.models_incidents import IncidentShown
from keepline.desk.models_messages import MessageShown, MessagesNow
from keepline.desk.pages import draw_page, environment
from keepline.desk.people.needing import needs
from keepline.desk.source import Unavailable
from keepline.model.messages import MESSAGE_AUDIENCES
from keepline.model.people import Permission

Id = Annotated[str, Path(max_length=64)]


def add_message_pages(app: FastAPI, feed: Feed, messages: MessagesDesk, incidents: IncidentsDesk) -> None:
    """Add the routes."""

    def now() -> MessagesNow:
        return messages.now(incidents.look(), time.time())

    def drawn() -> str:
        try:
            return environment().get_template("messages_now.html").render(now=now())
        except Unavailable as error:
            return environment().get_template("unavailable.html").render(why=str(error))

    def drawn_one(id_: str) -> tuple[str, MessageShown | None]:
        try:
            found = messages.one(id_)
        except Unavailable as error:
            return environment().get_template("unavailable.html").render(why=str(error)), None
        if found is None:
            return environment().get_template("unavailable.html").render(why=f"There is no message {id_}."), None
        return environment().get_template("message_now.html").render(one=found), found

    @app.get("/messages", response_class=HTMLResponse, include_in_schema=False)
    @needs(Permission.BOARD)
    def page() -> HTMLResponse:
        waiting: list[MessageShown] = []
        open_: list[IncidentShown] = []
        with contextlib.suppress(Unavailable):  # the page says so
            waiting, open_ = now().waiting, incidents.now(time.time(), everything=False).incidents
        return draw_page("messages.html", drawn(), waiting=waiting, incidents=open_, audiences=MESSAGE_AUDIENCES)

    @app.get("/live/messages", include_in_schema=False, response_model=None)
    @needs(Permission.BOARD)
    async def live() -> StreamingResponse | JSONResponse:
        return following(feed, "messages", drawn)

    @app.get("/messages/{id}", response_class=HTMLResponse, include_in_schema=False)
    @needs(Permission.BOARD)
    def one(id: Id) -> HTMLResponse:
        content, found = drawn_one(id)
        return draw_page("message.html", content, 200 if found is not None else 404, id=id, message=found)

    @app.get("/live/messages/{id}", include_in_schema=False, response_model=None)
    @needs(Permission.BOARD)
    async def live_one(id: Id) -> StreamingResponse | JSONResponse:
        return following(feed, f"message {id}", lambda: drawn_one(id)[0])
