"""The pages of incidents: all of them, and one with its playbook, timeline, commander, gate and buttons.

Drawn from what the API answers with. Buttons are forms, so that they work without a script; what changes by itself is
sent anew over a stream, and the forms stay as they are while somebody writes in one. What is sent over a stream is the
same for all who look: the proof that a form needs is put into it by the page (`desk.js`).
"""

import time
from typing import Annotated

from fastapi import FastAPI, Path
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse

from keepline.desk.board_api import following
from keepline.desk.feed import Feed
from keepline.desk.incidents_desk import IncidentsDesk
from keepline.desk.pages import draw_page, environment
from keepline.desk.people.needing import asking, needs
from keepline.desk.playbooks_api import NodePlaybooks
from keepline.desk.source import Unavailable
from keepline.model.incident import INCIDENT_KINDS, Mode
from keepline.model.people import Permission

Id = Annotated[str, Path(max_length=64)]


def add_incident_pages(app: FastAPI, feed: Feed, desk: IncidentsDesk, playbooks: NodePlaybooks | None = None) -> None:
    """Add the routes. Without `playbooks` none is shown."""

    def drawn_list() -> str:
        try:
            return environment().get_template("incidents_list.html").render(now=desk.now(time.time()))
        except Unavailable as error:
            return environment().get_template("unavailable.html").render(why=str(error))

    def drawn_one(id_: str, csrf: str = "") -> str:
        try:
            found = desk.whole(id_)
            play = playbooks.play(id_) if playbooks is not None and found is not None else None
        except Unavailable as error:
            return environment().get_template("unavailable.html").render(why=str(error))
        if found is None:
            return environment().get_template("unavailable.html").render(why=f"There is no incident {id_}.")
        drawn = environment().get_template("incident_now.html")
        return drawn.render(one=found.incident, timeline=found.timeline, play=play, csrf=csrf)

    @app.get("/incidents", response_class=HTMLResponse, include_in_schema=False)
    @needs(Permission.BOARD)
    def page() -> HTMLResponse:
        return draw_page("incidents.html", drawn_list(), kinds=INCIDENT_KINDS, modes=[mode.value for mode in Mode])

    @app.get("/live/incidents", include_in_schema=False, response_model=None)
    @needs(Permission.BOARD)
    async def live() -> StreamingResponse | JSONResponse:
        return following(feed, "incidents", drawn_list)

    @app.get("/incidents/{id}", response_class=HTMLResponse, include_in_schema=False)
    @needs(Permission.BOARD)
    def one(id: Id) -> HTMLResponse:
        found = desk.look().incidents.get(id)
        return draw_page(
            "incident.html", drawn_one(id, asking().csrf), 200 if found is not None else 404, id=id, incident=found
        )

    @app.get("/live/incidents/{id}", include_in_schema=False, response_model=None)
    @needs(Permission.BOARD)
    async def live_one(id: Id) -> StreamingResponse | JSONResponse:
        return following(feed, f"incident {id}", lambda: drawn_one(id))
