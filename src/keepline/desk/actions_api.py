"""What is to be done after incidents, over HTTP: whose it is, by when, what became of it. Forms send there too."""

import time
from typing import Annotated, Literal

from fastapi import FastAPI, Path, Query, Request
from fastapi.responses import Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from keepline.call.effects_incident import AddAction, EndAction
from keepline.desk.incidents_desk import IncidentsDesk, request_id
from keepline.desk.models import Model, Problem
from keepline.desk.models_incidents import IncidentAsked
from keepline.desk.people.answering import Asked, Refused, asked, body_of, done, failures
from keepline.desk.people.needing import asking, needs
from keepline.incident.actions import actions_told, end_of_day
from keepline.incident.book import IncidentBook
from keepline.model.people import Permission

FAILURES = failures()
IncidentId = Annotated[str, Path(max_length=64, description="Id of an incident.")]
Number = Annotated[int, Path(ge=1, le=1_000, description="Of the incident's actions.")]


class ActionShown(Model):
    """Something that is to be done after an incident."""

    id: str
    """`INC-20261123-1/2`: of the incident, its number."""
    incident: str
    number: int
    what: str
    owner: str
    due: float
    state: Literal["open", "done", "dropped"]
    is_overdue: bool
    added_by: str
    added_at: float
    ended_by: str
    ended_at: float | None
    why: str


class ActionsNow(Model):
    """The earliest that is due first; those that are over last."""

    actions: list[ActionShown]


class ActionAsked(Asked):
    """Something is to be done by somebody."""

    what: str
    owner: str
    due: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    """The day (UTC) at whose end it is to be done."""


class ActionEndAsked(Asked):
    """It is done or dropped, or open again; dropped and open with a reason."""

    state: Literal["done", "dropped", "open"]
    why: str = ""


def actions_now(book: IncidentBook, now_s: float, *, everything: bool = True) -> ActionsNow:
    """The actions of all incidents."""
    found = actions_told(book.incidents.values(), now_s)
    wanted = sorted(
        (each for each in found if everything or each["state"] == "open"),
        key=lambda each: (each["state"] != "open", each["due"], each["id"]),
    )
    return ActionsNow.model_validate({"actions": wanted})


def add_actions_api(app: FastAPI, desk: IncidentsDesk) -> None:
    """Add the routes."""

    @app.get("/api/actions", responses={503: {"model": Problem}})
    @needs(Permission.BOARD)
    def actions(
        everything: Annotated[bool, Query(alias="all", description="Also those that are over.")] = True,
    ) -> ActionsNow:
        """What is to be done after incidents, by whom and by when."""
        return actions_now(desk.look(), time.time(), everything=everything)

    async def have(request: Request, wanted: AddAction | EndAction) -> Response:
        reply = await run_in_threadpool(desk.ask, wanted)
        if not reply.get("ok"):
            raise Refused(422, str(reply.get("error") or "the node refused"))
        return done(request, IncidentAsked(incident=wanted.incident), f"/incidents/{wanted.incident}#actions")

    @app.post(
        "/api/incidents/{id}/actions", responses=FAILURES, response_model=IncidentAsked,
        openapi_extra=body_of(ActionAsked, {"what": "claim the credit", "owner": "grace", "due": "2026-12-31"}),
    )  # fmt: skip
    @needs(Permission.DECLARE)
    async def add(request: Request, id: IncidentId) -> Response:
        """Have something done after it, by somebody."""
        told = await asked(request, ActionAsked)
        try:
            due_s = end_of_day(told.due)
        except ValueError:
            raise Refused(422, f"{told.due} is no day: write it as 2026-12-31") from None
        return await have(request, AddAction(request_id(), id, told.what, told.owner, due_s, asking().name))

    @app.post(
        "/api/incidents/{id}/actions/{number}", responses=FAILURES, response_model=IncidentAsked,
        openapi_extra=body_of(ActionEndAsked, {"state": "done", "why": "credited on the bill of December"}),
    )  # fmt: skip
    @needs(Permission.DECLARE)
    async def end(request: Request, id: IncidentId, number: Number) -> Response:
        """Say that it is done or dropped, or open again."""
        told = await asked(request, ActionEndAsked)
        return await have(request, EndAction(request_id(), id, number, told.state, asking().name, told.why))
