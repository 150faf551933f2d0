"""The playbook and the review of an incident, over HTTP: how each step stands, what people say of one, what it all was.

What is said, by a program or by a button of the incident's page, goes the way of the commands, to the active calls
process, and counts once for its idempotency key. It refuses to judge it: the node says what is wrong.
"""

import secrets
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from hashlib import blake2b
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Header, Path, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from keepline.call.effects_playbook import SayOfStep
from keepline.desk.models import Model
from keepline.desk.people.answering import Asked, Refused, asked, body_of, done, failures
from keepline.desk.people.needing import asking, needs
from keepline.desk.source import Unavailable
from keepline.incident.plays_shown import play_told
from keepline.incident.review import review_of
from keepline.incident.review_text import html_of, markdown_of
from keepline.model.errors import KeeplineError
from keepline.model.limits_desk import IDEMPOTENCY_KEY_CHARS_MAX
from keepline.model.limits_playbooks import PLAYBOOK_WORDS_CHARS_MAX
from keepline.model.money import MoneySettings
from keepline.model.people import Permission
from keepline.node.asking import ask_until_answered
from keepline.node.control import NodeNotRunning
from keepline.node.incident_commands import say_request
from keepline.node.journal_review import reviewed
from keepline.node.reader import JournalReader, NoJournal

ASK_AGAIN_FOR_S = 8.0
IncidentId = Annotated[str, Path(max_length=64, description="Id of an incident.")]
_FAILURES = failures(404, 409)


class StepSaid(Asked):
    """What somebody says of a step."""

    said: Literal["done", "skip", "approve", "reject", "add"]
    step: str = Field(min_length=1, max_length=PLAYBOOK_WORDS_CHARS_MAX)
    """Its id; of one that is added, what is to be done."""
    why: str = Field(default="", max_length=PLAYBOOK_WORDS_CHARS_MAX)
    """A note; the reason, where the playbook is left."""


class StepTaken(Model):
    """It is on record."""

    incident: str
    step: str
    said: str


class NodePlaybooks:
    """The playbooks of the node of one data directory. Every method may block."""

    def __init__(self, data: FilePath, money: Callable[[], MoneySettings | None]) -> None:
        self._data, self._money = data, money

    def play(self, incident: str) -> dict[str, Any] | None:
        """The playbook of an incident as it stands; raises Unavailable."""
        try:
            with closing(JournalReader(self._data)) as reader:
                play = reader.play(incident)
        except (NoJournal, sqlite3.Error) as error:
            raise Unavailable(f"the journal cannot be read: {error}") from error
        return None if play is None else play_told(play)

    def review(self, incident: str) -> dict[str, Any] | None:
        """The review of an incident; raises Unavailable."""
        try:
            return review_of(reviewed(self._data, incident, self._money(), time.time()))
        except KeyError:
            return None
        except (OSError, sqlite3.Error, KeeplineError) as error:
            raise Unavailable(f"the journal cannot be read: {error}") from error

    def say(self, wanted: SayOfStep) -> str:
        """What is wrong with it; empty where it is on record. Raises Unavailable."""
        try:
            reply = ask_until_answered(self._data, say_request(wanted), ASK_AGAIN_FOR_S)
        except (NodeNotRunning, OSError) as error:
            raise Unavailable(str(error)) from error
        return "" if reply.get("ok") else str(reply.get("error") or "the node refused")


def add_playbooks_api(app: FastAPI, source: NodePlaybooks) -> None:
    """Add the routes."""

    @app.get("/api/incidents/{id}/playbook", responses=_FAILURES, response_class=JSONResponse)
    @needs(Permission.BOARD)
    def playbook(id: IncidentId) -> JSONResponse:
        """How each step of the playbook of an incident stands."""
        found = source.play(id)
        if found is None:
            return JSONResponse({"error": f"no incident {id} has a playbook"}, 404)
        return JSONResponse(found)

    @app.post(
        "/api/incidents/{id}/playbook/steps", responses=_FAILURES, response_model=StepTaken,
        openapi_extra=body_of(StepSaid, {"said": "done", "step": "call-vendor", "why": "they say 20 minutes"}),
    )  # fmt: skip
    @needs(Permission.STEPS)
    async def say(
        request: Request,
        id: IncidentId,
        idempotency_key: Annotated[str, Header(max_length=IDEMPOTENCY_KEY_CHARS_MAX)] = "",
    ) -> Response:
        """Say that a step is done, skipped, approved or rejected, or add one."""
        said = await asked(request, StepSaid)
        once = blake2b(f"{id}\0{idempotency_key}".encode(), digest_size=8).hexdigest()
        key = once if idempotency_key else secrets.token_hex(8)
        wanted = SayOfStep(key, id, said.step, said.said, said.why, asking().name or "the API")
        try:
            mistake = await run_in_threadpool(source.say, wanted)
        except Unavailable as error:
            raise Refused(503, str(error)) from error
        if mistake:
            raise Refused(409, mistake)
        return done(request, StepTaken(incident=id, step=said.step, said=said.said), f"/incidents/{id}#playbook")

    @app.get("/api/incidents/{id}/review", responses=_FAILURES, response_class=JSONResponse)
    @needs(Permission.LEADERS)
    def review(
        id: IncidentId,
        format: Annotated[Literal["json", "md", "html"], Query(description="As what it is told.")] = "json",
    ) -> Response:
        """What an incident was, computed from the journal; of one that is not closed, how it stands."""
        found = source.review(id)
        if found is None:
            return JSONResponse({"error": f"there is no incident {id}"}, 404)
        if format == "md":
            return PlainTextResponse(markdown_of(found), media_type="text/markdown")
        return HTMLResponse(html_of(found)) if format == "html" else JSONResponse(found)
