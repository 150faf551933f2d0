"""The API of messages: what was told to whom, what waits for a second person, what is due. Forms send there as well.

Whoever asks is known by name and role, and both are on record: that is what makes two accounts two pairs of eyes.
"""

import time
from typing import Annotated

from fastapi import FastAPI, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from keepline.call.effects_message import DecideMessage, SendMessage
from keepline.desk.incidents_desk import IncidentsDesk, request_id
from keepline.desk.messages_desk import MessagesDesk
from keepline.desk.models import Problem
from keepline.desk.models_messages import DecideAsked, EditAsked, MessageAsked, MessageShown, MessagesNow, SendAsked
from keepline.desk.people.actions import Actions
from keepline.desk.people.answering import Refused, asked, body_of, done, failures
from keepline.desk.people.needing import asking, needs
from keepline.model.people import Permission
from keepline.node.message_commands import message_request

FAILURES = failures(404)
Id = Annotated[str, Path(max_length=64, description="Id of a message.")]


def add_messages_api(app: FastAPI, messages: MessagesDesk, incidents: IncidentsDesk, actions: Actions | None) -> None:
    """Add the routes; without `actions` nothing can be sent."""

    @app.get("/api/messages", responses={503: {"model": Problem}})
    @needs(Permission.BOARD)
    def all_messages(
        incident: Annotated[str, Query(max_length=64, description="Of this incident alone.")] = "",
    ) -> MessagesNow:
        """What was told to whom and what came of it, what waits for a second person, and by when the next is due."""
        return messages.now(incidents.look(), time.time(), incident)

    @app.get("/api/messages/{id}", responses=FAILURES, response_model=MessageShown)
    @needs(Permission.BOARD)
    def message(id: Id) -> MessageShown | JSONResponse:
        """One message with its words and deliveries."""
        found = messages.one(id)
        return found if found is not None else JSONResponse({"error": f"there is no message {id}"}, 404)

    if actions is not None:
        _add_sending(app, messages, actions)


def _add_sending(app: FastAPI, messages: MessagesDesk, actions: Actions) -> None:
    async def have(request: Request, wanted: SendMessage | DecideMessage, why: str, *, waits: bool) -> Response:
        reply = await run_in_threadpool(actions.decide, asking(), message_request(wanted), why)
        if not reply.get("ok"):
            raise Refused(422, str(reply.get("error") or "the node refused"))
        return done(request, MessageAsked(message=str(reply.get("message", "")), waits=waits), "/messages")

    @app.post(
        "/api/messages",
        responses=FAILURES,
        response_model=MessageAsked,
        openapi_extra=body_of(SendAsked, {"incident": "INC-20261123-1", "audience": "agents"}),
    )
    @needs(Permission.MESSAGES)
    async def send(request: Request) -> Response:
        """Tell an audience: the approved words go out at once, others wait for a second person."""
        told = await asked(request, SendAsked)
        wanted = SendMessage(request_id(), told.incident, told.audience, asking().name, told.subject, told.text)
        return await have(request, wanted, told.why, waits=bool(told.text))

    @app.post(
        "/api/messages/{id}/edit",
        responses=FAILURES,
        response_model=MessageAsked,
        openapi_extra=body_of(EditAsked, {"subject": "Card payments", "text": "We are working on it."}),
    )
    @needs(Permission.MESSAGES)
    async def edit(request: Request, id: Id) -> Response:
        """Put other words in the place of those that wait; they wait for another person then."""
        told = await asked(request, EditAsked)
        found = await run_in_threadpool(messages.one, id)
        if found is None:
            raise Refused(404, f"there is no message {id}")
        by = asking().name
        wanted = SendMessage(request_id(), found.incident, found.audience, by, told.subject, told.text, id)
        return await have(request, wanted, told.why, waits=True)

    @app.post(
        "/api/messages/{id}/decide",
        responses=FAILURES,
        response_model=MessageAsked,
        openapi_extra=body_of(DecideAsked, {"approve": True, "why": "read on the bridge"}),
    )
    @needs(Permission.APPROVE)
    async def decide(request: Request, id: Id) -> Response:
        """Approve edited words, and they go out at once; or reject them. Who wrote them cannot approve them."""
        told = await asked(request, DecideAsked)
        wanted = DecideMessage(request_id(), id, told.approve, asking().name, told.why)
        return await have(request, wanted, told.why, waits=False)
