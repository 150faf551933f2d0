"""The pages of incidents: all of them, and one with its playbook, timeline, commander, gate and buttons.

Drawn from what the API answers with. Buttons are forms, so that they work without a script; what changes by itself is
sent anew over a stream, and the forms stay as they are while somebody writes in one. What is sent over a stream is the
same for all who look: the proof that a form needs is put into it by the page (`desk.js`).
"""

import contextlib
import time
from typing import Annotated, Any, Final

from fastapi import FastAPI, Path
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse

from keepline.desk.actions_api import actions_now
from keepline.desk.board_api import following
from keepline.desk.feed import Feed
from keepline.desk.incidents_desk import IncidentsDesk
from keepline.desk.pages import draw_page, environment
from keepline.desk.people.needing import asking, needs
from keepline.desk.playbooks_api import NodePlaybooks
from keepline.desk.source import Unavailable
from keepline.incident.actions import actions_told
from keepline.incident.review_text import summary_of, tables_of
from keepline.model.incident import INCIDENT_KINDS, Mode
from keepline.model.people import Permission

NOT_AGAIN: Final = ("The playbook", "Timeline", "Actions")
"""Of a review, what its incident's page has above it."""
Id = Annotated[str, Path(max_length=64)]
Play = dict[str, Any] | None
"""How a playbook stands; None where there is none."""


def add_incident_pages(app: FastAPI, feed: Feed, desk: IncidentsDesk, playbooks: NodePlaybooks | None = None) -> None:
    """Add the routes. `playbooks` knows how their steps stand, and the reviews."""

    def drawn_list() -> str:
        try:
            now_s = time.time()
            todo = actions_now(desk.look(), now_s, everything=False).actions
            return environment().get_template("incidents_list.html").render(now=desk.now(now_s), todo=todo)
        except Unavailable as error:
            return environment().get_template("unavailable.html").render(why=str(error))

    def drawn_one(id_: str, csrf: str = "") -> tuple[str, Play]:
        """And how its playbook stands. `csrf` is for who asks; what all get who follow the page has none, and the
        page's own script fills it in.
        """
        try:
            found = desk.whole(id_)
            play = playbooks.play(id_) if playbooks is not None and found is not None else None
        except Unavailable as error:
            return environment().get_template("unavailable.html").render(why=str(error)), None
        if found is None:
            return environment().get_template("unavailable.html").render(why=f"There is no incident {id_}."), None
        actions = actions_told([desk.look().incidents[id_]], time.time())
        drawn = environment().get_template("incident_now.html")
        told = {"one": found.incident, "timeline": found.timeline, "play": play, "csrf": csrf, "actions": actions}
        return drawn.render(told), play

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
        content, play = drawn_one(id, asking().csrf)
        more = _below(playbooks, id, play) if found is not None else {}
        status = 200 if found is not None else 404
        return draw_page("incident.html", content, status, id=id, incident=found, **more)

    @app.get("/live/incidents/{id}", include_in_schema=False, response_model=None)
    @needs(Permission.BOARD)
    async def live_one(id: Id) -> StreamingResponse | JSONResponse:
        return following(feed, f"incident {id}", lambda: drawn_one(id)[0])


def _below(playbooks: NodePlaybooks | None, id_: str, play: Play) -> dict[str, Any]:
    """What stands below an incident: steps that are left, and the review for whoever may see what an outage costs."""
    review = None
    with contextlib.suppress(Unavailable):  # what is followed says so
        review = playbooks.review(id_) if playbooks is not None and asking().may(Permission.LEADERS) else None
    return {
        "play": play,
        "left": [each for each in (play["steps"] if play is not None else ()) if each["ended_at"] is None],
        "said": summary_of(review) if review is not None else [],
        "tables": [each for each in tables_of(review) if each[0] not in NOT_AGAIN] if review is not None else [],
    }
