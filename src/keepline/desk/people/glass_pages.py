"""The page on which the glass is broken."""

import sqlite3
from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool

from keepline.desk.pages import draw_page
from keepline.desk.people.answering import Asked, asked
from keepline.desk.people.glass import break_glass
from keepline.desk.people.guard import address_of
from keepline.desk.people.lockout import network_of
from keepline.desk.people.needing import needs
from keepline.desk.people.pages import welcomed
from keepline.desk.people.people import People
from keepline.desk.people.records import PeopleRefused
from keepline.model.limits_people import GLASS_S
from keepline.model.people import Permission


class Broken(Asked):
    """The form of /break-glass."""

    code: str = ""
    name: str = ""
    why: str = ""


def add_glass_pages(app: FastAPI, people: People) -> None:
    """Add the routes."""

    @app.get("/break-glass", response_class=HTMLResponse, include_in_schema=False)
    @needs(Permission.ANYBODY)
    def before(code: Annotated[str, Query(max_length=60)] = "") -> HTMLResponse:
        return draw_page("glass.html", "", code=code, wrong="")

    @app.post("/break-glass", include_in_schema=False, response_model=None)
    @needs(Permission.ANYBODY)
    async def after(request: Request) -> Response:
        told, address = await asked(request, Broken), address_of(request.scope)
        if people.wait_s("", address) > 0:
            return draw_page("glass.html", "", 429, code="", wrong="Too many wrong attempts. Try again later.")
        try:
            secret = await run_in_threadpool(
                break_glass, people, told.code, told.name.strip().lower(), told.why, address
            )
        except (PeopleRefused, sqlite3.Error) as error:
            people.lockouts.addresses.fail(network_of(address), people.now_s())
            return draw_page("glass.html", "", 422, code=told.code, wrong=str(error))
        return welcomed(request, secret, "/", GLASS_S)
