"""The API and the page as an ASGI application over a `Source`. Who may what is the guard's (`people`)."""

import ipaddress
from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import FastAPI, Path, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from keepline import __version__
from keepline.desk.actions_api import add_actions_api
from keepline.desk.board import Board
from keepline.desk.board_api import add_board_api
from keepline.desk.call_pages import CallSearch
from keepline.desk.describing import describe
from keepline.desk.drills_api import add_drill_pages, add_drills_api
from keepline.desk.drills_desk import DrillsDesk
from keepline.desk.feed import Feed
from keepline.desk.incident_pages import add_incident_pages
from keepline.desk.incidents_api import add_incidents_api
from keepline.desk.incidents_desk import Ask, IncidentsDesk
from keepline.desk.leaders_pages import add_leaders
from keepline.desk.message_pages import add_message_pages
from keepline.desk.messages_api import add_messages_api
from keepline.desk.messages_desk import MessagesDesk
from keepline.desk.metrics import Metrics
from keepline.desk.models import Call, Calls, Health, Problem, Status
from keepline.desk.models_work import WorkItems
from keepline.desk.pages import CONTENT_SECURITY_POLICY, add_pages
from keepline.desk.people.actions import Actions
from keepline.desk.people.actions_api import add_actions
from keepline.desk.people.answering import add_answers
from keepline.desk.people.api import add_people_api
from keepline.desk.people.glass import broken_glass
from keepline.desk.people.glass_pages import add_glass_pages
from keepline.desk.people.guard import Guard
from keepline.desk.people.needing import needs
from keepline.desk.people.pages import add_people_pages
from keepline.desk.people.people import People
from keepline.desk.playbooks_api import NodePlaybooks, add_playbooks_api
from keepline.desk.runs_api import add_runs_api
from keepline.desk.runs_source import RunSource
from keepline.desk.source import Source, Unavailable
from keepline.model.limits_desk import DESK_CALLS_MAX, SEARCH_CHARS_MAX
from keepline.model.money import MoneySettings
from keepline.model.people import Permission

_HEADERS = (
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),  # with none at all browsers send forms with `Origin: null`, which is refused
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)
_UNLESS_SET = "Cache-Control"


def create_app(
    source: Source,
    *,
    loopback: bool,
    runs: RunSource | None = None,
    token: Callable[[], str] = str,
    feed: Feed | None = None,
    people: People | None = None,
    actions: Actions | None = None,
    is_open: Callable[[], bool] = bool,
    money: Callable[[], MoneySettings | None] = lambda: None,
    ask_incidents: Ask | None = None,
    playbooks: NodePlaybooks | None = None,
    drills: DrillsDesk | None = None,
) -> ASGIApp:
    """The application. `loopback`: it listens on the own machine alone, so only names of that machine are answered.

    `token` is the machine's own, which opens everything to who can read it; where it is empty none does. `feed` is what
    its pages follow, one of its own where none is given: whoever ends the application closes it. `people` have
    accounts; `is_open` says whether the board is everybody's to see. `money` are the prices of the operation that runs.
    """
    app = FastAPI(
        title="Keepline", version=__version__, docs_url=None, redoc_url=None, openapi_url=None,
        description="How a node is and what its calls were. Times are seconds since the epoch.",
    )  # fmt: skip
    search, feed = CallSearch(source), feed or Feed(Board(source))
    _add_api(app, source, search)
    add_board_api(app, feed, search)
    add_pages(app, feed, search)
    add_leaders(app, feed, money)
    incidents = IncidentsDesk(source, ask_incidents or _nobody_asked)
    add_incidents_api(app, incidents, actions)
    add_actions_api(app, incidents)
    add_incident_pages(app, feed, incidents, playbooks)
    messages = MessagesDesk(source)
    add_messages_api(app, messages, incidents, actions)
    add_message_pages(app, feed, messages, incidents)
    if runs is not None:
        add_runs_api(app, runs)
    if playbooks is not None:
        add_playbooks_api(app, playbooks)
    people = people or People(None)
    _add_metrics(app, source, people, incidents)
    _add_description(app)
    if actions is not None:
        _add_buttons(app, feed, actions, source, drills)
    add_people_api(app, people)
    add_people_pages(app, people)
    add_glass_pages(app, people)
    feed.alarm = partial(broken_glass, people)
    add_answers(app)
    guard = Guard(app, people, loopback=loopback, machine_token=token, is_open=is_open)

    @app.exception_handler(Unavailable)
    def answer_unavailable(_request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 503)

    return _Headers(app, guard, loopback)


