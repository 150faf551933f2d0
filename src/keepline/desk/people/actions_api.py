"""The buttons: what commands do to paths, numbers and the node, in the name of whoever pressed; and the second pair of
eyes. Programs send JSON, pages forms, to the same routes; what becomes of it is the node's word.
"""

import time
from typing import Annotated, Literal

from fastapi import FastAPI, Path, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from keepline.desk.drills_desk import RUN, DrillRefused, DrillsDesk
from keepline.desk.models import Model
from keepline.desk.pages import draw_page
from keepline.desk.people.actions import Actions
from keepline.desk.people.answering import Asked, Refused, asked, body_of, done, failures, is_form
from keepline.desk.people.needing import asking, needs
from keepline.desk.source import Source
from keepline.model.people import Permission
from keepline.node.control import Message

FAILURES = failures(404)
Word = Annotated[str, Path(max_length=100)]


class Acted(Model):
    """It is done and on record; or it waits for a second person."""

    done: bool
    held_until: float | None = None
    """Until when it waits; None where it does not."""


class Waiting(Model):
    """What somebody wants, and a second person has to approve."""

    id: str
    at: float
    by: str
    role: str
    action: str
    about: str
    why: str
    until: float


class WaitingActions(Model):
    waiting: list[Waiting]


class Wish(Asked):
    why: str = ""
    for_s: float = Field(default=1_800.0, gt=0)


class Reason(Asked):
    why: str = ""


class SecondWord(Asked):
    approve: bool
    why: str = ""


WishName = Literal["drain", "prefer", "disable", "release"]


def add_actions(app: FastAPI, actions: Actions, source: Source, drills: DrillsDesk | None = None) -> None:
    """Add the routes. `drills` begins a drill that has waited for a second person."""
    _add_paths(app, actions, source)
    _add_numbers(app, actions)
    _add_approvals(app, actions, drills)

    @app.post(
        "/api/upgrade", responses=FAILURES, response_model=Acted, openapi_extra=body_of(Reason, {"why": "new version"})
    )
    @needs(Permission.UPGRADE)
    async def upgrade(request: Request) -> Response:
        """Replace the node's processes by those of the Keepline that is installed now, while calls go on."""
        told, who = await asked(request, Reason), asking()
        reply = await run_in_threadpool(actions.note, who, "upgrade", told.why)
        if reply.get("ok"):
            reply = await run_in_threadpool(actions.upgrade)
        return _told(request, reply, "/")


def _add_paths(app: FastAPI, actions: Actions, source: Source) -> None:
    @app.post(
        "/api/paths/{capability}/{path}/{wish}", responses=FAILURES, response_model=Acted,
        openapi_extra=body_of(Wish, {"why": "the carrier works on its edge", "for_s": 1800}),
    )  # fmt: skip
    @needs(Permission.PATHS)
    async def wish(request: Request, capability: Word, path: Word, wish: WishName) -> Response:
        """Drain, prefer or disable a path for a while, or release it."""
        told = await asked(request, Wish)
        wanted: Message = {
            "op": "wish_path", "path": f"{capability}/{path}", "wish": wish, "why": told.why,
            "for_s": 0.0 if wish == "release" else told.for_s,
        }  # fmt: skip
        return await _act(request, actions, wanted, told.why, "/")

    @app.get("/steer", response_class=HTMLResponse, include_in_schema=False)
    @needs(Permission.PATHS)
    def steer(path: Annotated[str, Query(max_length=200)] = "") -> HTMLResponse:
        found = [each for each in source.paths() if not path or each["path"] == path]
        status = 200 if found or not path else 404
        may_upgrade = asking().may(Permission.UPGRADE)
        return draw_page("steer.html", "", status, paths=found, wanted=path, may_upgrade=may_upgrade)


def _add_numbers(app: FastAPI, actions: Actions) -> None:
    @app.post(
        "/api/numbers/{number}/{to}", responses=FAILURES, response_model=Acted,
        openapi_extra=body_of(Reason, {"why": "the carrier brings no calls"}),
    )  # fmt: skip
    @needs(Permission.NUMBERS)
    async def move(request: Request, number: Word, to: Literal["move", "return"]) -> Response:
        """Point a number away from its carrier, or back to it."""
        told = await asked(request, Reason)
        wanted: Message = {"op": "point_number", "number": number, "to": "away" if to == "move" else "home"}
        return await _act(request, actions, wanted | {"why": told.why}, told.why, "/")


def _add_approvals(app: FastAPI, actions: Actions, drills: DrillsDesk | None) -> None:
    def waiting() -> WaitingActions:
        return WaitingActions.model_validate({"waiting": actions.waiting()})

    @app.get("/api/approvals", responses=FAILURES)
    @needs(Permission.BOARD)
    def approvals() -> WaitingActions:
        """What waits for a second person."""
        return waiting()

    @app.post(
        "/api/approvals/{id}", responses=FAILURES, response_model=Acted,
        openapi_extra=body_of(SecondWord, {"approve": True, "why": "agreed on the bridge"}),
    )  # fmt: skip
    @needs(Permission.APPROVE)
    async def settle(request: Request, id: Word) -> Response:
        """Approve it, and it is done at once; or refuse it."""
        told, who = await asked(request, SecondWord), asking()

        def settled() -> Message:
            def do() -> Message:
                return actions.settle(who, id, told.approve, told.why)

            wanted = next((each for each in actions.waiting() if each["id"] == id), {}) if told.approve else {}
            return drills.settle(wanted, do) if drills is not None and wanted.get("action") == RUN else do()

        try:
            return _told(request, await run_in_threadpool(settled), "/approvals")
        except DrillRefused as refused:
            raise Refused(refused.status, str(refused)) from None

    @app.get("/approvals", response_class=HTMLResponse, include_in_schema=False)
    @needs(Permission.BOARD)
    def page() -> HTMLResponse:
        return draw_page("approvals.html", "", waiting=waiting().waiting)


async def _act(request: Request, actions: Actions, wanted: Message, why: str, back: str) -> Response:
    who = asking()
    return _told(request, await run_in_threadpool(actions.decide, who, wanted, why), back)


def _told(request: Request, reply: Message, back: str) -> Response:
    if not reply.get("ok"):
        raise Refused(422, str(reply.get("error") or "the node refused"))
    held = reply.get("held_until_s")
    answer = Acted(done=not held, held_until=float(held) if isinstance(held, int | float) else None)
    if answer.held_until is None or not is_form(request):
        return done(request, answer, back)
    return page_of_held(answer.held_until)


def page_of_held(until_s: float) -> HTMLResponse:
    """What a page is told of that which waits for a second person."""
    from keepline.desk.people.pages import told_page

    until = time.strftime("%H:%M", time.localtime(until_s))
    what = f"This takes two: it is done as soon as somebody else approves it, until {until}, and not at all after that."
    return told_page("It waits for a second person", what, "/approvals")
