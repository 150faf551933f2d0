"""Drills over HTTP and as a page: what there is, what came of it, and the buttons, which do what the commands do."""

import time
from typing import Annotated

from fastapi import FastAPI, Path, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from keepline.desk.board_api import following
from keepline.desk.drills_desk import DrillRefused, DrillsDesk
from keepline.desk.feed import Feed
from keepline.desk.models import Problem
from keepline.desk.models_drills import DrillAnswered, DrillAsked, DrillEndAsked, DrillsNow
from keepline.desk.pages import draw_page, environment
from keepline.desk.people.actions import Actions
from keepline.desk.people.actions_api import page_of_held
from keepline.desk.people.answering import Refused, asked, body_of, done, failures, is_form
from keepline.desk.people.needing import asking, needs
from keepline.desk.source import Unavailable
from keepline.model.people import Permission

FAILURES = failures(404, 409)
Name = Annotated[str, Path(max_length=64, description="Of the drill.")]
PAGE = "/drills"


def add_drills_api(app: FastAPI, desk: DrillsDesk, actions: Actions) -> None:
    """Add the routes for programs."""

    @app.get("/api/drills", responses={503: {"model": Problem}})
    @needs(Permission.BOARD)
    def drills() -> DrillsNow:
        """The drills, the one that runs, which paths are drilled, and what came of the last ones."""
        return drills_now(desk)

    @app.post(
        "/api/drills/{name}/run", status_code=202, responses=FAILURES, response_model=DrillAnswered,
        openapi_extra=body_of(DrillAsked, {"confirm": "surge", "production": False, "why": "before the sales"}),
    )  # fmt: skip
    @needs(Permission.DRILLS)
    async def run(request: Request, name: Name) -> Response:
        """Run it, in a world of its own or against this node by test calls; `all` is every one, one after another.
        Answers once it runs, or waits for a second person.
        """
        told, who = await asked(request, DrillAsked), asking()
        word = (told.confirm, told.production, told.why)
        try:
            begun, held_until = await run_in_threadpool(desk.run, who, name, *word, actions.note_about)
        except DrillRefused as refused:
            raise Refused(refused.status, str(refused)) from None
        if held_until is not None and is_form(request):
            return page_of_held(held_until)
        return done(request, DrillAnswered(drill=name, run=begun, held_until=held_until), PAGE, 202)

    @app.post(
        "/api/drills/{name}/abort", status_code=202, responses=FAILURES, response_model=DrillAnswered,
        openapi_extra=body_of(DrillEndAsked, {"why": "somebody needs this machine"}),
    )  # fmt: skip
    @needs(Permission.DRILLS)
    async def abort(request: Request, name: Name) -> Response:
        """End it where it is, with its rollback; answers at once."""
        told, who = await asked(request, DrillEndAsked), asking()
        try:
            ending = await run_in_threadpool(desk.abort, who, name, told.why, actions.note_about)
        except DrillRefused as refused:
            raise Refused(refused.status, str(refused)) from None
        return done(request, DrillAnswered(drill=name, run=ending), PAGE, 202)


def drills_now(desk: DrillsDesk) -> DrillsNow:
    """How drills are; raises `Unavailable`."""
    return DrillsNow.model_validate(desk.told(time.time()))


def add_drill_pages(app: FastAPI, feed: Feed, desk: DrillsDesk) -> None:
    """Add the page."""
    feed.marks.append(desk.mark)

    def drawn(csrf: str = "") -> str:
        try:
            return environment().get_template("drills_now.html").render(now=drills_now(desk), csrf=csrf)
        except Unavailable as error:
            return environment().get_template("unavailable.html").render(why=str(error))

    @app.get(PAGE, response_class=HTMLResponse, include_in_schema=False)
    @needs(Permission.BOARD)
    def page() -> HTMLResponse:
        try:
            now = drills_now(desk)
        except Unavailable:
            now = None
        may_run = asking().may(Permission.DRILLS)
        return draw_page("drills.html", drawn(asking().csrf if may_run else ""), now=now, may_run=may_run)

    @app.get("/live/drills", include_in_schema=False, response_model=None)
    @needs(Permission.BOARD)
    async def live() -> StreamingResponse | JSONResponse:
        return following(feed, "drills", drawn)