def _nobody_asked(_wanted: object) -> dict[str, object]:
    raise Unavailable("this desk asks no node")


def _add_api(app: FastAPI, source: Source, search: CallSearch) -> None:
    @app.get("/healthz")
    @needs(Permission.ANYBODY)
    async def healthz() -> Health:
        """Answers while the desk runs, whatever the node does."""
        return Health()

    @app.get("/api/status", responses={503: {"model": Problem}})
    @needs(Permission.BOARD)
    def status() -> Status:
        """How the node is."""
        return _status(source)

    @app.get("/api/calls", responses={503: {"model": Problem}})
    @needs(Permission.CALLS)
    def calls(
        limit: Annotated[int, Query(ge=1, le=DESK_CALLS_MAX, description="At most so many, the newest.")] = 100,
        q: Annotated[str, Query(max_length=SEARCH_CHARS_MAX, description="Those in which every word is found.")] = "",
        before: Annotated[str, Query(max_length=64, description="Those before this id: `older` of an answer.")] = "",
    ) -> Calls:
        """The newest call records, the newest last."""
        if q or before:
            return search.find(q, limit, before)
        return Calls(calls=_calls(source, limit))

    @app.get("/api/calls/{id}", responses={404: {"model": Problem}, 503: {"model": Problem}}, response_model=Call)
    @needs(Permission.CALLS)
    def call(id: Annotated[str, Path(max_length=64)]) -> Call | JSONResponse:
        """One call record."""
        text = source.record(id)
        if text is None:
            return JSONResponse({"error": "no call has this id"}, 404)
        return Call.model_validate_json(text)

    @app.get("/api/work", responses={503: {"model": Problem}})
    @needs(Permission.WORK)
    def work() -> WorkItems:
        """The work list, the oldest first."""
        return WorkItems.model_validate({"items": source.work()[:DESK_CALLS_MAX]})


def _add_metrics(app: FastAPI, source: Source, people: People, incidents: IncidentsDesk) -> None:
    metrics = Metrics(source, lambda: bool(broken_glass(people)), incidents.look)

    @app.get("/metrics", include_in_schema=False)
    @needs(Permission.METRICS)
    def scrape() -> Response:
        return Response(metrics.scrape(), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _add_buttons(app: FastAPI, feed: Feed, actions: Actions, source: Source, drills: DrillsDesk | None) -> None:
    add_actions(app, actions, source, drills)
    if drills is not None:
        add_drills_api(app, drills, actions)
        add_drill_pages(app, feed, drills)


def _add_description(app: FastAPI) -> None:
    @app.get("/openapi.json", include_in_schema=False)
    @needs(Permission.BOARD)
    def described() -> JSONResponse:
        return JSONResponse(describe(app))


def _status(source: Source) -> Status:
    return Status.model_validate(source.status())


def _calls(source: Source, limit: int) -> list[Call]:
    return [Call.model_validate_json(text) for text in source.records(limit)]


class _Headers:
    """Puts the security headers on every answer, and turns away foreign names on a loopback listener.

    A page of another site can point its own name at 127.0.0.1 and read what answers there (DNS rebinding); numbers of
    callers are in it.
    """

    def __init__(self, app: FastAPI, inner: ASGIApp, loopback: bool) -> None:
        self.app, self._inner = app, inner
        self._loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS:
                    if name != _UNLESS_SET or name not in headers:
                        headers[name] = value
            await send(message)

        if (
            scope["type"] == "http"
            and self._loopback
            and not is_address_or_localhost(Headers(scope=scope).get("host", ""))
        ):
            refusal = PlainTextResponse("This address answers to its own machine's names alone.\n", 421)
            await refusal(scope, receive, send_guarded)
        else:
            await self._inner(scope, receive, send_guarded)


def is_address_or_localhost(host_header: str) -> bool:
    """Whether a Host header, with or without a port, cannot be another site's name; an absent one cannot."""
    host = host_header
    if ":" in host and not host.endswith("]"):
        host = host.rsplit(":", 1)[0]
    host = host.strip("[]").lower()
    if host in ("", "localhost") or host.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
