"""The API of incidents and the mode. Forms of the pages send to the same routes; each becomes a fact of the node."""

import time
from collections.abc import Mapping
from typing import Annotated

from fastapi import FastAPI, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from keepline.call.effects_incident import (
    CloseIncident,
    IncidentInput,
    NoteIncident,
    OfferIncident,
    OpenIncident,
    SetMode,
    TakeIncident,
)
from keepline.desk.incidents_desk import IncidentsDesk, request_id
from keepline.desk.models import Problem
from keepline.desk.models_incidents import (
    CloseAsked,
    HandOverAsked,
    IncidentAsked,
    IncidentsNow,
    IncidentWhole,
    ModeAsked,
    NoteAsked,
    OpenAsked,
    TakeAsked,
)
from keepline.desk.people.actions import Actions
from keepline.desk.people.actions_api import page_of_held
from keepline.desk.people.answering import Refused, asked, body_of, done, failures, is_form
from keepline.desk.people.needing import asking, needs
from keepline.model.people import Permission
from keepline.node.incident_commands import incident_request

FAILURES = failures(404)
Id = Annotated[str, Path(max_length=64, description="Id of an incident.")]


def add_incidents_api(app: FastAPI, desk: IncidentsDesk, actions: Actions | None = None) -> None:
    """Add the routes. What may take two people goes to `actions`, where whoever asks is known by name and role."""

    @app.get("/api/incidents", responses={503: {"model": Problem}})
    @needs(Permission.BOARD)
    def incidents(
        everything: Annotated[bool, Query(alias="all", description="Also those that are closed.")] = True,
    ) -> IncidentsNow:
        """The incidents, the newest first, and the mode."""
        return desk.now(time.time(), everything=everything)

    @app.get("/api/incidents/{id}", responses=FAILURES, response_model=IncidentWhole)
    @needs(Permission.BOARD)
    def incident(id: Id) -> IncidentWhole | JSONResponse:
        """One incident with its timeline."""
        found = desk.whole(id)
        return found if found is not None else JSONResponse({"error": f"there is no incident {id}"}, 404)

    _add_requests(app, desk)
    _add_commands(app, desk, actions)


def _add_requests(app: FastAPI, desk: IncidentsDesk) -> None:
    @app.post(
        "/api/incidents",
        status_code=201,
        responses=FAILURES,
        response_model=IncidentAsked,
        openapi_extra=body_of(OpenAsked, {"kind": "carrier", "cause": "the line is noisy", "severity": 2}),
    )
    @needs(Permission.DECLARE)
    async def open_(request: Request) -> Response:
        """Say that there is an incident."""
        told = await asked(request, OpenAsked)
        scope = (told.severity, tuple(told.capabilities), tuple(told.paths))
        wanted = OpenIncident(request_id(), told.kind, told.cause, *scope, asking().name, told.exercise)
        return await _have(desk, request, wanted, "", 201)

    @app.post(
        "/api/incidents/{id}/note",
        responses=FAILURES,
        response_model=IncidentAsked,
        openapi_extra=body_of(NoteAsked, {"text": "the vendor has called back"}),
    )
    @needs(Permission.DECLARE)
    async def note(request: Request, id: Id) -> Response:
        """Write something into its timeline."""
        told = await asked(request, NoteAsked)
        return await _have(desk, request, NoteIncident(request_id(), id, told.text, asking().name), f"/incidents/{id}")


def _add_commands(app: FastAPI, desk: IncidentsDesk, actions: Actions | None) -> None:
    @app.post(
        "/api/incidents/{id}/take",
        responses=FAILURES,
        response_model=IncidentAsked,
        openapi_extra=body_of(TakeAsked, {"why": ""}),
    )
    @needs(Permission.COMMAND)
    async def take(request: Request, id: Id) -> Response:
        """Take command of it."""
        told = await asked(request, TakeAsked)
        return await _have(desk, request, TakeIncident(request_id(), id, asking().name, told.why), f"/incidents/{id}")

    @app.post(
        "/api/incidents/{id}/hand-over",
        responses=FAILURES,
        response_model=IncidentAsked,
        openapi_extra=body_of(HandOverAsked, {"to": "grace", "why": "end of shift"}),
    )
    @needs(Permission.COMMAND)
    async def hand_over(request: Request, id: Id) -> Response:
        """Offer its command to somebody, who has to take it."""
        told = await asked(request, HandOverAsked)
        wanted = OfferIncident(request_id(), id, told.to, asking().name, told.why)
        return await _have(desk, request, wanted, f"/incidents/{id}")

    @app.post(
        "/api/incidents/{id}/close",
        responses=FAILURES,
        response_model=IncidentAsked,
        openapi_extra=body_of(CloseAsked, {"why": "a cable was mended", "override": False}),
    )
    @needs(Permission.COMMAND)
    async def close(request: Request, id: Id) -> Response:
        """Close it; before its recovery gate has passed by an override, which needs a reason."""
        told = await asked(request, CloseAsked)
        wanted = CloseIncident(request_id(), id, asking().name, told.why, told.override)
        if actions is None:
            return await _have(desk, request, wanted, f"/incidents/{id}")
        who = asking()
        reply = await run_in_threadpool(actions.decide, who, incident_request(wanted), told.why)
        return _answered(request, reply, f"/incidents/{id}", incident=id)

    @app.post(
        "/api/mode",
        responses=FAILURES,
        response_model=IncidentAsked,
        openapi_extra=body_of(ModeAsked, {"mode": "crisis", "for_s": 3600, "why": "a storm is coming"}),
    )
    @needs(Permission.COMMAND)
    async def set_mode(request: Request) -> Response:
        """Set the mode for a while, or have it follow from the incidents again."""
        told = await asked(request, ModeAsked)
        return await _have(
            desk, request, SetMode(request_id(), told.mode, told.for_s, told.why, asking().name), "/incidents"
        )


async def _have(desk: IncidentsDesk, request: Request, wanted: IncidentInput, back: str, status: int = 200) -> Response:
    """Have the node do it."""
    return _answered(request, await run_in_threadpool(desk.ask, wanted), back, status)


def _answered(
    request: Request, reply: Mapping[str, object], back: str, status: int = 200, *, incident: str = ""
) -> Response:
    """What became of it."""
    if not reply.get("ok"):
        raise Refused(422, str(reply.get("error") or "the node refused"))
    id_, held = str(reply.get("incident") or incident), reply.get("held_until_s")
    if isinstance(held, int | float) and held:
        answer = IncidentAsked(incident=id_, held_until=float(held))
        return page_of_held(float(held)) if is_form(request) else done(request, answer, back)
    return done(request, IncidentAsked(incident=id_), back or f"/incidents/{id_}", status)
